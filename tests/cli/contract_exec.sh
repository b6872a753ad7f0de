#!/bin/bash
# exec as conmon, the containerd shim, CRI-O and BuildKit call it.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3
start_sleeper c || skip_all "no container to work in: $(cat "$T/c.err")"

# process NAME JQ-FILTER [OPTION]...: $T/NAME.json, a complete process object
process() { local name=$1 filter=$2; shift 2; jq "$@" ".process | $filter" "$lib_dir/data/config.json" > "$T/$name.json"; }
message() { out=$(tail -n 1 "$T/log.json" | jq -r .msg); echo "message: $out"; }

attached()
{
        process a '.args = ["sh", "-c", "echo out; echo err >&2; id -u; pwd; exit 7"] | .cwd = "/tmp" | .user.uid = 1000'
        run rt exec --process "$T/a.json" c
        want_rc 7
        want_out "out
1000
/tmp"
        want_err err
        run rt exec -p "$T/a.json" --pid-file "$T/a.pid" c
        want_rc 7
        process a '.args = ["sh", "-c", "kill -TERM $$"]'
        run rt exec --process "$T/a.json" c
        want_rc 143
}
check "exec --process runs the process object, attached; its exit code is the command's" attached

detached()
{
        process d '.args = ["sh", "-c", "echo detached; sleep 1000"]'
        rm -f "$T/d.pid"
        rt --log "$T/log.json" --log-format=json exec --pid-file "$T/d.pid" --process "$T/d.json" --detach c \
                < /dev/null > "$T/d.out" 2> "$T/d.err"
        want_match "$(od -An -c "$T/d.pid" | tr -d ' \n')" '^[0-9]+$'
        wait_for 5 grep -q detached "$T/d.out"
        want_same "$(tr '\0' ' ' < /proc/$(cat "$T/d.pid")/cmdline | grep -c sleep)" 1
        rt ps --format json c | jq -e 'index($p)' --argjson p "$(cat "$T/d.pid")"
        kill -9 "$(cat "$T/d.pid")"
}
check "exec --detach returns at once; the pid file holds the caller's pid of the process" detached

failing() # ARGS-JSON CWD TEXT
{
        process f '.args = $a | .cwd = $c' --argjson a "$1" --arg c "$2"
        rm -f "$T/f.pid" "$T/log.json"
        run rt --log "$T/log.json" --log-format json exec --detach --pid-file "$T/f.pid" --process "$T/f.json" c
        want_rc 255
        [ ! -e "$T/f.pid" ]
        message
        want_out_has "exec failed: "
        want_out_has "$3"
        run rt exec --process "$T/f.json" c
        want_rc 255
}
check "exec of a missing program: 255, no pid file, executable file not found in \$PATH" failing '["nope"]' / \
        'exec: "nope": executable file not found in $PATH'
check "exec of a missing path: stat /nope: no such file or directory" failing '["/nope"]' / \
        'exec: "/nope": stat /nope: no such file or directory'
check "exec of a plain file: permission denied" failing '["/etc/passwd"]' / 'exec: "/etc/passwd": permission denied'
check "exec of a folder: permission denied" failing '["/etc"]' / 'exec: "/etc": permission denied'
check "exec with a missing cwd names it" failing '["true"]' /nope 'chdir to cwd ("/nope") set in config.json failed: no such file or directory'

states()
{
        bundle s '.process.args = ["/bin/sleep", "1000"]'
        rt create --bundle "$B" s < /dev/null > /dev/null 2>&1
        run rt exec s echo in-created
        want_rc 0
        want_out in-created
        rt start s
        rt pause s
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json exec s true
        want_rc 255
        message
        want_out_has "cannot exec in a paused container (use --ignore-paused to override)"
        rt resume s
        rt kill s KILL
        wait_for 5 has_status s stopped
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json exec s true
        want_rc 255
        message
        want_out_has "cannot exec in a stopped container"
        rt delete s
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json exec s true
        want_rc 255
        message
        want_out_has "container does not exist"
}
check "exec works in a created container; paused, stopped and unknown ones are refused in runc's words" states

options()
{
        run rt exec --cwd /tmp -u 1000:1000 -e COLOUR=blue -e SHAPE=round c sh -c 'pwd; id -u; id -g; echo $COLOUR $SHAPE'
        want_rc 0
        want_out "/tmp
1000
1000
blue round"
        run rt exec --user 0 --env=A=b --no-new-privs c sh -c 'echo $A; grep NoNewPrivs /proc/self/status'
        want_out_has "NoNewPrivs:	1"
        run rt exec -g 33 -g 44 c id -G
        want_out_has "33 44"
        is_runb || return 0 # runc 1.1 runs it as root
        run rt exec -u 4294967296 c id -u
        want_failure
        run rt exec -u -1 c id -u
        want_failure
}
check "exec takes --cwd, --user, --env, --no-new-privs and --additional-gids; ids beyond 32 bits are refused" options

with_terminal() # surprise 14: --tty together with --process
{
        process t '.terminal = true | .args = ["sh", "-c", "test -t 0 && echo terminal; stty size"] | .consoleSize = {"height": 31, "width": 99}'
        timeout 30 "$lib_dir/tools/console.py" "$T/x.sock" "$RUNB" --root "$T/state" exec --pid-file "$T/t.pid" \
                --process "$T/t.json" --detach --tty --console-socket "$T/x.sock" c -- true > "$T/con"
        cat "$T/con"
        grep -q '^messages 1 fds 1$' "$T/con"
        grep -q terminal "$T/con"
}
check "exec --tty with --process and a console socket sends the terminal" with_terminal

own_terminal()
{
        run "$lib_dir/tools/pty.py" 30x70 "$RUNB" --root "$T/state" exec -t c sh -c 'stty size; read l; echo "read $l"; exit 4'
        want_rc 4
        want_out_has "30 70"
        want_out_has "read typed"
}
check "exec -t proxies the caller's terminal" own_terminal

preserved()
{
        echo given > "$T/given"
        process p '.args = ["sh", "-c", "cat <&3; test -e /proc/self/fd/5 && echo leaked; true"]'
        run rt exec --preserve-fds 1 --process "$T/p.json" c 3< "$T/given" 5< "$T/given"
        want_rc 0
        want_out given
}
check "exec --preserve-fds passes those fds and no others" preserved

subreaper()
{
        process r '.args = ["sleep", "1000"]'
        run "$lib_dir/tools/subreaper.py" "$RUNB" --root "$T/state" exec --process "$T/r.json" --detach --pid-file "$T/r.pid" c
        want_rc 0
        want_out_has "the init process is my child"
        want_out_has "children: 1"
        kill -9 "$(cat "$T/r.pid")"
}
check "a detached exec's process becomes the child of the caller's subreaper" subreaper

same_walls()
{
        run rt exec c grep -E '^(Cap(Bnd|Inh|Amb)|NoNewPrivs|Seccomp):' /proc/self/status
        exec_walls=$out
        run rt exec c grep -E '^(Cap(Bnd|Inh|Amb)|NoNewPrivs|Seccomp):' /proc/1/status
        want_same "$exec_walls" "$out"
        for ns in user mnt pid net ipc uts cgroup; do
                run rt exec c sh -c "readlink /proc/1/ns/$ns; readlink /proc/self/ns/$ns"
                want_same "$(sed -n 1p "$T/out")" "$(sed -n 2p "$T/out")"
        done
        want_same "$(rt exec c cat /proc/self/cgroup)" "$(rt exec c cat /proc/1/cgroup)"
}
check "exec has the namespaces, cgroup, capabilities, no_new_privs and filter of init" same_walls

rt delete --force c
finish
