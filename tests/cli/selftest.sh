#!/bin/bash
# `runb selftest`: everything holds; and with a control taken away, the battery notices.
# cgroups: host
. "$(dirname "$0")/../lib.sh"
need jq
is_runb || skip_all "other runtimes have no such command"
: "${builddir:=$(dirname "$(realpath "$RUNB")")}"
WEAK=$builddir/tests/tools/runb-weak
P=/run/selftest-policy
mkdir -p $P

failed() { jq -r '.attempts[] | select(.verdict == "failed") | .attempt' "$T/out" | sort | tee -a "$T/noticed"; }
verdict_of() { jq -r --arg a "$1" '.attempts[] | select(.attempt == $a) | .verdict' "$T/out"; }

holds()
{
        run rt selftest --format json
        want_err ""
        want_same "$(failed)" ""
        want_rc 0
        jq -e '.verdict == "held" and .profile == "untrusted" and ([.attempts[] | select(.verdict == "held")] | length > 45)' "$T/out"
        want_same "$(verdict_of "TCP to the host")" held
        want_same "$(verdict_of "more processes than the limit")" held
        jq -e 'any(.attempts[]; .attempt == "the runtime'"'"'s processes and program" and (.how | startswith("seen")))' "$T/out"
        run rt selftest
        want_rc 0
        want_out_has '0 FAILED'
        want_match "$out" 'held +mount a tmpfs +operation not permitted'
}
check "the built-in profile holds everything" holds

leaves_nothing()
{
        # /tmp is the machine's, and others make folders there.
        look() { find "$T/state" /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | sort; ls -d /tmp/*selftest* 2> /dev/null || true; cat /proc/self/mountinfo; ls /sys/class/net; hostname; }
        look > "$T/look.before"
        rt selftest > /dev/null
        look > "$T/look.after"
        diff "$T/look.before" "$T/look.after"
        run rt list -q
        want_out ""
}
check "it leaves no container, mount, cgroup or interface" leaves_nothing

# weak WORDS ATTEMPT...: these fail without the control, and nothing else of the list
weak()
{
        local words=$1
        shift
        [ -x "$WEAK" ] || skip_case "tests/tools/runb-weak is not built"
        run env RUNB_TEST_WEAKEN="$words" "$WEAK" --root "$T/state" ${weak_options-} selftest --format json
        want_rc 3
        want_same "$(jq -r .verdict "$T/out")" failed
        want_same "$(failed)" "$(printf '%s\n' "$@" | sort)"
}
check "without the table of the network: what answers is noticed" weak egress \
        "TCP to 1.1.1.1" "UDP to 1.1.1.1" "TCP to the metadata address" "TCP to the host" "UDP to the host" "TCP to the host by IPv6"
check "without the limit of processes: noticed" weak pids "more processes than the limit"
check "with more capabilities: noticed" weak caps "more capabilities than the profile's"
check "without limits of core files: noticed" weak rlimits "whole core files"
check "with a variable of the host's: noticed" weak env "inherited environment"

# at least these: what else a kernel refuses by itself differs
weak_has()
{
        local words=$1 attempt
        shift
        [ -x "$WEAK" ] || skip_case "tests/tools/runb-weak is not built"
        run env RUNB_TEST_WEAKEN="$words" "$WEAK" --root "$T/state" ${weak_options-} selftest --format json
        want_rc 3
        failed > "$T/failed"
        for attempt; do want_same "$attempt: $(verdict_of "$attempt")" "$attempt: failed"; done
}
landlocked()
{
        [ "$("$builddir/tests/tools/probe" landlock)" -ge 6 ] || skip_case "this kernel's Landlock has no scope"
        weak landlock "an abstract socket of the host"
}
check "without the scope of abstract sockets: noticed" landlocked
ports_held()
{
        [ "$("$builddir/tests/tools/probe" landlock)" -ge 4 ] || skip_case "this kernel's Landlock has no rules for TCP"
        jq -n '{version: 1, profiles: {untrusted: {landlock: {tcpPorts: true}}}}' > $P/ports.json
        chmod 600 $P/ports.json
        run rt --policy $P/ports.json selftest --format json
        want_rc 0
        want_same "$(verdict_of "a TCP port off the list")" held
        weak_options="--policy $P/ports.json"
        weak ports "a TCP port off the list"
}
check "without Landlock's rules for TCP ports: noticed" ports_held
check "without masks: noticed" weak_has masks "read kernel memory, log and keys"
check "with the host's ids: noticed" weak_has ids "ids of the host"
check "without the filter of system calls: noticed" weak_has seccomp \
        "no filter of system calls" "keys of the host" "perf events" "input for a terminal" "a vsock socket"
check "with a root file system that is not mapped: noticed" weak idmap "files of the build on the disk"
check "with device nodes that open: noticed" weak nodev "open a device node of the image"
check "with another node in /dev: noticed" weak nodes "devices of the host in /dev"
check "in the host's pid namespace: noticed" weak pidns "processes of the host"
check "without the limit of inotify instances: noticed" weak inotify "use up namespaces and inotify instances"
fds_kept() { exec 8< /; weak_has fds "inherited file descriptors"; }
check "with the caller's files left open: noticed" fds_kept
# What two controls withstand shows when both are gone; one of them without the other is among the above.
keyring()
{
        weak_has keyring,seccomp "keys of the host"
        want_same "$(jq -r '.attempts[] | select(.attempt == "keys of the host") | .how' "$T/out")" "a key of the host's session was found"
}
check "with the caller's session keyring and no filter: noticed" keyring
check "with user namespaces and no filter: noticed" weak_has seccomp,userns "a new user namespace" "use up namespaces and inotify instances"
check "without no_new_privs and without the filter: noticed, a setuid file, too" weak_has nnp,seccomp "no_new_privs" "a setuid file"
check "with writable cgroups and the host's ids: noticed" weak_has cgroup,ids "leave the cgroup or its limits"
check "with a writable sysfs and the host's ids: noticed" weak_has sysfs,ids "write below /sys"
check "with writable /proc/sys and the host's ids: noticed" weak_has masks,ids "write below /proc/sys"
check "with mounts of its own, capabilities and no filter: noticed" weak_has mounts,caps,seccomp \
        "mount a tmpfs" "mount by the new calls" "other new namespaces"
check "with the host's ids, all capabilities, and neither masks nor filter: noticed" weak_has ids,masks,seccomp,caps \
        "write below /proc/sys" "read kernel memory, log and keys" "other new namespaces"

no_sandbox()
{
        # The battery without any sandbox, as root: in namespaces of its own and a root that it can leave by chroot.
        local D=$T/open attempt
        mkdir -p "$D/proc" "$D/dev" "$D/sys" "$D/tmp"
        cp "$RUNB" "$D/battery" && chmod 4755 "$D/battery"
        touch "$D/device"
        cat > "$T/open.sh" << 'END'
mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" && mount --rbind /sys/fs/cgroup "$1/sys/fs/cgroup" && mount --bind /dev "$1/dev"
mount --bind /dev/zero "$1/device"
sleep 100 &
touch "$1/done-later"
(sleep 4; touch "$1/done") &
exec 9< /
# Not by exec: process 1 is to be one with the root of the host.
chroot "$1" /battery selftest --inside root=1,net=0,pids=1,userns=0,mounts=0,ports=1,caps=0
END
        RUNB_SELFTEST_SECRET=x run unshare -m -u -i -n -p --fork --kill-child --mount-proc sh "$T/open.sh" "$D"
        want_rc 0
        for attempt in "inherited file descriptors" "inherited environment" "mount a tmpfs" "mount by the new calls" \
                "remount /proc/sys and /sys writable" "unmount a mask" "chroot and out again" "the host's files through /proc" "write below /proc/sys" \
                "make a device node" "open a device node of the image" "devices of the host in /dev" \
                "leave the cgroup or its limits" "more capabilities than the profile's" "no_new_privs" \
                "no filter of system calls" "a setuid file" "ids of the host" "other new namespaces" "rename the host" "keys of the host" \
                "bpf" "perf events" "files by handle" "the kernel's log" "whole core files" "a better priority" \
                "more processes than the limit" "processes of the host" "the runtime's processes and program" "a raw socket" \
                "a packet socket" "replace the network's rules" "change an interface" "a TCP port off the list"; do
                grep -qF "$attempt"$'\tFAILED\t' "$T/out" || fail "not noticed: $(grep -F "$attempt" "$T/out")"
        done
        awk -F'\t' '$2 == "FAILED" {print $1}' "$T/out" >> "$T/noticed"
}
check "without any sandbox the battery gets out in every way that this machine has" no_sandbox

each_can_fail()
{
        [ -z "${ONLY-}" ] || skip_case "some cases only"
        run rt selftest --format json
        jq -r '.attempts[].attempt' "$T/out" | sort > "$T/all"
        sort -u "$T/noticed" > "$T/noticed.once"
        # Not every machine has these, and without any sandbox its root would not get them, either.
        printf '%s\n' "a better oom score" "a socket of the kernel's ciphers" kexec "kernel modules" "release_agent of a cgroup" "system calls of the 32-bit table" \
                "write to sysrq-trigger" | sort > "$T/of-the-kernel"
        want_same "$(comm -23 "$T/all" "$T/noticed.once" | comm -23 - "$T/of-the-kernel")" ""
}
check "each attempt has failed in one of these cases" each_can_fail

by_policy()
{
        echo '{"version": 1, "revision": "r", "profiles": {"branch": {"limits": {"pids": 40}, "seccomp": {"base": "build"}}}}' > $P/policy.json
        chmod 600 $P/policy.json
        run rt --policy $P/policy.json selftest --profile branch --format json
        case $err in *"cannot enforce"*) skip_case "$err";; esac
        want_rc 0
        want_same "$(jq -r .profile "$T/out")" branch
        jq -e 'any(.attempts[]; .attempt == "more processes than the limit" and (.how | test("^3[0-9] ")))' "$T/out"
        run rt --policy $P/none.json selftest
        want_rc 1
        want_err_has "$P/none.json"
        run rt selftest --profile nobody
        want_rc 1
        want_out ""
        run rt selftest --format xml
        want_rc 1
        want_err_has "table or json is wanted"
}
check "the policy file and --profile count; what cannot be tried exits 1" by_policy

plain_user()
{
        chmod 711 "$T"
        mkdir -p "$T/user" && chown 65534 "$T/user"
        run setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR="$T/user" "$(everybodys_runb)" --root "$T/user/state" selftest --format json
        case $rc$err in 1*) skip_case "no containers for plain users here: $err";; esac
        want_same "$(failed)" ""
        want_rc 0
        want_same "$(verdict_of "ids of the host")" untried
}
check "a plain user's sandbox holds" plain_user

finish
