#!/bin/bash
# What a build tries in order to reach a neighbour that its policy does not list: each kind of socket, protocol and address,
# from each place from which it can be tried. The same list of attempts gets through where the table is not, and of all of
# them not one packet arrives where it is.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/egress_lib.sh"
is_runb || skip_all "asks for egress rules"

serve "$outside" serve 443
serve "$outside" serve-raw 132
serve "$inside" serve 5353 ::ffff:127.0.0.11
wait_for_neighbour 443
# Echo requests by a socket of their own kind, as engines let everybody (icmp(7), "ping_group_range").
in_ns sysctl -qw net.ipv4.ping_group_range="0 2147483647"

# One line each: the attempt, and what came of it.
attempts='t() { echo "$*: $(tool "$@")"; }
u() { t tcp $1 443; t udp $1 443; t sendto $1 443; }
w() { t fastopen $1 443; t uring $1 443; t uring-udp $1 443; t ping $1; t echo $1; t raw 132 $1; }
(for to in 203.0.113.5 169.254.169.254 100.100.100.200 10.77.0.2 ::ffff:203.0.113.5; do u $to; done; w 10.77.0.2; t header 10.77.0.2 443; t packet eth0) &
u 2001:db8::2 & u fd00:ec2::254 & w 2001:db8::2 &
t udp 127.0.0.11 53; t tcp 127.0.0.11 53; t sendto 127.0.0.11 5353; wait'
# The last three do not leave the namespace: docker's resolver behind DNAT, which asks the world for whoever asks it.
resolver='add table ip nat; add chain ip nat out { type nat hook output priority -100; };
        add rule ip nat out ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:5353; add rule ip nat out ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:5353'
n_attempts=38
by() { "$@" busybox sh -c "tool() { $knock \"\$@\"; }; $attempts"; }

start_over() { clear_table; in_ns nft "$resolver"; count_arrivals; }
open()
{
        local what before
        start_over
        run by in_ns
        want_rc 0
        want_same "$(wc -l <<< "$out")" $n_attempts
        want_same "$(grep -vE ': (answer|sent)$' <<< "$out")" ""
        # Those that hear no answer do arrive; a frame that is no packet of IP, in the interface's own count.
        for what in "echo 10.77.0.2" "echo 2001:db8::2" "header 10.77.0.2 443"; do
                before=$(arrivals)
                in_ns "$knock" $what
                want_other "$(arrivals)" "$before"
        done
        frames() { out_ns ip -s -j link show peer0 | jq '.[0].stats64.rx.packets'; }
        before=$(frames)
        in_ns "$knock" packet eth0
        want_other "$(frames)" "$before"
}
check "without the table each attempt gets through" open

# As many as get through without it, and each is told no by an error of its own, not by time-out.
all_refused()
{
        want_rc 0
        want_same "$(wc -l <<< "$out")" $n_attempts
        # An echo request by IPv6 that is refused is one that the kernel does not tell of.
        want_same "$(grep -vE ': (EHOSTUNREACH|EACCES|EPERM|EAFNOSUPPORT|EPROTONOSUPPORT)$|^ping 2001:db8::2: silence$' <<< "$out")" ""
        want_same "$(grep -E '^(tcp|fastopen) [0-9.]+ ' <<< "$out" | grep -v EHOSTUNREACH)" ""
        want_same "$(arrivals)" 0
}

powerful()
{
        start_over
        in_ns "$tool" install
        run by in_ns unshare -Ur
        all_refused
        # The table it was, not the want of power: this needs none.
        grep -q 'uring 10.77.0.2 443: EHOSTUNREACH' <<< "$out" || skip_case "this kernel has no io_uring"
}
check "as root of a user namespace with every capability and no filter of system calls" powerful

caps='["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BROADCAST", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF", "CAP_PERFMON"]'
every=".process.capabilities = ($caps | {bounding: ., effective: ., permitted: ., inheritable: ., ambient: .})"
contained()
{
        start_over
        policy "{capabilities: $caps}"
        try a "$attempts" "$every"
        all_refused
        try a 'grep CapEff /proc/self/status' "$every"
        # CAP_NET_ADMIN is bit 12, CAP_NET_RAW 13, CAP_SYS_ADMIN 21.
        (( (0x${out##*$'\t'} & 0x203000) == 0x203000 )) || fail "$out"
}
check "in a container that was left every capability" contained

put_in()
{
        start_over
        policy "{capabilities: $caps}"
        inside_bundle b 'sleep 1000' "$every"
        run rt --policy "$P/policy.json" create --bundle "$B" b
        want_rc 0
        run rt --policy "$P/policy.json" start b
        run rt --policy "$P/policy.json" exec --cap CAP_NET_ADMIN --cap CAP_NET_RAW b sh -c "$attempts"
        rt delete --force b
        all_refused
}
check "by exec into a container" put_in

setuid()
{
        start_over
        policy '{}'
        jq '.exceptions = [{id: "EX-1", profile: "untrusted", expires: "2099-12-31", reason: "test", approvedBy: "test", allow: ["noNewPrivileges"]}]' \
                "$P/policy.json" > "$P/new" && chmod 600 "$P/new" && mv "$P/new" "$P/policy.json"
        local user='.process.noNewPrivileges = false | .process.user.uid = 1000'
        inside_bundle c true
        cp "$knock" "$B/rootfs/bin/setuid-tool"
        chmod 4755 "$B/rootfs/bin/setuid-tool"
        try c 'tool euid; setuid-tool euid' "$user"
        want_lines 1000 0
        try c "tool() { setuid-tool \"\$@\"; }; $attempts" "$user"
        all_refused
}
check "by setuid programs of a plain user" setuid

nested()
{
        start_over
        policy '{}'
        local admin='.process.capabilities |= with_entries(if .key == "ambient" then . else .value += ["CAP_SYS_ADMIN"] end)'
        inside_bundle d "tool nested grep CapEff /proc/self/status; tool nested sh -c '$attempts'" "$admin"
        run rt --policy "$P/policy.json" --profile image-build run --bundle "$B" d
        # It is one: with every capability there is.
        want_match "${out%%$'\n'*}" $'^CapEff:\t0*1f*$'
        out=${out#*$'\n'}
        all_refused
}
check "from user namespaces nested in the build's" nested

flushing()
{
        start_over
        in_ns "$tool" install
        want_same "$(in_ns "$knock" flush)" flushed
        want_same "$(in_ns "$knock" udp 10.77.0.2 443)" answer
        in_ns "$tool" install
        want_same "$(in_ns unshare -Ur "$knock" flush)" EPERM
        want_same "$(in_ns unshare -Ur "$knock" udp 10.77.0.2 443)" EPERM
        start_over
        policy "{capabilities: $caps}"
        try e 'tool flush; tool udp 10.77.0.2 443; tool nested tool flush' "$every"
        want_lines EAFNOSUPPORT EPERM EPERM
        want_same "$(arrivals)" 0
}
check "after an attempt to flush the table" flushing

# A socket of the build's namespace that is connected before the rules are there, handed over as an engine could.
old_socket() # tcp|udp
{
        start_over
        want_same "$("$knock" before "/proc/$inside/ns/net" "$1" 10.77.0.2 443 "$knock" held)" answer
        policy '{}'
        inside_bundle f 'tool held'
        count_arrivals
        run "$knock" before "/proc/$inside/ns/net" "$1" 10.77.0.2 443 "$RUNB" --root "$T/state" --policy "$P/policy.json" \
                run --preserve-fds 1 --bundle "$B" f
        want_rc 0
        # What TCP takes it keeps, and repeats.
        want_out "$([ "$1" = udp ] && echo EPERM || echo silence)"
        # The connection itself, or one packet and its answer's, came before.
        want_same "$(arrivals)" "$([ "$1" = udp ] && echo 1 || echo 2)"
}
check "by a socket of TCP that was connected before the start" old_socket tcp
check "by a socket of UDP that was connected before the start" old_socket udp

# Group addresses are of the build's choice, and the kernel reports to routers which ones it has joined: with no power at all.
groups()
{
        count_reports()
        {
                out_ns nft delete table inet reports 2> /dev/null || true
                out_ns nft 'add table inet reports; add counter inet reports n; add chain inet reports in { type filter hook prerouting priority -300; };
                        add rule inet reports in meta l4proto igmp counter name n; add rule inet reports in icmpv6 type mld2-listener-report counter name n'
        }
        reports() { out_ns nft list counter inet reports n | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
        local group
        start_over
        for group in 239.1.2.3 ff05::1234; do
                count_reports
                want_same "$(in_ns "$knock" join $group eth0)" joined
                wait_for 10 eval '[ "$(reports)" != 0 ]'
        done
        in_ns "$tool" install
        count_reports
        policy '{}'
        try g 'tool join 239.3.2.1 eth0; tool join ff05::4321 eth0; sleep 2'
        want_lines joined joined
        want_same "$(reports)" 0
        out_ns nft delete table inet reports
}
check "by the reports of joined multicast groups" groups

# Of every way in the attempts: a list of everything does not open the host's own addresses, nor what leads to them.
own_addresses()
{
        start_over
        # The host is at the other end, too, as with an engine's bridge.
        ip link add host0 type veth peer name eth9 netns "$inside"
        ip address add 198.51.100.1/24 dev host0
        ip -6 address add 2001:db8:9::1/64 dev host0 nodad
        ip link set host0 up
        in_ns ip address add 198.51.100.2/24 dev eth9
        in_ns ip -6 address add 2001:db8:9::2/64 dev eth9 nodad
        in_ns ip link set eth9 up
        ip address add 192.0.2.77/32 dev lo
        ip link set lo up
        in_ns ip route add 192.0.2.77/32 via 198.51.100.1
        "$knock" serve 443 > "$T/own" 9>&- & server=$!
        wait_for 5 grep -q ready "$T/own"
        wait_for 5 eval '[ "$(in_ns "$knock" tcp 2001:db8:9::1 443)" = answer ]'
        want_same "$(in_ns "$knock" tcp 198.51.100.1 443)" answer
        want_same "$(in_ns "$knock" udp 192.0.2.77 443)" answer
        allow '{cidr: "0.0.0.0/0", ports: ["1-65535"]}, {cidr: "::/0", ports: ["1-65535"]}, {cidr: "0.0.0.0/0", ports: ["1-65535"], protocol: "udp"}'
        try h 'tool tcp 198.51.100.1 443; tool udp 198.51.100.1 443; tool tcp 192.0.2.77 443; tool udp 192.0.2.77 443; tool tcp 2001:db8:9::1 443; tool tcp 203.0.113.5 443'
        kill "$server"
        ip link del host0
        want_lines EHOSTUNREACH EPERM EHOSTUNREACH EPERM EACCES answer
}
check "to the host's own addresses, with everything listed" own_addresses
finish
