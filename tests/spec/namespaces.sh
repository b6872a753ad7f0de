#!/bin/bash
# linux.namespaces, timeOffsets and the id mappings (runtime-spec 1.3, config-linux.md), on real containers.
set -u
. "$(dirname "$0")/../lib.sh"
need jq unshare nsenter

# A case that fails leaves its containers and its holder to nobody.
tidy_check()
{
        check "$@"
        local c
        for c in ns a b first second; do rt delete --force $c; done 2>/dev/null
        for c in $(cat "$T/holders" 2>/dev/null); do kill -KILL "$c" 2>/dev/null; done
        rm -f "$T/holders"
}

kinds="network ipc uts cgroup time"
file_of() { case $1 in network) echo net;; mount) echo mnt;; *) echo "$1";; esac; }
ns_of() { readlink "/proc/$1/ns/$(file_of "$2")"; }

# A process that holds a namespace of each kind; $held is its pid.
hold()
{
        unshare --net --ipc --uts --cgroup --time --pid --fork --kill-child sh -c 'exec sleep 600' &
        holder=$!
        wait_for 5 sh -c "[ -n \"\$(cat /proc/$holder/task/$holder/children)\" ]"
        held=$(tr -d ' ' < "/proc/$holder/task/$holder/children")
        echo "$holder $held" >> "$T/holders"
        wait_for 5 sh -c "[ \"\$(readlink /proc/$held/exe)\" = \"\$(readlink -f /bin/sleep)\" ]"
}
let_go() { kill -KILL "$held"; wait "$holder" 2>/dev/null || true; }

# set_path KIND PATH: the jq words
set_path() { printf '.linux.namespaces = [.linux.namespaces[] | select(.type != "%s")] + [{type: "%s", path: "%s"}]' "$1" "$1" "$2"; }

all_new()
{
        local kind
        start_sleeper ns '.linux.namespaces += [{type: "time"}]'
        for kind in pid network ipc uts mount cgroup time user; do
                want_other "$(ns_of "$(cat "$T/ns.pid")" "$kind")" "$(ns_of self "$kind")"
        done
        rt delete --force ns
}
tidy_check "a namespace of each of the eight types is made" all_new

joins()
{
        local kind pid
        hold
        for kind in $kinds pid; do
                start_sleeper ns "$(set_path "$kind" "/proc/$held/ns/$(file_of "$kind")")" || { echo "$kind"; return 1; }
                pid=$(cat "$T/ns.pid")
                want_same "$(ns_of "$pid" "$kind")" "$(ns_of "$held" "$kind")"
                # exec lands in the same ones.
                run rt exec ns readlink "/proc/self/ns/$(file_of "$kind")"
                want_rc 0
                want_out "$(ns_of "$held" "$kind")"
                rt delete --force ns
                [ -e "/proc/$held" ] || fail "the holder was killed with $kind"
        done
        let_go
}
tidy_check "a namespace is joined by its path, by exec, too" joins

# A user namespace: the build's own one has the ids of the one that is named, and no others.
joins_user()
{
        local pid
        unshare --user sleep 600 &
        held=$!
        echo $held >> "$T/holders"
        wait_for 5 sh -c "[ \"\$(readlink /proc/$held/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
        echo "0 1879048192 65536" > "/proc/$held/uid_map"
        echo "0 1879048192 65536" > "/proc/$held/gid_map"
        start_sleeper ns "$(set_path user "/proc/$held/ns/user")" || { kill -KILL $held; return 1; }
        pid=$(cat "$T/ns.pid")
        want_other "$(ns_of "$pid" user)" "$(ns_of "$held" user)"
        want_same "$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status")" 1879048192
        # From within the one that is named the map is one to one.
        want_match "$(nsenter --user --target "$held" cat "/proc/$pid/uid_map")" "^ *0 +0 +65536"
        rt delete --force ns
        kill -KILL $held
}
tidy_check "a user namespace that is named gives the build its ids, never the host's" joins_user

duplicate()
{
        local kind
        for kind in pid network ipc uts mount cgroup time user; do
                bundle ns '.linux.namespaces += [{type: $k}, {type: $k}]' --arg k "$kind"
                run rt run --bundle "$B" ns
                want_failure
                want_err_has "the type \"$kind\" is given twice"
        done
        bundle ns '.linux.namespaces += [{type: "other"}]'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has '"other" is not a type of namespace'
        bundle ns '.linux.namespaces += [{type: "time", path: "ns/time"}]'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "linux.namespaces[6].path"
        [ -z "$(rt list -q)" ]
}
tidy_check "a doubled or unknown type and a path that is not absolute are errors" duplicate

# Not a namespace, or one of another type.
wrong()
{
        local kind path
        hold
        : > "$T/file"
        [ -p "$T/fifo" ] || mkfifo "$T/fifo"
        ln -sfn "$T/file" "$T/link"
        ln -sfn "$T/nowhere" "$T/dangling"
        for kind in $kinds pid user; do
                for path in "$T/file" "$T/fifo" "$T/link" "$T" /dev/null "/proc/$held/ns/mnt" "/proc/$held/status"; do
                        bundle ns "$(set_path "$kind" "$path")"
                        CASE=$path run timeout 10 "$RUNB" --root "$T/state" run --bundle "$B" ns
                        want_rc 1
                        want_err_has "$path is not a $kind namespace"
                done
                for path in "$T/nowhere" "$T/dangling"; do
                        bundle ns "$(set_path "$kind" "$path")"
                        run rt run --bundle "$B" ns
                        want_rc 1
                        want_err_has "$path"
                done
        done
        bundle ns "$(set_path network "/proc/$held/ns/ipc")"
        run rt run --bundle "$B" ns
        want_rc 1
        want_err_has "is not a network namespace"
        # A link to a namespace is one: engines keep them so.
        ln -sfn "/proc/$held/ns/net" "$T/netns"
        bundle ns "$(set_path network "$T/netns") | .process.args = [\"readlink\", \"/proc/self/ns/net\"]"
        run rt run --bundle "$B" ns
        want_rc 0
        want_out "$(ns_of "$held" network)"
        let_go
        [ -z "$(rt list -q)" ]
}
CASE_TIMEOUT=120
tidy_check "a path that is no namespace of that type is an error, and a fifo does not hang" wrong

# Those of the host, spelled out; and a mount namespace, whose mounts nobody has judged.
host()
{
        local kind
        for kind in pid network ipc uts user; do
                bundle ns "$(set_path "$kind" "/proc/self/ns/$(file_of "$kind")")"
                run rt run --bundle "$B" ns
                want_failure
                want_err_has "(namespaces.$kind)"
        done
        hold
        bundle ns "$(set_path mount "/proc/$held/ns/mnt")"
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "(namespaces.mount)"
        let_go
        # The host's clocks are what a build has anyway; a cgroup namespace of its own does no harm.
        bundle ns "$(set_path time /proc/self/ns/time) | .process.args = [\"readlink\", \"/proc/self/ns/time\"]"
        run rt run --bundle "$B" ns
        want_rc 0
        want_out "$(ns_of self time)"
        bundle ns "$(set_path cgroup /proc/self/ns/cgroup) | .process.args = [\"readlink\", \"/proc/self/ns/cgroup\"]"
        run rt run --bundle "$B" ns
        want_rc 0
        want_other "$out" "$(ns_of self cgroup)"
}
tidy_check "the host's namespaces are refused by path, too, those of clocks and cgroups apart" host

# ---- clocks

uptime_of() { cut -d. -f1 /proc/uptime; }

offsets()
{
        local inside
        start_sleeper ns '.linux.namespaces += [{type: "time"}] |
                .linux.timeOffsets = {monotonic: {secs: 172800, nanosecs: 5}, boottime: {secs: 604800}}'
        run rt exec ns cat /proc/self/timens_offsets
        want_rc 0
        want_match "$out" "monotonic +172800 +5"
        want_match "$out" "boottime +604800 +0"
        run rt exec ns cut -d. -f1 /proc/uptime
        inside=$((out - $(uptime_of)))
        [ $inside -ge 604798 ] && [ $inside -le 604802 ] || fail "uptime is $inside s more"
        # The same for init, which was there first.
        want_same "$(ns_of "$(cat "$T/ns.pid")" time)" "$(rt exec ns readlink /proc/self/ns/time)"
        rt delete --force ns
        # Before the past of the machine there is none.
        bundle ns '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: -100000000000}}'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "linux.timeOffsets"
        bundle ns '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {nanosecs: 1000000000}}'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "linux.timeOffsets.monotonic.nanosecs"
        bundle ns '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {realtime: {secs: 1}}'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "is not a clock with offsets"
        [ -z "$(rt list -q)" ]
}
[ -e /proc/self/timens_offsets ] && tidy_check "offsets move the clocks of a new time namespace" offsets

offsets_of_nothing()
{
        bundle ns '.linux.timeOffsets = {boottime: {secs: 1}}'
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "linux.timeOffsets: there is no time namespace"
        hold
        bundle ns "$(set_path time "/proc/$held/ns/time") | .linux.timeOffsets = {boottime: {secs: 1}}"
        run rt run --bundle "$B" ns
        want_failure
        want_err_has "linux.timeOffsets: the clocks of time namespace /proc/$held/ns/time, which is joined"
        let_go
}
tidy_check "offsets without a new time namespace are errors" offsets_of_nothing

# A start time is told in the reader's clocks: none of it may look like another process.
life_with_offsets()
{
        start_sleeper ns '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 604800}}'
        want_same "$(status_of ns)" running
        rt kill ns KILL
        wait_for 5 has_status ns stopped
        rt delete ns
}
tidy_check "a container with other clocks is found, killed and deleted as any" life_with_offsets

# ---- a pid namespace that several share

shared()
{
        hold
        bundle a "$(set_path pid "/proc/$held/ns/pid")"' | .process.args = ["/bin/sh", "-c", "sleep 500 & sleep 501 & exec sleep 502"]'
        rt create --bundle "$B" --pid-file "$T/a.pid" a < /dev/null > /dev/null 2>&1
        rt start a
        start_sleeper b "$(set_path pid "/proc/$held/ns/pid")"
        wait_for 5 sh -c "[ \$($RUNB --root $T/state ps -f json a | jq length) = 3 ]"
        # ps: its own, and none of those that it sees.
        run rt ps -f json a
        want_same "$(echo "$out" | jq length)" 3
        run rt exec a sh -c 'grep -l "^sleep" /proc/[0-9]*/comm | wc -l'
        [ "$out" -ge 5 ] || fail "the namespace is not shared"
        run rt exec b true
        want_rc 0
        # TERM goes to init alone ...
        rt kill a TERM
        wait_for 5 has_status a stopped
        run rt ps -f json a
        want_same "$(echo "$out" | jq length)" 2
        # ... and what outlived it to --all.
        run rt kill a TERM
        want_failure
        want_err_has "container not running"
        run rt kill --all a KILL
        want_rc 0
        wait_for 5 sh -c "[ \"\$($RUNB --root $T/state ps -f json a)\" = null ]"
        rt delete a
        want_same "$(status_of b)" running
        [ -e "/proc/$held" ] || fail "the holder was killed"
        rt delete --force b
        [ -e "/proc/$held" ] || fail "the holder was killed"
        let_go
}
tidy_check "in a shared pid namespace ps, exec and kill mean the container's own processes" shared

shared_kill()
{
        hold
        bundle a "$(set_path pid "/proc/$held/ns/pid")"' | .process.args = ["/bin/sh", "-c", "sleep 500 & sleep 501 & exec sleep 502"]'
        rt create --bundle "$B" a < /dev/null > /dev/null 2>&1
        rt start a
        wait_for 5 sh -c "[ \$($RUNB --root $T/state ps -f json a | jq length) = 3 ]"
        run rt kill a KILL
        want_rc 0
        wait_for 5 sh -c "[ \"\$($RUNB --root $T/state ps -f json a)\" = null ]"
        rt delete a
        bundle a "$(set_path pid "/proc/$held/ns/pid")"' | .process.args = ["/bin/sh", "-c", "sleep 500 & sleep 501 & exec sleep 502"]'
        rt create --bundle "$B" a < /dev/null > /dev/null 2>&1
        rt start a
        wait_for 5 sh -c "[ \$($RUNB --root $T/state ps -f json a | jq length) = 3 ]"
        # Every process of it, by a signal that it takes: crun's kill --all.
        run rt kill --all a TERM
        want_rc 0
        wait_for 5 sh -c "[ \"\$($RUNB --root $T/state ps -f json a)\" = null ]"
        rt delete a
        # delete alone, too.
        bundle a "$(set_path pid "/proc/$held/ns/pid")"' | .process.args = ["/bin/sh", "-c", "sleep 500 & exec sleep 502"]'
        rt create --bundle "$B" a < /dev/null > /dev/null 2>&1
        rt start a
        wait_for 5 sh -c "[ \$($RUNB --root $T/state ps -f json a | jq length) = 2 ]"
        pids=$(rt ps -f json a | jq -r '.[]')
        rt delete --force a
        # The namespace's init reaps nobody: what has ended stays as a zombie.
        for pid in $pids; do
                case $(awk '$1 == "State:" { print $2 }' "/proc/$pid/status" 2>/dev/null) in Z | X | '') ;; *) fail "$pid is left";; esac
        done
        [ -e "/proc/$held" ] || fail "the holder was killed"
        let_go
}
tidy_check "SIGKILL, kill --all and delete --force reach every process of a container in a shared pid namespace" shared_kill

# A pod's way: the second joins the first one's namespace, and outlives it as little as the kernel lets it.
pod()
{
        start_sleeper first
        bundle second "$(set_path pid "/proc/$(cat "$T/first.pid")/ns/pid")"' | .process.args = ["/bin/sleep", "1000"]'
        rt create --bundle "$B" second < /dev/null > /dev/null 2>&1
        rt start second
        rt kill first KILL
        wait_for 5 has_status first stopped
        wait_for 5 has_status second stopped
        run rt exec second true
        want_rc 255
        want_err_has "cannot exec in a stopped container"
        rt delete first
        rt delete second
}
tidy_check "containers of a pid namespace end with its init" pod

# ---- id mappings

map() { jq -n --argjson i "$1" --argjson o "$2" --argjson s "$3" '[{containerID: $i, hostID: $o, size: $s}]'; }

mappings()
{
        local bad
        bundle ns '.process.args = ["cat", "/proc/self/uid_map"] | .linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = $m | .linux.gidMappings = $m' --argjson m "$(map 0 1879048192 65536)"
        chown -R 1879048192:1879048192 "$B/rootfs"
        run rt run --bundle "$B" ns
        want_rc 0
        want_match "$out" "0 +1879048192 +65536"
        refused() # MAP SENTENCE
        {
                bundle ns '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = $m | .linux.gidMappings = $g' \
                        --argjson m "$1" --argjson g "$(map 0 1879048192 65536)"
                run rt run --bundle "$B" ns
                want_rc 1
                want_err_has "linux.uidMappings$2"
        }
        refused "$(map 0 1879048192 0)" "[0].size: 0 maps nothing"
        refused "$(map 4294967290 1879048192 10)" "[0].size: containerID 4294967290 and size 10 reach beyond"
        refused "$(map 0 4294967290 10)" "[0].size: hostID 4294967290 and size 10 reach beyond"
        refused "$(map 0 4294967296 1)" "[0].hostID"
        refused "$(map -1 1879048192 1)" "[0].containerID"
        refused '[{"containerID":0,"hostID":1879048192,"size":10},{"containerID":9,"hostID":1879148192,"size":10}]' ": entries 0 and 1 overlap"
        refused '[{"containerID":0,"hostID":1879048192,"size":10},{"containerID":10,"hostID":1879048201,"size":10}]' ": entries 0 and 1 overlap"
        refused "$(jq -nc '[range(341) | {containerID: ., hostID: (1879048192 + .), size: 1}]')" ": 341 entries; the kernel takes 340"
        refused '[{"containerID":0,"hostID":1879048192}]' "[0].size"
        bundle ns '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = $m' --argjson m "$(map 0 1879048192 65536)"
        run rt run --bundle "$B" ns
        want_rc 1
        want_err_has "linux.gidMappings is not"
        [ -z "$(rt list -q)" ]
}
tidy_check "id mappings that overlap, map nothing, overflow or are too many are errors" mappings

finish
