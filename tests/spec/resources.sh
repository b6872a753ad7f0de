#!/bin/bash
# linux.resources, property by property, as the files of the container's cgroup tell; and update.
# cgroups: host v2
# vm: v2
. "$(dirname "$0")/../lib.sh"
need jq

is_v2() { [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; }
# A file of the container's cgroup, the first that there is of several names.
value() # ID NAME...
{
        local id=$1 path name
        shift
        for path in $(jq -r '.cgroups[]?' "$T/state/$id/state.json"); do
                for name; do cat "$path/$name" 2> /dev/null && return; done
        done
        fail "none of $* in a cgroup of $id"
}
# A controller by v1's name or v2's; each case is one of what the machine has.
needs()
{
        grep -q " - cgroup .*[, ]$1\(,\|\$\)" /proc/self/mountinfo && return
        is_v2 && grep -qw "${2:-$1}" /sys/fs/cgroup/cgroup.controllers && return
        skip_case "no $1 controller"
}
with() # ID JQ-OBJECT: a sleeper with these resources
{
        start_sleeper "$1" ".linux.resources += $2"
}
refused() # JQ-OBJECT TEXT...
{
        local text
        bundle bad ".linux.resources += $1"
        shift
        run rt create --bundle "$B" bad
        want_rc 1
        for text; do want_err_has "$text"; done
        want_same "$(wc -l < "$T/err")" 1
        [ ! -e "$T/state/bad" ] || fail "it left its state"
}
disk() { cat /sys/block/*/dev | grep -v '^\(1\|7\|252\):' | head -n 1; }

memory()
{
        needs memory
        with me '{"memory": {"limit": 67108864, "swap": 100663296, "reservation": 33554432}}'
        want_same "$(value me memory.limit_in_bytes memory.max)" 67108864
        want_same "$(value me memory.soft_limit_in_bytes memory.low)" 33554432
        if is_v2; then
                want_same "$(value me memory.swap.max)" 33554432
        else
                want_same "$(value me memory.memsw.limit_in_bytes)" 100663296
        fi
        rt delete --force me
}
check "memory: limit, reservation, swap" memory

memory_v1()
{
        needs memory
        local config='{"memory": {"limit": 67108864, "swappiness": 10, "disableOOMKiller": true}}'
        if is_v2; then
                refused '{"memory": {"swappiness": 10}}' linux.resources.memory.swappiness "cgroup v2 has no swappiness"
                refused '{"memory": {"disableOOMKiller": true}}' linux.resources.memory.disableOOMKiller
                return
        fi
        with mv "$config"
        want_same "$(value mv memory.swappiness)" 10
        value mv memory.oom_control | grep -x 'oom_kill_disable 1'
        rt delete --force mv
}
check "memory: swappiness and disableOOMKiller on v1, refused on v2" memory_v1

memory_old()
{
        with mo '{"memory": {"kernel": 67108864, "kernelTCP": 67108864, "useHierarchy": false}}'
        want_same "$(jq -r '[.findings[] | select(.rule == "limits.memory") | .property] | join(" ")' "$T/state/mo/state.json")" \
                "linux.resources.memory.kernel linux.resources.memory.kernelTCP linux.resources.memory.useHierarchy"
        rt delete --force mo
}
check "memory: kernel, kernelTCP and useHierarchy have no effect any more, and are on record" memory_old

memory_check()
{
        needs memory
        sh_bundle mc 'head -c 20000000 /dev/zero > /tmp/x; echo full; sleep 1000'
        jq '.linux.resources.memory = {"limit": 134217728, "checkBeforeUpdate": true} |
            .mounts += [{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}]' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        rt create --bundle "$B" mc < /dev/null > "$T/mc.out" 2>&1
        rt start mc
        wait_for 10 grep -q full "$T/mc.out"
        run rt update --memory 8m mc
        want_rc 1
        want_err_has "rejecting memory limit 8388608 <= usage "
        want_same "$(value mc memory.limit_in_bytes memory.max)" 134217728
        echo '{"memory": {"limit": 8388608, "checkBeforeUpdate": true}}' > "$T/mc.json"
        run rt update -r "$T/mc.json" mc
        want_rc 1
        want_err_has checkBeforeUpdate
        run rt update --memory 100m mc
        want_rc 0
        want_same "$(value mc memory.limit_in_bytes memory.max)" 104857600
        rt delete --force mc
}
check "memory: checkBeforeUpdate, asked for at create or in the update, rejects a limit below the use" memory_check

cpu()
{
        needs cpu
        with cp '{"cpu": {"shares": 512, "quota": 20000, "period": 50000, "burst": 10000}}'
        if is_v2; then
                # runc 1.3.2's curve, not the straight line (20) of older ones
                want_same "$(value cp cpu.weight)" 59
                want_same "$(value cp cpu.max)" "20000 50000"
        else
                want_same "$(value cp cpu.shares)" 512
                want_same "$(value cp cpu.cfs_quota_us)" 20000
                want_same "$(value cp cpu.cfs_period_us)" 50000
        fi
        want_same "$(value cp cpu.cfs_burst_us cpu.max.burst)" 10000
        rt delete --force cp
        with ci '{"cpu": {"idle": 1}}'
        want_same "$(value ci cpu.idle)" 1
        rt delete --force ci
        with cu '{"cpu": {"quota": -1}}'
        if is_v2; then want_same "$(value cu cpu.max)" "max 100000"; else want_same "$(value cu cpu.cfs_quota_us)" -1; fi
        rt delete --force cu
}
check "cpu: shares, quota, period, burst, idle" cpu

cpu_realtime()
{
        with cr '{"cpu": {"realtimeRuntime": 1000, "realtimePeriod": 100000}}'
        jq -e '.findings[] | select(.property == "linux.resources.cpu.realtimeRuntime")' "$T/state/cr/state.json"
        rt delete --force cr
}
check "cpu: real time is taken from a build, and on record" cpu_realtime

cpuset()
{
        needs cpuset
        with cs '{"cpu": {"cpus": "0", "mems": "0"}}'
        want_same "$(value cs cpuset.cpus)" 0
        want_same "$(value cs cpuset.mems)" 0
        rt delete --force cs
        refused '{"cpu": {"cpus": "4000"}}' "linux.resources.cpu.cpus: write 4000"
        refused '{"cpu": {"mems": "x"}}' linux.resources.cpu.mems
}
check "cpu: cpus and mems" cpuset

pids()
{
        needs pids
        local asked got
        while read -r asked got; do
                with pi "{\"pids\": {\"limit\": $asked}}"
                want_same "$(value pi pids.max)" "$got"
                rt delete --force pi
        done <<< "$(printf '%s\n' '50 50' '1 1' '-1 4096' '0 4096' '4097 4096')"
}
check "pids: a number as it is; -1, and podman's 0 for -1, become the policy's limit" pids

block()
{
        needs blkio io
        local dev major minor rates
        dev=$(disk)
        [ -n "$dev" ] || skip_case "no block device"
        major=${dev%:*} minor=${dev#*:}
        rates=$(jq -nc --argjson a "$major" --argjson i "$minor" '{"blockIO": {
                "throttleReadBpsDevice": [{"major": $a, "minor": $i, "rate": 1048576}],
                "throttleWriteBpsDevice": [{"major": $a, "minor": $i, "rate": 2097152}],
                "throttleReadIOPSDevice": [{"major": $a, "minor": $i, "rate": 300}],
                "throttleWriteIOPSDevice": [{"major": $a, "minor": $i, "rate": 400}]}}')
        with bl "$rates"
        if is_v2; then
                want_same "$(value bl io.max)" "$dev rbps=1048576 wbps=2097152 riops=300 wiops=400"
        else
                want_same "$(value bl blkio.throttle.read_bps_device)" "$dev 1048576"
                want_same "$(value bl blkio.throttle.write_bps_device)" "$dev 2097152"
                want_same "$(value bl blkio.throttle.read_iops_device)" "$dev 300"
                want_same "$(value bl blkio.throttle.write_iops_device)" "$dev 400"
        fi
        rt delete --force bl
}
check "blockIO: the four throttles" block

block_weight()
{
        needs blkio io
        refused '{"blockIO": {"weight": 9}}' blockIO.weight
        refused '{"blockIO": {"weight": 1001}}' blockIO.weight
        refused '{"blockIO": {"leafWeight": 5}}' blockIO.leafWeight
        is_v2 && refused '{"blockIO": {"leafWeight": 500}}' "linux.resources.blockIO.leafWeight: cgroup v2 has none"
        bundle bw '.linux.resources.blockIO = {"weight": 500} | .process.args = ["/bin/sleep", "1000"]'
        run rt create --bundle "$B" bw
        if [ "$rc" = 0 ]; then
                value bw io.bfq.weight blkio.bfq.weight blkio.weight io.weight | grep '\<\(500\|4950\)$'
                rt delete --force bw
        else
                # A kernel without BFQ and iocost: said, not dropped.
                want_err_has "linux.resources.blockIO.weight: this kernel has no "
        fi
}
check "blockIO: weights where the kernel has them, and only those in range" block_weight

huge()
{
        local file
        bundle hu '.linux.resources.hugepageLimits = [{"pageSize": "2MB", "limit": 4194304}] | .process.args = ["/bin/sleep", "1000"]'
        run rt create --bundle "$B" hu
        if [ "$rc" != 0 ]; then
                want_err_has "cannot set a hugetlb limit: the controller is not available"
                skip_case "no hugetlb controller"
        fi
        want_same "$(value hu hugetlb.2MB.max hugetlb.2MB.limit_in_bytes)" 4194304
        want_same "$(value hu hugetlb.2MB.rsvd.max hugetlb.2MB.rsvd.limit_in_bytes)" 4194304
        want_same "$(rt events --stats hu | jq -c '.data.hugetlb."2MB"')" '{"failcnt":0}'
        rt delete --force hu
        refused '{"hugepageLimits": [{"pageSize": "../2MB", "limit": 1}]}' 'hugepageLimits[0].pageSize'
        refused '{"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}' hugetlb
}
check "hugepageLimits: of pages and of reservations" huge

network()
{
        local config
        for config in '{"network": {"classID": 1048577}}' '{"network": {"priorities": [{"name": "lo", "priority": 5}]}}'; do
                if is_v2; then
                        refused "$config" "linux.resources.network: cgroup v2 has no class id and no priorities"
                elif ! grep -q ' - cgroup .*net_cls' /proc/self/mountinfo; then
                        refused "$config" "cannot set a net_" "the controller is not available"
                fi
        done
}
check "network: an error where there is no such controller" network

rdma()
{
        grep -qw rdma /sys/fs/cgroup/cgroup.controllers 2> /dev/null && {
                # A controller without the device
                refused '{"rdma": {"mlx5_1": {"hcaHandles": 3}}}' "linux.resources.rdma: write mlx5_1 hca_handle=3"
                return
        }
        refused '{"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}}}' "cannot set a rdma limit"
        refused '{"rdma": {"mlx5_1": {}}}' rdma "neither hcaHandles nor hcaObjects"
}
check "rdma: an error where the controller or the device is missing" rdma

unified()
{
        if ! is_v2; then
                refused '{"unified": {"memory.high": "1048576"}}' "cannot use unified on cgroup v1"
                return
        fi
        refused '{"unified": {"nothing.max": "1"}}' nothing.max
        refused '{"unified": {"../cgroup.procs": "1"}}' unified
        refused '{"unified": {"cgroup.procs": "1"}}' '"cgroup.procs"'
        refused '{"unified": {"cgroup.freeze": "1"}}' '"cgroup.freeze"'
        refused '{"unified": {"pids.max": "0x10000000"}}' "0x10000000" pids.max
        with un '{"unified": {"cgroup.max.descendants": "7"}}'
        want_same "$(value un cgroup.max.descendants)" 7
        rt delete --force un
        if grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers; then
                with un '{"unified": {"hugetlb.2MB.max": "2097152"}}'
                want_same "$(value un hugetlb.2MB.max)" 2097152
                rt delete --force un
                refused '{"unified": {"hugetlb.2MB.none": "1"}}' "hugetlb.2MB.none"
        fi
        if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
                with un '{"unified": {"memory.max": "64M", "memory.swap.max": "1M", "memory.high": "60M", "cpu.max": "30000 60000",
                        "pids.max": "max", "cpuset.cpus": "0"}}'
                want_same "$(value un memory.max)" 67108864
                want_same "$(value un memory.swap.max)" 1048576
                want_same "$(value un memory.high)" 62914560
                want_same "$(value un cpu.max)" "30000 60000"
                want_same "$(value un pids.max)" 4096
                want_same "$(value un cpuset.cpus)" 0
                echo '{"unified": {"pids.max": "99999", "memory.max": "32M"}}' | rt update -r - un
                want_same "$(value un pids.max)" 4096
                want_same "$(value un memory.max)" 33554432
                rt delete --force un
                refused '{"unified": {"cpuset.cpus.partition": "isolated"}}' cpuset.cpus.partition
        else
                refused '{"unified": {"memory.max": "64M"}}' memory "not available"
        fi
}
check "unified: written, judged as the property that it stands for, refused where it is no limit" unified

devices()
{
        refused '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "access": "rwm"}]}' devices "allows every device"
        refused '{"devices": [{"allow": true, "type": "x"}]}' 'linux.resources.devices[0].type'
        refused '{"devices": [{"allow": true, "access": "q"}]}' 'linux.resources.devices[0].access'
        refused '{"devices": [{"type": "c"}]}' 'linux.resources.devices[0]' allow
        # The later rule decides.
        bundle dv '.linux.resources.devices = [{"allow": true, "access": "rwm"}, {"allow": false, "access": "rwm"}] |
                .process.args = ["/bin/sh", "-c", "echo x > /dev/null && head -c 1 /dev/zero | wc -c"]'
        run rt run --bundle "$B" dv
        want_rc 0
        want_out 1
        # All block devices are not what a build may have: dropped, and on record.
        with dw '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "access": "rwm"}]}'
        jq -e '.findings[] | select(.property == "linux.resources.devices")' "$T/state/dw/state.json"
        if ! is_v2; then want_same "$(value dw devices.list | grep -c '^[ab]')" 0; fi
        rt delete --force dw
}
check "devices: what a later rule denies is denied, the standard ones stay, wildcards are not granted" devices

# What both runtimes write, file by file.
like_runc()
{
        command -v runc > /dev/null || skip_case "runc is not installed"
        is_v2 && skip_case "cgroup v2"
        needs memory; needs cpu; needs cpuset; needs pids
        local name path limits='{"memory": {"limit": 67108864, "swap": 134217728, "reservation": 33554432, "swappiness": 20},
                "cpu": {"shares": 300, "quota": 30000, "period": 60000, "cpus": "0-1", "mems": "0"}, "pids": {"limit": 99}}'
        bundle lr ".linux.cgroupsPath = \"/theirs\" | .linux.resources += $limits | .process.args = [\"/bin/sleep\", \"1000\"]"
        runc --root "$T/runc" create --bundle "$B" lr < /dev/null > /dev/null
        with lo "$limits"
        for name in memory/memory.{limit_in_bytes,memsw.limit_in_bytes,soft_limit_in_bytes,swappiness} \
                cpu/cpu.{shares,cfs_quota_us,cfs_period_us} cpuset/cpuset.{cpus,mems} pids/pids.max; do
                path=/sys/fs/cgroup/${name%/*}/theirs/${name#*/}
                [ -e "$path" ] || continue
                echo "$name"
                want_same "$(value lo "${name#*/}")" "$(cat "$path")"
        done
        rt update --memory 32m --memory-swap 64m --cpu-share 600 --pids-limit 77 --cpuset-cpus 0 lo
        runc --root "$T/runc" update --memory 32m --memory-swap 64m --cpu-share 600 --pids-limit 77 --cpuset-cpus 0 lr
        echo '{"memory":{"limit":0},"cpu":{"shares":0,"quota":40000}}' | rt update -r - lo
        echo '{"memory":{"limit":0},"cpu":{"shares":0,"quota":40000}}' | runc --root "$T/runc" update -r - lr
        for name in memory/memory.{limit_in_bytes,memsw.limit_in_bytes} cpu/cpu.{shares,cfs_quota_us,cfs_period_us} \
                cpuset/cpuset.cpus pids/pids.max; do
                echo "$name"
                want_same "$(value lo "${name#*/}")" "$(cat "/sys/fs/cgroup/${name%/*}/theirs/${name#*/}")"
        done
        rt delete --force lo
        runc --root "$T/runc" delete --force lr
}
check "create and update leave in the files what runc leaves" like_runc

update_numbers()
{
        local option
        start_sleeper nu
        for option in cpu-share=-1 cpu-period=-1 blkio-weight=-10 cpu-burst=-1 cpu-rt-period=-1 cpu-share=18446744073709551616 \
                cpu-quota=9223372036854775808 pids-limit=9223372036854775808 pids-limit=1.5 pids-limit=0x10 cpu-quota=10ms \
                memory=-2 memory=9999999999999999999 memory=16E memory-swap=x memory-reservation=-5 cpu-idle=x blkio-weight=1001; do
                run rt update "--$option" nu
                want_rc 1
                want_err_has "invalid value for ${option%%=*}"
                want_same "$(wc -l < "$T/err")" 1
        done
        for option in '{"memory":{"limit":-2}}' '{"memory":{"swap":1e30}}' '{"cpu":{"shares":-1}}' '{"cpu":{"period":-1}}' \
                '{"pids":{"limit":9223372036854775808}}' '{"pids":{"limit":1.5}}' '{"blockIO":{"weight":70000}}' \
                '{"cpu":{"quota":"1"}}' '{"hugepageLimits":[{"pageSize":"2MB","limit":-1}]}' '[]' '' '{"cpu":{"idle":2}}'; do
                echo "$option" > "$T/nu.json"
                run rt update --resources "$T/nu.json" nu
                want_rc 1
                want_err_has "$T/nu.json"
                want_same "$(wc -l < "$T/err")" 1
                run rt update -r - nu < "$T/nu.json"
                want_rc 1
                want_err_has "standard input"
        done
        run rt update -r "$T/nu.json" --memory 1x nu
        want_rc 1
        echo '{"unknown": {"limit": 5}}' > "$T/nu.json"
        run rt update -r "$T/nu.json" --memory 1x nu
        want_rc 0
        [ -e "$T/state/nu" ]
        rt delete --force nu
}
check "update: negative, too large and misspelt numbers are told by name; with -r the other options do not count" update_numbers

rdt()
{
        local config
        grep -q ' - resctrl ' /proc/self/mountinfo && skip_case "resctrl is mounted here"
        for config in '{}' '{"closID": "gold"}' '{"closID": "/"}' '{"l3CacheSchema": "L3:0=f"}' '{"enableMonitoring": true}'; do
                bundle rd ".linux.intelRdt = $config"
                run rt create --bundle "$B" rd
                want_rc 1
                want_err_has "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not enabled"
                [ ! -e "$T/state/rd" ] || fail "it left its state"
        done
        bundle rd '.linux.intelRdt = {"closID": "/", "memBwSchema": "MB:0=10"}'
        run rt create --bundle "$B" rd
        want_rc 1
        want_err_has "intelRdt.closID"
        bundle rd '.linux.intelRdt = {"closID": "../x"}'
        run rt create --bundle "$B" rd
        want_rc 1
        want_err_has "linux.intelRdt.closID"
        start_sleeper rs
        run rt update --l3-cache-schema L3:0=f rs
        want_rc 1
        want_err_has "--l3-cache-schema: the container has no resctrl group"
        run rt update --mem-bw-schema MB:0=10 rs
        want_rc 1
        want_err_has "--mem-bw-schema: the container has no resctrl group"
        run rt update --mem-bw-schema L3:0=10 rs
        want_rc 1
        want_err_has 'does not begin with "MB:"'
        rt delete --force rs
        run rt features
        want_same "$(jq -c .linux.intelRdt "$T/out")" '{"enabled":true,"schemata":true,"monitoring":true}'
}
check "intelRdt: refused where resctrl is not mounted, and never taken for done" rdt
finish
