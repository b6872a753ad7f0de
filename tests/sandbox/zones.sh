#!/bin/bash
# cgroups: host v2
# A namespace that containers live in is for those of one profile, whatever engine made them and whatever ids they have. Each
# case shows the same join by a container of the same profile, which works.
set -u
. "$(dirname "$0")/../lib.sh"
need jq unshare
is_runb || skip_all "other runtimes have no profiles"
tools=${RUNB%/*}/tests/tools

P=/run/policy
mkdir -p -m 755 $P
jq -n '{version: 1, revision: "r1", profiles: {untrusted: {}, branch: {}}, exceptions: [{id: "EX-1", profile: "branch",
        expires: "2099-12-31", reason: "test", approvedBy: "test", allow: ["mount.namespace"]}]}' > $P/policy.json
chmod 644 $P/policy.json
rp() { rt --policy $P/policy.json "$@"; }
# owner NAME PROFILE [JQ-FILTER]: a container that sleeps; $owner is its init
owner()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sleep\", \"1000\"]"
        rp --profile "$2" create --bundle "$B" --pid-file "$T/$1.pid" "$1" < /dev/null > /dev/null 2> "$T/$1.err" ||
                { cat "$T/$1.err"; return 1; }
        owner=$(cat "$T/$1.pid")
}
# join TYPE PATH: the filter
join() { echo ".linux.namespaces |= map(select(.type != \"$1\")) + [{type: \"$1\", path: \"$2\"}]"; }
# guest PROFILE JQ-FILTER [COMMAND]
guest()
{
        bundle guest "del(.hostname) | $2 | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "${3:-echo ran}"
        run rp --profile "$1" run --bundle "$B" guest
}
files='{"pid":"pid","network":"net","ipc":"ipc","uts":"uts","cgroup":"cgroup","time":"time"}'

each_kind()
{
        local type file
        owner each branch '.linux.namespaces += [{type: "time"}]'
        for type in pid network ipc uts cgroup time; do
                file=$(jq -r --arg t $type '.[$t]' <<< "$files")
                guest branch "$(join $type "/proc/$owner/ns/$file")" "readlink /proc/self/ns/$file"
                want_rc 0
                want_out "$(readlink "/proc/$owner/ns/$file")"
                guest untrusted "$(join $type "/proc/$owner/ns/$file")"
                want_rc 1
                want_err_has "(namespaces.$type)"
                want_err_has 'container each, which has the profile "branch"'
                want_same "$(rt list -q)" each
        done
        rp delete --force each
}
check "pid, network, ipc, uts, cgroup and time namespaces of another profile" each_kind

by_another_way()
{
        owner ways branch
        # A name of its own, as engines make them, and a copy of the link in another process.
        : > "$T/pinned"
        mount --bind "/proc/$owner/ns/ipc" "$T/pinned"
        guest untrusted "$(join ipc "$T/pinned")"
        want_rc 1
        want_err_has '(namespaces.ipc)'
        guest branch "$(join ipc "$T/pinned")"
        want_rc 0
        umount "$T/pinned"
        # Through a container that joined.
        owner ways2 branch "$(join ipc "/proc/$owner/ns/ipc")"
        rp delete --force ways
        guest untrusted "$(join ipc "/proc/$owner/ns/ipc")"
        want_rc 1
        want_err_has 'container ways2'
        rp delete --force ways2
}
check "by a name of its own, and where the first of the zone has gone" by_another_way

other_engine()
{
        local root=$T/elsewhere
        bundle far '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$root" --policy $P/policy.json --profile branch create --bundle "$B" --pid-file "$T/far.pid" far < /dev/null > /dev/null
        guest untrusted "$(join ipc "/proc/$(cat "$T/far.pid")/ns/ipc")"
        want_rc 1
        want_err_has 'container far'
        run rp --profile untrusted check --bundle "$B"
        want_rc 3
        want_out_has namespaces.ipc
        guest branch "$(join ipc "/proc/$(cat "$T/far.pid")/ns/ipc")"
        want_rc 0
        "$RUNB" --root "$root" delete --force far
}
check "of a container of another engine, with a state folder of its own; check tells it, too" other_engine

nobodys()
{
        local holder
        unshare --ipc sleep 600 &
        holder=$!
        wait_for 10 sh -c "[ \"\$(readlink /proc/$holder/exe)\" = \"\$(readlink -f /bin/sleep)\" ]"
        guest untrusted "$(join ipc "/proc/$holder/ns/ipc")"
        want_rc 0
        guest branch "$(join ipc "/proc/$holder/ns/ipc")"
        want_rc 0
        kill -KILL $holder
}
check "one that no container lives in is for each" nobodys

pod()
{
        owner sandbox untrusted '.annotations = {"io.kubernetes.cri.sandbox-id": "sandbox"}'
        local in_pod='.annotations = {"io.kubernetes.cri.sandbox-id": "sandbox"}' kinds=. type
        for type in network ipc uts; do
                kinds+=" | $(join $type "/proc/$owner/ns/$(jq -r --arg t $type '.[$t]' <<< "$files")")"
        done
        guest untrusted "$in_pod | $kinds" 'readlink /proc/self/ns/ipc'
        want_rc 0
        want_out "$(readlink "/proc/$owner/ns/ipc")"
        guest branch "$in_pod | $kinds"
        want_rc 1
        rp delete --force sandbox
}
check "a pod's containers share, as long as their profile is the sandbox's" pod

# What may make network namespaces moves its init to one, and a thread of it stays in the one that it was given.
left()
{
        [ -x "$tools/calls" ] || skip_case "$tools/calls is not built"
        [ "$(uname -m)" = x86_64 ] || skip_case "numbers of system calls are x86-64's here"
        unshare -n sleep 1000 9>&- & held=$!
        trap 'kill $held' EXIT
        wait_for 5 eval '[ "$(readlink /proc/$held/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
        bundle left "$(join network "/proc/$held/ns/net") | .process.capabilities |= with_entries(.value += [\"CAP_SYS_ADMIN\"]) |
                .process.args = [\"/bin/calls\", \"-thread\", \"272,0x40000000\", \"34\"]"
        cp "$tools/calls" "$B/rootfs/bin/calls"
        rp --profile image-build create --bundle "$B" --pid-file "$T/left.pid" left < /dev/null > "$T/left.log" 2>&1
        rp start left
        wait_for 5 eval '[ "$(readlink /proc/$(cat "$T/left.pid")/ns/net)" != "$(readlink /proc/$held/ns/net)" ]'
        guest branch "$(join network "/proc/$held/ns/net")"
        want_rc 1
        want_err_has '(namespaces.network)'
        want_err_has 'container left'
        guest image-build "$(join network "/proc/$held/ns/net")"
        want_rc 0
        # Its rules are looked for where they are.
        run rp exec left /bin/echo hello
        want_rc 0
        want_out hello
        rp delete --force left
}
check "a network namespace that init has left, but for a thread" left

mounts()
{
        owner tree untrusted
        guest branch "$(join mount "/proc/$owner/ns/mnt")"
        want_rc 1
        want_err_has '(namespaces.mount)'
        want_err_has 'container tree'
        rp delete --force tree
}
check "a mount namespace, whatever exception there is" mounts

finish
