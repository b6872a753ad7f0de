#!/bin/bash
# create and start as podman, buildah and containerd call them.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3

cycle()
{
        bundle cycle '.process.args = ["sh", "-c", "echo started; sleep 1000"]'
        rt create --bundle "$B" --pid-file "$T/cycle.pid" cycle < /dev/null > "$T/stdout" 2> "$T/stderr"
        want_same "$(status_of cycle)" created
        want_match "$(od -An -c "$T/cycle.pid" | tr -d ' \n')" '^[0-9]+$'
        want_same "$(cat "$T/cycle.pid")" "$(rt state cycle | jq .pid)"
        [ ! -s "$T/stdout" ]
        run rt start cycle
        want_rc 0
        want_out ""
        want_err ""
        wait_for 5 grep -q started "$T/stdout"
        want_same "$(status_of cycle)" running
        run rt start cycle
        want_rc 1
        want_err_has "cannot start an already running container"
        rt kill cycle KILL
        wait_for 5 has_status cycle stopped
        run rt start cycle
        want_rc 1
        want_err_has "cannot start a container that has stopped"
        run rt delete cycle
        want_rc 0
        run rt start cycle
        want_rc 1
        want_err_has "container does not exist"
}
check "create waits at created with a pid file of bare digits; start lets it go; both say runc's words" cycle

duplicate()
{
        bundle dup '.process.args = ["/bin/sleep", "1000"]'
        rt create --bundle "$B" dup < /dev/null > /dev/null 2>&1
        run rt create --bundle "$B" dup
        want_failure
        want_err_has "container with given ID already exists"
        want_same "$(status_of dup)" created
        rt delete --force dup
}
check "a second create of an id fails and leaves the first alone" duplicate

bad_ids()
{
        bundle ids
        for id in . .. a/b ../x "" "a b" 'a$b'; do
                run rt create --bundle "$B" "$id"
                want_failure
                run rt delete --force "$id"
                run rt state "$id"
                want_failure
        done
        [ -d "$T/state" ] || mkdir "$T/state"
        want_same "$(ls -A "$T/state")" ""
        for id in a_b+c.d-e 0123456789abcdef buildah-buildah259571898; do
                run rt run --bundle "$B" "$id"
                want_rc 0
        done
}
check "ids are [A-Za-z0-9_+.-], never . or .. or a path" bad_ids

missing_program() # ARGS-JSON TEXT
{
        bundle missing '.process.args = $a' --argjson a "$1"
        rm -f "$T/missing.pid"
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json create --bundle "$B" --pid-file "$T/missing.pid" missing
        want_rc 1
        out=$(jq -r .msg "$T/log.json")
        want_out_has "$2"
        [ ! -e "$T/missing.pid" ]
        want_same "$(rt list -q)" ""
        run rt delete --force missing
        want_rc 0
        want_out ""
        want_err ""
}
check "create says: executable file not found in \$PATH" \
        missing_program '["nope"]' 'exec: "nope": executable file not found in $PATH'
check "create says: stat /nope: no such file or directory" \
        missing_program '["/nope"]' 'exec: "/nope": stat /nope: no such file or directory'
check "create says: permission denied" missing_program '["/etc/passwd"]' 'permission denied'
check "create says permission denied for a folder, too" missing_program '["/etc"]' 'permission denied'

no_terminal_socket()
{
        bundle tty '.process.terminal = true'
        run rt create --bundle "$B" tty
        want_failure
        want_err_has "will detach without setting console socket"
        bundle notty
        run rt create --bundle "$B" --console-socket "$T/none.sock" notty
        want_failure
        want_err_has "will not detach or allocate tty"
        want_same "$(rt list -q)" ""
}
check "a terminal without a console socket, and the reverse, are refused in words like runc's" no_terminal_socket

console()
{
        bundle console '.process.terminal = true | .process.consoleSize = {"height": 33, "width": 111}
                        | .process.args = ["sh", "-c", "stty size; tty; test -t 0 && test -t 1 && test -t 2 && echo all"]'
        timeout 30 "$lib_dir/tools/console.py" "$T/c.sock" "$RUNB" --root "$T/state" create --bundle "$B" \
                --console-socket "$T/c.sock" console -- "$RUNB" --root "$T/state" start console > "$T/con"
        cat "$T/con"
        grep -q '^messages 1 fds 1$' "$T/con"
        grep -q '33 111' "$T/con"
        grep -q '/dev/pts/0\|/dev/console' "$T/con"
        grep -q all "$T/con"
        rt delete --force console
}
check "the console socket gets one message with one fd before create ends; consoleSize is applied" console

long_socket()
{
        local deep=$T/$(printf 'd%.0s' {1..90})/$(printf 'e%.0s' {1..60})
        mkdir -p "$deep"
        bundle longsock '.process.terminal = true | .process.args = ["echo", "far"]'
        timeout 30 "$lib_dir/tools/console.py" "$deep/c.sock" "$RUNB" --root "$T/state" create --bundle "$B" \
                --console-socket "$deep/c.sock" longsock -- "$RUNB" --root "$T/state" start longsock > "$T/con"
        cat "$T/con"
        grep -q far "$T/con"
        rt delete --force longsock
}
is_runb && check "a console socket's path may be longer than 108 bytes" long_socket

preserved_fds()
{
        # The shell's own numbers, without what a program that lists them opens itself.
        sh_bundle fds 'for n in 0 1 2 3 4 5 6 7 8 9 20; do test -e /proc/$$/fd/$n && echo "fd $n"; done; cat <&3'
        echo given > "$T/given"
        run rt run --preserve-fds 1 --bundle "$B" fds 3< "$T/given" 4< "$T/given" 7< "$T/given"
        want_rc 0
        want_out_has given
        want_out_has "fd 3"
        want_out_without "fd 4"
        want_out_without "fd 7"
        run rt run --bundle "$B" fds 3< "$T/given"
        want_out_without given
}
check "fds 3 to 2+N are passed with --preserve-fds N, and no others ever" preserved_fds

listen_fds()
{
        sh_bundle lfds 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3'
        echo given > "$T/given"
        run sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' - "$RUNB" --root "$T/state" run --bundle "$B" lfds 3< "$T/given"
        want_rc 0
        want_out_has "1 1"
        want_out_has given
}
check "LISTEN_FDS in the caller's environment passes those fds and sets LISTEN_PID=1" listen_fds

pdeathsig()
{
        bundle pds '.process.args = ["/bin/sleep", "1000"]'
        setpriv --pdeathsig KILL "$RUNB" --root "$T/state" create --bundle "$B" pds < /dev/null > /dev/null 2>&1
        sleep 0.2
        want_same "$(status_of pds)" created
        rt start pds
        want_same "$(status_of pds)" running
        rt delete --force pds
}
check "the caller's parent-death signal does not reach the container" pdeathsig

orphaned()
{
        bundle orphan '.process.args = ["/bin/sleep", "1000"]'
        run "$lib_dir/tools/subreaper.py" "$RUNB" --root "$T/state" create --bundle "$B" --pid-file "$T/orphan.pid" orphan
        want_rc 0
        want_out_has "the init process is my child"
        want_out_has "children: 1"
        rt delete --force orphan
}
check "the init process becomes the child of the caller's subreaper, and nothing else does" orphaned

failed_create_leaves_nothing()
{
        bundle broken '.mounts += [{"destination": "/x", "type": "bind", "source": "/nonexistent/source", "options": ["bind"]}]'
        run rt create --bundle "$B" --pid-file "$T/broken.pid" broken
        want_rc 1
        want_same "$(rt list -q)" ""
        [ ! -e "$T/broken.pid" ]
        run rt state broken
        want_err_has "does not exist"
}
check "a failed create removes everything it made" failed_create_leaves_nothing

old_options()
{
        bundle oldopt '.process.args = ["/bin/true"]'
        run rt create -b "$B" --no-pivot --no-new-keyring --pid-file="$T/o.pid" oldopt
        want_rc 0
        want_err ""
        rt delete --force oldopt
}
check "--no-pivot, --no-new-keyring, -b and --pid-file=F are accepted" old_options

recorded_options()
{
        local option told
        is_runb || return 0
        bundle record '.process.args = ["/bin/true"]'
        told() { rt state --findings record | jq -c '[.findings[] | select(.property | startswith("--")) | .action, .property, .rule]'; }
        rt create -b "$B" record
        want_same "$(told)" '[]'
        rt delete --force record
        rt create -b "$B" --no-pivot --no-new-keyring record
        want_same "$(told)" '["recorded","--no-pivot","rootfs","recorded","--no-new-keyring","namespaces.keyring"]'
        rt delete --force record
}
check "--no-pivot and --no-new-keyring change nothing, and are recorded where they are given" recorded_options

signals_are_reset() # surprise 7
{
        sh_bundle sigs 'grep -E "Sig(Blk|Ign)" /proc/self/status | tr -d "\t\n"'
        run "$lib_dir/tools/blocked.py" "$RUNB" --root "$T/state" run --bundle "$B" sigs
        want_rc 0
        want_out "SigBlk:0000000000000000SigIgn:0000000000000000"
}
is_runb && check "blocked and ignored signals of the caller are not the container's" signals_are_reset

oom_score()
{
        sh_bundle oom 'cat /proc/self/oom_score_adj'
        run sh -c 'echo 137 > /proc/self/oom_score_adj; exec "$@"' - "$RUNB" --root "$T/state" run --bundle "$B" oom
        want_out 137
        bundle oom2 '.process.oomScoreAdj = 250 | .process.args = ["/bin/cat", "/proc/self/oom_score_adj"]'
        run rt run --bundle "$B" oom2
        want_out 250
}
check "without oomScoreAdj the caller's stays; with it, it is set" oom_score

finish
