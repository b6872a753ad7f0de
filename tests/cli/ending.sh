#!/bin/bash
# What the audit file tells of a container's end: each number that the host's cgroups have, and only those.
# cgroups: host v1 v2
# vm: v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
P=/run/policy AUDIT=/run/audit.jsonl
bomb=${builddir:-${RUNB%/*}}/tests/tools/bomb
[ -x "$bomb" ] || skip_all "$bomb is not built"
mkdir -p $P
has_v1() { grep -q " - cgroup .*[, ]$1\b" /proc/self/mountinfo; }
has_v2() { grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2> /dev/null; }
has_controller() { has_v1 "$1" || has_v2 "$1"; }

limits='{}'
has_controller pids && limits+=' + {pids: 64}'
has_controller memory && limits+=' + {memory: 33554432}'
has_controller cpu && limits+=' + {cpus: "0.2"}'
jq -n "{version: 1, revision: \"t\", audit: {path: \"$AUDIT\"}, profiles: {untrusted: {limits: ($limits)}}}" > $P/policy.json
rp() { "$RUNB" --root "$T/state" --policy $P/policy.json "$@"; }
told() { jq -r "select(.event == \"exit\" and .id == \"$1\") | $2" $AUDIT; }
files() { jq -r '.cgroups[]?' "$T/state/$1/state.json"; }

# All numbers of one that has forked, computed, written and held memory
numbers()
{
        local file
        sh_bundle nu 'sleep 0.1 & sleep 0.1 & sleep 0.1 & wait
                head -c 8000000 /dev/zero | tail -c 8000000 > /root/file; sync; i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done'
        rp create --bundle "$B" nu < /dev/null > /dev/null 2>&1
        # What its cgroups have, to be told of
        for file in $(files nu); do ls $file; done | sort -u > "$T/there"
        rt start nu
        wait_for 120 has_status nu stopped
        rt delete nu
        told nu .
        want_same "$(told nu .reason)" end
        want_same "$(told nu '.wallMs > 0')" true
        has_file() { grep -qx "$1" "$T/there"; }
        if has_v1 cpuacct || has_file cpu.stat; then
                want_same "$(told nu '.cpu.totalUs > 0 and .cpu.userUs + .cpu.systemUs > 0')" true
        fi
        if has_controller cpu; then
                want_same "$(told nu '.cpu.periods > 0 and .cpu.throttledPeriods > 0 and .cpu.throttledUs > 0')" true
        fi
        if has_controller memory; then
                want_same "$(told nu '.memory.peakBytes > 8000000 and .memory.peakBytes <= 33554432 and .memory.oomKills == 0')" true
        else
                want_same "$(told nu .memory)" null
        fi
        if has_file pids.peak; then want_same "$(told nu '.pids.peak >= 4 and .pids.peak <= 64')" true; fi
        if has_v1 blkio || has_v2 io; then
                want_same "$(told nu '[.io.readBytes, .io.writtenBytes, .io.reads, .io.writes] | map(type) | unique | join(" ")')" number
        fi
        for file in cpu memory io; do
                if has_file $file.pressure; then
                        want_same "$(told nu ".pressure.$file | .someUs >= 0 and .fullUs >= 0")" true
                else
                        want_same "$(told nu ".pressure.$file")" null
                fi
        done
}
check "the end of a container is told with every number that its cgroups have" numbers

oom()
{
        has_controller memory || skip_case "needs the memory controller"
        bundle oo '.process.args = ["/bomb", "memory"]'
        cp "$bomb" "$B/rootfs/bomb"
        rp run --detach --bundle "$B" oo < /dev/null > /dev/null 2>&1
        killed() { for file in $(files oo); do cat $file/memory.oom_control $file/memory.events 2> /dev/null; done | grep -q 'oom_kill [1-9]'; }
        wait_for 60 killed
        rt delete --force oo
        want_same "$(told oo '.memory.oomKills > 0 and .memory.peakBytes <= 33554432')" true
}
check "so is how often it was killed for memory" oom

# buildah's --cgroup-parent: the numbers are of all that share it, and the record says so.
shared()
{
        local folder
        for folder in $(awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo); do
                mkdir "$folder/theirs"
                # A new cpuset is empty.
                [ ! -e "$folder/theirs/cpuset.cpus" ] || [ -e "$folder/cgroup.controllers" ] ||
                        { cat "$folder/cpuset.cpus" > "$folder/theirs/cpuset.cpus"; cat "$folder/cpuset.mems" > "$folder/theirs/cpuset.mems"; }
        done
        bundle sh '.process.args = ["/bin/true"] | .linux.cgroupsPath = "/theirs"'
        run rp run --bundle "$B" sh
        for folder in $(awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo); do
                rmdir "$folder/theirs"
        done
        want_rc 0
        want_same "$(told sh .isCgroupShared)" true
}
check "numbers of a cgroup that was there before are called shared" shared
finish
