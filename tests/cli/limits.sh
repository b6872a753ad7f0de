#!/bin/bash
# pause, resume, ps and update on containers, beyond what engines do every day.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq

# The value of a file of the container's cgroup, v1's name or v2's
limit() # ID V1-NAME [V2-NAME]
{
        local path
        for path in $(jq -r '.cgroups[]?' "$T/state/$1/state.json"); do
                cat "$path/$2" 2> /dev/null && return
                [ $# -gt 2 ] && cat "$path/$3" 2> /dev/null && return
        done
        fail "no $2 in a cgroup of $1"
}
has_controller() { grep -q " - cgroup .*[, ]$1" /proc/self/mountinfo || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2> /dev/null; }

pause_created()
{
        bundle cr '.process.args = ["/bin/sh", "-c", "echo ran; sleep 1000"]'
        rt create --bundle "$B" cr < /dev/null > "$T/cr.out" 2>&1
        run rt resume cr
        want_rc 1
        want_err "container not paused"
        run rt pause cr
        want_rc 0
        want_out ""
        want_err ""
        want_same "$(status_of cr)" paused
        run rt pause cr
        want_rc 1
        want_err "container not running"
        run rt resume cr
        want_rc 0
        want_same "$(status_of cr)" created
        rt start cr
        wait_for 60 grep -q ran "$T/cr.out"
        rt delete --force cr
}
check "a created container pauses, resumes and starts; a paused one does not pause again" pause_created

pause_many()
{
        sh_bundle many 'i=0; while [ $i -lt 50 ]; do (while :; do :; done) & i=$((i+1)); done; wait'
        rt create --bundle "$B" many < /dev/null > /dev/null 2>&1
        rt start many
        wait_for 60 sh -c "[ \$('$RUNB' --root '$T/state' ps -f json many | jq length) -ge 51 ]"
        for i in 1 2 3 4 5; do
                rt pause many
                want_same "$(status_of many)" paused
                rt resume many
                want_same "$(status_of many)" running
        done
        rt pause many
        rt delete --force many
}
check "fifty busy processes pause and resume, and are deleted while paused" pause_many

ps_edges()
{
        start_sleeper e
        run rt ps -f yaml e
        want_rc 1
        want_err_has 'invalid format option "yaml"'
        run rt ps nobody
        want_rc 1
        want_err_has "container does not exist"
        run rt ps e -o comm
        want_rc 1
        want_err_has "couldn't find PID field in ps output"
        run rt ps e --nonsense
        want_rc 1
        want_err_has "ps(1) failed with exit status"
        run rt ps e -eo pid,comm
        want_rc 0
        want_same "$(wc -l < "$T/out")" 2
        rt kill e KILL
        wait_for 60 has_status e stopped
        wait_for 60 sh -c "[ \"\$('$RUNB' --root '$T/state' ps -f json e)\" = null ]"
        rt delete e
}
check "ps says null of a stopped container, and what is wrong with its options" ps_edges

update_refusals()
{
        start_sleeper u
        run rt update --resources "$T/none.json" u
        want_rc 1
        want_err_has "none.json"
        echo '{"pids":' > "$T/bad.json"
        run rt update --resources "$T/bad.json" u
        want_rc 1
        echo '{"pids":{"limit":"5"}}' > "$T/bad.json"
        run rt update --resources "$T/bad.json" u
        want_rc 1
        want_err_has "pids.limit"
        run rt update --memory 12parsecs u
        want_rc 1
        want_err_has "invalid value for memory"
        run rt update --cpu-share=-5 u
        want_rc 1
        want_err_has "invalid value for cpu-share"
        run rt update --blkio-weight 5 u
        want_rc 1
        want_err_has "not in 10..1000"
        run rt update --kernel-memory 64M --kernel-memory-tcp=64M u
        want_rc 0
        want_err_has "Kernel memory settings are ignored"
        run rt update --l3-cache-schema x u
        want_rc 1
        run rt update nobody --pids-limit 5
        want_rc 1
        want_err_has "container does not exist"
        rt kill u KILL
        wait_for 60 has_status u stopped
        run rt update --pids-limit 5 u
        want_rc 1
        want_err "container not running"
        rt delete u
}
check "update says what it cannot read, and refuses what has ended" update_refusals

update_policy()
{
        has_controller pids || skip_case "needs the pids controller"
        start_sleeper p '.linux.resources.pids.limit = 50'
        want_same "$(limit p pids.max)" 50
        rt update --pids-limit 100000 p
        want_same "$(limit p pids.max)" 4096
        rt update --pids-limit -1 p
        want_same "$(limit p pids.max)" 4096
        rt update --pids-limit 60 p
        rt update --pids-limit 0 p
        want_same "$(limit p pids.max)" 60
        # Device rules are create's: this would open every device of the host.
        before=$(limit p devices.list 2> /dev/null || true)
        echo '{"devices":[{"allow":true,"access":"rwm"}],"pids":{"limit":70}}' | rt update --resources - p
        want_same "$(limit p pids.max)" 70
        want_same "$(limit p devices.list 2> /dev/null || true)" "$before"
        rt delete --force p
}
check "update raises a limit up to the profile's and no further, and opens no device" update_policy

update_kept()
{
        has_controller memory || skip_case "needs the memory controller"
        start_sleeper k '.linux.resources.memory.limit = 67108864'
        rt update --memory 128m --memory-swap 256MiB --cpu-share 512 k
        want_same "$(limit k memory.limit_in_bytes memory.max)" 134217728
        jq -e '.memory.limit == 134217728 and .memory.swap == 268435456 and .cpu.shares == 512' "$T/state/k/resources.json"
        rt update --cpu-quota 50000 --cpu-period 100000 k
        jq -e '.memory.limit == 134217728 and .cpu.shares == 512 and .cpu.quota == 50000' "$T/state/k/resources.json"
        run rt update --memory 256m --memory-swap 512m --cpuset-cpus 4000 k
        want_rc 1
        want_err_has "linux.resources.cpu.cpus: write 4000 to "
        want_same "$(limit k memory.limit_in_bytes memory.max)" 134217728
        jq -e '.memory.limit == 134217728' "$T/state/k/resources.json"
        rt delete --force k
}
check "update keeps what it set, and nothing of what was refused" update_kept

update_full_disk()
{
        has_controller pids || skip_case "needs the pids controller"
        mkdir -p "$T/small"
        mount -t tmpfs -o size=256k none "$T/small"
        trap '"$RUNB" --root "$T/small/state" delete --force fu; umount "$T/small"' EXIT
        bundle fu '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$T/small/state" run --detach --bundle "$B" fu < /dev/null > /dev/null 2>&1
        local path
        for path in $(jq -r '.cgroups[]?' "$T/small/state/fu/state.json"); do [ ! -e $path/pids.max ] || break; done
        "$RUNB" --root "$T/small/state" update --pids-limit 100 fu
        want_same "$(cat $path/pids.max)" 100
        head -c 1000000 /dev/zero > "$T/small/full" || :
        run "$RUNB" --root "$T/small/state" update --pids-limit 50 fu
        want_rc 1
        want_err_has "no space left on device"
        want_same "$(cat $path/pids.max)" 100
        want_same "$(find "$T/small" -name '*.new')" ""
        rm "$T/small/full"
        run "$RUNB" --root "$T/small/state" update --pids-limit 50 fu
        want_rc 0
        want_same "$(cat $path/pids.max)" 50
}
check "where the disk is full an update changes nothing" update_full_disk

# Not like the zeros of limits and weights, which mean "leave as it is".
update_zero()
{
        has_controller cpu || skip_case "needs the cpu controller"
        start_sleeper ze
        limit ze cpu.idle > /dev/null || skip_case "this kernel has no cpu.idle"
        trap 'rt delete --force ze' EXIT
        run rt update --cpu-idle 1 ze
        want_rc 0
        want_same "$(limit ze cpu.idle)" 1
        run rt update --cpu-idle 0 ze
        want_rc 0
        want_same "$(limit ze cpu.idle)" 0
        run rt update --cpu-quota 50000 --cpu-burst 10000 ze
        want_rc 0
        want_same "$(limit ze cpu.cfs_burst_us cpu.max.burst)" 10000
        echo '{"cpu": {"burst": 0}}' > "$T/ze.json"
        run rt update --resources "$T/ze.json" ze
        want_rc 0
        want_same "$(limit ze cpu.cfs_burst_us cpu.max.burst)" 0
}
check "a zero for cpu.idle or cpu.burst is a value, by itself, too" update_zero

update_oom_killer()
{
        [ -d /sys/fs/cgroup/memory ] || skip_case "needs the memory controller of cgroup v1"
        start_sleeper oo
        trap 'rt delete --force oo' EXIT
        local word
        for word in true false; do
                echo "{\"memory\": {\"disableOOMKiller\": $word}}" > "$T/oo.json"
                run rt update --resources "$T/oo.json" oo
                want_rc 0
                want_same "$(limit oo memory.oom_control | head -n 1)" "oom_kill_disable $([ $word = true ] && echo 1 || echo 0)"
        done
}
check "update turns the OOM killer of cgroup v1 off, and on again" update_oom_killer

update_below_usage()
{
        has_controller memory || skip_case "needs the memory controller"
        sh_bundle use 'head -c 40000000 /dev/zero > /tmp/x; echo full; sleep 1000'
        jq '.linux.resources.memory = {"limit": 134217728, "swap": 134217728} |
            .mounts += [{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}]' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        rt create --bundle "$B" use < /dev/null > "$T/use.out" 2>&1
        rt start use
        wait_for 60 grep -q full "$T/use.out"
        run rt update --memory 4m --memory-swap 134217728 use
        if [ -d /sys/fs/cgroup/memory ] && [ "$(swapon --noheadings | wc -l)" = 0 ]; then
                want_rc 1
                want_err_has "unable to set memory limit to 4194304 (current usage: "
                want_same "$(limit use memory.limit_in_bytes)" 134217728
        fi
        want_same "$(status_of use)" running
        rt delete --force use
}
check "a limit below the usage names both and changes nothing" update_below_usage

bomb()
{
        sh_bundle bomb ':; f() { f | f & }; f; sleep 1000'
        jq '.linux.resources.pids.limit = 200' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        has_controller pids || skip_case "needs the pids controller"
        rt create --bundle "$B" bomb < /dev/null > /dev/null 2>&1
        rt start bomb
        sleep 0.5
        rt pause bomb
        rt resume bomb
        rt delete --force bomb
        run rt state bomb
        want_err_has "does not exist"
}
check "a fork bomb is paused, resumed and deleted" bomb

paths()
{
        bundle pa '.linux.cgroupsPath = "/../../../t"'
        run rt create --bundle "$B" pa
        want_rc 1
        want_err_has "\"..\""
        bundle pa '.linux.cgroupsPath = "/"'
        run rt create --bundle "$B" pa
        want_rc 1
        want_err_has 'is the root of the hierarchy'
        run rt state pa
        want_err_has "does not exist"
        start_sleeper pb '.linux.cgroupsPath = "//deep/./er///pb/"'
        jq -e '[.cgroups[] | endswith("/deep/er/pb")] | all' "$T/state/pb/state.json"
        rt delete --force pb
        find /sys/fs/cgroup -depth -type d -path '*/deep*' -exec rmdir {} +
}
check "a cgroup path is normalised; one that climbs or is the root is refused" paths

megabyte()
{
        has_controller memory || skip_case "needs the memory controller"
        bundle mb '.process.args = ["/bin/true"] | .linux.resources.memory.limit = 1048576'
        run rt run --bundle "$B" mb
        want_rc 0
}
check "a container lives in one megabyte of memory" megabyte

# Each is refused at create by a line that names it; nothing is left (the end of this file looks).
unfit()
{
        local pair what

        has_controller memory || skip_case "needs the memory controller"
        for pair in '.memory.limit = 1|memory.limit: 1 bytes are too few' \
                    '.memory.limit = 4096|memory.limit: 4096 bytes are too few' \
                    '.memory.limit = -5|memory.limit: -5 is out of range' \
                    '.memory.limit = 9223372036854775808|memory.limit: 92233720368547' \
                    '.memory = {limit: 1000000, swap: 5}|memory.swap: memory+swap limit 5 should be >= memory limit' \
                    '.memory.reservation = -7|memory.reservation: -7 is out of range' \
                    '.pids.limit = 9223372036854775808|pids.limit' \
                    '.cpu.quota = 500|cpu.quota: write 500' \
                    '.cpu.period = 1|cpu.period: write 1' \
                    '.cpu.period = -1|cpu.period: -1 is out of range' \
                    '.cpu.shares = -1|cpu.shares: -1 is out of range' \
                    '.cpu.cpus = "77"|cpu.cpus: write 77' \
                    '.blockIO.weight = 5|blockIO.weight: 5 is out of range' \
                    '.hugepageLimits = [{pageSize: "2MB", limit: -5}]|hugepageLimits[0].limit: -5 is out of range'; do
                what=${pair%%|*}
                case $what in
                .cpu.cpus*) has_controller cpuset || continue;;
                .cpu*) has_controller cpu || continue;;
                esac
                bundle un ".process.args = [\"/bin/true\"] | .linux.resources$what"
                run rt create --bundle "$B" un
                want_rc 1
                want_err_has "linux.resources.${pair#*|}"
                want_same "$(echo "$err" | wc -l)" 1
                run rt state un
                want_err_has "does not exist"
        done
}
check "limits below what can start, negative or overflowing ones are refused by name, and leave nothing" unfit

# What the runtime itself opens on the way does not count.
few_files()
{
        local n

        for n in 0 3 5 20; do
                bundle ff '.process.args = ["/bin/sh", "-c", "ulimit -n; ulimit -Hn"] | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: $n, hard: ($n + 1)}]' --argjson n $n
                run rt run --bundle "$B" ff
                want_rc 0
                want_out "$n"$'\n'"$((n + 1))"
                rt create --bundle "$B" ff < /dev/null > "$T/ff.out" 2>&1
                rt start ff
                wait_for 60 has_status ff stopped
                want_same "$(cat "$T/ff.out")" "$n"$'\n'"$((n + 1))"
                rt delete ff
        done
}
check "a limit of a few files is none on the way there" few_files

runtime_megabyte()
{
        local folder=/sys/fs/cgroup file=memory.max n

        has_controller memory || skip_case "needs the memory controller"
        [ -d /sys/fs/cgroup/memory ] && folder=/sys/fs/cgroup/memory file=memory.limit_in_bytes
        bundle rm '.process.args = ["/bin/true"]'
        # The first start compiles the filter, for which any later one needs no memory.
        rt run --bundle "$B" rm0
        # Of it about 250 KiB are the runtime's and its init's, and 400 to 450 KiB the kernel's for them and the namespaces, which
        # go some time after the container: each has a megabyte of its own.
        for n in $(seq 1 20); do
                rc=0
                mkdir "$folder/small$n"
                echo 1048576 > "$folder/small$n/$file"
                (echo $BASHPID > "$folder/small$n/cgroup.procs"; exec "$RUNB" --root "$T/state" run --bundle "$B" rm$n) || rc=$?
                [ $rc = 0 ] || break
        done
        [ $rc = 0 ] || rt delete --force rm$n
        rmdir "$folder"/small*
        want_rc 0
}
check "the runtime itself lives in one megabyte of memory" runtime_megabyte

# cgroups(7), "Thread mode": below a threaded domain a new cgroup takes no process until it is threaded, too, and holds no memory.
threaded()
{
        local root=/sys/fs/cgroup

        [ -e $root/cgroup.controllers ] || skip_case "needs cgroup v2 alone"
        mkdir -p $root/domain/thread
        trap 'rt delete --force th; rmdir /sys/fs/cgroup/domain/thread /sys/fs/cgroup/domain' EXIT
        echo threaded > $root/domain/thread/cgroup.type
        want_same "$(cat $root/domain/cgroup.type)" "domain threaded"
        bundle th '.process.args = ["/bin/sleep", "600"] | .linux.cgroupsPath = "/domain/mine" | .linux.resources.memory.limit = 100000000'
        run rt run --detach --bundle "$B" th
        want_rc 1
        want_err_has 'linux.resources: cgroup /sys/fs/cgroup/domain is in "domain threaded" mode, in which memory'
        [ ! -e $root/domain/mine ] || fail "the refused container's cgroup is there"
        bundle th '.process.args = ["/bin/sleep", "600"] | .linux.cgroupsPath = "/domain/mine" | del(.linux.resources)'
        run rt run --detach --bundle "$B" th
        want_rc 0
        want_same "$(cat $root/domain/mine/cgroup.type)" threaded
        grep -qx "$(jq .initPid "$T/state/th/state.json")" $root/domain/mine/cgroup.threads
        run rt ps --format json th
        want_rc 0
        run rt exec th true
        want_rc 0
        run rt delete --force th
        want_rc 0
        [ ! -e $root/domain/mine ] || fail "the cgroup is there"
}
check "below a threaded cgroup a container is threaded, too, and a limit that needs a domain is refused by name" threaded

shared()
{
        start_sleeper s1 '.linux.cgroupsPath = "/shared"'
        start_sleeper s2 '.linux.cgroupsPath = "/shared"'
        rt delete --force s1
        sleep 0.2
        want_same "$(status_of s2)" running
        rt delete --force s2
        [ -z "$(find /sys/fs/cgroup -type d -name shared)" ] || fail "the shared cgroup is still there"
}
check "two containers of one cgroup path end one by one" shared

finish
