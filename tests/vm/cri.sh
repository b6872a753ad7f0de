#!/bin/bash
# Kubernetes with its systemd cgroup driver: containerd's CRI with SystemdCgroup = true, below a pod's slice as the kubelet has it.
# plain test
# vm: v2
. "$(dirname "$0")/lib.sh"
need jq busybox containerd
. "$(dirname "$0")/../engines/lib.sh"
CASE_TIMEOUT=300
CONTAINERD_OPTIONS="SystemdCgroup = true" cri_start
helper=$RUNB_LIBEXEC/runb-systemd

slice=kubepods-besteffort-podabc.slice
slice_folder=/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podabc.slice
scope_of() { echo "cri-containerd-$(cat "$T/$1").scope"; }
pod_made() { [ -s "$T/p.pod" ] || POD=".linux.cgroup_parent = \"$slice\"" make_pod p; }

a_pod()
{
        local unit
        pod_made
        unit=$(scope_of p.pod)
        want_same "$(prop "$unit" ActiveState)" active
        want_same "$(prop "$unit" Slice)" $slice
        want_same "$(prop "$unit" ControlGroup)" "$slice_folder/$unit"
        want_same "$(cut -d: -f3 "/proc/$(pod_pid p)/cgroup")" "$slice_folder/$unit"
}
check "a pod's sandbox is a scope in the slice that the kubelet asks for" a_pod

a_container()
{
        local unit folder
        pod_made
        CONTAINER='.linux.resources = {memory_limit_in_bytes: 67108864, cpu_period: 100000, cpu_quota: 50000, cpu_shares: 512}' \
                make_container p a sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; exec sleep 1000'
        unit=$(scope_of a.ctr) folder=/sys/fs/cgroup$slice_folder/$(scope_of a.ctr)
        want_same "$(prop "$unit" ControlGroup)" "$slice_folder/$unit"
        want_same "$(prop "$unit" MemoryMax)" 67108864
        want_same "$(prop "$unit" CPUQuotaPerSecUSec)" 500ms
        want_same "$(cat "$folder/memory.max")" 67108864
        want_same "$(cat "$folder/cpu.max")" "50000 100000"
        exec_in a sh -c 'cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max'
        want_same "$(jq -r .stdout "$T/out")" $'0::/\n67108864'
        # Beside init while it runs
        exec_in a sh -c 'wc -l < /sys/fs/cgroup/cgroup.procs'
        [ "$(jq -r .stdout "$T/out")" -ge 2 ]
}
check "a container's limits are in systemd's record and in the files; exec joins its scope" a_container

statistics()
{
        local stats
        used() { stats=$(cri ContainerStats '{container_id: $c}' --arg c "$(cat "$T/a.ctr")") &&
                jq -e '.stats.cpu.usage_core_nano_seconds.value > 0 and .stats.memory.working_set_bytes.value > 0' <<< "$stats"; }
        wait_for 60 used || fail "$stats"
}
check "the kubelet's statistics of it are the scope's" statistics

update()
{
        local unit
        unit=$(scope_of a.ctr)
        run cri UpdateContainerResources '{container_id: $c, linux: {memory_limit_in_bytes: 134217728, cpu_period: 100000, cpu_quota: 20000}}' --arg c "$(cat "$T/a.ctr")"
        want_rc 0
        want_same "$(prop "$unit" MemoryMax)" 134217728
        want_same "$(prop "$unit" CPUQuotaPerSecUSec)" 200ms
        systemctl daemon-reload
        want_same "$(cat "/sys/fs/cgroup$slice_folder/$unit/memory.max")" 134217728
}
check "an update is in systemd's record, too" update

ends()
{
        local unit
        unit=$(scope_of a.ctr)
        end_container a
        wait_for 30 unit_is_gone "$unit"
        # One that ends by itself
        make_container p b sh -c 'exit 4'
        unit=$(scope_of b.ctr)
        ended() { [ "$(container_state b)" = 2 ]; }
        wait_for 60 ended
        want_same "$(container_info b | jq .status.exit_code)" 4
        wait_for 30 unit_is_gone "$unit"
        cri RemoveContainer '{container_id: $c}' --arg c "$(cat "$T/b.ctr")"
        unit=$(scope_of p.pod)
        end_pod p
        wait_for 30 unit_is_gone "$unit"
        want_same "$(find "/sys/fs/cgroup$slice_folder" -name '*.scope')" ""
}
check "containers and the pod end, and leave no unit" ends

# It is by runb's word to systemd, and not by containerd's, that there are scopes.
not_without_it()
{
        mount --bind /dev/null "$helper"
        rm -f "$T/q.pod"
        POD=".linux.cgroup_parent = \"$slice\"" run make_pod q
        umount "$helper"
        want_failure
        grep -q "$helper is not there: install it" "$T/cri.err" || fail "$(cat "$T/cri.err")"
        want_same "$(systemctl list-units --all --plain --no-legend 'cri-containerd-*' | wc -l)" 0
}
check "without its helper program a pod is refused, with the remedy" not_without_it
containerd_end
systemctl stop $slice kubepods-besteffort.slice kubepods.slice 2> /dev/null
vm_finish
