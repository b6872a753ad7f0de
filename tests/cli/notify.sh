#!/bin/bash
# NOTIFY_SOCKET: a unit of systemd with Type=notify whose command is the runtime itself (sd_notify(3)). runc's way is told
# apart where it differs: what else a container says is not passed on.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3
is_runb || skip_all "runc leaves its folder behind and passes on more"
probe=${RUNB%/*}/tests/tools/probe

# manager COMMAND...: the service manager; its lines begin with "notified: "
manager() { run "$lib_dir/tools/notify.py" "$T/n.sock" timeout -k 2 20 "$RUNB" --root "$T/state" "$@"; rm -f "$T/n.sock"; }
told() { grep '^notified: ' "$T/out"; }
talker() # NAME SHELL-COMMAND
{
        sh_bundle "$1" "$2"
        cp "$probe" "$B/rootfs/probe"
}

inside()
{
        talker inside 'echo "$NOTIFY_SOCKET"; test -S "$NOTIFY_SOCKET" && echo there; touch /run/notify/x 2>&1; rm /run/notify/notify.sock 2>&1; exit 0'
        manager run --bundle "$B" inside
        want_rc 0
        want_out_has "/run/notify/notify.sock"
        want_out_has there
        want_out_has "touch: /run/notify/x: Read-only file system"
        want_out_has "rm: can't remove '/run/notify/notify.sock'"
        # A program that says nothing: neither does the runtime.
        want_out_without "notified:"
}
check "NOTIFY_SOCKET is /run/notify/notify.sock inside, a socket that cannot be removed" inside

foreground()
{
        talker fg '/probe notify READY=1; sleep 0.5'
        manager run --bundle "$B" fg
        want_rc 0
        want_out_has sent
        # The runtime is what systemd started, and lives as long: its pid is the right one already.
        want_same "$(told)" "notified: READY=1 (while it ran)"
}
check "run in the foreground passes READY=1 on while the program runs" foreground

detached()
{
        talker bg 'sleep 0.5; /probe notify READY=1 > /sent; exec sleep 1000'
        manager run --detach --bundle "$B" --pid-file "$T/bg.pid" bg
        want_rc 0
        want_same "$(status_of bg)" running
        want_same "$(told)" "notified: READY=1 (while it ran)
notified: MAINPID=$(cat "$T/bg.pid") (while it ran)
notified: BARRIER=1 (while it ran)"
        # It came back only when the program had spoken.
        want_same "$(cat "$B/rootfs/sent")" sent
        rt delete -f bg
}
check "run --detach waits for READY=1, and passes it on with the pid of init" detached

created_and_started()
{
        talker cs 'sleep 0.5; /probe notify READY=1; exec sleep 1000'
        NOTIFY_SOCKET=$T/absent.sock rt create --bundle "$B" --pid-file "$T/cs.pid" cs < /dev/null > /dev/null 2>&1
        manager start cs
        want_rc 0
        want_same "$(status_of cs)" running
        want_same "$(told)" "notified: READY=1 (while it ran)
notified: MAINPID=$(cat "$T/cs.pid") (while it ran)
notified: BARRIER=1 (while it ran)"
        rt delete -f cs
        # Created without: start waits for nothing.
        talker cs2 'exec sleep 1000'
        rt create --bundle "$B" cs2 < /dev/null > /dev/null 2>&1
        manager start cs2
        want_rc 0
        want_out_without "notified:"
        rt delete -f cs2
}
check "create and start do the same, start being the one that waits" created_and_started

nothing_else()
{
        talker lies '/probe notify "$(printf "MAINPID=1\nSTOPPING=1")"; /probe notify "$(printf "FDSTORE=1\nREADY=1\nMAINPID=1\nSTATUS=mine")"; /probe notify READY=10; exec sleep 1000'
        manager run -d --bundle "$B" --pid-file "$T/lies.pid" lies
        want_rc 0
        want_same "$(told | sed 's/ (.*//')" "notified: READY=1
notified: MAINPID=$(cat "$T/lies.pid")
notified: BARRIER=1"
        rt delete -f lies
}
check "MAINPID, STOPPING and the like of a container are not passed on" nothing_else

never_ready()
{
        talker never 'exit 3'
        manager run -d --bundle "$B" never
        want_rc 0
        want_out_without "notified:"
        rt delete -f never
        # The service manager has gone.
        talker gone '/probe notify READY=1; exec sleep 1000'
        run env NOTIFY_SOCKET="$T/absent.sock" timeout 20 "$RUNB" --root "$T/state" run -d --bundle "$B" gone
        want_failure
        want_err_has "absent.sock"
        rt delete -f gone || true
}
check "a program that ends before it is ready is waited for no longer; a socket that is not there is named" never_ready

engines_own()
{
        # conmon is podman's proxy: the engine names its own socket.
        talker own 'echo "$NOTIFY_SOCKET"; ls /run/notify 2>&1; exit 0'
        jq '.process.env += ["NOTIFY_SOCKET=/run/engine.sock"]' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        manager run --bundle "$B" own
        want_rc 0
        want_out_has /run/engine.sock
        want_out_has "No such file"
}
check "a NOTIFY_SOCKET that the engine gives stays as it is" engines_own
finish
