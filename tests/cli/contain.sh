#!/bin/bash
# runb contain: the network is closed, the processes stand still, nothing is removed; --release undoes it.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq nft nsenter
[ "$(id -u)" = 0 ] || skip_all "needs root"
P=/run/policy
mkdir -p $P
CASE_TIMEOUT=180

ticker='while :; do echo x >> /ticks; sleep 0.05; done'
running() # ID COMMANDS [JQ-FILTER]
{
        sh_bundle "$1" "$2"
        [ $# -lt 3 ] || { jq "$3" "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"; }
        if [ -e $P/policy.json ]; then
                rt --policy $P/policy.json create --bundle "$B" "$1" < /dev/null > /dev/null
        else
                rt create --bundle "$B" "$1" < /dev/null > /dev/null
        fi
        rt start "$1"
        pid=$(rt state "$1" | jq .pid)
}
ticks() { cat "$B/rootfs/ticks" 2> /dev/null | wc -l; }
ticks_more() { [ "$(ticks)" -gt "$1" ]; }
closed() { nsenter -t "$1" -n nft list tables | grep -q 'inet runb-contained'; }
# A listener on loopback, one connection that is there already, and what comes through it.
talk='sleep 1000 | nc -l -p 7000 > /heard & sleep 1; (while :; do echo word; sleep 0.05; done) | nc 127.0.0.1 7000'
heard_more() { [ "$(cat "$B/rootfs/heard" 2> /dev/null | wc -l)" -gt "$1" ]; }

it_is_held_and_let_go()
{
        local before
        running a "$ticker"
        wait_for 30 ticks_more 2
        run rt contain --reason "ticket 5" a
        want_rc 0
        want_out_has "a is contained"
        want_same "$(status_of a)" paused
        want_match "$(rt state a | jq -r '.annotations["dev.runb.contained"]')" '^20[0-9][0-9]-'
        closed "$pid"
        before=$(ticks)
        sleep 0.5
        want_same "$(ticks)" "$before"
        # Again is no error, and changes nothing.
        run rt contain a
        want_rc 0
        for verb in "exec a true" "exec --ignore-paused a true" "resume a" "kill a KILL" "kill --all a" "delete a" "start a"; do
                run rt $verb
                want_failure
                want_err_has "contained since"
        done
        want_same "$(status_of a)" paused
        # All else is as it was made.
        run rt report --format json a
        want_rc 0
        run rt contain --release a
        want_rc 0
        want_same "$(status_of a)" running
        want_same "$(rt state a | jq -r '.annotations["dev.runb.contained"]')" null
        ! closed "$pid" || fail "the network is still closed"
        wait_for 30 ticks_more "$before"
        run rt exec a true
        want_rc 0
        run rt contain --release a
        want_rc 1
        want_err_has "not contained"
        [ ! -e "$T/state/a/contained" ] || fail "the mark is still there"
        rt delete -f a
}
check "a contained container stands still and refuses what would change it; released, it goes on" it_is_held_and_let_go

the_network_is_closed()
{
        local before
        running n "$talk"
        wait_for 60 heard_more 3
        # The network alone: a closed one must hold by itself.
        rt contain n > /dev/null
        before=$(jq -r '.cgroups[]' "$T/state/n/state.json" | while read -r f; do [ -e $f/freezer.state ] && echo $f/freezer.state; [ -e $f/cgroup.freeze ] && echo $f/cgroup.freeze; done | head -n 1)
        case $before in *state) echo THAWED > "$before";; *) echo 0 > "$before";; esac
        wait_for 20 has_status n running
        # What was on its way; then nothing more by the connection that was there, nor by a new one.
        stands_still() { before=$(wc -l < "$B/rootfs/heard"); sleep 1; [ "$(wc -l < "$B/rootfs/heard")" = "$before" ]; }
        wait_for 30 stands_still
        before=$(wc -l < "$B/rootfs/heard")
        run nsenter -t "$pid" -n timeout 2 busybox nc -w 1 127.0.0.1 7000 < /dev/null
        want_failure
        run nsenter -t "$pid" -n timeout 3 ping -c 1 -W 1 127.0.0.1
        want_failure
        rt contain --release n
        wait_for 60 heard_more "$before"
        rt delete -f n
}
check "its network is closed: loopback, and connections that were there" the_network_is_closed

it_is_kept()
{
        running k "$ticker"
        rt contain k > /dev/null
        kill -KILL "$pid"
        wait_for 30 has_status k stopped || echo thawed
        run rt delete k
        want_rc 1
        want_err_has contained
        [ -e "$T/state/k/state.json" ] || fail "the record is gone"
        # As engines do.
        run rt delete --force k
        want_rc 1
        want_err_has contained
        [ -e "$T/state/k/state.json" ] || fail "the record is gone"
        run rt delete --force --contained k
        want_rc 0
        [ ! -e "$T/state/k" ] || fail "the record is still there"
}
check "one whose processes somebody killed is kept, delete --force or not; delete --contained gives it up" it_is_kept

force_ends_nothing()
{
        local before
        running g "$ticker"
        wait_for 30 ticks_more 2
        rt contain g > /dev/null
        run rt delete --force g
        want_rc 1
        want_err_has "contained since"
        want_same "$(status_of g)" paused
        kill -0 "$pid"
        before=$(ticks)
        rt contain --release g
        wait_for 30 ticks_more "$before"
        rt contain g > /dev/null
        run rt delete --force --contained g
        want_rc 0
        ! kill -0 "$pid" 2> /dev/null || fail "it still runs"
}
check "delete --force ends none of its processes" force_ends_nothing

it_is_found_without_its_root()
{
        sh_bundle abcdefgh "$ticker"
        "$RUNB" --root "$T/elsewhere" create --bundle "$B" abcdefgh < /dev/null > /dev/null
        "$RUNB" --root "$T/elsewhere" start abcdefgh
        run "$RUNB" report --format json abcd
        want_rc 0
        want_same "$(echo "$out" | jq -r .id)" abcdefgh
        run "$RUNB" contain abcde
        want_rc 0
        want_out_has "abcdefgh is contained"
        want_same "$("$RUNB" --root "$T/elsewhere" state abcdefgh | jq -r .status)" paused
        # Engines' commands look nowhere else; nor is anything found by three letters, nor in another --root.
        run "$RUNB" state abcdefgh
        want_rc 1
        run "$RUNB" delete --force --contained abcdefgh
        want_same "$("$RUNB" --root "$T/elsewhere" state abcdefgh | jq -r .status)" paused
        run "$RUNB" report abc
        want_rc 1
        want_err_has "does not exist"
        run rt report abcdefgh
        want_rc 1
        bundle abcdxyz '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$T/third" create --bundle "$B" abcdxyz < /dev/null > /dev/null
        run "$RUNB" contain abcd
        want_rc 1
        want_err_has "say which, with --root"
        "$RUNB" --root "$T/third" delete -f abcdxyz
        run "$RUNB" contain --release abcd
        want_rc 0
        "$RUNB" --root "$T/elsewhere" delete -f abcdefgh
}
check "report and contain find a container of another state folder, by the beginning of its id" it_is_found_without_its_root

a_foreground_run_keeps_it()
{
        sh_bundle f "$ticker"
        rt run --bundle "$B" f > "$T/f.out" 2>&1 < /dev/null 9>&- & waiting=$!
        wait_for 30 has_status f running
        rt contain f > /dev/null
        rt contain --release f
        rt contain f > /dev/null
        kill -KILL "$(rt state f | jq .pid)"
        # cgroup v1: a frozen process ends only when it is thawed.
        for folder in $(jq -r '.cgroups[]' "$T/state/f/state.json"); do [ ! -e $folder/freezer.state ] || echo THAWED > $folder/freezer.state; done
        wait $waiting || true
        want_match "$(cat "$T/f.out")" "contained, and is kept"
        [ -e "$T/state/f/state.json" ] || fail "run deleted it"
        rt delete --force --contained f
}
check "a foreground run whose container is contained leaves it where it is" a_foreground_run_keeps_it

policy() { jq -cn "$1" > $P/policy.json; chmod 600 $P/policy.json; }
the_clock_waits()
{
        local wall
        # A later deadline where the machine was too slow for it.
        for wall in 5 20 60; do
                policy '{version: 1, revision: "t", profiles: {untrusted: {limits: {wall: "'$wall's", grace: "1s"}}}}'
                running c "$ticker" || { rt delete -f c; continue; }
                rt contain c > /dev/null
                ! has_status c paused || break
                rt delete -f c
        done
        want_same "$(status_of c)" paused
        sleep $((wall + 3))
        want_same "$(status_of c)" paused
        run rt reap
        want_rc 0
        want_same "$(status_of c)" paused
        rt contain --release c
        wait_for 30 has_status c stopped
        want_same "$(rt state c | jq -r '.annotations["dev.runb.ended"]')" deadline
        rt delete -f c
        rm $P/policy.json
}
check "its deadline does not end it; released, it does" the_clock_waits

it_is_recorded()
{
        rm -f $P/audit.jsonl
        policy '{version: 1, revision: "t", audit: {path: "/run/policy/audit.jsonl"}, profiles: {untrusted: {}}}'
        running r "$ticker"
        wait_for 30 ticks_more 1
        rt contain --reason "ticket 6" r > /dev/null
        rt contain --release r
        run jq -c 'select(.event == "contain" or .event == "release") | [.event, .id, .reason, .complete, (.refused | type)]' $P/audit.jsonl
        want_out '["contain","r","ticket 6",true,"array"]
["release","r",null,null,"null"]' || { jq -c . $P/audit.jsonl; return 1; }
        # Its counters are still there.
        run rt egress --format json r
        want_rc 0
        rt delete -f r
        rm -f $P/policy.json $P/audit.jsonl*
}
check "the audit log has it, with the reason; what is counted stays" it_is_recorded

the_hosts_network_is_left()
{
        jq -cn '{version: 1, revision: "t", profiles: {untrusted: {}}, exceptions: [{id: "E1", profile: "untrusted", expires: "2099-01-01",
                reason: "r", approvedBy: "a", allow: ["network.host"]}]}' > $P/policy.json
        chmod 600 $P/policy.json
        running h "$ticker" '.linux.namespaces |= map(select(.type != "network")) | .mounts |= map(select(.destination | test("^/sys") | not))'
        run rt contain h
        want_rc 1
        want_err_has "the host's network, by an exception"
        ! nft list tables | grep -q runb-contained || { nft delete table inet runb-contained; fail "the host's network was closed"; }
        # The rest of it holds.
        want_same "$(status_of h)" paused
        run rt delete h
        want_err_has contained
        run rt contain --release h
        want_rc 0
        want_same "$(status_of h)" running
        rt delete -f h
        rm $P/policy.json
}
check "the host's network, which an exception gave, is not closed, and that is said" the_hosts_network_is_left

of_a_plain_user()
{
        local before
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        sh_bundle u "(while :; do sleep 0.02; done) & $ticker"
        mkdir -p "$T/user/run" && cp "$RUNB" "$T/user/runb"
        jq '.mounts |= map(select(.type != "cgroup")) | del(.linux.resources)' "$B/config.json" > "$T/c.json" && mv "$T/c.json" "$B/config.json"
        chown -hR 1000:1000 "$T/user" "$B"
        as_user() { env -i PATH="$PATH" HOME="$T/user" XDG_RUNTIME_DIR="$T/user/run" setpriv --reuid 1000 --regid 1000 --clear-groups \
                    "$T/user/runb" --root "$T/user/state" --cgroup-manager disabled "$@"; }
        as_user run --detach --bundle "$B" u < /dev/null > "$T/u.out" 2> "$T/u.err" ||
                { cat "$T/u.err"; skip_case "a plain user's containers: $(tail -n 1 "$T/u.err")"; }
        wait_for 30 ticks_more 2
        run as_user report --format json u
        want_rc 0
        run as_user contain u
        want_rc 0
        before=$(ticks)
        sleep 0.5
        want_same "$(ticks)" "$before"
        run as_user contain u
        want_rc 0
        run as_user contain --release u
        want_rc 0
        wait_for 30 ticks_more "$before"
        run as_user report --format json u
        want_rc 0
        as_user delete -f u
}
check "a plain user's, which has no cgroup: its processes are stopped, report holds for it" of_a_plain_user

what_is_wrong()
{
        run rt contain nobody
        want_rc 1
        want_err_has "does not exist"
        run rt contain --release --reason x nobody
        want_rc 1
        want_err_has "--reason"
        running s true
        wait_for 30 has_status s stopped
        run rt contain s
        want_rc 0
        want_out_has "its processes are gone"
        run rt delete s
        want_rc 1
        want_err_has contained
        rt delete -f --contained s
}
check "what never was is an error; what has ended is kept" what_is_wrong
finish
