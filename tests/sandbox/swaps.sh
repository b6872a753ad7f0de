#!/bin/bash
# What was judged is what is used: the names in config.json can lead elsewhere a moment later, by whoever owns a folder on
# their way. Each is swapped as fast as it goes while containers are made, so that a second look by name would show.
. "$(dirname "$0")/../lib.sh"
need jq busybox python3 unshare
is_runb || skip_all "a runtime that judges what a request names"

swapper=
swap() # LINK TARGET TARGET: a link that leads to one, then to the other, and so on
{
        ln -s "$2" "$1"
        python3 -c 'import os, sys, time
while True:
    for target in sys.argv[2:]:
        os.symlink(target, sys.argv[1] + ".new"); os.rename(sys.argv[1] + ".new", sys.argv[1]); time.sleep(0.0001)' "$@" 9>&- &
        swapper=$!
        trap 'kill "$swapper"' EXIT
}
# many NAME RUN REFUSED: runs the bundle 25 times, and on until both were said; $T/NAME.log has what came of it
many()
{
        local i log=$T/$1.log
        for i in $(seq 500); do
                run rt run -b "$B" "$1$i"
                [ "$i" -lt 25 ] || ! grep -qF "$2" "$log" || ! grep -qF "$3" "$log" || break
        done > "$log"
        grep -qF "$2" "$log" && grep -qF "$3" "$log"
        kill "$swapper"
        trap - EXIT
        want_same "$(ls "$T/state")" ""
}

sources()
{
        mkdir -p "$T/open" "$T/somebody/.ssh"
        echo this is open > "$T/open/f"
        echo this is a key > "$T/somebody/.ssh/f"
        bundle source '.process.args = ["/bin/cat", "/w/f"] |
                .mounts += [{destination: "/w", type: "bind", source: $s, options: ["rbind", "ro"]}]' --arg s "$T/source.link"
        swap "$T/source.link" "$T/open" "$T/somebody/.ssh"
        many source "this is open" "where people keep their keys"
        want_same "$(grep "this is a key" "$T/source.log")" ""
}
check "of a bind, the source that was judged or none" sources

namespaces()
{
        local held
        unshare -u sleep 1000 9>&- & held=$!
        wait_for 5 eval '[ "$(readlink /proc/$held/ns/uts)" != "$(readlink /proc/self/ns/uts)" ]'
        bundle ns '.process.args = ["/bin/readlink", "/proc/self/ns/uts"] | del(.hostname) |
                .linux.namespaces |= map(if .type == "uts" then .path = $p else . end)' --arg p "$T/ns.link"
        swap "$T/ns.link" "/proc/$held/ns/uts" "/proc/$$/ns/uts"
        many ns "$(readlink /proc/$held/ns/uts)" "is the host's"
        want_same "$(grep -F "$(readlink /proc/self/ns/uts)" "$T/ns.log")" ""
        kill $held
}
check "the namespace that was judged or none" namespaces
finish
