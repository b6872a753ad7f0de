#!/bin/bash
# run as BuildKit calls it: in the foreground, with its own terminal, forwarding signals.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3

exit_codes()
{
        sh_bundle code 'echo out; echo err >&2; exit 42'
        run rt run --bundle "$B" code
        want_rc 42
        want_out out
        want_err err
        sh_bundle code2 'sleep 1000'
        "$RUNB" --root "$T/state" run --bundle "$B" code2 &
        wait_for 10 has_status code2 running
        rt kill code2 KILL
        rc=0
        wait $! || rc=$?
        want_rc 137
        sh_bundle code3 'cat'
        out=$(echo through | rt run --bundle "$B" code3)
        want_same "$out" through
        want_same "$(rt list -q)" ""
}
check "run passes stdio through and ends with the command's exit code, 128+n for a signal; nothing stays" exit_codes

keep()
{
        bundle keep '.linux.cgroupsPath = "/kept" | .process.args = ["sh", "-c", "exit 3"]'
        run rt run --keep --bundle "$B" keep
        want_rc 3
        want_same "$(status_of keep)" stopped
        find /sys/fs/cgroup -type d -name kept | grep -q .
        run rt delete keep
        want_rc 0
        find /sys/fs/cgroup -type d -name kept | { ! grep .; }
}
check "run --keep leaves a stopped container and its cgroup until delete" keep

forwards() # SIGNAL
{
        sh_bundle forward 'trap "echo got $0; exit 9" TERM INT HUP USR1 USR2 WINCH; echo ready; while :; do sleep 0.1; done'
        : > "$T/fwd" # the last signal's "ready" must not count
        "$RUNB" --root "$T/state" run --bundle "$B" "fwd$1" > "$T/fwd" 2>&1 &
        pid=$!
        wait_for 10 grep -q ready "$T/fwd"
        kill -"$1" $pid
        rc=0
        wait $pid || rc=$?
        want_rc 9
        grep -q got "$T/fwd"
}
for signal in TERM INT HUP USR1 USR2; do
        check "run forwards SIG$signal to the container" forwards $signal
done

forked_terminal()
{
        sh_bundle tty 'stty size; test -t 0 && test -t 1 && echo terminal; read line; echo "read $line"; exit 5'
        jq '.process.terminal = true' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run "$lib_dir/tools/pty.py" 40x100 "$RUNB" --root "$T/state" run --bundle "$B" tty
        want_rc 5
        want_out_has "40 100"
        want_out_has terminal
        want_out_has "read typed"
}
check "run with a terminal makes its own pty and proxies input, output and size" forked_terminal

resize()
{
        sh_bundle resize 'trap "stty size; exit 0" WINCH; echo ready; n=0; while [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done'
        jq '.process.terminal = true' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run "$lib_dir/tools/pty.py" 24x80 --resize 50x132 "$RUNB" --root "$T/state" run --bundle "$B" resize
        want_out_has "50 132"
        want_rc 0
}
check "a resize of the caller's terminal arrives inside" resize

detached()
{
        bundle detached '.process.args = ["/bin/sleep", "1000"]'
        run rt run --detach --pid-file "$T/d.pid" --bundle "$B" detached
        want_rc 0
        want_same "$(cat "$T/d.pid")" "$(rt state detached | jq .pid)"
        want_same "$(status_of detached)" running
        rt delete --force detached
}
check "run --detach returns with the container running and its pid file written" detached

missing_program()
{
        bundle missing '.process.args = ["nope"]'
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json run --bundle "$B" missing
        want_failure
        out=$(jq -r .msg "$T/log.json")
        want_out_has 'exec: "nope": executable file not found in $PATH'
        want_same "$(rt list -q)" ""
}
check "run of a missing program fails as create does and leaves nothing" missing_program

many_at_once()
{
        sh_bundle many 'echo "$$"'
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do rt run --bundle "$B" "m$n" > "$T/m$n" 2>&1 & done
        wait
        want_same "$(cat "$T"/m[0-9]*| sort | uniq -c | tr -s ' ')" " 12 1"
}
check "twelve runs of one bundle at once all work" many_at_once

shared_log()
{
        sh_bundle slog 'true'
        rm -f "$T/shared.json"
        for n in 1 2 3 4; do rt --log "$T/shared.json" --log-format json run --bundle "$T/none" "l$n" > /dev/null 2>&1 & done
        wait
        want_same "$(jq -r .level "$T/shared.json" | sort | uniq -c | tr -s ' ')" " 4 error"
}
check "runs that share one log file write whole lines" shared_log

finish
