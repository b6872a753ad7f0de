#!/bin/bash
# cgroupParent: the containers of a profile lie below one cgroup of the administrator's, whose limits hold for all of them.
# cgroups: v1 v2
# vm: v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
P=/run/policy
mkdir -p $P
policy() { jq -n "{version: 1, revision: \"t\", profiles: {untrusted: $1}} ${2:+| $2}" > $P/policy.json; }
rp() { "$RUNB" --root "$T/state" --policy $P/policy.json "$@"; }
mounts() { awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo; }
has_controller() { grep -q " - cgroup .*[, ]$1" /proc/self/mountinfo || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2> /dev/null; }
make_parent() # NAME
{
        local folder
        for folder in $(mounts); do
                mkdir "$folder/$1"
                # A new cpuset is empty.
                if [ -e "$folder/$1/cpuset.cpus" ] && [ ! -e "$folder/cgroup.controllers" ]; then
                        cat "$folder/cpuset.cpus" > "$folder/$1/cpuset.cpus"
                        cat "$folder/cpuset.mems" > "$folder/$1/cpuset.mems"
                fi
        done
}
remove_parent() { local folder; for folder in $(mounts); do rmdir "$folder/$1" || return 1; done; }
folders() { jq -r '.cgroups[]' "$T/state/$1/state.json"; }

below()
{
        make_parent ci
        trap 'rt delete --force be; remove_parent ci' EXIT
        policy '{cgroupParent: "/ci"}'
        bundle be '.process.args = ["/bin/sleep", "600"] | .linux.cgroupsPath = "/engine/be"'
        run rp run --detach --bundle "$B" be
        want_rc 0
        folders be
        want_same "$(folders be | grep -vc '/ci/runb-be$')" 0
        grep -q ':/.*ci/runb-be$' "/proc/$(jq .initPid "$T/state/be/state.json")/cgroup"
        want_same "$(find /sys/fs/cgroup -type d -name engine)" ""
        run rt exec be true
        want_rc 0
        run rt update --pids-limit 50 be
        run rp check --bundle "$B"
        want_out_has cgroupParent
        run rt delete --force be
        want_rc 0
        want_same "$(find /sys/fs/cgroup -type d -name runb-be)" ""
        remove_parent ci
        trap - EXIT
}
check "a profile's containers lie below its cgroup, wherever the engine would have them, and leave it empty" below

missing()
{
        policy '{cgroupParent: "/not/there"}'
        bundle mi '.process.args = ["/bin/true"]'
        run rp run --bundle "$B" mi
        want_failure
        want_err_has "(cgroupParent): there is no cgroup /not/there below any mount; make it"
        want_same "$(find /sys/fs/cgroup -type d -name not)" ""
        run rp --cgroup-manager disabled run --bundle "$B" mi
        want_failure
        want_err_has "(cgroupParent): --cgroup-manager disabled makes no cgroup"
        for path in '"/"' '"ci"' '"/a/../b"' '""' 5; do
                policy "{cgroupParent: $path}"
                run rp run --bundle "$B" mi
                want_failure
                want_err_has cgroupParent
        done
}
check "one that is not there is refused, so is what is no path" missing

narrowed()
{
        make_parent ci-a
        make_parent ci-b
        trap 'remove_parent ci-a; remove_parent ci-b' EXIT
        policy '{cgroupParent: "/ci-a"}' '.profiles.branch = {cgroupParent: "/ci-b"} | .select = {annotation: {key: "p", allow: {untrusted: ["branch"]}}}'
        bundle na '.process.args = ["/bin/true"] | .annotations.p = "branch"'
        run rp run --bundle "$B" na
        want_failure
        want_err_has "(cgroupParent)"
        want_err_has "give both the same"
        jq '.profiles.branch.cgroupParent = "/ci-a"' $P/policy.json > "$T/p.json" && cat "$T/p.json" > $P/policy.json
        run rp run --bundle "$B" na
        want_rc 0
}
check "a profile that is narrowed by one with another parent is refused, with the same it is not" narrowed

# Two bombs of one profile share what one would get; the other profile's container has its own.
together()
{
        local tool=${builddir:-${RUNB%/*}}/tests/tools/bomb folder name

        has_controller pids || skip_case "needs the pids controller"
        [ -x "$tool" ] || skip_case "$tool is not built"
        make_parent ci
        trap 'for name in one two other; do rt delete --force $name; done; remove_parent ci' EXIT
        for folder in $(mounts); do
                if [ -e "$folder/cgroup.controllers" ]; then echo +pids > "$folder/cgroup.subtree_control" || :; fi
                [ ! -e "$folder/ci/pids.max" ] || parent=$folder/ci
        done
        echo 20 > "$parent/pids.max"
        policy '{cgroupParent: "/ci", limits: {pids: 18}}' '.profiles.branch = {limits: {pids: 18}}'
        bundle bo '.process.args = ["/bomb", "fork"]'
        [ -e "$B/rootfs/bomb" ] || cp "$tool" "$B/rootfs/bomb"
        rp run --detach --bundle "$B" one < /dev/null > /dev/null 2>&1
        is_at() { [ "$(cat "$parent/pids.current")" -ge "$1" ]; }
        wait_for 60 is_at 17
        # Two are left, which is what the second gets in with.
        rp run --detach --bundle "$B" two < /dev/null > "$T/two.out" 2>&1 || :
        want_same "$(($(cat "$parent/pids.current") <= 20))" 1
        bundle ot '.process.args = ["/bin/sleep", "600"]'
        rp --profile branch run --detach --bundle "$B" other < /dev/null > /dev/null 2>&1
        run rt exec other sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1 & done; wait; echo all'
        want_out all
}
check "the parent's limits hold for all of them together, and another profile's have their own" together
finish
