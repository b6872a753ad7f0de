#!/bin/bash
# `runb doctor`: can this host hold the policy? Each control is taken away once, and it has to be noticed.
. "$(dirname "$0")/../lib.sh"
need jq python3
is_runb || skip_all "other runtimes have no such command"

state_of() { jq -r --arg n "$1" '.facts[] | select(.name == $n) | .state' "$T/out"; }
doctor() { run rt "$@" doctor --format json; }
P=/run/doctor-policy
mkdir -p $P

answers()
{
        doctor
        [ "$rc" = 0 ] || [ "$rc" = 1 ] || fail "exit code $rc: $(jq -c '.facts[] | select(.state == "missing")' "$T/out")"
        want_err ""
        want_same "$(jq -r .verdict "$T/out")" "$([ "$rc" = 0 ] && echo ok || echo weaker)"
        for name in policy.file kernel kernel.openat2 seccomp.filter egress.nf_tables landlock lsm ids.namespaces ids.ranges \
                overlay.restack "idmap /tmp" cgroups limits.pids limits.memory limits.cpus limits.ioWeight device.fuse; do
                want_match "$(state_of "$name")" '^(ok|weaker)$'
        done
        jq -e 'all(.facts[]; .state == "ok" or ((.lost | length > 0) and (.remedy | length > 0)))' "$T/out"
        jq -e 'all(.facts[]; .state != "ok" or (has("lost") or has("remedy") | not))' "$T/out"
        json_rc=$rc
        run rt doctor
        want_rc "$json_rc"
        want_out_has "egress.nf_tables"
        want_out_without $'\033'
}
check "a host that can run builds: ok or weaker, each fact with what is lost and the remedy" answers

calls()
{
        run rt doctor --format xml
        want_rc 2
        want_err_has 'invalid format "xml": table or json is wanted'
        run rt doctor here
        want_rc 2
        run rt doctor --help
        want_rc 0
        want_out_has "3 the policy cannot be held"
}
check "a wrong call exits 2" calls

changes_nothing()
{
        mkdir -p "$T/lib" "$T/seen"
        look()
        {
                find /run /tmp "$T" /sys/fs/cgroup /var/lib/containers /var/lib/docker /var/lib/containerd -path "$T/seen" -prune -o -path "$T/case.log" -prune \
                        -o -path "$T/out" -prune -o -path "$T/err" -prune -o -printf '%p %m %U %C@ %s\n' 2>/dev/null | grep -v '^/tmp/\(bash_jobs\|tmp\.\)' | sort
                cat /proc/self/mountinfo
                ls -l /proc/self/ns/ | awk '{print $NF}'
        }
        mkdir -p "$T/own-tmp"
        seen()
        {
                mount --bind "$T/own-tmp" /tmp
                look > "$T/seen/before"
                "$RUNB" --root "$T/state" doctor > /dev/null || :
                look > "$T/seen/after"
                umount /tmp
        }
        seen
        diff "$T/seen/before" "$T/seen/after"
        [ ! -e "$T/state" ]
}
check "it leaves no file, mount, cgroup or folder, and changes none" changes_nothing

fast()
{
        start=$(date +%s%N)
        rt doctor > /dev/null || :
        ms=$((($(date +%s%N) - start) / 1000000))
        echo "$ms ms"
        [ $ms -lt 1000 ]
}
check "it takes less than a second" fast

no_cgroups()
{
        # in a mount namespace of its own: no controller at all
        run unshare -m sh -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$0" --root "$1" doctor --format json' "$RUNB" "$T/state"
        want_rc 1
        want_same "$(state_of limits.pids)" weaker
        echo '{"version": 1, "revision": "r", "profiles": {"branch": {"limits": {"pids": 100}}}}' > $P/policy.json
        chmod 600 $P/policy.json
        run unshare -m sh -c 'umount -R /sys/fs/cgroup; mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$0" --root "$1" --policy /run/doctor-policy/policy.json doctor --format json' "$RUNB" "$T/state"
        want_rc 3
        want_same "$(state_of limits.pids)" missing
        jq -e 'any(.facts[]; .name == "limits.pids" and (.lost | test("profile \"branch\"")))' "$T/out"
        want_same "$(jq -r .verdict "$T/out")" missing
}
check "a missing controller is weaker, and missing where a profile of the policy file demands the limit" no_cgroups

bad_policy()
{
        echo '{"version": 1, "profiles": {"untrusted": {"limits": {"pidz": 1}}}}' > $P/policy.json
        chmod 600 $P/policy.json
        doctor --policy $P/policy.json
        want_rc 3
        want_same "$(state_of policy.file)" missing
        want_out_has "pidz"
}
check "a policy file that refuses every create is missing, with its fault" bad_policy

no_namespaces()
{
        # max_user_namespaces counts for each user namespace: this one's own
        run unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" --root "$1" doctor --format json' "$RUNB" "$T/state"
        want_rc 3
        want_same "$(state_of ids.namespaces)" missing
        jq -e 'any(.facts[]; .name == "ids.namespaces" and (.remedy | test("max_user_namespaces")))' "$T/out"
}
check "no user namespaces: missing, and the sysctl that forbids them is named" no_namespaces

no_idmap()
{
        mkdir -p "$T/ramfs" "$T/o/l" "$T/o/u" "$T/o/w"
        run unshare -m sh -c 'mkdir -p /run/lib && mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/docker && mount -t ramfs ramfs /var/lib/docker &&
                exec "$0" --root "$1" doctor --format json' "$RUNB" "$T/state"
        rmdir /run/lib
        want_rc 3
        want_same "$(state_of "idmap /var/lib/docker")" missing
        run unshare -m sh -c 'mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/containers && mount -t overlay -o "lowerdir=$2/o/l,upperdir=$2/o/u,workdir=$2/o/w" overlay /var/lib/containers &&
                exec "$0" --root "$1" doctor --format json' "$RUNB" "$T/state" "$T"
        want_rc 3
        want_same "$(state_of "overlay.restack /var/lib/containers")" missing
        run unshare -m sh -c 'mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/containers /var/lib/docker &&
                exec "$0" --root "$1" doctor --format json' "$RUNB" "$T/state"
        want_same "$(state_of "overlay.restack /var/lib/containers")" ok
        want_same "$(state_of "idmap /var/lib/docker")" ok
}
check "an engine's folder on a file system without id maps, or on an overlay, is missing; one that can is ok" no_idmap

no_fuse()
{
        mv /dev/fuse /dev/fuse.away
        run rt doctor --format json
        mv /dev/fuse.away /dev/fuse
        want_rc 1
        want_same "$(state_of device.fuse)" weaker
}
check "no /dev/fuse is weaker" no_fuse

no_netfilter()
{
        # without CAP_NET_ADMIN over its own namespaces the table cannot be installed: bounding set of this process only
        run setpriv --bounding-set -net_admin "$RUNB" --root "$T/state" doctor --format json
        want_rc 3
        want_same "$(state_of egress.nf_tables)" missing
}
check "a table that cannot be installed is missing: it is tried, not guessed" no_netfilter

plain_user()
{
        run setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR=/tmp "$(everybodys_runb)" doctor --format json
        [ "$rc" != 2 ]
        want_match "$(state_of ids.ranges)" '^(weaker|ok)$'
        want_match "$(state_of egress.nf_tables)" '^(ok|missing)$'
        want_err ""
}
check "a plain user gets answers of his own" plain_user

finish
