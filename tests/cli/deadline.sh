#!/bin/bash
# limits.wall and limits.concurrent on plain bundles: who ends a container whose time is over, and who is let in. Times are
# never measured: what is asserted is what happens, and in which order. What has to happen before the deadline is tried again
# with a later one where the machine was too slow for it.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
P=/run/policy
CASE_TIMEOUT=300
mkdir -p $P

policy() { jq -n "{version: 1, revision: \"t\", profiles: {untrusted: {limits: $1}}} ${2:+| $2}" > $P/policy.json; }
rp() { "$RUNB" --root "$T/state" --policy $P/policy.json "$@"; }
# A build that takes no notice of SIGTERM, forks and lets go of what it has forked.
stubborn='trap "" TERM; (trap "" TERM; setsid sleep 600) & while :; do (sleep 600 &) ; sleep 0.2; done'
make() { sh_bundle "$1" "$2"; }
# with_wall FUNCTION: by a deadline of 2 seconds, 10, 40; the function returns 9 where the deadline came too early for it.
with_wall()
{
        local wall r

        for wall in 2 10 40; do
                policy "{wall: \"${wall}s\", grace: \"1s\"}"
                # Not in a condition: there "set -e" would have no effect.
                set +e
                ( set -e; "$1" )
                r=$?
                set -e
                [ $r = 9 ] || return $r
        done
        fail "not even in $wall seconds"
}
too_late() { ! has_status "$1" "${2-running}"; }
guard_of() { cat "$T/state/$1/guard"; }
is_alive() { [ -e "/proc/$1/stat" ] && ! grep -q ') [ZX] ' "/proc/$1/stat"; }
is_gone() { ! is_alive "$1"; }
n_named() { cat /proc/[0-9]*/comm 2> /dev/null | grep -cx "$1"; }
are_alive() # N processes "sleep"
{
        local file text n=0

        for file in /proc/[0-9]*/stat; do
                read -r text 2> /dev/null < "$file" || continue
                case $text in *"(sleep) "[ZX]*) ;; *"(sleep)"*) n=$((n + 1));; esac
        done
        [ $n = "$1" ]
}
are_named() { [ "$(n_named "$1")" = "$2" ]; }
nobody_sleeps() { [ "$(n_named sleep)" -le "${1-0}" ]; }
want_deadline() # ID
{
        run rt state "$1"
        want_same "$(echo "$out" | jq -r '.status + " " + .annotations["dev.runb.ended"]')" "stopped deadline"
}
nothing_left() # after delete
{
        [ -z "$(find /run/runb/deadlines /run/runb/slots -type f 2> /dev/null)" ] || fail "$(ls /run/runb/deadlines /run/runb/slots)"
        wait_for 30 nobody_sleeps
        wait_for 30 no_guards
}
# By the arguments, which are there when the call that made it returns; it names itself a moment later.
n_guards()
{
        local file words n=0

        for file in /proc/[0-9]*/cmdline; do
                mapfile -d '' -t words 2> /dev/null < "$file" || continue
                [ "${words[3]-}" = guard ] && n=$((n + 1))
        done
        echo $n
}
no_guards() { [ "$(n_guards)" = 0 ] && [ "$(n_named runb-guard)" = 0 ]; }
has_name() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }
# Deterministic: the past deadline is written into the record; the guard, which would have ended it, has been killed.
make_overdue() # ID
{
        jq '.deadlineMs = .createdMs + 1 | .graceMs = 1' "$T/state/$1/state.json" > "$T/overdue.json"
        cat "$T/overdue.json" > "$T/state/$1/state.json"
}

foreground()
{
        policy '{wall: "1s", grace: "1s"}'
        make fg "$stubborn"
        run rp run --bundle "$B" fg
        want_rc 137
        want_err_has 'container fg was ended at its deadline: limits.wall of profile "untrusted" is 1 s'
        want_same "$(rt list -q)" ""
        nothing_left
}
check "a foreground run ends with 137 and says why, though its program takes no SIGTERM and forks" foreground

foreground_polite()
{
        make polite 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
        # Before it has its trap, the first process of a namespace gets no SIGTERM.
        for wall in 1 10 40; do
                policy "{wall: \"${wall}s\", grace: \"15s\"}"
                run rp run --bundle "$B" polite
                case $out in *ready*) break;; esac
        done
        want_rc 137
        want_out $'ready\nbye'
        nothing_left
}
check "its program may end by itself after SIGTERM; the status is 137 all the same" foreground_polite

foreground_in_time()
{
        policy '{wall: "1000s"}'
        make quick 'exit 3'
        run rp run --bundle "$B" quick
        want_rc 3
        want_err ""
        nothing_left
}
check "what ends in time ends as ever" foreground_in_time

foreground_keep()
{
        policy '{wall: "1s", grace: "1s"}'
        make keep 'sleep 600'
        run rp run --keep --bundle "$B" keep
        want_rc 137
        want_deadline keep
        run rt delete keep
        want_rc 0
        nothing_left
}
check "with --keep it stays, stopped, and its state says why" foreground_keep

detached()
{
        make det "$stubborn"
        rp run --detach --bundle "$B" det < /dev/null > /dev/null 2>&1
        guard=$(guard_of det)
        wait_for 30 has_name $guard runb-guard || { rt delete --force det; return 9; }
        wait_for 60 has_status det stopped
        want_deadline det
        wait_for 30 nobody_sleeps
        run rt delete det
        want_rc 0
        nothing_left
}
check "a detached one is ended by its guard, with all that it has forked" with_wall detached

created_and_started()
{
        local rc=0 n=0

        make cs "$stubborn"
        rp create --bundle "$B" cs < /dev/null > /dev/null 2>&1
        rt start cs || rc=$?
        rt exec --pid-file "$T/exec.pid" cs /bin/sleep 700 < /dev/null > "$T/exec.out" 2>&1 &
        rt exec --detach cs /bin/sh -c 'trap "" TERM; while :; do sleep 1; done' < /dev/null > /dev/null 2>&1 || rc=$?
        until [ -s "$T/exec.pid" ] || too_late cs; do sleep 0.05; done
        if [ $rc != 0 ] || too_late cs; then
                wait $! || :
                rt delete --force cs
                return 9
        fi
        wait $! || rc=$?
        want_same $rc 137
        wait_for 60 has_status cs stopped
        want_deadline cs
        wait_for 30 nobody_sleeps
        rt delete cs
        nothing_left
}
check "so is one that was created and started, and what exec brought into it" with_wall created_and_started

created_only()
{
        policy '{wall: "1s", grace: "1s"}'
        make co 'sleep 600'
        rp create --bundle "$B" co < /dev/null > /dev/null 2>&1
        wait_for 60 has_status co stopped
        run rt start co
        want_rc 1
        want_err_has "cannot start a container that has stopped"
        rt delete co
        nothing_left
}
check "the clock runs from create on: one that nobody starts is ended too" created_only

paused()
{
        make pa 'sleep 600'
        rp run --detach --bundle "$B" pa < /dev/null > /dev/null 2>&1
        run rt pause pa
        case $rc:$err in
        0:*) ;;
        *"not running"*) rt delete --force pa; return 9;;
        *) rt delete --force pa; skip_case "no freezer here: $err";;
        esac
        wait_for 60 has_status pa stopped
        want_deadline pa
        rt delete pa
        nothing_left
}
check "a pause does not stop the clock" with_wall paused

# In each hierarchy that the container is in, too.
is_among_guards() # PID
{
        is_alive $1 && grep -q '^[0-9]*:[^:]*:/runb-guards$' /proc/$1/cgroup && tr '\0' ' ' < /proc/$1/cmdline | grep -q ' moved $'
}
mounts() { awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo; }
guard_folders() { find /sys/fs/cgroup -type d -name runb-guards; }

guard_is_apart()
{
        policy '{wall: "1000s"}'
        make apart 'sleep 600'
        trap 'rt delete --force apart' EXIT
        exec 3< "$T/apart/config.json" 4< "$T/apart/config.json" 7< "$T/apart/config.json"
        SECRET_TOKEN=hunter2 rp run --detach --preserve-fds 2 --bundle "$B" apart < /dev/null > "$T/apart.out" 2>&1
        exec 3<&- 4<&- 7<&-
        local guard=$(guard_of apart) init=$(rt state apart | jq .pid)
        watches() { readlink /proc/$guard/fd/* | grep -q timerfd; }
        wait_for 30 watches
        # stdio and the lock; the timer, the pidfd, the container's folder
        ls -l /proc/$guard/fd
        want_same "$(readlink /proc/$guard/fd/{0,1,2} | sort -u)" /dev/null
        want_same "$(readlink /proc/$guard/fd/* | grep -vcE "^/dev/null$|^anon_inode:|^$T/state")" 0
        want_same "$(ps -o sid= -p $guard | tr -d ' ')" $guard
        want_same "$(readlink /proc/$guard/cwd)" /
        wait_for 30 is_among_guards $guard
        want_same "$(grep -c runb-guards /proc/$init/cgroup)" 0
        want_same "$(tr '\0' '\n' < /proc/$guard/environ | grep -c TOKEN)" 0
        # Not Private_Dirty: of a binary that was linked a moment ago the file's pages are dirty, too.
        local own=$(awk '/^Anonymous:/ { print $2 }' /proc/$guard/smaps_rollup) charged file
        [ "$own" -lt 1024 ] || fail "the guard has $own KiB of its own"
        for file in /sys/fs/cgroup/{memory/runb-guards/memory.usage_in_bytes,runb-guards/memory.current}; do
                [ -e $file ] || continue
                charged=$(($(cat $file) / 1024))
                [ $charged -lt 1024 ] || fail "its cgroup is charged $charged KiB"
        done
        echo "# the guard has $own KiB of its own; its cgroup is charged ${charged-no} KiB" >> "$T/summary"
        kill -KILL $init
        wait_for 30 is_gone $guard
        rt delete apart
        nothing_left
}
check "the guard has a session of its own, no stdio, no fd, no variable and no cgroup of others, less than 1 MiB, and ends with init" guard_is_apart

# What an engine does when it is stopped: everything in its own cgroup is killed. Whoever makes the container is in it, as
# conmon and containerd's shim are.
engine_ends()
{
        local folder engine guard other
        policy '{wall: "1000s"}'
        make en 'sleep 600'
        bundle other '.process.args = ["/bin/sleep", "600"]'
        for folder in $(mounts); do
                mkdir $folder/engine
                [ ! -e $folder/engine/cpuset.cpus ] || [ -e $folder/cgroup.controllers ] || {
                        cat $folder/cpuset.cpus > $folder/engine/cpuset.cpus
                        cat $folder/cpuset.mems > $folder/engine/cpuset.mems
                }
        done
        trap 'rt delete --force en; rt delete --force other; for folder in $(mounts); do rmdir $folder/engine; done' EXIT
        ( for folder in $(mounts); do echo 0 > $folder/engine/cgroup.procs; done
          for B in "$T/en" "$T/other"; do
                jq ".linux.cgroupsPath = \"/c-${B##*/}\"" "$B/config.json" > "$T/c.json" && cat "$T/c.json" > "$B/config.json"
                rp run --detach --bundle "$B" "${B##*/}" < /dev/null > /dev/null 2>&1
          done )
        guard=$(guard_of en) other=$(guard_of other)
        wait_for 30 is_among_guards $guard
        wait_for 30 is_among_guards $other
        want_same "$(cat $(mounts | sed 's,$,/engine/cgroup.procs,'))" ""
        rt delete --force other
        want_same "$(guard_folders | wc -l)" "$(mounts | wc -l)"
        is_among_guards $guard || fail "it is in another cgroup"
        rt delete --force en
        want_same "$(guard_folders)" ""
        nothing_left
}
check "it is in no cgroup of its maker's, but in one of all guards, which goes with the last of them" engine_ends

guards_at_once()
{
        local name names=$(seq 30)
        policy '{wall: "1000s"}'
        make many 'sleep 600'
        for name in $names; do
                ( rp run --detach --bundle "$B" m$name < /dev/null > /dev/null 2>&1
                  [ $((name % 3)) = 0 ] || rt delete --force m$name ) &
        done
        for name in $(jobs -p); do wait $name; done
        for name in $names; do
                [ $((name % 3)) != 0 ] || wait_for 30 is_among_guards "$(guard_of m$name)"
        done
        for name in $names; do rt delete --force m$name & done
        for name in $(jobs -p); do wait $name; done
        nothing_left
        # The one that found another guard still in it was perhaps not the last to look.
        want_same "$(guard_folders)" ""
}
check "thirty of them come and go at once, each to that cgroup, of which nothing is left" guards_at_once

# No cgroup of the container's own: none for the guard either.
guard_stays()
{
        policy '{wall: "1000s", grace: "1s"}'
        make st 'sleep 600'
        rp --cgroup-manager disabled run --detach --bundle "$B" st < /dev/null > /dev/null 2>&1
        local guard=$(guard_of st)
        watches() { readlink /proc/$guard/fd/* | grep -q timerfd; }
        wait_for 30 watches
        want_same "$(guard_folders)" ""
        want_same "$(cat /proc/$guard/cgroup)" "$(cat /proc/self/cgroup)"
        rt delete --force st
        nothing_left
}
check "where there are to be no cgroups it watches from its maker's" guard_stays

no_clock()
{
        make none 'sleep 600'
        rt run --detach --bundle "$B" none < /dev/null > /dev/null 2>&1
        no_guards || fail "there is a guard"
        [ ! -e "$T/state/none/guard" ] || fail "there is a lock"
        rt delete --force none
        policy '{concurrent: 5}'
        jq '.profiles.untrusted.limits.wall' $P/policy.json
        rp run --detach --bundle "$B" none < /dev/null > /dev/null 2>&1
        # a file that says nothing of it: the clock that the profile is built in with
        [ "$(jq '.deadlineMs - .createdMs' "$T/state/none/state.json")" = 1800000 ] || fail "no 30 minutes"
        rt delete --force none
        nothing_left
}
check "without a policy file there is no clock and no guard; a file's untrusted has the 30 minutes that are built in" no_clock

guard_killed()
{
        policy '{wall: "1000s", grace: "1s"}'
        make gk 'sleep 600'
        rp run --detach --bundle "$B" gk < /dev/null > /dev/null 2>&1
        local guard=$(guard_of gk)
        kill -KILL $guard; wait_for 30 is_gone $guard
        has_status gk running
        want_other "$(guard_of gk)" $guard
        is_alive "$(guard_of gk)" || fail "there is no new guard"
        want_same "$(n_guards)" 1
        rt state gk > /dev/null; rt list > /dev/null; rt exec gk true
        want_same "$(n_guards)" 1
        rt delete --force gk
        nothing_left
}
check "the next command makes a new guard where it was killed, one only" guard_killed

# overdue NAME...: containers whose deadline and grace time passed without a guard
overdue()
{
        local name

        policy '{wall: "1000s", grace: "1s"}'
        make overdue "$stubborn"
        for name; do
                rp run --detach --bundle "$B" $name < /dev/null > /dev/null 2>&1
                kill -KILL "$(guard_of $name)"
                wait_for 30 is_gone "$(guard_of $name)"
                make_overdue $name
        done
        for name; do
                is_alive "$(jq .initPid "$T/state/$name/state.json")" || fail "$name has ended without anybody"
        done
}
late()
{
        local all="state start exec kill delete ps pause update" command

        overdue $all
        for command in $all; do
                case $command in
                state) ;;
                exec) run rt exec exec true; want_rc 255; want_err_has "cannot exec in a stopped container";;
                update) run rt update --pids-limit 100 update;;
                kill) run rt kill kill TERM; want_err_has "container not running";;
                delete) run rt delete delete; want_rc 0; continue;;
                *) run rt $command $command; case $command in start | pause) want_failure;; esac;;
                esac
                [ $command = state ] || is_gone "$(jq .initPid "$T/state/$command/state.json")"
                want_deadline $command
                rt delete $command
        done
        overdue list
        run rt list
        want_out_has stopped
        rt delete list
        nothing_left
}
check "past its deadline without a guard it is ended by the next command, whichever that is" late

guard_stopped()
{
        policy '{wall: "1000s", grace: "1s"}'
        make gs 'sleep 600'
        rp run --detach --bundle "$B" gs < /dev/null > /dev/null 2>&1
        kill -STOP "$(guard_of gs)"
        make_overdue gs
        want_deadline gs
        rt delete gs
        nothing_left
}
check "so it is where the guard was stopped" guard_stopped

# What a build may try: as init, and in an exec. tools DIR/survivor is one.
survivor=${RUNB%/*}/tests/tools/survivor
hostile() # WAY...
{
        [ -x "$survivor" ] || skip_case "$survivor is not built"
        policy '{wall: "1000s", grace: "1s"}'
        bundle ho '.process.args = ["/survivor"] + ($ways | split(" "))' --arg ways "$*"
        [ -e "$B/rootfs/survivor" ] || cp "$survivor" "$B/rootfs/survivor"
        rp run --detach --bundle "$B" ho < /dev/null > "$T/ho.out" 2>&1
        wait_for 60 grep -q ready "$T/ho.out"
        want_same "$(status_of ho)" running
        run rt exec --detach ho /survivor "$@"
        case $* in
        *headless*) want_failure;;      # its first thread has no namespaces any more to be joined
        *) want_rc 0; wait_for 60 grep -q ready "$T/out";;
        esac
        # By the next command; then by a guard, which has its grace time, too.
        kill -KILL "$(guard_of ho)"
        wait_for 30 is_gone "$(guard_of ho)"
        make_overdue ho
        case ${by-state} in
        guard) "$RUNB" --root "$T/state" guard ho;;
        state) rt state ho;;
        reap) "$RUNB" reap;;
        esac
        wait_for 60 no_survivors
        want_deadline ho
        rt delete ho
        nothing_left
}
no_survivors()
{
        local file text

        for file in /proc/[0-9]*/stat; do
                read -r text 2> /dev/null < "$file" || continue
                # A first thread that has ended is a zombie with others beside it: field 20.
                case $text in
                *"(survivor) Z "*) set -- ${text##*) }; [ "${18}" -le 1 ] || return 1;;
                *"(survivor)"*) return 1;;
                esac
        done
}
for by in state guard reap; do
        check "a build that is deaf, forks on, has stopped and traced children is ended by $by, and what exec brought too" hostile deaf stopped fork
        check "so is one whose first thread has ended, by $by" hostile deaf headless
done

# Killed at any system call, a guard leaves the rest to the next command.
guard_killed_anywhere()
{
        local kill_at=${RUNB%/*}/tests/tools/kill-at n r=0

        [ -x "$kill_at" ] || skip_case "$kill_at is not built"
        policy '{wall: "1000s", grace: "1s"}'
        make any 'trap "" TERM; while :; do sleep 600; done'
        for ((n = 1; r != 3; n += 5)); do
                rp run --detach --bundle "$B" any < /dev/null > /dev/null 2>&1
                kill -KILL "$(guard_of any)"
                wait_for 30 is_gone "$(guard_of any)"
                make_overdue any
                r=0
                "$kill_at" $n "$RUNB" --root "$T/state" guard any 2> "$T/any.err" || r=$?
                [ $r = 0 ] || [ $r = 3 ] || fail "kill-at says $r"
                want_deadline any
                run rt delete any
                want_rc 0
        done
        [ $n -gt 50 ] || fail "$n system calls are too few to be true"
        nothing_left
}
check "a guard that is killed at any of its system calls leaves the rest to the next command" guard_killed_anywhere

foreground_stopped()
{
        policy '{wall: "1000s", grace: "1s"}' ".audit = {path: \"$T/stopped.jsonl\"}"
        make fs 'sleep 600'
        rp run --bundle "$B" fs < /dev/null > /dev/null 2> "$T/fs.err" &
        local runner rc=0
        wait_for 60 has_status fs running
        runner=$(ps -o ppid= -p "$(jq .initPid "$T/state/fs/state.json")" | tr -d ' ')
        kill -STOP $runner
        make_overdue fs
        want_deadline fs
        kill -CONT $runner
        wait $! || rc=$?
        want_same $rc 137
        grep -q "was ended at its deadline" "$T/fs.err"
        want_same "$(jq -r 'select(.event == "exit") | .reason' "$T/stopped.jsonl")" deadline
        nothing_left
}
check "a foreground run that is stopped is no way around: the next command ends it, and run tells of a deadline" foreground_stopped

# Without a cgroup there is no telling what outlives init in a pid namespace of another.
out_of_reach()
{
        policy '{wall: "1000s", grace: "1s"}'
        make first 'sleep 600'
        rp run --detach --bundle "$B" first < /dev/null > /dev/null 2>&1
        bundle second '.process.args = ["/bin/sh", "-c", "setsid sleep 600 & sleep 600"] |
                .linux.namespaces |= map(if .type == "pid" then .path = $p else . end) | del(.linux.resources)' \
                --arg p "/proc/$(jq .initPid "$T/state/first/state.json")/ns/pid"
        run rp --cgroup-manager disabled run --detach --bundle "$B" second
        want_failure
        want_err_has '(limits.wall): nothing could end the processes of a container that joins a pid namespace and has no cgroup'
        # With one of its own the guard ends what outlives its init.
        run rp run --detach --bundle "$B" second
        want_rc 0
        kill -KILL "$(guard_of second)" "$(jq .initPid "$T/state/second/state.json")"
        make_overdue second
        rt state second
        # What it has left is a zombie of the first one's init, which does not wait.
        wait_for 60 are_alive 1
        rt delete second
        rt delete --force first
        nothing_left
}
check "a container that joins a pid namespace and has no cgroup is refused: nothing could end it" out_of_reach

# A plain user's: the guard is that user's, and so is who reaps.
rootless()
{
        local init

        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        make rl "$stubborn"
        mkdir -p "$T/user/run" && cp "$RUNB" "$T/user/runb"
        jq '.mounts |= map(select(.type != "cgroup")) | del(.linux.resources)' "$B/config.json" > "$T/c.json" && mv "$T/c.json" "$B/config.json"
        policy '{wall: "1000s", grace: "1s"}'
        mkdir -p /run/user-policy && cp $P/policy.json /run/user-policy/
        chown -hR 1000:1000 "$T/user" "$B" /run/user-policy
        as_user() { env -i PATH="$PATH" HOME="$T/user" XDG_RUNTIME_DIR="$T/user/run" setpriv --reuid 1000 --regid 1000 --clear-groups \
                    "$T/user/runb" --root "$T/user/state" --policy /run/user-policy/policy.json --cgroup-manager disabled "$@"; }
        as_user run --detach --bundle "$B" rl < /dev/null > "$T/rl.out" 2> "$T/rl.err" ||
                { cat "$T/rl.err"; skip_case "a plain user's containers: $(tail -n 1 "$T/rl.err")"; }
        init=$(jq .initPid "$T/user/state/rl/state.json")
        want_same "$(n_guards)" 1
        kill -KILL "$(cat "$T/user/state/rl/guard")"
        wait_for 30 no_guards
        as_user state rl
        want_same "$(n_guards)" 1
        kill -KILL "$(cat "$T/user/state/rl/guard")"
        wait_for 30 no_guards
        jq '.deadlineMs = .createdMs + 1 | .graceMs = 1' "$T/user/state/rl/state.json" > "$T/overdue.json"
        cat "$T/overdue.json" > "$T/user/state/rl/state.json"
        run as_user reap
        want_out_has "its deadline had passed; it is ended"
        wait_for 30 is_gone $init
        wait_for 30 nobody_sleeps
        as_user delete rl
        nothing_left
}
check "a plain user's container has a guard, gets a new one and is reaped, without any cgroup" rootless

reaped()
{
        overdue re
        run "$RUNB" --root /run/elsewhere reap
        want_rc 0
        want_out_has "$T/state/re: its deadline had passed; it is ended"
        want_out_has "$T/state/re: has ended; its ids are free"
        want_same "$(ls /run/runb/leases)" ""
        run "$RUNB" reap
        want_out ""
        want_deadline re
        rt delete re

        policy '{wall: "1000s", concurrent: 3}'
        make re2 'sleep 600'
        rp run --detach --bundle "$B" re2 < /dev/null > /dev/null 2>&1
        kill -KILL "$(guard_of re2)"; wait_for 30 no_guards
        run "$RUNB" reap
        want_out "$T/state/re2: nothing watched its deadline any more; there is a new guard"
        is_alive "$(guard_of re2)"
        run "$RUNB" reap --quiet
        want_out ""
        want_same "$(ls /run/runb/leases | wc -l)" 1
        # its folder is removed by hand
        kill -KILL "$(jq .initPid "$T/state/re2/state.json")"; wait_for 30 no_guards
        wait_for 30 nobody_sleeps
        cp "$T/state/re2/state.json" "$T/re2.json"
        rm -rf "$T/state/re2"
        run "$RUNB" reap
        want_out "1 range of ids of containers that are gone: free"
        jq -r '.cgroups[]' "$T/re2.json" | while read -r folder; do rmdir "$folder"; done
        nothing_left
}
check "runb reap ends it, makes guards and frees what dead containers hold, whatever their --root" reaped

forced()
{
        policy '{wall: "1000s", concurrent: 9}'
        make fo "$stubborn"
        rp run --detach --bundle "$B" fo < /dev/null > /dev/null 2>&1
        run rt delete --force fo
        want_rc 0
        nothing_left
}
check "delete --force leaves no guard" forced

hundred()
{
        local n i

        policy '{wall: "1000s", concurrent: 8}'
        make hu 'sleep 600'
        for i in $(seq 100); do
                rp --root "$T/state$((i % 3))" run --detach --bundle "$B" hu$i < /dev/null > /dev/null 2> "$T/hu$i.err" &
        done
        wait
        wait_for 60 are_named sleep 8
        n=$(cat "$T"/state[012]/*/state.json | jq -s 'map(select(.isCounted)) | length')
        want_same "$n" 8
        want_same "$(cat "$T"/hu*.err | grep -cF '(limits.concurrent): 8 of 8 containers of profile untrusted run; wait for one of them')" 92
        run rp run --bundle "$B" one-more
        want_failure
        # one that has ended counts no more, though nobody has deleted it
        set -- "$T"/state0/*
        [ -d "$1" ] || set -- "$T"/state1/*
        n=$(jq .initPid "$1/state.json")
        kill -KILL $n
        wait_for 30 is_gone $n
        make hu 'echo ran'
        run rp run --bundle "$B" one-more
        want_rc 0
        want_out ran
        for i in 0 1 2; do
                for n in $(rt --root "$T/state$i" list -q); do rt --root "$T/state$i" delete --force $n; done
        done
        nothing_left
}
check "of a hundred at once, under three roots, exactly limits.concurrent run; the others are refused with the numbers" hundred

# One that counts is held before it has written itself down: the other may not count meanwhile.
one_by_one()
{
        local hold_at=${RUNB%/*}/tests/tools/hold-at a b n=0

        [ -x "$hold_at" ] || skip_case "$hold_at is not built"
        policy '{concurrent: 1}'
        make ob 'sleep 600'
        rm -f "$T/go"
        "$hold_at" /run/runb/slots/ "$T/go" "$RUNB" --root "$T/state" --policy $P/policy.json run --detach --bundle "$B" ob1 \
                < /dev/null > /dev/null 2> "$T/ob1.err" &
        a=$!
        wait_for 60 test -e "$T/go.held"
        "$RUNB" --root "$T/state" --policy $P/policy.json run --detach --bundle "$B" ob2 < /dev/null > /dev/null 2> "$T/ob2.err" &
        b=$!
        at_the_lock() { is_gone $b || readlink /proc/$b/fd/* | grep -q '^/run/runb/lock$'; }
        wait_for 60 at_the_lock
        : > "$T/go"
        wait $a && n=$((n + 1))
        wait $b && n=$((n + 1))
        cat "$T"/ob[12].err
        want_same $n 1
        want_same "$(rt list -q | wc -l)" 1
        want_same "$(cat "$T"/ob[12].err | grep -cF '1 of 1 containers of profile untrusted run')" 1
        rt delete --force "$(rt list -q)"
        nothing_left
}
check "while one is counted no other one counts: of two, one is let in" one_by_one

slot_of_the_same_name()
{
        policy '{concurrent: 1}'
        make sn 'sleep 600'
        rp run --detach --bundle "$B" sn < /dev/null > /dev/null 2>&1
        kill -KILL "$(jq .initPid "$T/state/sn/state.json")"
        wait_for 30 nobody_sleeps
        cp "$T/state/sn/state.json" "$T/sn.json"
        rm -rf "$T/state/sn"
        run rp run --detach --bundle "$B" sn
        want_rc 0
        run "$RUNB" reap
        run rp run --bundle "$B" sn2
        want_err_has "1 of 1 containers of profile untrusted run"
        rt delete --force sn
        run "$RUNB" reap
        nothing_left
}
check "one whose folder was removed by hand does not keep out its successor of the same name, which reap does not strike off" slot_of_the_same_name

two_profiles()
{
        policy '{concurrent: 1}' '.profiles.branch = {limits: {concurrent: 2}} | .select = {annotation: {key: "p", allow: {branch: ["untrusted"], untrusted: ["branch"]}}}'
        make tp 'sleep 600'
        rp run --detach --bundle "$B" tp1 < /dev/null > /dev/null 2>&1
        rp --profile branch run --detach --bundle "$B" tp2 < /dev/null > /dev/null 2>&1
        run rp run --bundle "$B" tp3
        want_err_has "1 of 1 containers of profile untrusted run"
        # narrowed by another, it counts for both
        jq '.annotations.p = "branch"' "$B/config.json" > "$T/c.json" && mv "$T/c.json" "$B/config.json"
        run rp run --bundle "$B" tp3
        want_err_has "1 of 1 containers of profile untrusted run"
        rt delete --force tp1
        rp run --detach --bundle "$B" tp3 < /dev/null > /dev/null 2>&1
        run rp --profile branch run --bundle "$B" tp4
        want_err_has "2 of 2 containers of profile branch run"
        for i in tp2 tp3; do rt delete --force $i; done
        nothing_left
}
check "each profile has its own number, and one narrowed by another counts for both" two_profiles

record()
{
        policy '{wall: "1000s", grace: "1s"}' ".audit = {path: \"$T/audit.jsonl\"}"
        rm -f "$T/audit.jsonl"
        make rec 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; exit 5'
        run rp run --bundle "$B" rec
        want_rc 5
        run rp run --keep --bundle "$B" rec-kept
        rt delete rec-kept
        policy '{wall: "2s", grace: "1s"}' ".audit = {path: \"$T/audit.jsonl\"}"
        make rec 'sleep 600'
        rp run --detach --bundle "$B" rec-det < /dev/null > /dev/null 2>&1
        wait_for 60 has_status rec-det stopped
        rt delete rec-det
        rp create --bundle "$B" rec-no < /dev/null > /dev/null 2>&1
        rt delete rec-no
        cat "$T/audit.jsonl"
        jq -s . "$T/audit.jsonl" > /dev/null
        ends() { jq -r "select(.event == \"exit\" and .id == \"$1\") | $2" "$T/audit.jsonl"; }
        want_same "$(ends rec '[.reason, .exitStatus, .profile, .policy] | join(" ")')" "end 5 untrusted t"
        want_same "$(ends rec '.cpu.totalUs > 0 and (.memory == null or (.memory.peakBytes > 0 and .memory.oomKills == 0)) and .wallMs > 0')" true
        want_same "$(ends rec-kept '[.reason, .exitStatus] | join(" ")')" "end 5"
        want_same "$(ends rec-det '.reason + " " + (.exitStatus | tostring)')" "deadline null"
        want_same "$(ends rec-det '.wallMs >= 2000')" true
        want_same "$(ends rec-no .reason)" "never started"
        want_same "$(jq -r 'select(.event == "deadline") | .id' "$T/audit.jsonl")" rec-det
        nothing_left
}
check "the audit file gets what a container had used, when it is deleted" record

poststop()
{
        policy '{wall: "1s", grace: "1s"}'
        bundle ps '.process.args = ["/bin/sleep", "600"] | .hooks.poststop = [{path: "/run/hook"}]'
        printf '#!/bin/sh\ncat > %s\n' "$T/poststop.json" > /run/hook; chmod 755 /run/hook
        run rp run --bundle "$B" ps
        want_rc 137
        want_same "$(jq -r '.annotations["dev.runb.ended"]' "$T/poststop.json")" deadline
}
check "poststop hooks are told, too" poststop

sed 's/^/# /' "$T/summary" 2> /dev/null
finish
