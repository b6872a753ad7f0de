#!/bin/bash
# state, ps, list, pause, resume and update as engines call and parse them.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq

state_document()
{
        bundle st '.process.args = ["/bin/sleep", "1000"] | .annotations = {"a.b": "c"}'
        rt create --bundle "$B" st < /dev/null > /dev/null 2>&1
        rt start st
        run rt state st
        want_rc 0
        want_err ""
        jq -e '.id == "st" and (.pid | type) == "number" and .pid > 1 and .status == "running"' "$T/out"
        jq -e '.ociVersion and .bundle == $b and .rootfs == $b + "/rootfs"' --arg b "$B" "$T/out"
        jq -e '.annotations["a.b"] == "c" and has("owner")' "$T/out"
        jq -e '.created | sub("\\.[0-9]+"; "") | fromdateiso8601 > 1600000000' "$T/out"
        rt kill st KILL
        wait_for 5 has_status st stopped
        run rt state st
        jq -e '.pid == 0' "$T/out"
        rm -rf "$B/config.json" # state must not need the bundle
        run rt state st
        want_rc 0
        rt delete st
        run rt state st
        want_failure
        want_err_has "does not exist"
}
check "state has runc's members; a stopped one has pid 0; an unknown one does not exist" state_document

relative_bundle()
{
        bundle rel '.process.args = ["/bin/sleep", "1000"]'
        cd "$B/.."
        rt create --bundle rel rel < /dev/null > /dev/null 2>&1
        rt state rel | jq -e '.bundle == $b' --arg b "$B"
        rt delete --force rel
        cd "$B"
        rt create rel < /dev/null > /dev/null 2>&1
        rt state rel | jq -e '.bundle == $b' --arg b "$B"
        rt delete --force rel
}
check "the bundle is the current folder by default and absolute in the state" relative_bundle

ps_json()
{
        sh_bundle ps 'sleep 1000 & sleep 1000; true'
        rt create --bundle "$B" --pid-file "$T/ps.pid" ps < /dev/null > /dev/null 2>&1
        rt start ps
        wait_for 5 sh -c "[ \$('$RUNB' --root '$T/state' ps -f json ps | jq length) = 3 ]"
        run rt ps --format json ps
        want_rc 0
        want_err ""
        want_match "$out" '^\[[0-9]+,[0-9]+,[0-9]+\]$'
        jq -e 'index($p)' --argjson p "$(cat "$T/ps.pid")" "$T/out"
        run rt ps ps
        want_out_has sleep
        want_out_has PID
        run rt ps ps -o pid,comm
        want_out_has COMMAND
        rt delete --force ps
}
check "ps --format json is an array of the caller's pids; the table takes ps options" ps_json

list_forms()
{
        run rt list
        want_rc 0
        want_out_has "ID"
        run rt list --format json
        want_match "$out" '^(null|\[\])$'
        start_sleeper l1
        start_sleeper l2
        run rt list -q
        want_out "l1
l2"
        run rt list -f json
        jq -e 'length == 2 and .[0].id == "l1" and .[0].status == "running"' "$T/out"
        run rt list
        want_match "$(sed -n 1p "$T/out")" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
        rt delete --force l1
        rt delete --force l2
}
check "list prints a table, ids, or JSON" list_forms

pausing()
{
        sh_bundle pa 'while :; do echo tick; sleep 0.05; done'
        rt create --bundle "$B" pa < /dev/null > "$T/pa.out" 2>&1
        rt start pa
        wait_for 5 grep -q tick "$T/pa.out"
        run rt pause pa
        want_rc 0
        before=$(wc -c < "$T/pa.out")
        sleep 0.3
        want_same "$(wc -c < "$T/pa.out")" "$before"
        want_same "$(status_of pa)" paused
        run rt resume pa
        want_rc 0
        sleep 0.3
        want_other "$(wc -c < "$T/pa.out")" "$before"
        run rt resume pa
        want_rc 1
        want_err_has "container not paused"
        rt kill pa KILL
        wait_for 5 has_status pa stopped
        run rt pause pa
        want_rc 1
        want_err_has "container not running"
        rt delete pa
        # A dead container that was paused must not freeze the next one of its cgroup path.
        start_sleeper pa2
        rt delete --force pa2
}
check "pause returns when frozen; a stopped container is refused, and so is a second resume" pausing

limits() # FILE-V1 FILE-V2: prints the value of the container's limit
{
        local dir
        dir=$(find /sys/fs/cgroup -type d -path '*/upd' | grep -E "$1|fs/cgroup/upd" | head -n 1)
        cat "$dir/$2" 2>/dev/null || cat "$dir/$3"
}
updating()
{
        grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
                skip_case "needs the memory and pids controllers"
        start_sleeper upd '.linux.cgroupsPath = "/upd" | .linux.resources.memory = {"limit": 67108864} | .linux.resources.pids = {"limit": 50}'
        want_same "$(limits memory memory.limit_in_bytes memory.max)" 67108864
        echo '{"memory":{"limit":134217728,"reservation":0,"swap":268435456,"kernel":0},"cpu":{"shares":0,"quota":0,"period":0},"pids":{"limit":100},"blockIO":{"weight":0}}' > "$T/res.json"
        run rt update --resources=- upd < "$T/res.json"
        want_rc 0
        want_out ""
        want_err ""
        want_same "$(limits memory memory.limit_in_bytes memory.max)" 134217728
        want_same "$(limits pids pids.max pids.max)" 100
        echo '{"pids":{"limit":0}}' | rt update --resources - upd
        want_same "$(limits pids pids.max pids.max)" 100
        echo '{"memory":{"limit":33554432,"swap":67108864}, "unknown": {"x": 1}}' > "$T/res.json"
        rt update --resources="$T/res.json" upd
        want_same "$(limits memory memory.limit_in_bytes memory.max)" 33554432
        rt update --pids-limit 77 --memory 50331648 --memory-swap 67108864 upd
        want_same "$(limits pids pids.max pids.max)" 77
        want_same "$(limits memory memory.limit_in_bytes memory.max)" 50331648
        rt delete --force upd
}
check "update takes a file, - and options; zero and absent members leave the limit as it is" updating

combined_output()
{
        start_sleeper co
        rt state co 2>&1 | jq -e .status
        rt ps --format json co 2>&1 | jq -e '. | length'
        rt features 2>&1 | jq -e .ociVersionMin
        run rt kill co 0
        want_out ""
        want_err ""
        rt delete --force co
}
check "state, ps, features and kill say nothing on stderr when they succeed" combined_output

finish
