#!/bin/bash
# The egress table in a network namespace with a neighbour: what passes, what does not, and whether a change is seen.
# What is refused with the table is tried without it first.
. "$(dirname "$0")/../lib.sh"
need ip nft nsenter unshare

tool=$(dirname "$RUNB")/tests/sandbox/egress_tool
[ -x "$tool" ] || skip_all "$tool is not built (make check)"
[ "$(id -u)" = 0 ] || skip_all "needs root (for network namespaces)"

# Two namespaces held by a process each, so that nothing needs a mount: $inside is the build's.
hold() { unshare -n sleep 600 & held=$!; until [ "$(readlink /proc/$held/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done; }
hold; inside=$held
hold; outside=$held
in_ns() { nsenter -t "$inside" -n "$@"; }
out_ns() { nsenter -t "$outside" -n "$@"; }
servers=()
trap 'kill "$inside" "$outside" "${servers[@]}" 2>/dev/null' EXIT

in_ns ip link add eth0 type veth peer name peer0 netns "$outside" 2>/dev/null || skip_all "this kernel has no veth"
in_ns "$tool" up 2>/dev/null
out_ns "$tool" up 2>/dev/null
for v in "in eth0 1" "out peer0 2"; do
        set -- $v
        "$1_ns" sysctl -qw net.ipv6.conf."$2".accept_dad=0 2>/dev/null
        "$1_ns" ip address add 10.77.0."$3"/24 dev "$2"
        "$1_ns" ip address add fd77::"$3"/64 dev "$2" nodad
        "$1_ns" ip link set "$2" up
done
in_ns ip route add default via 10.77.0.2
in_ns ip -6 route add default via fd77::2
serve() # PID PORT [ADDRESS]
{
        rm -f "$T/ready"
        nsenter -t "$1" -n "$tool" serve "${@:2}" > "$T/ready" 9>&- & servers+=($!)
        until grep -q ready "$T/ready" 2>/dev/null; do sleep 0.01; done
}
serve "$inside" 7777
serve "$outside" 7777
serve "$inside" 5353 ::ffff:127.0.0.11
# A new link takes up to a second until IPv6 goes over it.
for i in $(seq 50); do
        start=${EPOCHREALTIME/./}
        [ "$(in_ns "$tool" tcp fd77::2 7777)" = answer ] && [ $(( ${EPOCHREALTIME/./} - start )) -lt 300000 ] && break
        sleep 0.1
done

# says EXPECTED COMMAND...: in the build's namespace, and soon: with IPv6 the kernel takes the ICMP error for final only when
# the first repetition of a TCP connect is refused too, after a second
says()
{
        local wanted=$1 got start
        shift
        start=${EPOCHREALTIME/./}
        got=$(in_ns "$tool" "$@")
        took_ms=$(( (${EPOCHREALTIME/./} - start) / 1000 ))
        [ "$got" = "$wanted" ] || fail "$*: got $got, wanted $wanted"
        [ "$wanted" = silence ] || [ $took_ms -lt 1900 ] || fail "$*: took $took_ms ms"
}
clear_table() { in_ns nft flush ruleset; }
install() { in_ns "$tool" install; }

everything_is_open()
{
        clear_table
        says answer tcp 10.77.0.2 7777
        says answer udp 10.77.0.2 7777
        says answer tcp fd77::2 7777
        says answer udp fd77::2 7777
        says ECONNREFUSED tcp 10.77.0.2 9
        says sent echo 10.77.0.2
}
check "without the table the neighbour answers" everything_is_open

refused_at_once()
{
        install
        says EHOSTUNREACH tcp 10.77.0.2 7777
        [ $took_ms -lt 500 ] || fail "took $took_ms ms"
        says EHOSTUNREACH tcp 10.77.0.2 9
        says EPERM udp 10.77.0.2 7777
        says EHOSTUNREACH tcp 192.0.2.1 443
        says EHOSTUNREACH tcp 169.254.169.254 80
}
check "nothing of IPv4 goes out, and a connect fails at once" refused_at_once

refused_at_once_v6()
{
        install
        says EACCES tcp fd77::2 7777
        says EPERM udp fd77::2 7777
        says EACCES tcp 2001:db8::1 443
}
check "nothing of IPv6 goes out, and a connect fails with the first repetition" refused_at_once_v6

nothing_arrives()
{
        local before after
        count() { out_ns nft list counter inet seen n | grep -o 'packets [0-9]*'; }
        out_ns nft 'add table inet seen; add counter inet seen n; add chain inet seen in { type filter hook prerouting priority -300; }; add rule inet seen in meta l4proto != ipv6-icmp counter name n'
        install
        before=$(count)
        says EHOSTUNREACH tcp 10.77.0.2 7777
        says EPERM udp 10.77.0.2 53
        says EPERM echo 10.77.0.2
        after=$(count)
        [ "$before" = "$after" ] || fail "the neighbour saw $before before and $after after"
        clear_table
        says answer tcp 10.77.0.2 7777
        after=$(count)
        [ "$before" != "$after" ] || fail "the neighbour's counter does not count"
        out_ns nft delete table inet seen
}
check "not one packet reaches the neighbour" nothing_arrives

loopback_passes()
{
        install
        says answer tcp 127.0.0.1 7777
        says answer udp 127.0.0.1 7777
        says answer tcp ::1 7777
        says answer udp ::1 7777
        says answer tcp 10.77.0.1 7777
        says answer tcp fd77::1 7777
        says ECONNREFUSED tcp 127.0.0.1 9
        says ECONNREFUSED udp 127.0.0.1 9
        says ECONNREFUSED tcp ::1 9
        says ECONNREFUSED udp ::1 9
}
check "loopback passes, and a refused connect to it fails at once" loopback_passes

nothing_comes_in()
{
        clear_table
        [ "$(out_ns "$tool" tcp 10.77.0.1 7777)" = answer ] || fail "the attack does not work without the table"
        [ "$(out_ns "$tool" udp fd77::1 7777)" = answer ] || fail "the attack does not work without the table (IPv6)"
        install
        [ "$(out_ns "$tool" tcp 10.77.0.1 7777)" = silence ] || fail "TCP came in"
        [ "$(out_ns "$tool" udp 10.77.0.1 7777)" = silence ] || fail "UDP came in"
        [ "$(out_ns "$tool" tcp fd77::1 7777)" = silence ] || fail "TCP over IPv6 came in"
}
check "the neighbour cannot connect" nothing_comes_in

neighbours_are_found()
{
        install
        in_ns ip neigh flush all; out_ns ip neigh flush all
        out_ns "$tool" udp fd77::1 7777         # is not answered, but asks for the address first
        out_ns ip -6 neigh show fd77::1 | grep -q lladdr || fail "$(out_ns ip -6 neigh show)"
}
check "IPv6 neighbours are found" neighbours_are_found

nothing_is_forwarded()
{
        local third
        clear_table
        hold; third=$held
        in_ns ip link add eth1 type veth peer name eth0 netns "$third"
        in_ns ip address add 10.78.0.1/24 dev eth1; in_ns ip link set eth1 up
        nsenter -t "$third" -n ip address add 10.78.0.2/24 dev eth0
        nsenter -t "$third" -n ip link set eth0 up
        nsenter -t "$third" -n ip route add default via 10.78.0.1
        in_ns sysctl -qw net.ipv4.ip_forward=1
        out_ns ip route add 10.78.0.0/24 via 10.77.0.1
        [ "$(nsenter -t "$third" -n "$tool" tcp 10.77.0.2 7777)" = answer ] || { kill "$third"; fail "the attack does not work without the table"; }
        install
        [ "$(nsenter -t "$third" -n "$tool" tcp 10.77.0.2 7777)" = silence ] || { kill "$third"; fail "forwarded"; }
        kill "$third"
        in_ns ip link del eth1 2>/dev/null || true
}
check "nothing is forwarded" nothing_is_forwarded

# As docker does for its resolver: a listener in the build's own namespace, reached by 127.0.0.11 through DNAT.
resolver()
{
        in_ns nft 'add table ip nat; add chain ip nat out { type nat hook output priority -100; }; add rule ip nat out ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:5353; add rule ip nat out ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:5353; add rule ip nat out ip daddr 127.0.0.12 udp dport 53 dnat to 127.0.0.1:7777'
}
embedded_resolver()
{
        clear_table
        resolver
        says answer udp 127.0.0.11 53
        says answer tcp 127.0.0.11 53
        says answer udp 127.0.0.12 53
        says answer tcp 127.0.0.11 5353
        install
        says EPERM udp 127.0.0.11 53
        says EHOSTUNREACH tcp 127.0.0.11 53
        says EHOSTUNREACH tcp 127.0.0.11 5353
        says EPERM udp 127.0.0.11 5353
        says EPERM udp 127.0.0.12 53
        says answer udp 127.0.0.1 7777
}
check "docker's resolver behind loopback is out of reach, at once" embedded_resolver

# A connection that was there before: its packets match "established".
old_connections()
{
        clear_table
        in_ns nft 'add table inet track; add chain inet track c { type filter hook output priority 5; }; add rule inet track c ct state established accept'
        exec 5<> "$T/hold.fifo"
        rm -f "$T/old"          # else the word "open" of the case before is found
        in_ns bash -c 'exec 6<> /dev/udp/10.77.0.2/7777; echo a >&6; read -r -t 2 -N 1 <&6 || exit 1; echo open; read -r _ < '"$T/hold.fifo"'; echo b >&6; read -r -t 1 -N 1 <&6 && echo passed || echo refused' > "$T/old" 9>&- &
        until grep -sq open "$T/old"; do sleep 0.05; done
        [ -z "${1-}" ] || install
        echo go >&5
        wait $!
        grep -q "${2}" "$T/old" || fail "$(cat "$T/old")"
}
mkfifo "$T/hold.fifo"
check "without the table an old connection goes on" old_connections "" passed
check "a connection from before the table is of no use" old_connections table refused

verify_is() # RC [TEXT]
{
        local rc=0 text
        text=$(in_ns "$tool" verify) || rc=$?
        [ $rc = "$1" ] || fail "verify says $rc: $text"
        case $text in *"${2-}"*) ;; *) fail "verify says: $text";; esac
}
whole() { clear_table; install; verify_is 0; }
check "a whole table is found whole" whole
gone() { whole; clear_table; verify_is 1 removed; }
check "a flushed ruleset is noticed" gone
changed()
{
        whole
        in_ns nft "$1"
        verify_is 1 "$2"
        install
        verify_is 0
}
handle() { in_ns nft -a list chain inet runb "$1" | sed -n "/$2/s/.*# handle //p"; }
changed_rule() { whole; changed "$1 rule inet runb $2 handle $(handle "$2" "$3") ${4-}" "$5"; }
check "a removed chain policy is noticed" changed 'chain inet runb output { policy accept; }' output
check "another rule in front is noticed" changed 'insert rule inet runb output accept' 'rule 1 of its chain output'
check "another rule at the end is noticed" changed 'add rule inet runb input accept' 'chain input'
check "an added rule in the empty chain is noticed" changed 'add rule inet runb forward accept' 'chain forward'
check "removed rules are noticed" changed 'flush chain inet runb output' 'only 0'
check "a removed last rule is noticed" changed_rule delete output '^\s*reject with icmpx admin-prohibited # ' '' 'only'
check "a changed rule is noticed" changed_rule replace output 127.0.0.11 'ip daddr 127.0.0.12 drop' 'chain output'
check "a changed verdict is noticed" changed_rule replace output 'ct status' 'ct status dnat accept' 'chain output'
check "a rule without its last condition is noticed" changed_rule replace output 'ct direction' 'ct state established accept' 'chain output'
check "another interface is noticed" changed_rule replace output 'oif ' 'oif 2 accept' 'chain output'
check "a dormant table is noticed" changed 'add table inet runb { flags dormant; }' dormant
counting() { whole; says EHOSTUNREACH tcp 10.77.0.2 7777; says answer tcp 127.0.0.1 7777; verify_is 0; }
check "traffic does not change what is found" counting

replaced()
{
        clear_table
        install
        in_ns nft 'add set inet runb mine { type ipv4_addr; }; add chain inet runb extra { type filter hook output priority -10; policy drop; }; add rule inet runb output accept'
        says EPERM udp 127.0.0.1 7777
        install
        says answer udp 127.0.0.1 7777
        in_ns nft list table inet runb | grep -qE 'extra|mine' && fail "$(in_ns nft list table inet runb)"
        verify_is 0
        [ "$(in_ns nft list table inet runb | grep -c 'reject with')" = 3 ] || fail "rules twice"
}
check "a second table replaces the first whole" replaced

others_stay()
{
        clear_table
        in_ns nft 'add table inet runb2; add table ip runb; add table inet other'
        install; install
        [ "$(in_ns nft list tables | wc -l)" = 4 ] || fail "$(in_ns nft list tables)"
}
check "other tables stay" others_stay

rootless()
{
        unshare -Urn "$tool" up install verify install verify
}
unshare -Urn true 2>/dev/null && check "it works in a namespace that a user namespace owns" rootless

powerless()
{
        clear_table
        # The build's position: every capability, in a user namespace that does not own the network namespace.
        in_ns unshare -Ur "$tool" install && fail "installed"
        install
        in_ns unshare -Ur nft flush ruleset && fail "flushed"
        [ "$(in_ns unshare -Ur "$tool" packet eth0)" = EPERM ] || fail "AF_PACKET works"
        [ "$(in_ns unshare -Ur "$tool" echo 10.77.0.2)" = EPERM ] || fail "raw sockets work"
        verify_is 0
        # With capabilities over the namespace, AF_PACKET passes by every table: that is what must never be given.
        [ "$(in_ns "$tool" packet eth0)" = sent ] || fail "the attack does not work"
}
check "who does not own the namespace can neither change the table nor pass by it" powerless

without_right()
{
        in_ns setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$tool" install | grep -q EPERM
}
command -v setpriv > /dev/null && check "without CAP_NET_ADMIN the errno says so" without_right
finish
