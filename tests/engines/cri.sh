#!/bin/bash
# Pods, as Kubernetes makes them: containerd's CRI socket, a CNI network of the test's own, and the calls of the kubelet.
# tests/tools/cri.py is the client.
. "$(dirname "$0")/lib.sh"
need jq
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip_all "python3-grpcio is not installed"
cri_start

make_pod p1 || { sed 's/^/# /' "$T/cri.err"; skip_all "containerd makes no pod here: $(head -n 1 "$T/cri.err")"; }

# A server in the pod's neighbourhood, on the bridge's end of its veth pair.
mkdir -p "$T/www"; echo reachable > "$T/www/index.html"
busybox httpd -f -p 10.77.0.1:8080 -h "$T/www" & httpd_pid=$!

# The pod's containers: made by the first case that runs.
two()
{
        [ -s "$T/b.ctr" ] && return
        make_container p1 a sh -c 'trap "exit 3" TERM; echo hello from a; while :; do sleep 0.1; done'
        make_container p1 b sleep 1000
        container_pid a > "$T/a.pid"
        container_pid b > "$T/b.pid"
        pod_pid p1 > "$T/p1.pid"
}
of() { cat "$T/$1.pid"; }

pod_and_containers()
{
        two
        run cri PodSandboxStatus '{"pod_sandbox_id": $p}' --arg p "$(cat "$T/p1.pod")"
        want_same "$(jq .status.state "$T/out")" 0
        want_same "$(container_state a)" 1
        want_same "$(container_state b)" 1
        wait_for 5 grep -q 'stdout F hello from a' "$T/p1.log/a.log"
}
check "a pod of two containers runs; their output is in its log folder" pod_and_containers

reports() { two; reports_hold /run/containerd; }
check "runb report finds a pod and its containers as they were made" reports

exec_sync()
{
        two
        exec_in a sh -c 'id -u; echo err >&2; exit 5'
        want_same "$(jq -r .stdout "$T/out")" 0
        want_same "$(jq -r .stderr "$T/out")" err
        want_same "$(jq -r .exit_code "$T/out")" 5
        exec_in a nope
        want_failure
        want_err_has "executable file not found in \$PATH"
}
check "ExecSync: output, exit code, and a missing program" exec_sync

map_base() { awk 'NR == 1 {print $2}' "/proc/$1/uid_map"; }
one_range()
{
        is_runb || skip_case "only runb gives a pod ids of its own"
        local base
        two
        base=$(map_base "$(of p1)")
        [ "$base" -ge 65536 ]
        want_same "$(map_base "$(of a)")" "$base"
        want_same "$(map_base "$(of b)")" "$base"
        make_pod p2
        want_other "$(map_base "$(pod_pid p2)")" "$base"
        end_pod p2
}
check "the containers of a pod share its range of ids, another pod has another" one_range

ns() { readlink "/proc/$1/ns/$2"; }
namespaces()
{
        two
        local type
        for type in net ipc uts; do
                want_same "$(ns "$(of a)" $type)" "$(ns "$(of p1)" $type)"
                want_same "$(ns "$(of b)" $type)" "$(ns "$(of p1)" $type)"
                want_other "$(ns "$(of a)" $type)" "$(ns self $type)"
        done
        for type in mnt pid; do want_other "$(ns "$(of a)" $type)" "$(ns "$(of b)" $type)"; done
        exec_in b hostname
        want_same "$(jq -r .stdout "$T/out")" p1
        exec_in b ip -4 addr show eth0
        want_out_has "$(cri PodSandboxStatus '{"pod_sandbox_id": $p}' --arg p "$(cat "$T/p1.pod")" | jq -r .status.network.ip)"
}
check "the containers of a pod share its network, ipc and uts namespaces, and nothing of the host's" namespaces

get() { exec_in "$1" sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 5 $0 $1' "$2" "$3"; }
egress()
{
        two
        get a 10.77.0.1 8080
        if is_runb; then
                # At once and not by time-out: "administratively prohibited" is EHOSTUNREACH.
                want_same "$(jq -r .exit_code "$T/out")" 1
                want_out_has "No route to host"
                get b 10.77.0.1 8080
                want_out_has "No route to host"
        else
                want_out_has reachable
        fi
        # What a sidecar is for.
        exec_in a sh -c 'mkdir -p /tmp/w; echo neighbour > /tmp/w/index.html; httpd -p 127.0.0.1:8081 -h /tmp/w'
        get b 127.0.0.1 8081
        want_out_has neighbour
}
check "nothing goes out of a pod's CNI network; its containers reach one another" egress

volumes()
{
        # As the kubelet's folder: root's, and closed to others.
        local v=$T/kubelet
        mkdir -m 750 "$v"
        mkdir -m 777 "$v/empty"
        mkdir "$v/config"
        chmod 777 "$v/empty"
        echo setting > "$v/config/file"
        : > "$v/termination-log"
        chmod 666 "$v/termination-log"
        echo '127.0.0.1 localhost p1' > "$v/hosts"
        CONTAINER='.mounts = [{container_path: "/empty", host_path: ($t + "/kubelet/empty")},
                {container_path: "/config", host_path: ($t + "/kubelet/config"), readonly: 1},
                {container_path: "/etc/hosts", host_path: ($t + "/kubelet/hosts")},
                {container_path: "/dev/termination-log", host_path: ($t + "/kubelet/termination-log")}]' \
                make_container p1 v1 sh -c 'echo ended > /dev/termination-log; cat /config/file > /empty/copy
                        echo x > /config/file; grep -c p1 /etc/hosts >> /empty/copy; chown 1000 /empty/copy; exec sleep 1000'
        CONTAINER='.mounts = [{container_path: "/empty", host_path: ($t + "/kubelet/empty")}]' make_container p1 v2 sleep 1000
        wait_for 5 eval '[ "$(stat -c %u "$T/kubelet/empty/copy")" = 1000 ]'
        exec_in v2 sh -c 'stat -c %u /empty/copy; cat /empty/copy'
        want_same "$(jq -r .stdout "$T/out")" $'1000\nsetting\n1'
        want_same "$(cat "$v/termination-log")" ended
        want_same "$(cat "$v/config/file")" setting
        want_same "$(stat -c %u:%g "$v/termination-log")" 0:0
        end_container v1
        end_container v2
}
check "volumes: an emptyDir of two containers, a read-only one, files over /etc/hosts and /dev/termination-log" volumes

as_user()
{
        CONTAINER='.linux.security_context = {run_as_user: {value: 1000}, readonly_rootfs: 1, no_new_privs: 1,
                capabilities: {drop_capabilities: ["ALL"]}, masked_paths: ["/proc/kcore"], readonly_paths: ["/proc/sys"]}' \
                make_container p1 u sleep 1000
        exec_in u sh -c 'id -u; touch /x || echo read-only; grep CapEff /proc/self/status | cut -f2'
        want_same "$(jq -r .stdout "$T/out")" $'1000\nread-only\n0000000000000000'
        end_container u
}
check "a restricted container: a user of its own, no capability, a read-only root" as_user

privileged()
{
        is_runb || skip_case "only runb cuts it"
        # The pod has to be privileged for containerd to ask for it.
        POD='.linux.security_context.privileged = 1' make_pod pp
        CONTAINER='.linux.security_context.privileged = 1' make_container pp pc sleep 1000 || { cat "$T/cri.err"; end_pod pp; return 0; }
        [ "$(map_base "$(container_pid pc)")" -ge 65536 ]
        exec_in pc sh -c 'mount -t tmpfs x /mnt 2>/dev/null || echo refused; ls /dev | grep -c "^[sv]da"'
        want_same "$(jq -r .stdout "$T/out")" $'refused\n0'
        end_pod pp
}
check "a privileged container is refused, or is none" privileged

host_network()
{
        is_runb || skip_case "only runb cuts it"
        if POD='.linux.security_context.namespace_options = {network: 2} | del(.hostname)' make_pod hn; then
                make_container hn hc sleep 1000
                want_other "$(ns "$(container_pid hc)" net)" "$(ns self net)"
                end_pod hn
        else
                grep -q 'network' "$T/cri.err"
        fi
}
check "a pod of the host's network is refused, or has one of its own" host_network

update()
{
        two
        grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
                skip_case "needs the memory controller"
        cri UpdateContainerResources '{"container_id": $c, "linux": {"memory_limit_in_bytes": 134217728}}' --arg c "$(cat "$T/b.ctr")"
        local path
        path=$(awk -F: '$2 == "memory" || $1 == 0 {print $3; exit}' "/proc/$(of b)/cgroup")
        want_same "$(cat "/sys/fs/cgroup/memory$path/memory.limit_in_bytes" 2>/dev/null || cat "/sys/fs/cgroup$path/memory.max")" 134217728
}
check "UpdateContainerResources" update

stopping()
{
        two
        cri StopContainer '{"container_id": $c, "timeout": 20}' --arg c "$(cat "$T/a.ctr")"
        run cri ContainerStatus '{"container_id": $c}' --arg c "$(cat "$T/a.ctr")"
        want_same "$(jq -c '[.status.state, .status.exit_code]' "$T/out")" '[2,3]'
        # A first process without a handler takes no SIGTERM.
        cri StopContainer '{"container_id": $c, "timeout": 1}' --arg c "$(cat "$T/b.ctr")"
        run cri ContainerStatus '{"container_id": $c}' --arg c "$(cat "$T/b.ctr")"
        want_same "$(jq -c '[.status.state, .status.exit_code]' "$T/out")" '[2,137]'
        exec_in b true
        want_failure
        cri RemoveContainer '{"container_id": $c}' --arg c "$(cat "$T/a.ctr")"
}
check "StopContainer by signal and by time-out; RemoveContainer" stopping

pod_end()
{
        make_container p1 last sh -c 'sleep 1000 & sleep 1000; true'
        end_pod p1
        want_same "$(cri ListContainers {} | jq -c .containers)" '[]'
        want_same "$(cri ListPodSandbox {} | jq -c .items)" '[]'
        want_same "$(find /run/runb/leases -type f 2>/dev/null)" ""
}
check "StopPodSandbox ends what still runs; RemovePodSandbox leaves nothing" pod_end

[ -n "${ONLY-}" ] && end_pod p1 > /dev/null
kill $httpd_pid
cri_end
finish
