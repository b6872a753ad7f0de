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

# A login's own scope is root's: the kernel lets no user move a process from there into a cgroup of his.
in_session() { su -l ci -c "export XDG_RUNTIME_DIR=/run/user/1000; $(printf '%q ' "$@")" < /dev/null; }
session_rt() { in_session "$RUNB" --root /home/ci/state "$@"; }
from_a_session()
{
        local own="" inner
        ci_bundle d '.linux.cgroupsPath = "user.slice:test:d" | .process.args = ["/bin/sleep", "1000"] |
                .linux.resources = { memory: { limit: 67108864 }, pids: { limit: 30 } }'
        run in_session cat /proc/self/cgroup
        want_match "$out" '/session-[a-z0-9]+\.scope$'
        run session_rt --systemd-cgroup run -d --bundle /home/ci/d --pid-file /home/ci/d.pid d
        want_rc 0
        own=$(cut -d: -f3 "/proc/$(cat /home/ci/d.pid)/cgroup")
        want_match "$own" '/user@1000\.service/user\.slice/test-d\.scope$'
        want_same "$(cat "/sys/fs/cgroup$own/memory.max")" 67108864
        want_same "$(user_prop test-d.scope TasksMax)" 30
        run session_rt exec -d --pid-file /home/ci/exec.pid d /bin/sleep 100
        want_rc 0
        want_same "$(cut -d: -f3 "/proc/$(cat /home/ci/exec.pid)/cgroup")" "$own"
        # The cgroup namespace's root is the scope: had it been made before the move, this would lead out of it.
        inner=$(session_rt exec d /bin/cat /proc/self/cgroup)
        want_same "$inner" 0::/
        mkdir "/sys/fs/cgroup$own/below"
        run session_rt exec --cgroup below d /bin/true
        want_failure
        want_err_has "cannot be joined from a cgroup that is not the user's own"
        run session_rt ps --format json d
        want_same "$(echo "$out" | jq length)" 2
        run session_rt update --pids-limit 20 d
        want_rc 0
        want_same "$(user_prop test-d.scope TasksMax)" 20
        run session_rt delete --force d
        want_rc 0
        user_unit_is_gone test-d.scope
        ci_bundle e '.linux.cgroupsPath = "user.slice:test:e" | .process.args = ["/bin/sh", "-c", "cat /proc/self/cgroup; exit 3"]'
        run session_rt --systemd-cgroup run --bundle /home/ci/e e
        want_rc 3
        want_out 0::/
        wait_for 20 user_unit_is_gone test-e.scope
}
# No session at all: a service's cgroup, say.
from_a_service()
{
        ci_bundle e '.linux.cgroupsPath = "user.slice:test:e" | .process.args = ["/bin/sh", "-c", "cat /proc/self/cgroup; exit 3"]'
        run setpriv --reuid 1000 --regid 1000 --clear-groups env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/ci PATH="$PATH" \
                "$RUNB" --root /home/ci/state --systemd-cgroup run --bundle /home/ci/e e
        want_rc 3
        want_out 0::/
        wait_for 20 user_unit_is_gone test-e.scope
        want_same "$(ci_rt list -q)" ""
}
killed_while_moved()
{
        local n r
        ci_bundle f '.linux.cgroupsPath = "user.slice:test:f" | .process.args = ["/bin/sleep", "1000"]'
        for n in 60 200 400 500 600 700 800; do
                r=0
                in_session timeout 120 "$builddir/tests/tools/kill-at" "$n" "$RUNB" --root /home/ci/state --systemd-cgroup create --bundle /home/ci/f f \
                        > "$T/kill.out" 2>&1 || r=$?
                run session_rt delete --force f
                want_rc 0
                wait_for 20 user_unit_is_gone test-f.scope || fail "killed at $n: $(systemctl --user --machine=ci@.host status test-f.scope)"
                [ $r = 3 ] && break
                [ $r = 0 ] || fail "kill-at says $r: $(cat "$T/kill.out")"
        done
}
# The scope is gone when delete comes. Who notes the numbers has to be moved into it, too.
usage_is_told()
{
        echo '{ "version": 1, "revision": "1", "audit": { "path": "/home/ci/audit.jsonl" }, "profiles": { "untrusted": {} } }' > /home/ci/policy.json
        chmod 644 /home/ci/policy.json
        chown ci: /home/ci/policy.json
        ci_bundle g '.linux.cgroupsPath = "user.slice:test:g" | .process.args = ["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done"]'
        run session_rt --policy /home/ci/policy.json --systemd-cgroup run -d --bundle /home/ci/g g
        want_rc 0
        want_err ""
        wait_for 120 user_unit_is_gone test-g.scope
        run session_rt delete g
        want_rc 0
        want_same "$(jq -r 'select(.event == "exit" and .id == "g") | .cpu.totalUs > 10000 and .memory.peakBytes > 0 and .pids.peak > 0' /home/ci/audit.jsonl)" true
}
podman_in_a_session()
{
        need podman
        local id
        tar -C /home/ci/rootfs -cf /home/ci/bb.tar .
        mkdir -p /etc/containers/containers.conf.d
        sed "s#/usr/bin/runb#$RUNB#" "$srcdir/contrib/containers.conf.d/runb.conf" > /etc/containers/containers.conf.d/runb.conf
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
        run in_session podman import -q /home/ci/bb.tar localhost/bb:latest
        want_rc 0
        run in_session podman --runtime "$RUNB" --cgroup-manager systemd run -d --name s --network none --memory 64m --pids-limit 50 localhost/bb sleep 1000
        want_rc 0
        id=$out
        want_same "$(user_prop "libpod-$id.scope" MemoryMax)" 67108864
        run in_session podman exec s cat /sys/fs/cgroup/pids.max
        want_rc 0
        want_out 50
        run in_session podman rm -f -t 0 s
        want_rc 0
        wait_for 20 user_unit_is_gone "libpod-$id.scope"
}

check "a plain user: a scope of his own systemd, with limits, update, and an end" by_systemd
check "a plain user: limits by cgroupfs, which is delegated to him" by_cgroupfs
check "a plain user without a bus is told how to get one, and nothing is left" no_bus
check "a plain user in his login's session: init and exec are moved into the scope of his own systemd" from_a_session
check "a plain user in a service's cgroup, too" from_a_service
check "a plain user in a session: killed anywhere in create, delete --force leaves no unit" killed_while_moved
check "a plain user in a session: what a container had used is told, though its scope has gone" usage_is_told
check "podman of a plain user in his login's session" podman_in_a_session
vm_finish
