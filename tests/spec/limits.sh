#!/bin/bash
# process.rlimits and process.oomScoreAdj (runtime-spec 1.3, config.md "POSIX process", "Linux Process").
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq python3

finding()
{
        jq -r --arg p "$2" '.findings[] | select(.property == $p) | "\(.asked) -> \(.got)"' "$T/state/$1/state.json"
}

# The caller of these tests may have no CAP_SYS_RESOURCE: values below its own limits.
every_type()
{
        local types='{"AS":["Max address space",2000000000],"CPU":["Max cpu time",500],"DATA":["Max data size",2000000000],
                "FSIZE":["Max file size",1000000],"LOCKS":["Max file locks",77],"MEMLOCK":["Max locked memory",65536],
                "MSGQUEUE":["Max msgqueue size",4096],"NOFILE":["Max open files",64],"NPROC":["Max processes",777],
                "RSS":["Max resident set",1000000],"RTTIME":["Max realtime timeout",5000],
                "SIGPENDING":["Max pending signals",99],"STACK":["Max stack size",1048576]}' type label value
        bundle every '.process.args = ["cat", "/proc/self/limits"] |
                .process.rlimits = [$t | to_entries[] | {type: "RLIMIT_\(.key)", soft: (.value[1] - 1), hard: .value[1]}]' --argjson t "$types"
        run rt run --bundle "$B" every
        want_rc 0
        jq -r 'to_entries[] | "\(.key) \(.value[1]) \(.value[0])"' <<< "$types" > "$T/types"
        while read -r type value label; do
                grep -Eq "^$label +$((value - 1)) +$value( |\$)" "$T/out" || fail "RLIMIT_$type is not $((value - 1)):$value" || return 1
        done < "$T/types"
}
check "each limit is seen inside, soft and hard: a file limit of 63 and 64 among them" every_type

unlimited()
{
        bundle inf '.process.args = ["/bin/sh", "-c", "ulimit -f; ulimit -Hf"] |
                .process.rlimits = [{type: "RLIMIT_FSIZE", soft: 4096, hard: 0}]'
        # jq would round the number.
        sed -i 's/"hard": 0/"hard": 18446744073709551615/' "$B/config.json"
        run rt run --bundle "$B" inf
        want_out "8
unlimited"
        in_container inherit '.process.rlimits = []' 'ulimit -n; ulimit -Hn'
        want_out "$(ulimit -n)
$(ulimit -Hn)"
}
check "2^64 - 1 is no limit, and one that is not named is the caller's" unlimited

invalid()
{
        is_runb || skip_case "other words"
        refused dup '.process.rlimits = [{type: "RLIMIT_CPU", soft: 1, hard: 2}, {type: "RLIMIT_CPU", soft: 1, hard: 2}]' \
                'process.rlimits: RLIMIT_CPU is given twice'
        refused unknown '.process.rlimits = [{type: "RLIMIT_FOO", soft: 1, hard: 2}]' 'process.rlimits[0].type: "RLIMIT_FOO"'
        refused above '.process.rlimits = [{type: "RLIMIT_CPU", soft: 3, hard: 2}]' 'process.rlimits[0].soft: 3 is above the hard limit of 2'
        refused half '.process.rlimits = [{type: "RLIMIT_CPU", soft: 3}]' 'process.rlimits[0].hard'
        refused negative '.process.rlimits = [{type: "RLIMIT_CPU", soft: -1, hard: 2}]' 'process.rlimits[0].soft'
}
check "a type given twice, an unknown one and a soft limit above the hard one are refused by name" invalid

# setpriv drops the capability where the machine has it.
raised()
{
        is_runb || skip_case "other words"
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        bundle raised '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 64, hard: 5000}]'
        ulimit -n 4000
        run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$RUNB" --root "$T/state" create --bundle "$B" raised
        want_rc 1
        want_err_has "process.rlimits: error setting rlimit type RLIMIT_NOFILE to soft 64, hard 5000: the runtime's caller has a hard limit of 4000 and no CAP_SYS_RESOURCE to raise it"
        want_same "$(rt list -q)" ""
}
check "a limit above the caller's, without CAP_SYS_RESOURCE, is an error with both numbers" raised

core()
{
        is_runb || skip_case "policy"
        # core(5): with a piped core_pattern 0 still runs the host's helper, and 1 does not.
        start_sleeper core '.process.rlimits = [{type: "RLIMIT_CORE", soft: 5000, hard: 5000}]'
        want_same "$(finding core 'process.rlimits (RLIMIT_CORE)')" "5000:5000 -> 1"
        run rt exec core grep "core file" /proc/self/limits
        want_match "$out" 'Max core file size +1 +1 '
        run rt exec core grep "core file" /proc/1/limits
        want_match "$out" 'Max core file size +1 +1 '
        rt delete --force core
}
check "a core is one byte at most, for init and for exec" core

priority_limits()
{
        is_runb || skip_case "policy"
        start_sleeper prio '.process.rlimits = [{type: "RLIMIT_RTPRIO", soft: 0, hard: 0}, {type: "RLIMIT_NICE", soft: 0, hard: 0}]'
        want_same "$(finding prio 'process.rlimits (RLIMIT_NICE)')" ""
        want_same "$(finding prio 'process.rlimits (RLIMIT_RTPRIO)')" ""
        rt delete --force prio
        start_sleeper prio2 '.process.rlimits = [{type: "RLIMIT_RTPRIO", soft: 50, hard: 99}, {type: "RLIMIT_NICE", soft: 10, hard: 40}]'
        want_same "$(finding prio2 'process.rlimits (RLIMIT_RTPRIO)')" "50:99 -> 0"
        want_same "$(finding prio2 'process.rlimits (RLIMIT_NICE)')" "10:40 -> 0"
        run rt exec prio2 grep -E "nice|realtime priority" /proc/self/limits
        want_match "$out" 'Max nice priority +0 +0 '
        want_match "$out" 'Max realtime priority +0 +0 '
        rt delete --force prio2
}
check "limits that let a build take a real-time policy or a negative nice value are lowered with a finding" priority_limits

of_exec()
{
        start_sleeper ofx '.process.rlimits = [{type: "RLIMIT_CPU", soft: 64, hard: 128}] | .process.oomScoreAdj = 77'
        run rt exec ofx sh -c 'ulimit -t; ulimit -Ht; cat /proc/self/oom_score_adj'
        want_out "64
128
77"
        echo '{"cwd": "/", "args": ["sh", "-c", "ulimit -t; cat /proc/self/oom_score_adj"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" ofx
        # runc since 1.2; before, the caller's.
        is_runb && want_out "64
77"
        jq '.rlimits = [{type: "RLIMIT_CPU", soft: 50, hard: 60}]' "$T/p.json" > "$T/p2.json"
        run rt exec --process "$T/p2.json" ofx
        want_out "50
77"
        rt delete --force ofx
}
check "exec has the container's limits and score where its process.json names none" of_exec

oom_score()
{
        local ours
        ours=$(cat /proc/self/oom_score_adj)
        in_container oom1 '.process.oomScoreAdj = 321' 'cat /proc/self/oom_score_adj'
        want_out 321
        in_container oom2 '.process.oomScoreAdj = 1000' 'cat /proc/self/oom_score_adj'
        want_out 1000
        in_container oom3 'del(.process.oomScoreAdj)' 'cat /proc/self/oom_score_adj'
        want_out "$ours"
        (echo 123 > /proc/self/oom_score_adj || echo 123 > /proc/$BASHPID/oom_score_adj
         in_container oom4 'del(.process.oomScoreAdj)' 'cat /proc/self/oom_score_adj'
         want_out 123)
        is_runb || return 0
        refused oom5 '.process.oomScoreAdj = 1001' 'process.oomScoreAdj: 1001 is out of range'
        refused oom6 '.process.oomScoreAdj = -1001' 'process.oomScoreAdj: -1001 is out of range'
        start_sleeper oom7 '.process.oomScoreAdj = -500'
        want_same "$(finding oom7 process.oomScoreAdj)" "-500 -> 0"
        want_same "$(cat "/proc/$(cat "$T/oom7.pid")/oom_score_adj")" 0
        rt delete --force oom7
}
check "oomScoreAdj is set, and untouched when absent; one below 0 becomes 0 with a finding" oom_score

finish
