# Sourced by the tests of egress, after tests/lib.sh: a build's network namespace, $inside, with eth0, and a neighbour's,
# $outside, with peer0 and addresses of each kind; a policy file; and what runs a container in the build's.
# Two processes hold them, so that nothing needs a mount.

need ip nft nsenter unshare
tool=$(dirname "$RUNB")/tests/sandbox/egress_tool       # the room by hand
knock=$(dirname "$RUNB")/tests/tools/knock              # what is tried, and who answers
for program in "$tool" "$knock"; do [ -x "$program" ] || skip_all "$program is not built (make check-programs)"; done
[ "$(id -u)" = 0 ] || skip_all "needs root (for network namespaces)"

hold() { unshare -n sleep 900 & held=$!; until [ "$(readlink /proc/$held/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done; }
hold; inside=$held
hold; outside=$held
in_ns() { nsenter -t "$inside" -n "$@"; }
out_ns() { nsenter -t "$outside" -n "$@"; }
servers=()
trap 'kill "$inside" "$outside" "${servers[@]}" 2>/dev/null' EXIT

in_ns ip link add eth0 type veth peer name peer0 netns "$outside" 2>/dev/null || skip_all "this kernel has no veth"
for v in "in eth0 1" "out peer0 2"; do
        set -- $v
        "$1_ns" ip link set lo up
        "$1_ns" sysctl -qw net.ipv6.conf."$2".accept_dad=0 2>/dev/null
        "$1_ns" ip address add 10.77.0."$3"/24 dev "$2"
        for net in fd77:: 2001:db8::; do "$1_ns" ip address add $net"$3"/64 dev "$2" nodad; done
        "$1_ns" ip link set "$2" up
done
# Of TEST-NET (RFC 5737), as public ones; two metadata services; the private one above.
for a in 203.0.113.5 203.0.113.6 203.0.113.7 198.51.100.9 169.254.169.254 100.100.100.200; do out_ns ip address add $a/32 dev peer0; done
out_ns ip address add fd00:ec2::254/128 dev peer0 nodad
in_ns ip route add default via 10.77.0.2
in_ns ip -6 route add default via 2001:db8::2

serve() # PID VERB WORD...: of knock's
{
        rm -f "$T/ready"
        nsenter -t "$1" -n "$knock" "${@:2}" > "$T/ready" 9>&- & servers+=($!)
        until grep -q ready "$T/ready" 2>/dev/null; do sleep 0.01; done
}
# A new link takes up to a second until IPv6 goes over it.
wait_for_neighbour() # PORT, served
{
        local i start
        for i in $(seq 50); do
                start=${EPOCHREALTIME/./}
                [ "$(in_ns "$knock" tcp fd77::2 "$1")" = answer ] && [ $(( ${EPOCHREALTIME/./} - start )) -lt 300000 ] && break
                sleep 0.1
        done
}
clear_table() { in_ns nft flush ruleset; }

# What comes to the neighbour from the build's namespace, but for the search of addresses and the kernel's own reports to
# routers.
count_arrivals()
{
        out_ns nft delete table inet seen 2> /dev/null || true
        out_ns nft 'add table inet seen; add counter inet seen n; add chain inet seen in { type filter hook prerouting priority -300; };
                add rule inet seen in icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report, mld-listener-report } return;
                add rule inet seen in iifname peer0 counter name n'
}
arrivals() { out_ns nft list counter inet seen n | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# ---- containers

P=/run/policy           # the folders above $T are writable for all
mkdir -p "$P"
policy() # JQ-EXPRESSION of the profile untrusted
{
        jq -cn "{version: 1, revision: \"test\", profiles: {untrusted: $1}}" > "$P/policy.json"
        chmod 600 "$P/policy.json"
}
allow() { policy "{egress: {allow: [$1]}}"; }
with_audit()
{
        policy "$1"
        jq '.audit = {path: "/run/policy/audit.jsonl"}' "$P/policy.json" > "$P/new" && chmod 600 "$P/new" && mv "$P/new" "$P/policy.json"
        rm -f /run/policy/audit.jsonl
}
last_record() { jq -c 'select(.event == "egress")' /run/policy/audit.jsonl | tail -n 1; }
# inside_bundle ID COMMANDS [JQ-FILTER]: in the build's namespace; knock is there as `tool`
inside_bundle()
{
        [ -x "$T/busybox/bin/tool" ] || { busybox_rootfs "$T/busybox"; cp "$knock" "$T/busybox/bin/tool"; }
        sh_bundle "$1" "$2"
        jq --arg ns "/proc/$inside/ns/net" "(.linux.namespaces[] | select(.type == \"network\")).path = \$ns | ${3:-.}" \
                "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
}
try() { inside_bundle "$@"; run rt --policy "$P/policy.json" run --bundle "$B" "$1"; }
want_lines() { want_rc 0; want_out "$(printf '%s\n' "$@")"; }
is_refused() { want_rc 1; want_err_has "$1"; [ ! -e "$T/state/$2" ] || fail "a container is left"; }
