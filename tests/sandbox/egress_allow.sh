#!/bin/bash
# Containers whose policy lets something out, in network namespaces with a neighbour that has public, private and metadata
# addresses: what is listed works, on its ports only, and nothing else does.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/egress_lib.sh"
need python3
is_runb || skip_all "asks for egress rules"

for port in 443 8080 80 53; do serve "$outside" serve $port; done
wait_for_neighbour 443
# The test's own network namespace, which is the runtime's, has this one, so that it is the host's own.
ip link set lo up
ip address add 203.0.113.7/32 dev lo

unlisted()
{
        policy '{}'
        try a 'for a in 203.0.113.5 2001:db8::2 10.77.0.2 169.254.169.254; do tool tcp $a 443; done; tool udp 203.0.113.5 443'
        want_lines EHOSTUNREACH EACCES EHOSTUNREACH EHOSTUNREACH EPERM
        [ "$(in_ns "$knock" tcp 203.0.113.7 443)" = EHOSTUNREACH ] || fail "the table is not there"
        in_ns nft delete table inet runb
        [ "$(in_ns "$knock" tcp 203.0.113.5 443)$(in_ns "$knock" tcp 169.254.169.254 80)$(in_ns "$knock" udp 10.77.0.2 443)" = answeransweranswer ] ||
                fail "the neighbour does not answer without the table"
}
check "with an empty list nothing goes out, and without the table it would" unlisted

by_network()
{
        in_ns nft flush ruleset
        allow '{cidr: "203.0.113.5/32", ports: [443]}, {cidr: "2001:db8::/64", ports: ["8000-8100"]}'
        try b 'tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 8080; tool tcp 203.0.113.6 443; tool udp 203.0.113.5 443
                tool tcp 2001:db8::2 8080; tool tcp 2001:db8::2 443; tool udp 2001:db8::2 8080; tool tcp 127.0.0.1 9'
        want_lines answer EHOSTUNREACH EHOSTUNREACH EPERM answer EACCES EPERM ECONNREFUSED
}
check "a listed network is reached on its ports, by its protocol, and nothing beside it" by_network

by_udp()
{
        in_ns nft flush ruleset
        allow '{cidr: "10.77.0.2/32", ports: [443], protocol: "udp"}, {cidr: "2001:db8::2/128", ports: [80, 443], protocol: "udp"}'
        try b 'tool udp 10.77.0.2 443; tool tcp 10.77.0.2 443; tool udp 2001:db8::2 443; tool udp 2001:db8::2 8080'
        want_lines answer EHOSTUNREACH answer EPERM
}
check "UDP is listed apart from TCP" by_udp

closed_always()
{
        in_ns nft flush ruleset
        allow '{cidr: "0.0.0.0/0", ports: [80, 443]}, {cidr: "::/0", ports: [443]}'
        try c 'tool tcp 203.0.113.5 443; tool tcp 2001:db8::2 443
                for a in 169.254.169.254 100.100.100.200 10.77.0.2 203.0.113.7; do tool tcp $a 80; done; tool tcp 203.0.113.6 80'
        want_lines answer answer EHOSTUNREACH EHOSTUNREACH EHOSTUNREACH EHOSTUNREACH answer
        allow '{cidr: "0.0.0.0/0", ports: [80]}, {cidr: "10.77.0.0/16", ports: [8080]}'
        try d 'tool tcp 10.77.0.2 80; tool tcp 10.77.0.2 8080; tool tcp 203.0.113.5 80'
        want_lines EHOSTUNREACH answer answer
}
check "metadata, this host's addresses and unlisted private networks stay closed in a list of everything" closed_always

bad_lists()
{
        local what
        for what in 169.254.169.254/32 169.254.0.0/16 127.0.0.0/8 fe80::/10 64:ff9b::/96 203.0.113.7/32 10.0.2.2/32 fd00::2/128; do
                allow "{cidr: \"$what\", ports: [80]}"
                try bad true
                is_refused "refused by profile \"untrusted\" (egress.allow): $what cannot be allowed: it is closed always" bad
        done
        allow '{cidr: "10.0.0.1/8", ports: [1]}';               try bad true; is_refused 'has bits behind its prefix' bad
        allow '{cidr: "10.0.0.0/33", ports: [1]}';              try bad true; is_refused '"10.0.0.0/33" is no network' bad
        allow '{cidr: "10.0.0.0/8", ports: ["90-80"]}';         try bad true; is_refused '"90-80" runs backwards' bad
        allow '{cidr: "10.0.0.0/8", ports: [1], protocol: "sctp"}'; try bad true; is_refused '"sctp" is not tcp or udp; no other protocol is supported' bad
}
check "a list that cannot hold is one line, and no container" bad_lists

# As pasta's network has them, which maps them to the host's loopback unless it is told not to.
gateways()
{
        in_ns nft flush ruleset
        ip link add gw0 type veth peer name gw1
        ip link set gw0 up; ip link set gw1 up
        ip address add 192.0.2.9/24 dev gw0
        ip route add default via 192.0.2.1
        ip -6 route add default via fd77::99 dev gw0 onlink
        for what in 192.0.2.1/32 fd77::99/128; do
                allow "{cidr: \"$what\", ports: [80]}"
                try bad true
                is_refused "$what cannot be allowed: it is closed always (a gateway of this host" bad
        done
        # Of several ways, and with a way of another family.
        ip route replace default nexthop via 192.0.2.1 nexthop via 192.0.2.2
        ip -6 route del default
        allow '{cidr: "192.0.2.2/32", ports: [80]}'; try bad true; is_refused '192.0.2.2/32 cannot be allowed' bad
        ip route replace default via inet6 fd77::98 dev gw0 onlink
        allow '{cidr: "fd77::98/128", ports: [80]}'; try bad true; is_refused 'fd77::98/128 cannot be allowed' bad
        allow '{cidr: "192.0.2.0/24", ports: [80]}'; try x true; want_rc 0
        ip link del gw0
}
check "the host's default gateways are closed always" gateways

no_nf_tables()
{
        policy '{}'
        inside_bundle bad true
        # socket(2) of NETLINK_NETFILTER gives the errno, and nfnetlink(4) that of a subsystem which is not there.
        cat > "$T/without.py" <<'PYTHON'
import ctypes, os, platform, struct, sys
nr = {"x86_64": 41, "aarch64": 198}[platform.machine()]
def op(code, k, jt=0, jf=0): return struct.pack("HBBI", code, jt, jf, k)
code = [op(0x20, 0), op(0x15, nr, 0, 5), op(0x20, 16), op(0x15, 16, 0, 3), op(0x20, 32), op(0x15, 12, 0, 1),
        op(0x06, 0x00050000 | int(sys.argv[1])), op(0x06, 0x7fff0000)]
program = ctypes.create_string_buffer(b"".join(code))
fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
if ctypes.CDLL(None, use_errno=True).prctl(22, 2, ctypes.byref(fprog), 0, 0) != 0: sys.exit("prctl: %d" % ctypes.get_errno())
os.execvp(sys.argv[2], sys.argv[2:])
PYTHON
        run python3 "$T/without.py" 93 "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" bad
        is_refused 'this kernel has no nf_tables (errno 93), so nothing would hold the build back; load the module nf_tables' bad
        [ "$(wc -l <<< "$err")" = 1 ] || fail "more than a line"
}
check "a kernel without nf_tables is one line, and no container" no_nf_tables

many()
{
        in_ns nft flush ruleset
        allow '(range(10000) | {cidr: "203.\(. / 256 | floor).\(. % 256).5/32", ports: [443]}), {cidr: "203.0.113.0/24", ports: [80]}'
        # 203.0.113.5 is one of them.
        try e 'tool tcp 203.0.113.5 443; tool tcp 203.0.113.6 443; tool tcp 203.0.113.6 80'
        want_lines answer EHOSTUNREACH answer
        allow '(range(20000) | {cidr: "203.\(. / 256 | floor).\(. % 256).5/32", ports: [443]})'
        try bad true
        is_refused 'separate ranges, more than 16384' bad
}
check "ten thousand entries work, and too many are one line" many

overlapping()
{
        in_ns nft flush ruleset
        allow '{cidr: "203.0.113.0/24", ports: ["1-500"]}, {cidr: "203.0.113.5/32", ports: [443, 8080]}, {cidr: "203.0.113.4/31", ports: ["80-8080"]},
               {cidr: "203.0.112.0/23", ports: [443]}, {cidr: "10.77.0.2/32", ports: [443], protocol: "udp"}, {cidr: "10.0.0.0/8", ports: ["400-500"], protocol: "udp"}'
        try f 'tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 8080; tool udp 10.77.0.2 443; tool tcp 203.0.113.6 80; tool tcp 203.0.113.6 8080'
        want_lines answer answer answer answer EHOSTUNREACH
}
check "entries that overlap are one list" overlapping

listening() # ID: a container that does, on port 7000
{
        inside_bundle "$1" 'exec tool serve 7000'
        "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach "$1" < /dev/null > "$T/out.$1" 2>&1 9>&- || fail "$(cat "$T/out.$1")"
        wait_for 10 eval 'in_ns ss -ltn | grep -q :7000'
}
from_outside()
{
        in_ns nft flush ruleset
        policy '{}'
        listening g
        want_same "$(out_ns "$knock" tcp 10.77.0.1 7000)" silence
        want_same "$(in_ns "$knock" tcp 10.77.0.1 7000)" answer
        rt delete --force g
        policy '{ingress: "any"}'
        listening h
        want_same "$(out_ns "$knock" tcp 10.77.0.1 7000)" answer
        want_same "$(out_ns "$knock" udp 2001:db8::1 7000)" answer
        run rt --policy "$P/policy.json" exec h tool tcp 203.0.113.5 443
        want_lines EHOSTUNREACH
        rt delete --force h
}
check "connections from outside come in with ingress any, and only then; nothing goes out by it" from_outside

# ---- host names, by a name server of the test's in the runtime's namespace

cat > "$T/dns.py" <<'END'
import socket, struct, threading
names = {"pkg.example.org": ["203.0.113.5", "2001:db8::2"], "private.example.org": ["10.77.0.2"], "meta.example.org": ["169.254.169.254"],
         "cut.example.org": ["203.0.113.6"]}
def answer(q, tcp):
    at, labels = 12, []
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode().lower()); at += 1 + q[at]
    name, kind = ".".join(labels), struct.unpack(">H", q[at + 1:at + 3])[0]
    question = q[12:at + 5]
    if name == "silent.example.org": return None
    if name == "cut.example.org" and not tcp: return q[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + question
    if name == "alias.example.org":
        target = b"\3pkg\7example\3org\0"
        rest = b"\xc0\x0c\0\5\0\1\0\0\0\1" + struct.pack(">H", len(target)) + target
        if kind == 1: rest += target + b"\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton("203.0.113.5")
        return q[:2] + b"\x81\x80\0\1" + struct.pack(">H", 2 if kind == 1 else 1) + b"\0\0\0\0" + question + rest
    if name not in names: return q[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
    found = [socket.inet_pton(socket.AF_INET6 if kind == 28 else socket.AF_INET, a) for a in names[name] if (":" in a) == (kind == 28)]
    rest = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(a)) + a for a in found)
    return q[:2] + b"\x81\x80\0\1" + struct.pack(">H", len(found)) + b"\0\0\0\0" + question + rest
tcp = socket.socket(); tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); tcp.bind(("127.0.0.1", 53)); tcp.listen()
def serve_tcp():
    while True:
        c, _ = tcp.accept(); q = c.recv(600)[2:]; a = answer(q, True); c.sendall(struct.pack(">H", len(a)) + a); c.close()
threading.Thread(target=serve_tcp, daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 53)); print("ready", flush=True)
while True:
    q, who = udp.recvfrom(600); a = answer(q, False)
    if a: udp.sendto(a, who)
END
python3 "$T/dns.py" > "$T/dns.ready" 9>&- & servers+=($!)
wait_for 5 grep -q ready "$T/dns.ready" || skip_all "no name server can be started"
echo "nameserver 127.0.0.1" > "$T/resolv.conf"
printf '127.0.0.1 localhost\n203.0.113.6 listed.example.org # a remark\n169.254.169.254 mixed.example.org\n203.0.113.6 mixed.example.org\n' > "$T/hosts.host"
# The runtime sees the test's own files of the name service.
named() { unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"' - "$T/resolv.conf" "$T/hosts.host" "$@"; }
try_named() { inside_bundle "$@"; run named "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" "$1"; }

by_name()
{
        in_ns nft flush ruleset
        allow '{host: "pkg.example.org", ports: [443]}, {host: "alias.example.org", ports: [8080]}, {host: "cut.example.org", ports: [80]}, {host: "listed.example.org", ports: [443]}'
        echo '192.0.2.1 engine' > "$T/hosts.engine"
        want_same "$(in_ns "$knock" udp 203.0.113.5 53)" answer     # the DNS, as any build asks it
        try_named n 'cat /etc/hosts; tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 8080; tool tcp 203.0.113.5 80; tool tcp 2001:db8::2 443
                tool tcp 203.0.113.6 80; tool tcp 203.0.113.6 443; tool udp 203.0.113.5 53; nc -w 2 pkg.example.org 443 < /dev/null; echo; echo x >> /etc/hosts' \
                ".mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$T/hosts.engine\", options: [\"bind\", \"rw\"]}]"
        want_rc 1
        want_err_has "can't create /etc/hosts"
        want_out "$(printf '%s\n' $'203.0.113.5\tpkg.example.org' $'2001:db8::2\tpkg.example.org' $'203.0.113.5\talias.example.org' \
                $'203.0.113.6\tcut.example.org' $'203.0.113.6\tlisted.example.org' '192.0.2.1 engine' \
                answer answer EHOSTUNREACH answer answer answer EPERM y)"
        want_same "$(cat "$T/hosts.engine")" '192.0.2.1 engine'
}
check "a listed host name works by its name, with the DNS closed and the engine's lines kept" by_name

# Between the look at the engine's file and its reading a link can lead to one that the policy denies.
swapped_hosts()
{
        local i
        in_ns nft flush ruleset
        mkdir -p "$T/denied"
        echo '192.0.2.1 engine' > "$T/hosts.engine"
        echo '192.0.2.9 denied' > "$T/denied/hosts"
        policy "{egress: {allow: [{host: \"listed.example.org\", ports: [443]}]}, mounts: {denySources: [\"$T/denied/**\"]}}"
        ln -s "$T/hosts.engine" "$T/hosts.link"
        python3 -c 'import os, sys, time
while True:
    for target in sys.argv[2:]:
        os.symlink(target, sys.argv[1] + ".new"); os.rename(sys.argv[1] + ".new", sys.argv[1]); time.sleep(0.0001)' \
                "$T/hosts.link" "$T/hosts.engine" "$T/denied/hosts" 9>&- & servers+=($!)
        for i in $(seq 500); do
                try_named "swap$i" 'cat /etc/hosts' \
                        ".mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$T/hosts.link\", options: [\"bind\", \"ro\"]}]"
                [ "$i" -lt 25 ] || ! grep -q "192.0.2.1 engine" "$T/swap.log" || ! grep -q "is denied by" "$T/swap.log" || break
        done > "$T/swap.log"
        kill "${servers[-1]}"
        grep -q "192.0.2.1 engine" "$T/swap.log"
        grep -q "is denied by" "$T/swap.log"
        want_same "$(grep "192.0.2.9" "$T/swap.log")" ""
}
check "what goes into /etc/hosts is the file that was judged, however its name is swapped" swapped_hosts

mixed()
{
        in_ns nft flush ruleset
        with_audit '{egress: {allow: [{host: "mixed.example.org", ports: [80]}]}}'
        try_named k2 'cat /etc/hosts; tool tcp 169.254.169.254 80; tool tcp 203.0.113.6 80'
        want_lines $'203.0.113.6\tmixed.example.org' EHOSTUNREACH answer
        want_same "$(jq -r 'select(.event == "create") | .findings[] | select(.rule == "egress.allow") | .asked + ": " + .got' /run/policy/audit.jsonl)" \
                'mixed.example.org at 169.254.169.254: left out: that address is closed'
}
check "of a host name with a closed address the other ones are open, and the audit file says which is not" mixed

bad_names()
{
        in_ns nft flush ruleset
        allow '{host: "nothing.example.org", ports: [443]}'
        try_named bad true; is_refused 'the host name nothing.example.org has no address that could be found out (there is no such name)' bad
        allow '{host: "pkg.example.org", ports: [443]}, {host: "silent.example.org", ports: [443]}'
        local start=$SECONDS
        try_named bad true; is_refused 'the host name silent.example.org has no address that could be found out (no name server answered)' bad
        [ $((SECONDS - start)) -lt 9 ] || fail "took $((SECONDS - start)) s"
        allow '{host: "private.example.org", ports: [443]}'
        try_named bad true; is_refused 'the host name private.example.org has only addresses that are closed' bad
        allow '{host: "meta.example.org", ports: [80]}, {cidr: "10.77.0.0/16", ports: [1]}'
        try_named bad true; is_refused 'the host name meta.example.org has only addresses that are closed' bad
        allow '{host: "private.example.org", ports: [443]}, {cidr: "10.77.0.0/16", ports: [1]}'
        try_named k 'tool tcp 10.77.0.2 443; tool tcp 10.77.0.2 80'; want_lines answer EHOSTUNREACH
}
check "a host name without an address, or with closed ones only, is one line and no container" bad_names

by_proxy()
{
        in_ns nft flush ruleset
        policy '{egress: {proxy: "10.77.0.2:8080"}}'
        try l 'tool tcp 10.77.0.2 8080; tool tcp 10.77.0.2 443; env | grep -i proxy | sort' '.process.env += ["http_proxy=http://evil:1"]'
        want_lines answer EHOSTUNREACH HTTPS_PROXY=http://10.77.0.2:8080 HTTP_PROXY=http://10.77.0.2:8080 NO_PROXY=localhost,127.0.0.1,::1 \
                http_proxy=http://10.77.0.2:8080 https_proxy=http://10.77.0.2:8080 no_proxy=localhost,127.0.0.1,::1
        policy '{egress: {proxy: "169.254.169.254:80"}}'
        try bad true; is_refused '(egress.proxy): 169.254.169.254:80 cannot be the proxy: it is closed always' bad
}
check "the proxy is reached, and the variables name it" by_proxy

# ---- what is counted

counted()
{
        in_ns nft flush ruleset
        with_audit '{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'
        try m 'tool tcp 203.0.113.5 443; for i in 1 2 3; do tool udp 203.0.113.6 53; done; tool tcp 169.254.169.254 80; tool udp 2001:db8::2 53' > /dev/null
        want_rc 0
        want_err 'runb: egress: refused by the policy: 169.254.169.254 tcp 80, 203.0.113.6 udp 53, 2001:db8::2 udp 53'
        want_same "$(last_record | jq -c '[.id, .profile, (.refused | map([.address, .protocol, .port])), (.passed | map([.address, .protocol, .port]))]')" \
                '["m","untrusted",[["169.254.169.254","tcp",80],["203.0.113.6","udp",53],["2001:db8::2","udp",53]],[["203.0.113.5","tcp",443]]]'
        want_same "$(last_record | jq '.refused[1].packets, .refused[1].bytes')" "$(printf '3\n87')"
        try m 'tool tcp 203.0.113.5 443'
        want_err ''
}
check "what was refused is told at the end of a run, and all of it is in the audit file" counted

# The kernel's own reports to multicast routers can be among what was refused.
flooded() { last_record | jq "[.refused[] | select(.protocol == \"udp\")] | $1"; }
flood()
{
        in_ns nft flush ruleset
        with_audit '{}'
        try o 'tool flood 203.0.113.10 200 5 90; tool flood 2001:db8::100 100 1 100; tool udp 203.0.113.5 443'
        want_rc 0
        want_out "$(printf '%s\n' 'EPERM 90000' 'EPERM 10000' EPERM)"
        want_same "$(flooded length)" 1101
        want_same "$(flooded '[.[] | select(.address != "203.0.113.5") | .packets] | add')" 100000
        want_same "$(flooded '[.[] | select(.address | startswith("203.0.113.")) | select(.port <= 5) | .packets] | unique')" "$(jq . <<< '[90]')"
        want_same "$(flooded '[.[] | select(.address | startswith("2001:db8::")) | .packets, .port] | unique')" "$(jq . <<< '[1, 100]')"
        want_same "$(flooded '[.[] | select(.port == 3) | .address] | length, .[0], .[199]')" "$(jq . <<< '200 "203.0.113.10" "203.0.113.209"')"
        want_match "$err" ' and 109[3-9] more'
}
check "a flood of 100,000 attempts: each destination is there with its count, and one line tells of it" flood

# More of them than the kernel is made to remember.
full()
{
        in_ns nft flush ruleset
        with_audit '{}'
        count_arrivals
        try o2 'tool flood 198.18.0.1 20000 5 1; tool udp 203.0.113.5 443; tool tcp 203.0.113.6 443'
        want_rc 0
        want_out "$(printf '%s\n' 'EPERM 100000' EPERM EHOSTUNREACH)"
        want_same "$(arrivals)" 0
        want_same "$(last_record | jq '[.refused[] | select(.address | contains(":") | not)] | length')" 4096
        # None is lost; the kernel's own reports can be among them.
        local rest
        rest=$(last_record | jq .refusedRest.packets)
        [ "$rest" -ge $((100002 - 4096)) ] && [ "$rest" -le $((100008 - 4096)) ] || fail "$rest packets went to others"
        want_match "$err" ", and $rest packets to destinations that are not listed, of which there were too many"
        # The rules are the same whatever they have counted.
        with_audit '{egress: {allow: [{cidr: "198.18.0.0/15", ports: ["1-9"], protocol: "udp"}]}}'
        in_ns nft flush ruleset
        inside_bundle o3 'sleep 1000'
        run rt --policy "$P/policy.json" create --bundle "$B" o3; want_rc 0
        run rt --policy "$P/policy.json" start o3; want_rc 0
        run rt --policy "$P/policy.json" exec o3 tool flood 198.18.0.1 2000 5 1
        want_lines 'sent 10000'
        run rt egress o3
        want_match "$out" 'passed   more destinations +5904 '
        run rt egress --format json o3
        want_same "$(jq -c '[.passedRest.packets, .passedRest.bytes, (.passed | length), .refusedRest]' <<< "$out")" '[5904,171216,4096,null]'
        run rt --policy "$P/policy.json" exec o3 true; want_rc 0
        run rt --policy "$P/policy.json" delete --force o3; want_rc 0
        run rt --policy "$P/policy.json" policy learn --id o3
        want_err_has 'left out: of "o3", 5904 packets that passed, to destinations that found no place in the record'
}
check "a flood of 100,000 destinations fills the set, opens nothing, and the rest is added up" full

live()
{
        in_ns nft flush ruleset
        with_audit '{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'
        bundle p ".process.args = [\"/bin/sleep\", \"1000\"] | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$inside/ns/net\""
        run rt --policy "$P/policy.json" create --bundle "$B" --pid-file "$T/pid" p; want_rc 0
        run rt start p; want_rc 0
        run rt --policy "$P/policy.json" exec p sh -c 'tool tcp 203.0.113.5 443; tool udp 203.0.113.6 53'
        want_lines answer EPERM
        run rt egress p
        want_rc 0
        want_match "$out" 'refused +203.0.113.6 udp 53 +1 +29'
        want_match "$out" 'passed +203.0.113.5 tcp 443 '
        run rt egress --format json p
        want_same "$(jq -c '[.id, .refused[0].port, .passed[0].port]' <<< "$out")" '["p",53,443]'
        run rt egress --format xml p; want_rc 1; want_err_has 'table or json is wanted'
        # A tool of the host takes the rules away: nothing more is started, and the audit says so.
        in_ns nft flush ruleset
        run rt --policy "$P/policy.json" exec p true
        want_rc 255; want_err_has 'it has been removed'
        jq -e 'select(.event == "exec" and .outcome == "refused")' /run/policy/audit.jsonl > /dev/null || fail "not in the audit file"
        run rt delete --force p; want_rc 0
        last_record | grep -q 'has been removed' || fail "the audit file does not say so: $(last_record)"
}
check "what is counted can be read while it runs; rules that were taken away bar exec" live

start_checks()
{
        in_ns nft flush ruleset
        policy "$1"
        bundle q ".process.args = [\"/bin/true\"] | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$inside/ns/net\""
        run rt --policy "$P/policy.json" create --bundle "$B" q; want_rc 0
        in_ns nft 'insert rule inet runb output accept'
        run rt start q; want_rc 1; want_err_has 'rule 1 of its chain output is not the one'
        in_ns nft 'delete rule inet runb output handle '"$(in_ns nft -a list chain inet runb output | sed -n 's/.*accept # handle //p' | head -1)"
        run rt start q; want_rc 0
        run rt delete --force q; want_rc 0
}
check "rules that were changed bar the start" start_checks '{}'
check "rules of a list that were changed bar the start" start_checks '{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'

start_without()
{
        in_ns nft flush ruleset
        with_audit "$1"
        bundle q ".process.args = [\"/bin/true\"] | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$inside/ns/net\""
        run rt --policy "$P/policy.json" create --bundle "$B" q; want_rc 0
        in_ns nft delete table inet runb
        run rt --policy "$P/policy.json" start q; want_rc 1; want_err_has 'it has been removed; nothing more is started in it: delete the container'
        jq -e 'select(.event == "start" and .outcome == "refused" and .id == "q")' /run/policy/audit.jsonl > /dev/null || fail "not in the audit file"
        run rt --policy "$P/policy.json" delete q; want_rc 0
        last_record | grep -q 'has been removed' || fail "the audit file does not say so: $(last_record)"
}
check "rules that were taken away bar the start, and delete tells of it" start_without '{}'
check "rules of a list that were taken away bar the start, and delete tells of it" start_without '{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'

element()
{
        in_ns nft flush ruleset
        allow '{cidr: "203.0.113.5/32", ports: [443]}'
        bundle r ".process.args = [\"/bin/true\"] | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$inside/ns/net\""
        run rt --policy "$P/policy.json" create --bundle "$B" r; want_rc 0
        in_ns nft 'add element inet runb allowed4 { 203.0.113.6 . tcp . 80 }'
        run rt start r; want_rc 1; want_err_has 'its set allowed4 is not the one that was installed'
        run rt delete --force r; want_rc 0
}
check "a set that was added to bars the start" element

audit_mode()
{
        in_ns nft flush ruleset
        with_audit '{egress: {mode: "audit"}}'
        try s 'tool tcp 203.0.113.5 443; tool udp 10.77.0.2 443; tool tcp 2001:db8::2 8080; tool tcp 169.254.169.254 80; tool tcp 203.0.113.7 443'
        want_lines answer answer answer EHOSTUNREACH EHOSTUNREACH
        want_same "$(last_record | jq -c '[(.refused | map(.address)), (.passed | map([.address, .protocol, .port]))]')" \
                '[["169.254.169.254","203.0.113.7"],[["10.77.0.2","udp",443],["203.0.113.5","tcp",443],["2001:db8::2","tcp",8080]]]'
}
check "audit mode lets out what is not closed always, and writes it down" audit_mode

audit_resolvers()
{
        in_ns nft flush ruleset
        with_audit '{egress: {mode: "audit", proxy: "203.0.113.7:8080"}}'
        try s 'tool udp 203.0.113.7 53; tool tcp 203.0.113.7 53; tool udp 169.254.169.254 53; tool tcp 203.0.113.7 8080; tool tcp 203.0.113.7 80; echo $https_proxy'
        want_lines answer answer EPERM answer EHOSTUNREACH http://203.0.113.7:8080
        with_audit '{egress: {mode: "audit", proxy: "203.0.113.6:8080"}}'
        try s 'tool tcp 203.0.113.6 8080; tool tcp 203.0.113.6 80'
        want_lines answer answer
}
check "audit mode lets name servers and the proxy be asked, at the host's addresses too" audit_resolvers
finish
