#!/bin/bash
# What a person types wrong: each is answered in one line that names the thing and the remedy, with the right exit code, and
# leaves nothing behind.
. "$(dirname "$0")/../lib.sh"
need jq
is_runb || skip_all "runb's own words"

P=/run/policy
mkdir -p $P
policy() { printf '%s' "$1" > $P/policy.json; chmod 600 $P/policy.json; }

# is_wrong RC TEXT ARGUMENT...: one line on stderr that has the text, nothing on stdout, the exit code.
is_wrong()
{
        local want=$1 text=$2
        shift 2
        run rt "$@" < /dev/null
        want_rc "$want"
        want_out ""
        want_same "$(wc -l < "$T/err")" 1
        want_err_has "$text"
}
# Nothing is left of a create that failed.
is_refused() { is_wrong "$@"; [ ! -e "$T/state/x" ] || fail "a record is left"; [ -z "$(ls /run/runb/leases 2>/dev/null)" ] || fail "a lease is left"; }

to_create()
{
        bundle good '.process.args = ["/bin/sleep", "1000"]'
        cd "$T/busybox"
        is_refused 1 "config.json not found; --bundle names the folder that holds it" create x
        is_refused 1 "JSON specification file /no/config not found" create --bundle "$B" --config /no/config x
        is_refused 1 "--bundle /no/where: no such file or directory" create --bundle /no/where x
        is_refused 1 "--bundle $B/config.json: not a directory" create --bundle "$B/config.json" x
        is_refused 1 "requires exactly 1 argument; usage: runb create" create --bundle "$B"
        is_refused 1 'invalid container id "a/b": only letters' create --bundle "$B" a/b
        is_refused 1 'invalid container id "..": it has to begin with' create --bundle "$B" ..
        is_refused 1 'invalid container id "-x"' create --bundle "$B" -- -x
        is_refused 1 'invalid container id "?[2J"' create --bundle "$B" $'\e[2J'
        is_refused 1 'invalid container id: it is empty' create --bundle "$B" ""
        is_refused 1 '300 bytes are more than 255' create --bundle "$B" "$(printf '%0300d' 0)"
        is_refused 1 "--pid-file /no/dir/pid: no such file or directory" create --bundle "$B" --pid-file /no/dir/pid x
        is_refused 1 "--pid-file $T: is a directory" create --bundle "$B" --pid-file "$T" x
        is_refused 1 "leave --console-socket out" create --bundle "$B" --console-socket /no x
        is_refused 1 "--pidfd-socket: open /no: no such file or directory" create --bundle "$B" --pidfd-socket /no x
        is_refused 1 "preserved-fd 0 (of 5)" create --bundle "$B" --preserve-fds 5 x
        for n in -1 99999999999 x; do
                is_refused 1 "invalid value \"$n\" for flag --preserve-fds: a whole number" create --bundle "$B" --preserve-fds $n x
        done
        is_refused 1 "state folder $B/config.json: not a directory" --root "$B/config.json" list
        is_refused 1 "--policy" --policy "" create --bundle "$B" x
        is_refused 1 'only the profile "untrusted"; write /etc/runb/policy.json' --profile nope create --bundle "$B" x
}
check "create and run" to_create

of_nobody()
{
        local command
        for command in start state kill delete ps pause resume update egress report evidence contain explain "events --stats"; do
                is_wrong 1 "container does not exist" $command nobody
        done
        is_wrong 255 "exec failed: container does not exist" exec nobody true
        is_wrong 1 'invalid container id "a/b"' state a/b
        run rt delete --force nobody
        want_rc 0
        want_err ""
}
check "a container that is not there" of_nobody

of_containers()
{
        start_sleeper live
        bundle stopped '.process.args = ["/bin/true"]'
        rt run --keep --bundle "$B" stopped < /dev/null
        is_wrong 1 "container with given ID already exists" create --bundle "$B" live
        is_wrong 1 "cannot start an already running container" start live
        is_wrong 1 "cannot start a container that has stopped" start stopped
        is_wrong 255 "cannot exec in a stopped container" exec stopped true
        is_wrong 255 'exec: "nope": executable file not found in $PATH' exec live nope
        is_wrong 255 "process args cannot be empty" exec live
        is_wrong 255 'chdir to cwd ("/nope")' exec --cwd /nope live true
        is_wrong 255 "--process /no: open: no such file or directory" exec --process /no live
        is_wrong 255 '--user bob: "bob" is no user id' exec --user bob live true
        is_wrong 255 "--cap CAP_NOPE: no such capability" exec --cap CAP_NOPE live true
        is_wrong 255 "give --console-socket, or process.terminal false" exec --tty --detach live true
        is_wrong 1 "container not running" kill stopped
        is_wrong 1 'unknown signal "SIGNOPE"' kill live SIGNOPE
        is_wrong 1 "cannot delete container live that is not stopped: running" delete live
        is_wrong 1 'invalid format option "xml": table or json is wanted' ps -f xml live
        is_wrong 1 "ask ps for that column" ps live -o comm
        is_wrong 1 "container not running" pause stopped
        is_wrong 1 "container not paused" resume live
        is_wrong 1 '"x" is not a size such as 67108864 or 64M, or -1' update --memory x live
        is_wrong 1 "memory.limit: expected a number, found a string" update -r <(echo '{"memory":{"limit":"x"}}') live
        is_wrong 1 "5 is not in 10..1000" update --blkio-weight 5 live
        is_wrong 1 "such as 5s, 500ms or 1m30s" events --interval x live
        is_wrong 1 "its policy has neither an egress list nor an audit file" egress live
        is_wrong 1 "stopped has no processes" report stopped
        is_wrong 1 "output rel: an absolute path of the container is wanted" evidence --output rel live
        is_wrong 1 "leave the id out" evidence --builder live
        is_wrong 1 "is not contained" contain --release live
        is_wrong 1 'invalid format "x": table or json is wanted' explain --format x live
        has_status live running
        rt delete --force live
        rt delete stopped
}
check "a container that is not in the right state, and wrong values" of_containers

of_no_container()
{
        run rt top --once
        want_rc 0
        is_wrong 1 "--interval 0: a second at least" top --interval 0
        is_wrong 1 '"list" takes no arguments' list x
        is_wrong 1 "--bundle /no/dir: no such file or directory" spec --bundle /no/dir
        is_wrong 1 "file config.json exists. Remove it first" spec --bundle "$T/good"
        is_wrong 2 "the policy has no audit section" audit verify
        is_wrong 2 "audit file /no: no such file or directory" audit verify /no
        is_wrong 2 "init, verify [FILE], head [FILE] or query [FILE] is wanted" audit nope
        is_wrong 2 "show, lint FILE, diff OLD NEW, schema or learn is wanted" policy nope
        is_wrong 2 "read /no: no such file or directory" policy lint /no
        is_wrong 2 "read /no: no such file or directory" policy diff /no "$T/good/config.json"
        is_wrong 2 "the policy that holds here has no audit file; name one" policy learn
        is_wrong 1 "open log file /no/x: no such file or directory" --log /no/x list
}
check "commands about no container" of_no_container

in_policy()
{
        for try in '{"version":1,"profile":{}}|profile: unknown key; here are known: version, revision,' \
                '{"version":1,"profiles":{"untrusted":{"limit":{}}}}|profiles.untrusted.limit: unknown key; here are known: capabilities,' \
                '{"version":1,"defaultProfile":"nope"}|there is no profile "nope", only untrusted, branch, image-build, release' \
                '{"version":1,"profiles":{"untrusted":{"limits":{"memory":"4Q"}}}}|as "4G"' \
                '{"version":1,"ids":{"subidUser":"nouser"}}|no entry for "nouser"' \
                '{"version":1,"profiles":{"untrusted":{"cgroupParent":"/no/such"}}}|there is no cgroup /no/such' \
                '{}|version: is required and missing' '|is empty'; do
                policy "${try%%|*}"
                is_refused 1 "${try#*|}" --policy $P/policy.json create --bundle "$T/good" x
        done
        policy '{"version":1}'
        is_refused 1 'has no profile "nope", only untrusted, branch, image-build, release' \
                --policy $P/policy.json --profile nope create --bundle "$T/good" x
        bundle host-processes '.linux.namespaces |= map(select(.type != "pid"))'
        policy '{"version":1,"exceptions":[{"id":"EX-9","profile":"untrusted","allow":["pid.host"],"expires":"2020-01-01",
                "reason":"r","approvedBy":"a"}]}'
        is_refused 1 "have exception EX-9 renewed, which ended with 2020-01-01" --policy $P/policy.json create --bundle "$B" x
}
check "typing errors in the policy file: what was meant is named" in_policy

of_owners()
{
        policy '{"version":1}'
        chmod 666 $P/policy.json
        is_refused 1 "policy file $P/policy.json: others than its owner can write to it; chmod go-w it" \
                --policy $P/policy.json create --bundle "$T/good" x
        chmod 600 $P/policy.json
        chown 1000 $P/policy.json
        is_refused 1 "policy file $P/policy.json: belongs to uid 1000" --policy $P/policy.json create --bundle "$T/good" x
        chown 0 $P/policy.json
        chmod 777 $P
        is_refused 1 "policy file $P/policy.json: its folder $P: others than its owner can write to it; chmod go-w it, or put" \
                --policy $P/policy.json create --bundle "$T/good" x
        chmod 755 $P
        run rt --policy $P/missing.json doctor --format json
        jq -e '.facts[] | select(.name == "policy.file") | .state == "missing"' "$T/out"
        run rt doctor --format json
        jq -e '.facts[] | select(.name == "policy.file") | .found == "none: the built-in policy holds"' "$T/out"
}
check "a policy file that is not the administrator's alone: the file or the folder is named" of_owners

of_plain_users()
{
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        bundle good
        runb=$(everybodys_runb)
        chmod 755 "$T"
        mkdir -p -m 711 /run/runb
        mkdir -m 700 "$T/roots"
        plain() { run setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" "$runb" "$@" < /dev/null; }
        plain --root "$T/roots" state live
        want_rc 1
        want_err "state folder $T/roots: permission denied; call runb as the user who made its containers, or choose another folder with --root"
        plain create --bundle "$T/good" x
        want_rc 1
        want_err_has "permission denied; set XDG_RUNTIME_DIR, or name a folder of your own with --root"
        plain reap
        want_rc 1
        want_err_has "set XDG_RUNTIME_DIR to a folder of that user's"
}
check "what only root may" of_plain_users

by_rm()
{
        policy '{"version":1,"profiles":{"untrusted":{"egress":{"allow":[{"cidr":"10.9.8.7/32","ports":[443]}]}}}}'
        bundle pinned '.process.args = ["/bin/sleep", "1000"]'
        rt --policy $P/policy.json create --bundle "$B" --pid-file "$T/pinned.pid" pinned < /dev/null > /dev/null
        run rm -rf "$T/state/pinned"
        want_failure # the mount that keeps its network namespace
        is_wrong 1 "container does not exist" state pinned
        run rt delete --force pinned
        want_rc 0
        want_err_has "somebody removed it by hand. Processes of it that may be left, and their cgroup, are not known and not ended"
        [ ! -e "$T/state/pinned" ]
        ! grep -q "$T/state/pinned" /proc/self/mountinfo
        kill -9 "$(cat "$T/pinned.pid")"
        wait_for 20 sh -c "! kill -0 $(cat "$T/pinned.pid")"
        # The cgroup is found by its path, the range of ids by the next look.
        rt --policy $P/policy.json run --bundle "$B" --detach pinned < /dev/null > /dev/null
        rt delete --force pinned
        rt reap
}
check "a container whose folder was removed by rm -r can be deleted, and is not said to have ended" by_rm

finish
