#!/bin/bash
# Bombs within the limits of a policy file, beside a neighbour of the same profile: each reaches its limit, none gets beyond it,
# and the neighbour goes on. How much slower the neighbour is meanwhile is measured and printed, never asserted.
# cgroups: host v2
# vm: v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
CASE_TIMEOUT=300
bomb=${builddir:-${RUNB%/*}}/tests/tools/bomb
[ -x "$bomb" ] || skip_all "$bomb is not built"
P=/run/policy
mkdir -p $P
PIDS=64 MEMORY=67108864 NOFILE=256

# A limit whose controller this host lacks refuses the container, so the policy names those that are there.
has_controller() { grep -q " - cgroup .*[, ]$1" /proc/self/mountinfo || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2> /dev/null; }
wants() { has_controller "$1" || skip_case "needs the $1 controller"; }
limits="{nofile: $NOFILE}"
has_controller pids && limits+=" + {pids: $PIDS}"
has_controller memory && limits+=" + {memory: $MEMORY}"
# Little enough to be held back where others leave a CPU only in part.
has_controller cpu && limits+=" + {cpus: \"0.25\"}"
jq -n "{version: 1, revision: \"t\", profiles: {untrusted: {limits: ($limits)}}}" > $P/policy.json
rp() { "$RUNB" --root "$T/state" --policy $P/policy.json "$@"; }

# value ID V1-FILE [V2-FILE]: of the container's cgroup
value()
{
        local path
        for path in $(jq -r '.cgroups[]?' "$T/state/$1/state.json"); do
                cat "$path/$2" 2> /dev/null && return
                [ $# -gt 2 ] && cat "$path/$3" 2> /dev/null && return
        done
        echo "no $2 in a cgroup of $1" >&2
        return 1
}
# keyed ID V1-FILE V2-FILE KEY: beside cgroup v1 there may be a v2 folder, whose cpu.stat has fewer keys
keyed()
{
        local path
        for path in $(jq -r '.cgroups[]?' "$T/state/$1/state.json"); do
                cat "$path/$2" "$path/$3" 2> /dev/null
        done | awk -v key="$4" '$1 == key { print $2; exit }'
}

# What the neighbour does in the meantime: it forks, has memory, opens files, writes to a tmpfs.
work='i=0; while [ $i -lt 10000 ]; do i=$((i + 1)); done'
work_us() # the fastest of three
{
        local n start took least=

        for n in 1 2 3; do
                start=${EPOCHREALTIME/./}
                rt exec neighbour sh -c "$work"
                took=$((${EPOCHREALTIME/./} - start))
                [ -n "$least" ] && [ "$took" -ge "$least" ] || least=$took
        done
        echo "$least"
}
neighbour_goes_on()
{
        run rt exec neighbour sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.01 & done; wait
                head -c 4000000 /dev/zero | tail -c 4000000 | wc -c
                head -c 1000000 /dev/zero > /dev/shm/mine && wc -c < /dev/shm/mine; rm /dev/shm/mine
                exec 3< /dev/null 4< /dev/null 5< /dev/null && echo open'
        want_rc 0
        want_out $'4000000\n1000000\nopen'
}
report() # NAME BEFORE-US
{
        local now=$(work_us)
        echo "# beside a $1 the neighbour takes $(awk "BEGIN { printf \"%.2f\", $now / $2 }") times as long" >> "$T/summary"
}

tmp='.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
# beside WAY WORDS REACHED: runs a bomb until it has reached its limit, and the neighbour beside it
beside()
{
        local alone

        trap 'rt delete --force bomb; rt delete --force neighbour' EXIT
        sh_bundle neighbour 'while :; do sleep 1000; done'
        rp run --detach --bundle "$B" neighbour < /dev/null > /dev/null 2>&1
        alone=$(work_us)
        bundle bomb "$tmp | .process.args = [\"/bomb\", \$way]" --arg way "$1"
        [ -e "$B/rootfs/bomb" ] || cp "$bomb" "$B/rootfs/bomb"
        rp run --detach --bundle "$B" bomb < /dev/null > "$T/bomb.out" 2>&1
        wait_for 120 $3
        neighbour_goes_on
        report "$2" "$alone"
        within
        want_same "$(status_of neighbour)" running
        run rt delete --force bomb
        want_rc 0
}

used_us()
{
        if value bomb cpuacct.usage > /dev/null 2>&1; then
                echo $(($(value bomb cpuacct.usage) / 1000))
        else
                keyed bomb cpu.stat cpu.stat usage_usec
        fi
}
within_quota()
{
        local used=$(used_us) periods=$(keyed bomb cpu.stat cpu.stat nr_periods)
        # Read in this order; what a CPU had taken of the quota and not used may be used in a later period.
        [ "$used" -le $((25000 * (periods + 4) * 3 / 2)) ] || fail "$used us in $periods periods of 25000 us"
}

within()
{
        local pid n_fds

        has_controller cpu && within_quota
        if has_controller pids; then
                [ "$(value bomb pids.current)" -le $PIDS ] || fail "$(value bomb pids.current) processes"
        fi
        if has_controller memory; then
                [ "$(value bomb memory.max_usage_in_bytes memory.peak)" -le $MEMORY ] || fail "more memory than $MEMORY"
        fi
        for pid in $(rt ps --format json bomb | jq '.[]?'); do
                n_fds=$(ls "/proc/$pid/fd" 2> /dev/null | wc -l)
                [ "$n_fds" -le $NOFILE ] || fail "process $pid has $n_fds open files"
        done
}

forks_no_more() { [ "$(keyed bomb pids.events pids.events max)" -gt 0 ]; }
fork_bomb() { wants pids; beside fork "fork bomb" forks_no_more; }
check "a fork bomb gets as many processes as its profile has, and the neighbour forks on" fork_bomb

# On cgroup v2 all of the bomb is killed (memory.oom.group), and its cgroup tells of it until it is deleted.
was_killed_for_memory() { [ "$(keyed bomb memory.oom_control memory.events oom_kill)" -gt 0 ]; }
memory_bomb() { wants memory; beside memory "memory bomb" was_killed_for_memory; }
check "a memory bomb is killed at its limit, and the neighbour has its memory" memory_bomb

opens_no_more() { [ "$(grep -c "^full" "$T/bomb.out")" = 4 ]; }
file_bomb()
{
        beside files "file descriptor bomb" opens_no_more
        want_same "$(sort -u "$T/bomb.out")" "full at $NOFILE: Too many open files"
}
check "a file descriptor bomb gets as many as its profile has for each process, and the neighbour opens files" file_bomb

tmpfs_bomb() { wants memory; beside tmpfs "tmpfs bomb" was_killed_for_memory; }
check "a tmpfs bomb gets as much as its profile has memory, and the neighbour writes to its own" tmpfs_bomb

was_throttled() { [ "$(keyed bomb cpu.stat cpu.stat nr_throttled)" -gt 3 ]; }
cpu_hog() { wants cpu; beside cpu "CPU hog of 16 processes" was_throttled; }
check "a CPU hog is held back by its profile's cpus, and the neighbour has its share" cpu_hog

cat "$T/summary" 2> /dev/null
finish
