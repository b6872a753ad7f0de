#!/bin/bash
# landlock.tcpPorts: the ports of the egress list, by Landlock beside the table of the network namespace. What it costs is
# shown with it: Landlock does not tell loopback from elsewhere, and that is why no profile has it by itself.
. "$(dirname "$0")/../lib.sh"
need jq busybox ip nft nsenter
is_runb || skip_all "the walls of runb"
[ "$(id -u)" = 0 ] || skip_all "needs root (for network namespaces)"
probe=${RUNB%/*}/tests/tools/probe
[ -x "$probe" ] || skip_all "$probe is not built (make check-programs)"
P=/run/policy           # the folders above $T are writable for all
mkdir -p "$P"

policy() # JQ-EXPRESSION of the profile untrusted
{
        jq -n "{version: 1, revision: \"test\", profiles: {untrusted: $1}}" > "$P/policy.json"
        chmod 600 "$P/policy.json"
}
PORTS='{landlock: {tcpPorts: true}, egress: {allow: [{cidr: "198.51.100.1/32", ports: [443, "8000-8002"]}, {cidr: "198.51.100.1/32", ports: [8003], protocol: "udp"}]}}'
OPEN='{egress: {allow: [{cidr: "198.51.100.1/32", ports: [443]}]}}'
has_rules()
{
        local abi
        abi=$("$probe" landlock)
        [ "$abi" -ge 4 ] || skip_case "this kernel's Landlock is of version $abi, rules for TCP are of 4 (Linux 6.7)"
}
probe_bundle() # NAME SCRIPT [JQ-FILTER]
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2" && cp "$probe" "$B/rootfs/probe"
}
finding() { jq -r '.findings[]? | select(.rule == "landlock.tcpPorts") | .got' "$T/state/$1/state.json"; }
SERVERS='for p in 80 443 8002 8003; do /probe tcp-serve $p > /ready.$p & done
for p in 80 443 8002 8003; do until grep -q listening /ready.$p; do sleep 0.02; done; done;'
TRIES='for p in 80 443 8002 8003; do /probe tcp 127.0.0.1 $p; done | tr "\n" " "
for how in mptcp fastopen fastopen-msg fastopen-mmsg; do /probe tcp 127.0.0.1 80 $how; done | tr "\n" " "'

listed_only()
{
        has_rules
        policy "$PORTS"
        probe_bundle listed "$SERVERS $TRIES"
        run rt --policy "$P/policy.json" run -b "$B" listed
        want_rc 0
        want_out "EACCES connected connected EACCES EPROTONOSUPPORT EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP "
}
check "TCP goes to listed ports only, by no other call either, on loopback, too" listed_only

# What a suite with a server of its own needs, and why the member is false unless it is given.
open_without()
{
        policy "$OPEN"
        probe_bundle open "$SERVERS $TRIES"
        run rt --policy "$P/policy.json" run -b "$B" open
        want_rc 0
        want_match "$out" '^connected connected connected connected [^ ]+ [a-zA-Z]+ [a-zA-Z]+ [a-zA-Z]+ $'
        want_match "$out" 'connected .* connected '
        case $out in *EACCES*) fail "refused: $out";; esac
}
check "without the member each port of loopback is open" open_without

# The layer's use: the table has gone, by a tool of the host's or a hole of the kernel's.
without_the_table()
{
        has_rules
        local word pid
        for word in "$PORTS" "$OPEN"; do
                policy "$word"
                probe_bundle alone 'until [ -e /go ]; do sleep 0.02; done; for p in 80 443; do /probe tcp 198.51.100.1 $p; done > /said; echo > /done; sleep 100'
                rm -f "$B/rootfs/go" "$B/rootfs/done"
                rt --policy "$P/policy.json" create -b "$B" --pid-file "$T/pid" alone < /dev/null > /dev/null 2>&1
                pid=$(cat "$T/pid")
                ip link add peer0 type veth peer name eth0 netns "$pid"
                ip address add 198.51.100.1/24 dev peer0
                ip link set peer0 up
                nsenter -t "$pid" -n ip address add 198.51.100.2/24 dev eth0
                nsenter -t "$pid" -n ip link set eth0 up
                rt start alone
                nsenter -t "$pid" -n nft delete table inet runb
                for port in 80 443; do "$probe" tcp-serve $port > "$T/ready.$port" & done
                for port in 80 443; do wait_for 10 grep -q listening "$T/ready.$port"; done
                touch "$B/rootfs/go"
                wait_for 20 test -e "$B/rootfs/done"
                tr '\n' ' ' < "$B/rootfs/said" >> "$T/said"
                for job in $(jobs -p); do kill "$job"; wait "$job" 2> /dev/null || true; done
                rt delete -f alone
                ip link del peer0 2> /dev/null || true
        done
        want_same "$(cat "$T/said")" "EACCES connected connected connected "
}
check "without the table of the namespace it still holds, and nothing does where it is not asked for" without_the_table

exec_beside()
{
        has_rules
        policy "$PORTS"
        probe_bundle beside "$SERVERS touch /up; sleep 100"
        rt --policy "$P/policy.json" create -b "$B" --pid-file "$T/beside.pid" beside < /dev/null > /dev/null 2>&1
        rt start beside
        wait_for 10 test -e "$B/rootfs/up"
        found=$(finding beside)
        run rt exec beside sh -c "$TRIES; kill -0 1 && echo signal; touch /new && rm /new && echo file"
        rt delete -f beside
        want_rc 0
        want_out "EACCES connected connected EACCES EPROTONOSUPPORT EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP signal
file"
        want_match "$found" '^to 443, 8000-8002; on loopback, too'
}
check "exec is held as init is, and signals and files stay" exec_beside

nothing_listed()
{
        has_rules
        policy '{landlock: {tcpPorts: true}}'
        probe_bundle none "$SERVERS $TRIES"
        run rt --policy "$P/policy.json" run -b "$B" none
        want_out "EACCES EACCES EACCES EACCES EPROTONOSUPPORT EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP "
}
check "with nothing listed no TCP connection is to be had" nothing_listed

branch()
{
        has_rules
        jq -n '{version: 1, defaultProfile: "branch", profiles: {branch: {landlock: {tcpPorts: true}, egress: {proxy: "198.51.100.1:8002"}}}}' > "$P/policy.json"
        chmod 600 "$P/policy.json"
        probe_bundle branch "$SERVERS $TRIES"
        run rt --policy "$P/policy.json" run -b "$B" branch
        want_out "EACCES EACCES connected EACCES EPROTONOSUPPORT EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP "
}
check "the port of the proxy is one of them; docker's wider filter lets nothing past either" branch

mounting()
{
        has_rules
        jq -n '{version: 1, defaultProfile: "image-build", profiles: {"image-build": {landlock: {tcpPorts: true}}}}' > "$P/policy.json"
        chmod 600 "$P/policy.json"
        probe_bundle mounting 'mount -t tmpfs t /tmp && echo mounted; /probe tcp 127.0.0.1 80' \
                '.process.capabilities = (["CAP_SYS_ADMIN"] | {bounding: ., effective: ., permitted: .})'
        run rt --policy "$P/policy.json" run -b "$B" mounting
        want_out "mounted
EACCES"
}
check "what image-build mounts it mounts beside it" mounting

too_many()
{
        has_rules
        policy '{landlock: {tcpPorts: true}, egress: {allow: [{cidr: "198.51.100.1/32", ports: ["1-5000"]}]}}'
        probe_bundle many true
        run rt --policy "$P/policy.json" run -b "$B" many
        want_rc 1
        want_err_has "egress.allow has 5000 TCP ports"
        policy '{landlock: {tcpPorts: true}, egress: {mode: "audit"}}'
        run rt --policy "$P/policy.json" check -b "$B"
        want_out_has "egress.mode is audit"
}
check "more ports than Landlock takes in reasonable time are refused; mode audit is said" too_many
finish
