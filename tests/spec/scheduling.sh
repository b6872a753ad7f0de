#!/bin/bash
# process.scheduler, ioPriority and execCPUAffinity (runtime-spec 1.3, config.md "Linux Process"). What no build may have,
# the real-time classes, is applied by tests/sandbox/scheduling.c.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq python3
is_runb || skip_all "runc has these since 1.2"
renice -n 0 -p $$ > /dev/null   # whoever runs the tests may have lowered it

findings()
{
        jq -r --arg p "$2" '.findings[] | select(.property == $p) | "\(.asked) -> \(.got)"' "$T/state/$1/state.json"
}
stat='cut -d" " -f19,40,41 /proc/self/stat'      # nice, rt_priority, policy

schedulers()
{
        in_container s1 '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}' "$stat"
        want_out "5 0 3"
        in_container s2 '.process.scheduler = {policy: "SCHED_IDLE"}' "$stat"
        want_out "0 0 5"
        in_container s3 '.process.scheduler = {policy: "SCHED_BATCH", nice: 19, flags: ["SCHED_FLAG_KEEP_POLICY"]}' "$stat"
        want_out "19 0 0"
        in_container s4 '.process.scheduler = {policy: "SCHED_OTHER", nice: 19}' "$stat"
        want_out "19 0 0"
        (renice -n 4 $BASHPID > /dev/null; in_container s5 'del(.process.scheduler)' "$stat"; want_out "4 0 0")
}
check "policy, nice value and flags are the program's; without the member the caller's stay" schedulers

real_time()
{
        local policy
        for policy in '"SCHED_FIFO", priority: 5' '"SCHED_RR", priority: 99' \
                '"SCHED_DEADLINE", runtime: 1000000, deadline: 20000000, period: 40000000'; do
                start_sleeper rt ".process.scheduler = {policy: $policy}"
                want_same "$(findings rt process.scheduler)" "a real-time policy -> SCHED_OTHER"
                run rt exec rt sh -c "$(echo "$stat" | sed s/self/1/)"
                want_out "0 0 0"
                rt delete --force rt
        done
        start_sleeper rt2 '.process.scheduler = {policy: "SCHED_OTHER", nice: -10} | .process.ioPriority = {class: "IOPRIO_CLASS_RT", priority: 0}'
        want_same "$(findings rt2 process.scheduler.nice)" "-10 -> 0"
        want_same "$(findings rt2 process.ioPriority)" "IOPRIO_CLASS_RT -> the default"
        run rt exec rt2 sh -c "$(echo "$stat" | sed s/self/1/); ionice -p 1"
        want_out "0 0 0
none: prio 0"
        rt delete --force rt2
}
check "a build gets no real-time policy, no negative nice value and no real-time I/O, with a finding" real_time

invalid()
{
        refused i1 '.process.scheduler = {policy: "SCHED_FAST"}' 'process.scheduler.policy: "SCHED_FAST"'
        refused i2 '.process.scheduler = {}' 'process.scheduler.policy'
        refused i3 '.process.scheduler = {policy: "SCHED_ISO"}' 'process.scheduler.policy: no Linux has SCHED_ISO'
        refused i4 '.process.scheduler = {policy: "SCHED_OTHER", priority: 5}' 'process.scheduler.priority: only SCHED_FIFO and SCHED_RR have one'
        refused i5 '.process.scheduler = {policy: "SCHED_FIFO", priority: 100}' 'process.scheduler.priority: 100 is out of range (1 to 99)'
        refused i6 '.process.scheduler = {policy: "SCHED_OTHER", nice: 20}' 'process.scheduler.nice: 20 is out of range'
        refused i7 '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"]}' 'process.scheduler.flags[0]: "SCHED_FLAG_X"'
        refused i8 '.process.scheduler = {policy: "SCHED_OTHER", period: 5}' 'only SCHED_DEADLINE has runtime, deadline and period'
        refused i9 '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 5, deadline: 4}' 'runtime <= deadline <= period'
        refused i10 '.process.ioPriority = {class: "IOPRIO_CLASS_NONE", priority: 0}' 'process.ioPriority.class: "IOPRIO_CLASS_NONE"'
        refused i11 '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}' 'process.ioPriority.priority: 8 is out of range'
        refused i12 '.process.execCPUAffinity = {final: "1-0"}' 'process.execCPUAffinity.final: "1-0" is not a list of processors'
        refused i13 '.process.execCPUAffinity = {initial: "a"}' 'process.execCPUAffinity.initial: "a" is not a list of processors'
}
check "values outside the specification are refused by name" invalid

io_priority()
{
        in_container io1 '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}' 'ionice -p $$'
        want_out "best-effort: prio 6"
        in_container io2 '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}' 'ionice -p $$'
        want_out idle
        in_container io3 . 'ionice -p $$'
        want_out "none: prio 0"
}
check "I/O classes and priorities are the program's" io_priority

cpus() { awk '/Cpus_allowed_list/ { print $2 }' "$@"; }

affinity()
{
        [ "$(nproc --all)" -ge 2 ] || skip_case "needs two processors"
        local all
        all=$(cpus /proc/self/status)
        local show='awk "/Cpus_allowed_list/ { print \$2 }" /proc/self/status'
        start_sleeper af '.process.execCPUAffinity = {initial: "0", final: "1"}'
        want_same "$(cpus "/proc/$(cat "$T/af.pid")/status")" "$all"
        run rt exec af sh -c "$show"
        want_out 1
        # A process.json that says nothing has the container's, one that says something its own.
        jq -n --arg c "$show" '{cwd: "/", args: ["sh", "-c", $c], env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" af
        want_out 1
        jq '.execCPUAffinity = {final: "0"}' "$T/p.json" > "$T/p2.json"
        run rt exec --process "$T/p2.json" af
        want_out 0
        # Without a final one the kernel decides, by where the process came from.
        jq '.execCPUAffinity = {initial: "1"}' "$T/p.json" > "$T/p3.json"
        run rt exec --process "$T/p3.json" af
        want_match "$out" '^1$|^0'
        jq '.execCPUAffinity = {initial: "8000"}' "$T/p.json" > "$T/p4.json"
        run rt exec --process "$T/p4.json" af
        want_failure
        want_err_has 'process.execCPUAffinity.initial: "8000": sched_setaffinity: invalid argument'
        jq '.execCPUAffinity = {final: "8000"}' "$T/p.json" > "$T/p5.json"
        run rt exec --process "$T/p5.json" af
        want_failure
        want_err_has 'process.execCPUAffinity.final: none of the processors "8000" is in the container'
        rt delete --force af
}
check "execCPUAffinity is for exec, not for init: the final processors are the program's" affinity

initial_affinity() # the runtime itself runs there before the cgroup is joined
{
        [ "$(nproc --all)" -ge 2 ] || skip_case "needs two processors"
        start_sleeper ia
        jq -n '{cwd: "/", args: ["sleep", "1000"], env: ["PATH=/bin"], user: {uid: 0, gid: 0}, execCPUAffinity: {initial: "1", final: "0"}}' > "$T/p.json"
        rt exec --process "$T/p.json" --pid-file "$T/ia.exec" ia < /dev/null > /dev/null 2>&1 &
        local runtime=$!
        wait_for 5 test -s "$T/ia.exec"
        want_same "$(cpus "/proc/$(cat "$T/ia.exec")/status")" 0
        # rt is a function: the runtime is the subshell's child.
        want_same "$(cpus "/proc/$(awk '/^PPid/ { print $2 }' "/proc/$(cat "$T/ia.exec")/status")/status")" 1
        rt delete --force ia
        wait $runtime || true
}
check "the runtime's own process runs on the initial processors" initial_affinity

exec_takes_over()
{
        start_sleeper xs '.process.scheduler = {policy: "SCHED_BATCH", nice: 6} | .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 7}'
        run rt exec xs sh -c "$stat; ionice -p \$\$"
        want_out "6 0 3
best-effort: prio 7"
        jq -n --arg c "$stat; ionice -p \$\$" '{cwd: "/", args: ["sh", "-c", $c], env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" xs
        want_out "6 0 3
best-effort: prio 7"
        jq '.scheduler = {policy: "SCHED_IDLE"} | .ioPriority = {class: "IOPRIO_CLASS_IDLE"}' "$T/p.json" > "$T/p2.json"
        run rt exec --process "$T/p2.json" xs
        want_out "0 0 5
idle"
        jq '.scheduler = {policy: "SCHED_FIFO", priority: 3}' "$T/p.json" > "$T/p3.json"
        run rt exec --process "$T/p3.json" xs
        want_out_has "0 0 0"
        rt delete --force xs
}
check "exec has its process.json's scheduler and I/O priority, else the container's, judged alike" exec_takes_over

finish
