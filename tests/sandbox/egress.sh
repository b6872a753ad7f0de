#!/bin/bash
# The egress table in a network namespace with a neighbour: what passes, what does not, and whether a change is seen.
# What is refused with the table is tried without it first.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/egress_lib.sh"

serve "$inside" serve 7777
serve "$outside" serve 7777
serve "$inside" serve 5353 ::ffff:127.0.0.11
wait_for_neighbour 7777

# says EXPECTED COMMAND...: in the build's namespace, and soon: with IPv6 the kernel takes the ICMP error for final only when
# the first repetition of a TCP connect is refused too, after a second
says()
{
        local wanted=$1 got start
        shift
        start=${EPOCHREALTIME/./}
        got=$(in_ns "$knock" "$@")
        took_ms=$(( (${EPOCHREALTIME/./} - start) / 1000 ))
        [ "$got" = "$wanted" ] || fail "$*: got $got, wanted $wanted"
        [ "$wanted" = silence ] || [ $took_ms -lt 1900 ] || fail "$*: took $took_ms ms"
}
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
        says EACCES tcp 2001:db8:1::1 443
}
check "nothing of IPv6 goes out, and a connect fails with the first repetition" refused_at_once_v6

nothing_arrives()
{
        count_arrivals
        install
        says EHOSTUNREACH tcp 10.77.0.2 7777
        says EPERM udp 10.77.0.2 53
        says EPERM echo 10.77.0.2
        want_same "$(arrivals)" 0
        clear_table
        says answer tcp 10.77.0.2 7777
        want_other "$(arrivals)" 0
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
        [ "$(out_ns "$knock" tcp 10.77.0.1 7777)" = answer ] || fail "the attack does not work without the table"
        [ "$(out_ns "$knock" udp fd77::1 7777)" = answer ] || fail "the attack does not work without the table (IPv6)"
        install
        [ "$(out_ns "$knock" tcp 10.77.0.1 7777)" = silence ] || fail "TCP came in"
        [ "$(out_ns "$knock" udp 10.77.0.1 7777)" = silence ] || fail "UDP came in"
        [ "$(out_ns "$knock" tcp fd77::1 7777)" = silence ] || fail "TCP over IPv6 came in"
}
check "the neighbour cannot connect" nothing_comes_in

neighbours_are_found()
{
        install
        in_ns ip neigh flush all; out_ns ip neigh flush all
        out_ns "$knock" udp fd77::1 7777         # is not answered, but asks for the address first
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
        [ "$(nsenter -t "$third" -n "$knock" tcp 10.77.0.2 7777)" = answer ] || { kill "$third"; fail "the attack does not work without the table"; }
        install
        [ "$(nsenter -t "$third" -n "$knock" tcp 10.77.0.2 7777)" = silence ] || { kill "$third"; fail "forwarded"; }
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
        [ "$(in_ns unshare -Ur "$knock" packet eth0)" = EPERM ] || fail "AF_PACKET works"
        [ "$(in_ns unshare -Ur "$knock" echo 10.77.0.2)" = EPERM ] || fail "raw sockets work"
        verify_is 0
        # With capabilities over the namespace, AF_PACKET passes by every table: that is what must never be given.
        [ "$(in_ns "$knock" packet eth0)" = sent ] || fail "the attack does not work"
}
check "who does not own the namespace can neither change the table nor pass by it" powerless

without_right()
{
        in_ns setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$tool" install | grep -q EPERM
}
command -v setpriv > /dev/null && check "without CAP_NET_ADMIN the errno says so" without_right
finish
