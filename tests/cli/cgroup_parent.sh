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

# Without a cgroupParent and without a place of the engine's.
profiles='{version: 1, revision: "t", profiles: {untrusted: {}, branch: {}}}'
rq() { "$RUNB" --root "$T/state" --policy $P/two.json "$@"; }
group_folders() { find /sys/fs/cgroup -type d -name 'runb.*'; }
# The hierarchies that share CPU time or disks out.
n_sharing() { awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) == "cgroup2" && $5 == "/sys/fs/cgroup" || $(i+1) == "cgroup" && $(i+3) ~ /(^|,)(cpu|blkio)(,|$)/) n++ } END { print n + 0 }' /proc/self/mountinfo; }

grouped()
{
        jq -n "$profiles" > $P/two.json
        local n=$(n_sharing) id
        bundle gr '.process.args = ["/bin/sleep", "600"] | del(.linux.cgroupsPath)'
        trap 'for id in a b c d e; do rt delete --force $id; done' EXIT
        rq run --detach --bundle "$B" a < /dev/null > /dev/null 2>&1
        rq run --detach --bundle "$B" b < /dev/null > /dev/null 2>&1
        rq --profile branch run --detach --bundle "$B" c < /dev/null > /dev/null 2>&1
        want_same "$(folders a | grep -c '/runb\.untrusted/runb-a$')" $n
        want_same "$(folders c | grep -c '/runb\.branch/runb-c$')" $n
        want_same "$(folders a | grep -vc '/runb-a$')" 0
        want_same "$(group_folders | wc -l)" $((2 * n))
        # A relative path is below, too; an absolute one is the engine's, where it looks for the container.
        bundle grr '.process.args = ["/bin/sleep", "600"] | .linux.cgroupsPath = "rel-d"'
        rq run --detach --bundle "$B" d < /dev/null > /dev/null 2>&1
        want_same "$(folders d | grep -c '/runb\.untrusted/rel-d$')" $n
        bundle gra '.process.args = ["/bin/sleep", "600"] | .linux.cgroupsPath = "/abs-e"'
        rq run --detach --bundle "$B" e < /dev/null > /dev/null 2>&1
        want_same "$(folders e | grep -c 'runb\.')" 0
        for id in a d; do
                run rt ps --format json $id
                want_out_has "$(jq .initPid "$T/state/$id/state.json")"
                run rt events --stats $id
                want_rc 0
                run rt exec $id true
                want_rc 0
                run rt update --pids-limit 50 $id
        done
        rt delete --force a
        want_same "$(group_folders | wc -l)" $((2 * n))
        rt delete --force b; rt delete --force d; rt delete --force e
        want_same "$(group_folders | grep -vc 'runb\.branch')" 0
        rt delete --force c
        want_same "$(group_folders)" ""
        run rq run --bundle "$B" f --nonsense
        bundle grf '.process.args = ["/not/there"]'
        run rq run --bundle "$B" f
        want_failure
        want_same "$(group_folders)" ""
}
check "where the engine names no place the containers of a profile are in one cgroup of its own, which goes with the last" grouped

# Those that end remove it, those that begin are about to use it.
coming_and_going()
{
        jq -n "$profiles" > $P/two.json
        local n id
        bundle co '.process.args = ["/bin/true"]'
        for id in 1 2 3 4; do
                ( for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do rq run --bundle "$B" co$id || exit 1; done ) > "$T/co$id" 2>&1 < /dev/null &
        done
        for n in $(jobs -p); do wait $n || { cat "$T"/co?; fail "one was not made"; }; done
        want_same "$(group_folders)" ""
}
check "they come and go at once without meeting one that has just been removed" coming_and_going

usage_us() # ID...
{
        local id path sum=0
        for id; do
                for path in $(folders $id); do
                        if [ -e $path/cpuacct.usage ]; then sum=$((sum + $(cat $path/cpuacct.usage) / 1000)); break; fi
                        if [ -e $path/cpu.weight ]; then sum=$((sum + $(awk '$1 == "usage_usec" { print $2 }' $path/cpu.stat))); break; fi
                done
        done
        echo $sum
}
many="m1 m2 m3 m4 m5 m6"
# A profile with six hogs, another with one, all on the same CPU. What part of the time both had does the one get?
part_of_one() # PATH-FILTER
{
        local id many_us one_us

        jq -n "$profiles" > $P/two.json
        trap 'for id in $many one; do rt delete --force $id; done' EXIT
        for id in $many one; do
                bundle $id "($1) | .process.args = [\"/bin/taskset\", \"1\", \"/bin/sh\", \"-c\", \"while :; do :; done\"]" --arg id $id
                rq --profile $([ $id = one ] && echo branch || echo untrusted) run --detach --bundle "$B" $id < /dev/null > /dev/null 2>&1
        done
        many_us=$(usage_us $many) one_us=$(usage_us one)
        has_burnt() { [ $(($(usage_us $many one) - many_us - one_us)) -ge 3000000 ]; }
        wait_for 120 has_burnt
        many_us=$(($(usage_us $many) - many_us)) one_us=$(($(usage_us one) - one_us))
        part=$((100 * one_us / (one_us + many_us)))
        echo "# one of seven hogs, alone in its profile, has $part % of the CPU ($2)" >> "$T/summary"
}
fair()
{
        has_controller cpu || skip_case "needs the cpu controller"
        part_of_one 'del(.linux.cgroupsPath)' "both profiles in cgroups of their own"
        [ $part -ge 35 ] && [ $part -le 65 ] || fail "the one has $part % of the CPU"
}
check "a profile with one hog has as much of the CPU as another with six" fair
unfair()
{
        has_controller cpu || skip_case "needs the cpu controller"
        part_of_one '.linux.cgroupsPath = "/abs-\($id)"' "the engine puts all side by side"
        [ $part -lt 30 ] || fail "the one has $part % of the CPU"
}
check "where the engine names their places it has its part of seven: that is what cgroupParent is for" unfair
cat "$T/summary" 2> /dev/null
finish
