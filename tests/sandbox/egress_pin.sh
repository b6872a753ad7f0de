#!/bin/bash
# What a container tried is read when it is deleted, though its processes and its network have gone by then.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "asks for egress rules"
. "$(dirname "$0")/egress_lib.sh"

# A network namespace of runb's own gets a way out by its engine, between create and start: as docker and buildah do.
own_bundle() # ID COMMANDS
{
        inside_bundle "$1" "$2"
        jq 'del(.linux.namespaces[] | select(.type == "network") | .path)' "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
}
create() { run rt --policy "$P/policy.json" create --bundle "$B" --pid-file "$T/pid" "$1"; want_rc 0; }
give_network() # PID
{
        nsenter -t "$1" -n ip link add d0 type veth peer name d1
        nsenter -t "$1" -n ip address add 198.51.100.1/24 dev d0
        nsenter -t "$1" -n ip link set d0 up; nsenter -t "$1" -n ip link set d1 up
        nsenter -t "$1" -n ip route add default via 198.51.100.2
}
stopped() { [ "$("$RUNB" --root "$T/state" state "$1" | jq -r .status)" = stopped ]; }
namespaces() { grep -c " nsfs " /proc/self/mountinfo || true; }
tried() { last_record | jq -c '[.id, (.refused | map([.address, .protocol, .port]))]'; }

by_own()
{
        with_audit '{}'
        own_bundle a 'tool tcp 203.0.113.9 443; tool udp 203.0.113.10 53'
        create a
        give_network "$(cat "$T/pid")"
        run rt start a; want_rc 0
        wait_for 10 stopped a
        run rt egress --format json a; want_rc 0
        want_same "$(jq -c '[.refused[].address]' <<< "$out")" '["203.0.113.9","203.0.113.10"]'
        run rt delete a; want_rc 0
        want_same "$(tried)" '["a",[["203.0.113.9","tcp",443],["203.0.113.10","udp",53]]]'
        want_same "$(jq -c 'select(.event == "egress")' /run/policy/audit.jsonl | wc -l)" 1
        want_same "$(namespaces)" 0
}
check "of a namespace that runb made, after the last process has ended" by_own

by_path()
{
        with_audit '{}'
        touch "$T/netns"
        unshare -n sleep 600 & held=$!
        until [ "$(readlink /proc/$held/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
        mount --bind "/proc/$held/ns/net" "$T/netns"
        give_network "$held"
        inside_bundle b 'tool tcp 203.0.113.9 443' "(.linux.namespaces[] | select(.type == \"network\")).path = \"$T/netns\""
        create b
        kill "$held"
        run rt start b; want_rc 0
        wait_for 10 stopped b
        umount "$T/netns"
        run rt delete b; want_rc 0
        want_same "$(tried)" '["b",[["203.0.113.9","tcp",443]]]'
        want_same "$(namespaces)" 0
}
check "of one whose path its engine has removed before it deletes" by_path

# A foreground run looks at everything only where the kernel says that something was changed.
running() { [ "$("$RUNB" --root "$T/state" state "$1" 2> /dev/null | jq -r .status)" = running ]; }
pid_of() { "$RUNB" --root "$T/state" state "$1" | jq .pid; }
in_run() # ID [COMMAND IN ITS NETWORK NAMESPACE]...
{
        local id=$1 runner
        shift
        bundle "$id" '.process.args = ["/bin/sleep", "1000"]'
        rt --policy "$P/policy.json" run --bundle "$B" "$id" < /dev/null > "$T/run-$id" 2>&1 & runner=$!
        wait_for 20 running "$id"
        [ $# -eq 0 ] || nsenter -t "$(pid_of "$id")" -n "$@"
        run rt kill "$id" KILL; want_rc 0
        wait $runner || :
        jq -r "select(.event == \"egress\" and .id == \"$id\") | .findings | map(.got)[]" /run/policy/audit.jsonl > "$T/got-$id"
}
tampered()
{
        with_audit '{}'
        in_run t1
        want_same "$(cat "$T/got-t1")" ""
        in_run t2 nft flush ruleset
        grep -q 'it has been removed\|only 0 of its rules' "$T/got-t2" || fail "the record says: $(cat "$T/got-t2")"
        in_run t3 nft insert rule inet runb output accept
        grep -q 'is not the one that was installed' "$T/got-t3" || fail "the record says: $(cat "$T/got-t3")"
        # A change next to the table is none of it.
        in_run t4 nft add table inet other
        want_same "$(cat "$T/got-t4")" ""
}

# Whoever gives a foreground run its network by its pid file gets the names of processes, too.
named()
{
        with_audit '{}'
        own_bundle n 'until [ -d /sys/class/net/d0 ] && tool udp 203.0.113.10 53 | grep -v ENETUNREACH; do sleep 0.1; done'
        rm -f "$T/pid"
        rt --policy "$P/policy.json" run --pid-file "$T/pid" --bundle "$B" n < /dev/null > "$T/run-n" 2>&1 & runner=$!
        wait_for 30 test -s "$T/pid"
        give_network "$(cat "$T/pid")"
        wait $runner || :
        want_same "$(last_record | jq -c '.refused | map(.address)')" '["203.0.113.10"]'
        [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || return 0
        want_same "$(last_record | jq -c '.refused[0].processes')" '["tool"]'
}
check "a foreground run that gets its network by its pid file counts, and names the processes where there is cgroup v2" named
check "the record of a foreground run tells of rules that were flushed or changed meanwhile" tampered

kept()
{
        with_audit '{}'
        own_bundle c 'sleep 0.2'
        run rt --policy "$P/policy.json" run --keep --bundle "$B" c; want_rc 0
        want_same "$(namespaces)" 1
        run rt delete c; want_rc 0
        want_same "$(tried)" '["c",[]]'
        want_same "$(jq -c 'select(.event == "egress")' /run/policy/audit.jsonl | wc -l)" 1
        want_same "$(namespaces)" 0
}
check "of one that run keeps, and once" kept

# Under a rootless engine, whose user namespace owns the mount namespace that the pin is in.
rootless()
{
        local holder law=/run/policy/rootless
        own_bundle r 'tool tcp 203.0.113.9 443; tool udp 203.0.113.10 53'
        mkdir -p -m 755 "$T/rootless" "$law"
        jq -cn --arg path "$law/audit.jsonl" '{version: 1, revision: "test", profiles: {untrusted: {}}, audit: {path: $path}}' > "$law/policy.json"
        chmod 600 "$law/policy.json"
        chown -hR 100000:100000 "$B" "$T/rootless" "$law"
        install -m 755 "$RUNB" "$T/runb"
        unshare -U sleep 1000 &
        holder=$!
        wait_for 5 sh -c "[ \"\$(readlink /proc/$holder/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
        echo '0 100000 65536' | tee "/proc/$holder/gid_map" > "/proc/$holder/uid_map" || { kill $holder; skip_case "no map can be written"; }
        cat > "$T/engine" <<'SCRIPT'
runb() { "$1/runb" --root "$1/rootless/state" --policy /run/policy/rootless/policy.json --cgroup-manager disabled "${@:2}"; }
set -e
runb "$1" create --bundle "$2" --pid-file "$1/rootless/pid" r < /dev/null > /dev/null
in_net() { nsenter -t "$(cat "$1/rootless/pid")" -n "${@:2}"; }
in_net "$1" ip link add d0 type veth peer name d1
in_net "$1" ip address add 198.51.100.1/24 dev d0
in_net "$1" ip link set d0 up; in_net "$1" ip link set d1 up
in_net "$1" ip route add default via 198.51.100.2
runb "$1" start r
until runb "$1" state r | grep -q '"stopped"'; do sleep 0.05; done
runb "$1" delete r
! grep " nsfs " /proc/self/mountinfo
SCRIPT
        run nsenter -t $holder -U -S 0 -G 0 unshare -m env XDG_RUNTIME_DIR="$T/rootless" bash "$T/engine" "$T" "$B"
        kill $holder
        want_rc 0
        want_same "$(jq -c 'select(.event == "egress") | .refused | map([.address, .protocol, .port])' "$law/audit.jsonl")" \
                '[["203.0.113.9","tcp",443],["203.0.113.10","udp",53]]'
}
check "under a rootless engine" rootless

uncounted()
{
        policy '{}'
        own_bundle d true
        create d
        want_same "$(namespaces)" 0
        [ ! -e "$T/state/d/netns" ] || fail "it is pinned"
        run rt egress d; want_rc 1; want_err_has 'nothing is counted for d'
        run rt delete d; want_rc 0
}
check "nothing is pinned where nothing is counted" uncounted

# By name of the system call: every mount and link of the pin, and what comes around it.
killed()
{
        local call at
        need strace
        with_audit '{}'
        for call in open_tree move_mount; do
                for at in 1 2 3 4 5 6 7 8; do
                        own_bundle e 'sleep 600'
                        strace -qq -o "$T/trace" -e trace=none -e inject=$call:signal=KILL:when=$at "$RUNB" --root "$T/state" --policy "$P/policy.json" \
                                create --bundle "$B" e < /dev/null > "$T/out.e" 2>&1 || true
                        "$RUNB" --root "$T/state" delete --force e || fail "delete after a kill at $call $at"
                        want_same "$(namespaces)" 0
                        [ ! -e "$T/state/e" ] || fail "a folder is left"
                done
        done
        own_bundle e 'sleep 600'
        create e
        want_same "$(namespaces)" 1
        strace -qq -o "$T/trace" -e trace=none -e inject=umount2:signal=KILL:when=1 "$RUNB" --root "$T/state" delete --force e || true
        "$RUNB" --root "$T/state" delete --force e
        want_same "$(namespaces)" 0
}
check "killed anywhere, delete leaves nothing" killed
finish
