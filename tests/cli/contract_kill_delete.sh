#!/bin/bash
# kill and delete as podman, the containerd shim, CRI-O and buildah call them; their texts decide what engines do.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3

signals()
{
        sh_bundle sig 'trap "echo term" TERM; trap "echo usr1" USR1; trap "echo rt" 35; echo ready; while :; do sleep 0.1; done'
        rt create --bundle "$B" sig < /dev/null > "$T/sig.out" 2>&1
        rt start sig
        wait_for 5 grep -q ready "$T/sig.out"
        for form in "" TERM SIGTERM term sigterm 15; do
                : > "$T/sig.out"
                rt kill sig $form
                wait_for 5 grep -q term "$T/sig.out"
        done
        rt kill sig USR1
        wait_for 5 grep -q usr1 "$T/sig.out"
        rt kill sig 35
        wait_for 5 grep -q rt "$T/sig.out"
        run rt kill sig 0
        want_rc 0
        run rt kill sig NOSUCH
        want_failure
        run rt kill sig 9999
        want_failure
        run rt kill --all sig SIGKILL
        want_rc 0
        want_out ""
        want_err ""
        wait_for 5 has_status sig stopped
        rt delete sig
}
check "kill takes numbers, names in any spelling, 0, real-time signals, and TERM by default" signals

texts()
{
        start_sleeper t
        rt kill t KILL
        wait_for 5 has_status t stopped
        run rt kill t
        want_rc 1
        want_err_has "container not running"
        run rt kill --all t KILL
        want_rc 0
        run rt kill -a t 15
        want_rc 0
        rt delete t
        run rt kill t KILL
        want_rc 1
        want_err_has "container does not exist"
        run rt delete t
        want_rc 1
        want_err_has "does not exist"
        run rt delete --force t
        want_rc 0
        want_out ""
        want_err ""
        run rt delete -f never-made
        want_rc 0
        want_out ""
        want_err ""
}
check "kill of a stopped one: container not running; of an unknown one: does not exist; delete --force: silence" texts

delete_running()
{
        start_sleeper run
        run rt delete run
        want_rc 1
        want_err_has "cannot delete container run that is not stopped: running"
        want_same "$(status_of run)" running
        run rt delete --force run
        want_rc 0
        want_same "$(rt list -q)" ""
}
check "delete of a running container needs --force" delete_running

delete_created()
{
        bundle cr
        rt create --bundle "$B" --pid-file "$T/cr.pid" cr < /dev/null > /dev/null 2>&1
        run rt delete cr
        want_rc 0
        wait_for 5 sh -c "! grep -q '[R-S]' /proc/$(cat "$T/cr.pid")/status"
        want_same "$(rt list -q)" ""
}
check "delete of a created container ends and removes it" delete_created

bare_environment() # podman's cleanup
{
        start_sleeper bare
        run env -i XDG_RUNTIME_DIR= "$lib_dir/tools/blocked.py" "$RUNB" --root "$T/state" delete --force bare
        want_rc 0
        want_same "$(rt list -q)" ""
}
check "delete works without PATH and HOME, with signals blocked" bare_environment

zombie() # surprise 5
{
        bundle z '.process.args = ["/bin/sleep", "1000"]'
        run "$lib_dir/tools/zombie.py" "$RUNB" "$T/state" "$B" z
        want_rc 0
        want_out_has "state: stopped"
        want_out_has "kill: 1 True"
        want_out_has "delete: 0"
}
check "an init that its parent has not reaped counts as stopped, for state, kill and delete" zombie

reused_pid()
{
        is_runb || return 0 # it knows its own state file only
        start_sleeper re
        rt kill re KILL
        wait_for 5 has_status re stopped
        # The recorded pid now names another process: the state must not follow it.
        sleep 1000 &
        jq ".initPid = $! | .init_pid = $!" "$T/state/re/state.json" > "$T/s" && cat "$T/s" > "$T/state/re/state.json"
        want_same "$(status_of re)" stopped
        run rt kill re KILL
        want_rc 1
        rt delete --force re
        kill -0 $!
        kill -KILL $!
}
check "a process that got the pid of a dead init is left alone" reused_pid

shared_pidns()
{
        # runc: a container without a pid namespace of its own is ended through its cgroup.
        bundle host '(.linux.namespaces |= map(select(.type != "pid"))) | .process.args = ["sh", "-c", "sleep 1000 & sleep 1000"]'
        is_runb && { run rt create --bundle "$B" host; want_failure; want_err_has pid; return; }
        rt create --bundle "$B" host < /dev/null > /dev/null 2>&1
        rt start host
        rt delete --force host
}
check "the host's pid namespace is refused by name" shared_pidns

grandchildren()
{
        sh_bundle gc 'sleep 1000 & setsid sleep 1000 & sleep 1000; true'
        rt create --bundle "$B" gc < /dev/null > /dev/null 2>&1
        rt start gc
        wait_for 5 sh -c "[ \$('$RUNB' --root '$T/state' ps --format json gc | jq length) -ge 4 ]"
        rt delete --force gc
        want_same "$(rt list -q)" ""
}
check "delete --force ends every process of the container" grandchildren

poststop()
{
        printf '#!/bin/sh\ncat > %s\n' "$T/poststop.json" > "$T/hook.sh" && chmod 755 "$T/hook.sh"
        bundle hook '.process.args = ["/bin/sleep", "1000"] | .hooks.poststop = [{"path": $h}]' --arg h "$T/hook.sh"
        rt create --bundle "$B" hook < /dev/null > /dev/null 2>&1
        rt start hook
        rt delete --force hook
        jq -e '.id == "hook" and .status == "stopped"' "$T/poststop.json"
}
check "delete --force runs poststop hooks" poststop

paused()
{
        start_sleeper p
        rt pause p
        rt kill p KILL
        wait_for 5 has_status p stopped
        rt delete p
        start_sleeper p2
        rt pause p2
        rt delete --force p2
        want_same "$(rt list -q)" ""
}
check "SIGKILL takes effect on a paused container, and delete --force ends one" paused

finish
