# Sourced by the engines' tests of egress, after lib.sh: a neighbour of the host's in a network of its own, with addresses of
# each kind, which any container of an engine's network reaches; and what containers try of it.

need ip nsenter unshare
knock=${RUNB%/*}/tests/tools/knock
[ -x "$knock" ] || skip_all "$knock is not built (make check-programs)"

egress_start()
{
        unshare -n sleep 1800 & outside=$!
        until [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
        egress_pids=("$outside")
        trap egress_end EXIT
        ip link add host0 type veth peer name peer0 netns "$outside" 2> /dev/null || skip_all "this kernel has no veth"
        ip address add 198.51.100.1/24 dev host0
        ip link set host0 up
        ip link set lo up
        nsenter -t "$outside" -n sh -c 'ip link set lo up; ip address add 198.51.100.2/24 dev peer0; ip link set peer0 up
                for a in 203.0.113.5 203.0.113.6 169.254.169.254; do ip address add $a/32 dev peer0; done
                ip route add default via 198.51.100.1'
        # As a host's: to everywhere, and metadata by the link.
        ip route add default via 198.51.100.2
        ip route add 169.254.169.254/32 via 198.51.100.2
        sysctl -qw net.ipv4.ip_forward=1
        local port
        for port in 443 80; do
                nsenter -t "$outside" -n "$knock" serve $port > "$T/ready.$port" 9>&- & egress_pids+=($!)
                wait_for 5 grep -q ready "$T/ready.$port"
        done
        # The host's own service, on every address of it.
        "$knock" serve 2222 > "$T/ready.own" 9>&- & egress_pids+=($!)
        wait_for 5 grep -q ready "$T/ready.own"
        busybox_rootfs "$T/knock-image"
        cp "$knock" "$T/knock-image/bin/tool"
        egress_tar=$T/knock.tar
        tar -C "$T/knock-image" -cf "$egress_tar" .
        chmod 644 "$egress_tar"
}
egress_policy() # [JQ-FILTER]
{
        jq -n '{version: 1, audit: {path: "/run/audit.jsonl"},
                profiles: {untrusted: {egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}}} | '"${1:-.}"
}

# The policy file where engines look for it, in an /etc of the test's own.
egress_etc()
{
        cp -a /etc "$T/etc"
        rm -rf "$T/etc/runb"
        mkdir -m 755 "$T/etc/runb"
        chmod 755 "$T/etc"
        egress_policy > "$T/etc/runb/policy.json"
        chmod 600 "$T/etc/runb/policy.json"
        mount --bind "$T/etc" /etc
}
egress_end()
{
        kill "${egress_pids[@]}" 2> /dev/null
        egress_pids=()
        ip link del host0 2> /dev/null
        mountpoint -q /etc && umount /etc
        return 0
}

egress_script='t() { echo "$*: $(tool "$@")"; }; t tcp 203.0.113.5 443; t tcp 203.0.113.5 80; t udp 203.0.113.5 443; '
egress_script+='t tcp 203.0.113.6 443; t tcp 169.254.169.254 80; t tcp 198.51.100.1 2222; t udp 198.51.100.1 2222'
tried() { printf '%s\n' "tcp 203.0.113.5 443: $1" "tcp 203.0.113.5 80: $2" "udp 203.0.113.5 443: $3" "tcp 203.0.113.6 443: $2" \
        "tcp 169.254.169.254 80: $2" "tcp 198.51.100.1 2222: $2" "udp 198.51.100.1 2222: $3"; }
open_out() { want_rc 0; want_out "$(tried answer answer answer)"; }
listed_out() { want_rc 0; want_out "$(tried answer EHOSTUNREACH EPERM)"; }
# The audit file has what the last of them tried, and what it got.
told_of()
{
        local want='[["169.254.169.254","198.51.100.1","198.51.100.1","203.0.113.5","203.0.113.5","203.0.113.6"],["203.0.113.5"]]'
        told() { [ "$(jq -c 'select(.event == "egress") | [(.refused | map(.address) | sort), (.passed | map(.address))]' /run/audit.jsonl | tail -n 1)" = "$want" ]; }
        wait_for 10 told || fail "$(jq -c 'select(.event == "egress")' /run/audit.jsonl | tail -n 1)"
}
