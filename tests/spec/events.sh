#!/bin/bash
# events: statistics as runc prints them, of the very same cgroup; out of memory; bad input.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq

is_v2() { [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; }
has_memory() { is_v2 && grep -qw memory /sys/fs/cgroup/cgroup.controllers || grep -q ' - cgroup .*[, ]memory' /proc/self/mountinfo; }

# Both runtimes are given one cgroup, so that they read the same files.
same_as_runc()
{
        command -v runc > /dev/null || skip_case "runc is not installed"
        is_v2 && skip_case "runc 1.1 reads the controllers of a whole cgroup v2 only"
        local limits='.linux.cgroupsPath = "/both" | .linux.resources += {"memory": {"limit": 67108864}, "pids": {"limit": 50},
                "cpu": {"quota": 50000, "period": 100000}} | .process.args = ["/bin/sh", "-c", "dd if=/bin/busybox of=/tmp/f bs=64k; sync; sleep 1000"]'
        bundle other "$limits"
        runc --root "$T/runc" create --bundle "$B" other < /dev/null > /dev/null
        runc --root "$T/runc" start other
        bundle ours "$limits"
        rt create --bundle "$B" ours < /dev/null > /dev/null
        rt start ours
        sleep 2
        run rt events --stats ours
        want_rc 0
        want_err ""
        want_same "$(wc -l < "$T/out")" 1
        cp "$T/out" "$T/ours.json"
        runc --root "$T/runc" events --stats other > "$T/theirs.json"
        cat "$T/ours.json" "$T/theirs.json"
        # Not jq's equality: it rounds, and it does not see the order.
        want_same "$(sed 's/"id":"ours"/"id":"other"/' "$T/ours.json")" "$(cat "$T/theirs.json")"
        rt delete --force ours
        runc --root "$T/runc" delete --force other
}
check "the statistics are runc's, byte for byte" same_as_runc

on_v2()
{
        is_v2 || skip_case "cgroup v1"
        start_sleeper st
        run rt events --stats st
        want_rc 0
        jq . "$T/out"
        want_same "$(jq -r '.type, .id' "$T/out" | xargs)" "stats st"
        want_same "$(jq -c '.data | keys_unsorted' "$T/out")" \
                '["cpu","cpuset","memory","pids","blkio","hugetlb","intel_rdt","network_interfaces"]'
        want_other "$(jq .data.cpu.usage.total "$T/out")" null
        local path
        path=$(jq -r '.cgroups[0]' "$T/state/st/state.json")
        if [ -e "$path/hugetlb.2MB.max" ]; then want_same "$(jq -c '.data.hugetlb."2MB"' "$T/out")" '{"failcnt":0}'; fi
        if [ -e "$path/pids.max" ]; then want_same "$(jq -c .data.pids.current "$T/out")" 1; fi
        if [ -e "$path/cpu.pressure" ]; then
                want_same "$(jq -c '.data.cpu.psi.some | keys_unsorted' "$T/out")" '["avg10","avg60","avg300","total"]'
        fi
        rt delete --force st
}
check "on cgroup v2 the same members tell what its files tell, pressure too" on_v2

stream()
{
        start_sleeper sm
        "$RUNB" --root "$T/state" events --interval 100ms sm > "$T/stream" 2> "$T/stream.err" &
        local pid=$!
        wait_for 10 sh -c "[ \$(wc -l < '$T/stream') -ge 3 ]"
        rt kill sm KILL
        # go-runc reads to the end of the stream.
        wait_for 5 sh -c "! kill -0 $pid"
        wait $pid
        want_same "$(jq -r .type "$T/stream" | sort -u)" stats
        want_same "$(cat "$T/stream.err")" ""
        rt delete --force sm
}
check "statistics come at each interval and end with the container" stream

oom()
{
        has_memory || skip_case "no memory controller"
        is_v2 && skip_case "cgroup v2's memory controller is v1's here"
        bundle oom '.linux.resources.memory = {"limit": 16777216, "swap": 16777216} |
                .process.args = ["/bin/sh", "-c", "read go < /go; dd if=/dev/zero of=/dev/null bs=64M count=1 & wait $!; echo dead; sleep 1000"]'
        mkfifo "$B/rootfs/go"
        chmod 666 "$B/rootfs/go"
        rt create --bundle "$B" oom < /dev/null > "$T/oom.out" 2>&1
        rt start oom
        "$RUNB" --root "$T/state" events --interval=1h oom > "$T/oom.events" &
        local pid=$!
        wait_for 5 sh -c "ls -l /proc/$pid/fd | grep -q eventfd"
        echo go > "$B/rootfs/go"
        wait_for 20 grep -q dead "$T/oom.out"
        wait_for 5 test -s "$T/oom.events"
        want_same "$(sort -u "$T/oom.events")" '{"type":"oom","id":"oom"}'
        # Also where it was the last thing that the container did.
        rt delete --force oom
        wait $pid
}
check "each time that memory runs out is an event" oom

bad_input()
{
        local value
        start_sleeper bi
        for value in bad 5 "" 5x 1h5 . s -; do
                run rt events --interval "$value" bi
                want_rc 1
                want_err_has "invalid value \"$value\" for flag -interval"
        done
        for value in 0 0s -5s -1h; do
                run rt events --interval="$value" bi
                want_rc 1
                want_err_has "duration interval must be greater than 0"
        done
        run rt events --stats --interval bad bi
        want_rc 1
        run rt events nobody
        want_rc 1
        want_err_has "container does not exist"
        run rt events
        want_rc 1
        run rt events bi other
        want_rc 1
        rt kill bi KILL
        wait_for 5 has_status bi stopped
        run rt events bi
        want_rc 1
        want_err_has "container with id bi is not running"
        run rt events --stats bi
        want_rc 1
        want_err_has "container with id bi is not running"
        rt delete --force bi
}
check "bad durations, unknown and stopped containers are told in one line" bad_input

durations()
{
        local value
        start_sleeper du
        for value in .5s 500ms 1h1m1.5ms 500000us 500000000ns +1s 2µs; do
                run timeout 2 "$RUNB" --root "$T/state" events --stats --interval "$value" du
                want_rc 0
        done
        rt delete --force du
}
check "every spelling of a duration that Go takes is taken" durations

disabled()
{
        bundle dc '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$T/state" --cgroup-manager disabled create --bundle "$B" dc < /dev/null > /dev/null 2>&1
        rt start dc
        run rt events --stats dc
        want_rc 0
        want_same "$(jq -c .data.cpu "$T/out")" '{"usage":{"kernel":0,"user":0},"throttling":{}}'
        rt delete --force dc
}
check "a container without a cgroup has zeros" disabled
finish
