#!/bin/bash
# Abstract sockets of a network namespace that the build does not have to itself (CVE-2020-15257): out of reach where
# somebody else's are there, as they always were where nobody's are.
. "$(dirname "$0")/../lib.sh"
need jq busybox ip nsenter
is_runb || skip_all "the walls of runb"
probe=${RUNB%/*}/tests/tools/probe
runc=$(command -v runc) || runc=
sleeper=

pid_of() { cat "$T/$1.pid"; }
probe_sleeper() { start_sleeper "$@" && cp "$probe" "$B/rootfs/probe"; }
join() { echo ".linux.namespaces |= map(if .type == \"network\" then .path = \"$1\" else . end)"; }
# NAME COMMAND...: listens on the abstract NAME by that command, until stop_listening
listen()
{
        "${@:2}" listen "$1" > "$T/listen.out" 2>&1 &
        listener=$!
        wait_for 5 grep -q listening "$T/listen.out"
}
stop_listening() { kill_tree $listener; wait $listener 2> /dev/null || true; }
finding() { jq -r '.findings[]? | select(.rule == "landlock") | .got' "$T/state/$1/state.json"; }

has_scopes()
{
        local abi
        abi=$("$probe" landlock)
        [ "$abi" -ge 6 ] || skip_case "this kernel's Landlock is of version $abi, scopes are of 6 (Linux 6.12)"
}

# A daemon of the host's in a namespace with a name, as CVE-2020-15257's.
daemon_of_the_host()
{
        has_scopes
        ip netns add given
        listen daemon ip netns exec given "$probe"
        probe_sleeper host "$(join /run/netns/given)"
        run rt exec host /probe connect daemon
        run_out=$out
        run rt exec host /probe connect nobody
        other_out=$out
        found=$(finding host)
        rt delete -f host
        bundle host2 "$(join /run/netns/given) | .process.args = [\"/probe\", \"connect\", \"daemon\"]"
        cp "$probe" "$B/rootfs/probe"
        run rt run -b "$B" host2
        init_out=$out
        # Without the wall.
        run ip netns exec given "$probe" connect daemon
        bare_out=$out
        runc_out=connected
        [ -z "$runc" ] || { run "$runc" --root "$T/runc" run -b "$B" host3; runc_out=$out; }
        stop_listening
        ip netns del given
        umount /run/netns
        want_same "$bare_out $runc_out" "connected connected"
        want_same "$init_out" EPERM
        want_same "$run_out" EPERM
        want_same "$other_out" ECONNREFUSED
        want_match "$found" '^abstract sockets of others in it are out of reach'
}
check "a daemon's abstract socket in a joined network namespace is out of reach, and under runc it is not" daemon_of_the_host

# A process that is no build of this range, with nothing listening yet.
somebody_elses()
{
        has_scopes
        unshare -n sleep 1000 &
        sleeper=$!
        wait_for 5 sh -c "[ \$(readlink /proc/$sleeper/ns/net) != $(readlink /proc/self/ns/net) ]"
        probe_sleeper other "$(join /proc/$sleeper/ns/net)"
        listen later nsenter -t $sleeper -n "$probe"
        run rt exec other /probe connect later
        rt delete -f other
        stop_listening
        kill $sleeper
        want_out EPERM
}
check "in the namespace of a process that is not the build's they are out of reach, whenever they come" somebody_elses

# The domain takes nothing else away that exec is for.
exec_beside()
{
        has_scopes
        ip netns add beside
        ip -n beside link set lo up
        listen daemon ip netns exec beside "$probe"
        probe_sleeper beside "$(join /run/netns/beside) | .linux.resources.pids.limit = 50"
        rt exec -d beside sh -c 'sleep 999 & echo $! > /child; mkfifo /fifo; echo hello > /fifo; exec sleep 998'
        wait_for 5 test -s "$B/rootfs/child"
        run rt exec beside sh -c 'cat /fifo && kill -0 1 && kill -TERM $(cat /child) && cat /proc/1/cmdline | tr "\0" " "; ps | grep -c "[s]leep 999"; touch /new && rm /new; (echo tcp | nc -l -p 8080 &); sleep 0.5; nc 127.0.0.1 8080 < /dev/null'
        run_out=$out
        # A whole family of its own reaches itself.
        run rt exec beside sh -c '/probe listen own > /own & sleep 0.3; /probe connect own; kill $!'
        rt delete -f beside
        stop_listening
        ip netns del beside
        umount /run/netns
        want_same "$run_out" $'hello\n/bin/sleep 1000 0\ntcp'
        want_out connected
}
check "there exec signals init's children, reads pipes, writes files and talks over loopback" exec_beside

# Where nobody else is, nothing changes: an X server of one step is found by the next, and /proc/1/fd by all.
everything_open() # [JQ-FILTER]
{
        probe_sleeper open "${1:-.}"
        rt exec -d open /probe listen step
        sleep 0.3
        run rt exec open sh -c '/probe connect step; readlink /proc/1/exe'
        found=$(finding open)
        rt delete -f open
        want_out $'connected\n/bin/busybox'
        want_same "$found" ""
}
engines_namespace()
{
        ip netns add empty
        everything_open "$(join /run/netns/empty)"
        ip netns del empty
        umount /run/netns
}
check "in a network namespace of their own exec and exec reach each other's abstract sockets and /proc/1/exe" everything_open
check "in one that an engine made for the container, too" engines_namespace

# kubectl's and podman's pods: one zone.
pods()
{
        local key
        for key in '.' '.annotations = {"io.kubernetes.cri.sandbox-id": "lpod"}'; do
                probe_sleeper first "$key"
                rt exec -d first /probe listen pod
                probe_sleeper second "$key | $(join "/proc/$(pid_of first)/ns/net")"
                sleep 0.2
                run rt exec second /probe connect pod
                rt delete -f second
                rt delete -f first
                want_out connected
        done
}
check "containers of a pod reach each other's" pods
pods_by_name()
{
        ip netns add podns
        probe_sleeper first "$(join /run/netns/podns)"' | .annotations = {"io.kubernetes.cri.sandbox-id": "npod"}'
        rt exec -d first /probe listen pod
        probe_sleeper second "$(join /run/netns/podns)"' | .annotations = {"io.kubernetes.cri.sandbox-id": "npod"}'
        sleep 0.2
        run rt exec second /probe connect pod
        rt delete -f second
        rt delete -f first
        ip netns del podns
        umount /run/netns
        want_out connected
}
check "and where the engine names their namespace by a file" pods_by_name
finish
