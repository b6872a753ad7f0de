#!/bin/bash
# A plain user without an engine, below his own systemd: by cgroupfs, which is delegated to him, and by his bus.
# plain test
# vm: v2
. "$(dirname "$0")/lib.sh"
need jq busybox
busybox_rootfs /home/ci/rootfs
ci_bundle() # NAME FILTER
{
        mkdir -p "/home/ci/$1"
        [ -d "/home/ci/$1/rootfs" ] || cp -a /home/ci/rootfs "/home/ci/$1/rootfs"
        jq "$2" "$lib_dir/data/config.json" > "/home/ci/$1/config.json"
        chown -R ci: "/home/ci/$1"
}
ci_rt() { as_ci "$RUNB" --root /home/ci/state "$@"; }
user_prop() { systemctl --user --machine=ci@.host show -P "$2" "$1"; }
user_unit_is_gone() { [ "$(user_prop "$1" LoadState)" = not-found ] || [ "$(user_prop "$1" ActiveState)" = inactive ]; }

by_systemd()
{
        ci_bundle a '.linux.cgroupsPath = "user.slice:test:a" | .process.args = ["/bin/sleep", "1000"] |
                .linux.resources = { memory: { limit: 67108864 }, pids: { limit: 30 }, cpu: { quota: 20000, period: 100000 } }'
        run ci_rt --systemd-cgroup run -d --bundle /home/ci/a --pid-file /home/ci/a.pid a
        want_rc 0
        want_same "$(user_prop test-a.scope ActiveState)" active
        want_same "$(user_prop test-a.scope MemoryMax)" 67108864
        want_same "$(user_prop test-a.scope TasksMax)" 30
        want_match "$(cat "/proc/$(cat /home/ci/a.pid)/cgroup")" '/user@1000\.service/user\.slice/test-a\.scope$'
        want_same "$(cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(cat /home/ci/a.pid)/cgroup")/pids.max")" 30
        run ci_rt exec a /bin/true
        want_rc 0
        run ci_rt update --pids-limit 20 a
        want_rc 0
        want_same "$(user_prop test-a.scope TasksMax)" 20
        # delete comes from engines with next to no environment: the bus is the one that create used.
        run as_ci env -i "$RUNB" --root /home/ci/state delete --force a
        want_rc 0
        want_err ""
        user_unit_is_gone test-a.scope
}

by_cgroupfs()
{
        ci_bundle b '.process.args = ["/bin/sleep", "1000"] | .linux.resources = { memory: { limit: 67108864 }, pids: { limit: 30 } }'
        run ci_rt run -d --bundle /home/ci/b --pid-file /home/ci/b.pid b
        want_rc 0
        want_same "$(cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(cat /home/ci/b.pid)/cgroup")/memory.max")" 67108864
        run ci_rt delete --force b
        want_rc 0
}

no_bus()
{
        ci_bundle c '.linux.cgroupsPath = "user.slice:test:c"'
        run as_ci env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR "$RUNB" --root /home/ci/state --systemd-cgroup run --bundle /home/ci/c c
        want_failure
        want_err_has "set XDG_RUNTIME_DIR"
        run as_ci env DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent "$RUNB" --root /home/ci/state --systemd-cgroup run --bundle /home/ci/c c
        want_failure
        want_err_has 'unable to start unit "test-c.scope"'
        want_same "$(ci_rt list -q)" ""
}

# From a cgroup that is root's, as an ssh session's is, the kernel lets no user move a process into his own.
foreign_caller()
{
        ci_bundle d '.linux.cgroupsPath = "user.slice:test:d"'
        run setpriv --reuid 1000 --regid 1000 --clear-groups env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/ci PATH="$PATH" \
                "$RUNB" --root /home/ci/state --systemd-cgroup run --bundle /home/ci/d d
        want_failure
        want_err_has "systemd-run --user --scope"
        want_same "$(ci_rt list -q)" ""
        user_unit_is_gone test-d.scope
}

check "a plain user: a scope of his own systemd, with limits, update, and an end" by_systemd
check "a plain user: limits by cgroupfs, which is delegated to him" by_cgroupfs
check "a plain user without a bus is told how to get one, and nothing is left" no_bus
check "a plain user in a cgroup that is not his is told what to do, and nothing is left" foreign_caller
vm_finish
