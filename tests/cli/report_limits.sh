#!/bin/bash
# runb report: every limit that was set is held against the kernel's, and each that is raised by hand is named.
# cgroups: v1 v2
# vm: v2
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/report_lib.sh"

# raised FILE WANTED HIGHER JQ-FILTER: of a container with that in config.json; its FILE gets HIGHER and WANTED again
raised()
{
        local file=$1 wanted=$2 higher=$3 at
        sleeper w "$4" || { grep -E "not available|this kernel|no such device|invalid" "$T/w.err" > "$T/why" || return 1
                            skip_case "$(tail -n 1 "$T/why")"; }
        at=$(cgroup_file w "$file") || { rt delete -f w; skip_case "no $file here"; }
        want_holding w
        want_same "$(echo "$out" | jq -c --arg f "$file" '[.limits[] | select(.name == $f)] | length > 0')" true
        echo "$higher" > "$at"
        want_weak w limits "$file"
        echo "$wanted" > "$at"
        want_holding w
        rt delete -f w
}
disk=$(awk '$4 ~ /^([sv]d[a-z]|nvme[0-9]+n[0-9]+)$/ { print; exit }' /proc/partitions | awk '{ print $1 ":" $2 }')
major=${disk%:*} minor=${disk#*:}
rates() { echo ".linux.resources.blockIO.$1 = [{major: ${major:-0}, minor: ${minor:-0}, rate: 1048576}]"; }
has_disk() { [ -n "$disk" ] || skip_case "no disk here"; }

shares() { raised cpu.shares 512 1024 '.linux.resources.cpu.shares = 512'; }
check "raised shares of the CPU are named" shares
weight() { raised cpu.weight 59 100 '.linux.resources.cpu.shares = 512'; }
check "a raised weight of the CPU is named" weight
read_bps() { has_disk; raised blkio.throttle.read_bps_device "$disk 1048576" "$disk 2097152" "$(rates throttleReadBpsDevice)"; }
check "a raised rate of a block device is named" read_bps
no_iops() { has_disk; raised blkio.throttle.write_iops_device "$disk 1048576" "$disk 0" "$(rates throttleWriteIOPSDevice)"; }
check "a rate of a block device that was taken away is named" no_iops
io_max() { has_disk; raised io.max "$disk wbps=1048576" "$disk wbps=max" "$(rates throttleWriteBpsDevice)"; }
check "a rate of cgroup v2 that was taken away is named" io_max
huge() { raised hugetlb.2MB.max 4194304 max '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'; }
check "huge pages without a limit are named" huge
reserved() { raised hugetlb.2MB.rsvd.max 4194304 8388608 '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'; }
check "a raised limit of reserved huge pages is named" reserved
swappiness()
{
        [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || skip_case "cgroup v2 has none"
        raised memory.swappiness 10 60 '.linux.resources.memory.swappiness = 10'
}
check "another swappiness is named" swappiness
depth() { raised cgroup.max.depth 3 max '.linux.resources.unified = {"cgroup.max.depth": "3"}'; }
check "a file of cgroup v2 that config.json names is held against it" depth
more_swap()
{
        local at
        sleeper w '.linux.resources.memory = {limit: 104857600, swap: 104857600}' || skip_case "no memory controller here"
        at=$(cgroup_file w memory.memsw.limit_in_bytes || cgroup_file w memory.swap.max) || { rt delete -f w; skip_case "no swap is counted here"; }
        want_holding w
        echo 1048576000 > "$at"
        want_weak w limits "memory and swap"
        rt delete -f w
}
check "more swap is named" more_swap
limits_of_init()
{
        sleeper w '.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 512, soft: 256}, {type: "RLIMIT_MEMLOCK", hard: 65536, soft: 65536}]'
        want_holding w
        # Few machines let a test raise one; that create gave it more than config.json says is the same.
        jq '.process.rlimits[0].hard = 500' "$T/state/w/config.json" > "$T/c.json"
        cat "$T/c.json" > "$T/state/w/config.json"
        want_weak w rlimits "init may raise its RLIMIT_NOFILE to 512, over the 500"
        jq '.process.rlimits[0].hard = 512 | .process.rlimits[1].hard = 1024 | .process.rlimits[1].soft = 1024' "$T/c.json" > "$T/state/w/config.json"
        want_weak w rlimits "init may raise its RLIMIT_MEMLOCK to 65536, over the 1024"
        rt delete -f w
}
check "a limit of init over that of config.json is named, though the profile allowed it" limits_of_init
finish
