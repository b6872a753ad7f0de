#!/bin/bash
# runb report: the system call filters that each process has are the ones that create made, not others of the same number.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/report_lib.sh"
FILTERED=${builddir:-${RUNB%/*}}/tests/tools/filtered
[ -x "$FILTERED" ] || skip_all "needs $FILTERED (make check-programs)"
cp "$FILTERED" "$T/filtered" && FILTERED=$T/filtered # which user 1000 can reach, wherever the build lies
[ "$(awk '$1 == "Seccomp:" { print $2 }' /proc/self/status)" = 0 ] || skip_all "has a filter itself, so the kernel shows it none"

programs() { echo "$out" | jq -c '[.processes[] | .seccomp.programs]'; }
digest_of() { jq -r ".$2" "$T/state/$1/state.json"; }
engines_filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["ptrace"], action: "SCMP_ACT_ERRNO"}]}'

they_are_read()
{
        sleeper a
        want_holding a
        want_same "$(programs)" "[[\"$(digest_of a seccompDigest)\"]]"
        want_same "$(echo "$out" | jq -c '.filters | map([.whose, .instructions > 50])')" '[["the profile'"'"'s",true]]'
        want_same "$(echo "$out" | jq -c .notRead)" '[]'
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "seccomp") | .text')" "read in every process"
        run rt report a
        want_out_has "$(digest_of a seccompDigest)"
        # By exec, with another's identity, in threads of its own, and stopped by a signal: the same one.
        rt exec -d --user 1000 a sleep 500 < /dev/null > /dev/null 2>&1
        rt exec -d a sh -c 'kill -STOP $$' < /dev/null > /dev/null 2>&1
        stands() { [ "$(rt report --format json a | jq -r '[.processes[].state] | sort | unique | join("")')" = ST ]; }
        wait_for 20 stands
        want_holding a
        want_same "$(echo "$out" | jq -c '[.processes[].seccomp.programs] | unique | length')" 1
        # It stands as before.
        stands
        rt delete -f a
        sleeper a "$engines_filter"
        want_holding a
        want_same "$(programs)" "[[\"$(digest_of a seccompDigest)\",\"$(digest_of a seccompEngineDigest)\"]]"
        rt delete -f a
}
check "the programs are read in every process, and are those that create made" they_are_read

another_of_the_same_number_is_named()
{
        sleeper j
        # As exec makes it, but for the filter.
        join_as -U -n -i -u -C setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all --reuid 1000 \
                --regid 1000 --clear-groups prlimit --core=1 "$FILTERED" 1 sleep 1000
        join_cgroup j $joined
        run rt report --format json j
        want_rc 3
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "seccomp" and .verdict == "weakened") | .text')" \
                "process $joined \\(sleep\\) has 1 filter of system calls, and the profile's is not among them"
        want_same "$(echo "$out" | jq -c '[.filters[] | select(.whose == "")] | map(.instructions)')" '[1]'
        # Their number does not show it: this is what was not read, and it says so.
        run rt report --undisturbed --format json j
        want_same "$(echo "$out" | jq -c '.notRead, [.checks[] | select(.control == "seccomp") | .verdict]' | xargs)" '[seccomp] [holds,not read]'
        end_joined
        want_holding j
        rt delete -f j
}
check "a process with another filter in the place of the profile's is named" another_of_the_same_number_is_named

one_fewer_is_named()
{
        sleeper j "$engines_filter"
        join_as -U -n -i -u -C setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all --reuid 1000 \
                --regid 1000 --clear-groups prlimit --core=1 "$FILTERED" 1 sleep 1000
        join_cgroup j $joined
        run rt report --format json j
        want_rc 3
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "seccomp") | .text')" "has 1 filter of system calls, not 2"
        end_joined
        rt delete -f j
}
check "a process with a filter fewer is named" one_fewer_is_named

one_that_was_replaced_is_named()
{
        sleeper weak '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}'
        sleeper r
        # A whole file of ours, of a filter that allows everything.
        cp "$T/state/weak/seccomp-engine.bpf" "$T/state/r/seccomp-policy.bpf"
        want_weak r seccomp "the profile's filter that is kept for exec has been replaced"
        rt exec -d r sleep 500 < /dev/null > /dev/null 2>&1
        run rt report --format json r
        want_rc 3
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "seccomp") | .text')" "\\(sleep\\) has 1 filter of system calls, and the profile's is not"
        rm "$T/state/r/seccomp-policy.bpf"
        run rt report --format json r
        want_rc 3
        rt delete -f r
        rt delete -f weak
}
check "a filter that was replaced where exec finds it is named, and who was executed with it" one_that_was_replaced_is_named

what_is_traced_is_said()
{
        sleeper t
        "$FILTERED" --hold "$pid" > "$T/hold.log" 2>&1 9>&- & holder=$!
        holds_it() { grep -q held "$T/hold.log"; }
        wait_for 20 holds_it
        run rt report --format json t
        want_rc 0
        want_same "$(echo "$out" | jq -c .notRead)" '["seccomp"]'
        want_match "$(echo "$out" | jq -r '.checks[] | select(.verdict == "not read") | .text')" "1 of 1 threads have: $pid is traced by another process"
        run rt report t
        want_out_has "what was not read is above, too"
        kill $holder
        wait $holder 2> /dev/null || true
        want_holding t
        rt delete -f t
}
check "one whose process is traced by another holds by the number, and it is said" what_is_traced_is_said

frozen_ones_are_read_or_said()
{
        sleeper f
        rt pause f
        run rt report --format json f
        want_rc 0
        if [ "$(jq .isCgroup2 "$T/state/f/state.json")" = true ]; then
                want_same "$(echo "$out" | jq -c .notRead)" '[]'
        else
                want_same "$(echo "$out" | jq -c .notRead)" '["seccomp"]'
        fi
        want_same "$(status_of f)" paused
        rt resume f
        want_holding f
        rt delete -f f
}
check "frozen processes stay frozen; what cgroup v1 hides is said" frozen_ones_are_read_or_said

nothing_is_disturbed()
{
        # Each signal that is sent while it is looked at arrives, and a sleep lasts as long as it should.
        sh_bundle s 'n=0; trap "n=\$((n + 1)); echo \$n > /n" USR1; touch /ready; while :; do sleep 1000 & wait $!; kill $! 2> /dev/null; done'
        rt run -d --bundle "$B" s < /dev/null > /dev/null 2>&1
        pid=$(rt state s | jq .pid)
        wait_for 30 [ -e "$B/rootfs/ready" ]
        : > "$T/looking"
        (while [ -e "$T/looking" ]; do rt report s > /dev/null || echo "$?" >> "$T/bad"; done) 9>&- &
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                kill -USR1 "$pid"
                arrived() { [ "$(cat "$B/rootfs/n" 2> /dev/null)" = $i ]; }
                wait_for 20 arrived
        done
        rm "$T/looking"
        wait
        [ ! -e "$T/bad" ] || fail "a report did not hold: $(cat "$T/bad")"
        rt delete -f s
}
check "signals that come while it is looked at arrive" nothing_is_disturbed

many_threads_and_processes()
{
        sh_bundle m 'i=0; while [ $i -lt 600 ]; do sleep 1000 & i=$((i+1)); done; touch /ready; exec sleep 1000'
        rt run -d --bundle "$B" m < /dev/null > /dev/null 2>&1
        wait_for 50 [ -e "$B/rootfs/ready" ]
        want_holding m
        want_same "$(echo "$out" | jq -c '[.processes[].seccomp.programs] | unique | length, ([.[] | length] | add)' | xargs)" "1 1"
        [ "$(echo "$out" | jq '.processes | length')" -gt 600 ] || fail "some are missing"
        rt delete -f m
}
check "hundreds of processes are read" many_threads_and_processes
finish
