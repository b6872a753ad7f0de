#!/bin/bash
# Kills the runtime where it is about to make its Nth system call, for every N, and deletes by force what is left: afterwards
# there is no process, cgroup, mount, lease, file of the state and no work folder beside the image.
# RUNB_CRASH_STEP=1 takes every system call (ten minutes); every 7th is the default.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
kill_at=${RUNB%/*}/tests/tools/kill-at
[ -x "$kill_at" ] || skip_all "$kill_at is not built"
: "${RUNB_CRASH_STEP:=7}"

sleeper() { bundle c ".process.args = [\"/bin/sleep\", \"1000\"] | ${1:-.}"; }

others() # processes that are neither ours nor zombies, with builtins
{
        local stat text pid
        for stat in /proc/[0-9]*/stat; do
                pid=${stat#/proc/} pid=${pid%/stat}
                read -r text 2> /dev/null < "$stat" || continue
                case ${text##*) } in Z* | X*) continue;; esac
                case $text in *"(runb"* | *"(sleep)"* | *"(exe)"*) echo "$pid ${text#* }";; esac
        done
}
list_left()
{
        find "$T/state" /run/runb/leases /run/runb/groups /run/runb/deadlines /run/runb/slots -mindepth 1 2> /dev/null || :
        find /sys/fs/cgroup -mindepth 1 -type d 2> /dev/null | grep -v '/test$' || :
        cut -d' ' -f5 /proc/self/mountinfo
        find "$T" -maxdepth 2 -name 'runb-*'
}
want_nothing_left() # N
{
        local left end=$((SECONDS + 5))

        # An init that nobody answers any more ends by itself, a moment later.
        while left=$(others); [ -n "$left" ]; do
                [ $SECONDS -lt $end ] || { fail "killed at system call $1, there is still: $left"; return 1; }
                sleep 0.02
        done
        left=$(comm -13 "$T/before" <(list_left | sort))
        [ -z "$left" ] || fail "killed at system call $1, this was left: $left"
}

# sweep BEFORE COMMAND...: BEFORE makes ready; the command is killed at one system call after the other
sweep()
{
        local before=$1 n=1 r=0
        shift
        set -E
        trap 'echo "at system call $n, line $LINENO: $BASH_COMMAND"' ERR
        list_left | sort > "$T/before"
        while :; do
                $before
                r=0
                timeout 60 "$kill_at" $n "$RUNB" --root "$T/state" "$@" < /dev/null > /dev/null 2> "$T/sweep.err" || r=$?
                [ $r = 0 ] || [ $r = 3 ] || fail "kill-at says $r"
                run rt delete --force c
                want_rc 0
                want_out ""
                want_err ""
                want_nothing_left $n
                [ $r = 3 ] && break
                n=$((n + RUNB_CRASH_STEP))
        done
        echo "killed at $((n / RUNB_CRASH_STEP)) system calls" >> "$T/summary"
        [ $n -gt 50 ] || fail "$n system calls are too few to be true"
        [ "$(cat "$T/sweep.err")" = 0 ] || fail "unharmed, it ended with $(cat "$T/sweep.err")"
}
nothing() { :; }
created() { rt create --bundle "$B" c < /dev/null > /dev/null 2>&1; }
started() { created; rt start c; }

CASE_TIMEOUT=$((1200 / RUNB_CRASH_STEP + 60))
killed_create() { sleeper "${1-}"; sweep nothing create --bundle "$B" --pid-file "$T/pid" c; }
check "a create that is killed anywhere leaves nothing after delete --force" killed_create
hooks='.hooks = {createRuntime: [{path: "/bin/true"}], createContainer: [], startContainer: [{path: "/bin/true"}],
       poststart: [{path: "/bin/true"}], poststop: [{path: "/bin/true"}]} | .annotations = {"io.kubernetes.cri.sandbox-id": "pod1"}'
check "so does one with hooks, in a pod" killed_create "$hooks"

# An engine's rootfs: an overlay mount, so that one is stacked on it anew, with a work folder of its own.
killed_overlay()
{
        sleeper
        mkdir -p "$T/upper" "$T/work"
        mount -t overlay -o "lowerdir=$T/busybox,upperdir=$T/upper,workdir=$T/work" overlay "$B/rootfs"
        trap 'umount -R "$B/rootfs"' EXIT
        run rt create --bundle "$B" c
        rt delete --force c
        [ $rc = 0 ] || skip_case "no container on overlayfs here: $err"
        sweep nothing create --bundle "$B" c
}
check "so does one on an engine's overlay" killed_overlay
# A layer of the container's own over the rootfs, which has no name that could be left.
killed_ephemeral()
{
        mkdir -p /run/policy; jq -n '{version: 1, profiles: {untrusted: {rootfs: "ephemeral"}}}' > /run/policy/policy.json
        chmod 600 /run/policy/policy.json
        sleeper
        sweep nothing --policy /run/policy/policy.json create --bundle "$B" c
}
check "so does one with a rootfs that is ephemeral" killed_ephemeral
killed_start() { sleeper "$hooks"; sweep created start c; }
check "so does a start" killed_start
killed_run() { bundle c '.process.args = ["/bin/true"]'; sweep nothing run --bundle "$B" c; }
check "so does a run" killed_run
# With a deadline, a number at once and an audit file there is more to be left behind: a guard above all.
mkdir -p /run/policy
echo '{"version": 1, "profiles": {"untrusted": {"limits": {"wall": "1000s", "concurrent": 3}}}, "audit": {"path": "/run/policy/audit"}}' \
        > /run/policy/policy.json
killed_guarded() { sleeper; sweep nothing --policy /run/policy/policy.json "$@" --bundle "$B" c; }
check "so does a create with a deadline and a number at once: no guard stays" killed_guarded create
check "so does a detached run with them" killed_guarded run --detach
guarded() { "$RUNB" --root "$T/state" --policy /run/policy/policy.json create --bundle "$B" c < /dev/null > /dev/null 2>&1; }
guard_lost() { guarded; kill -KILL "$(cat "$T/state/c/guard")"; }
killed_state() { sleeper; sweep guard_lost state c; }
check "so does a command that makes a new guard" killed_state
killed_delete() { sleeper; sweep guarded delete c; }
check "so does a delete of one with a deadline" killed_delete

killed_exec() { sleeper; sweep started exec c /bin/true; }
check "so does an exec" killed_exec
# The rooms that only some containers have. createContainer hooks are the policy's to allow, so another build runs.
hooked=${RUNB%/*}/tests/tools/runb-hooks
killed_create_hook()
{
        [ -x "$hooked" ] || skip_case "$hooked is not built"
        sleeper '.hooks = {createContainer: [{path: "/bin/sleep", args: ["sleep", "0.05"]}]}'
        RUNB=$hooked sweep nothing create --bundle "$B" c
}
check "so does a create with a createContainer hook" killed_create_hook
net_device() { ip link del far9 2> /dev/null || :; ip link add near9 type veth peer name far9; }
killed_net_device()
{
        need ip
        net_device 2> /dev/null || skip_case "this kernel has no veth devices"
        sleeper '.linux.netDevices = {near9: {name: "eth9"}}'
        sweep net_device create --bundle "$B" c
        ip link del far9 2> /dev/null || :
}
check "so does a create that moves a network device" killed_net_device
agent=${RUNB%/*}/tests/tools/agent
killed_listener()
{
        [ -x "$agent" ] || skip_case "$agent is not built"
        "$agent" "$T/agent.sock" "$T/agent.log" continue &
        local pid=$!
        wait_for 5 test -S "$T/agent.sock"
        sleeper '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "'"$T"'/agent.sock",
                syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
        sweep "$1" "${@:2}"
        kill $pid
}
check "so does a create whose filter has an agent" killed_listener nothing create --bundle "$T/c" c
check "so does the start of it" killed_listener created start c
check "so does an exec in it" killed_listener started exec c /bin/true
killed_kill() { sleeper; sweep started kill c KILL; }
check "so does a kill" killed_kill

sed 's/^/# /' "$T/summary" 2> /dev/null
finish
