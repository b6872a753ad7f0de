#!/bin/bash
# linux.netDevices: devices of the caller's network namespace in the container (runtime-spec 1.3, config-linux.md).
set -u
. "$(dirname "$0")/../lib.sh"
need ip jq nft
ip link add probe0 type veth peer name probe1 2>/dev/null || skip_all "this kernel has no veth devices"
ip link del probe0

# device NAME: one with an address of each kind; its other end is called far-NAME
device()
{
        local end=$((SECONDS + 5))

        ip link del "far-$1" 2>/dev/null || true
        # It may be going with a namespace of the test before.
        until ip link add "$1" type veth peer name "far-$1" 2>/dev/null || [ $SECONDS -gt $end ]; do sleep 0.05; done
        ip link set "far-$1" up
        ip link set "$1" address 02:00:00:00:00:07 mtu 1400
        ip addr add 10.88.7.1/24 dev "$1"
        ip addr add 10.88.7.2/24 dev "$1"
        ip addr add 10.89.0.1 peer 10.89.0.2/32 dev "$1"
        ip addr add 10.88.8.1/24 scope link dev "$1"
        ip addr add 10.88.9.1/24 valid_lft 600 preferred_lft 600 dev "$1"
        ip -6 addr add fd00:88::1/64 nodad dev "$1"
        ip link set "$1" up
}
has_device() { ip link show "$1" > /dev/null 2>&1; }

# with DEVICES COMMAND: runs the command in a container that gets the devices
with()
{
        bundle "${3-nd}" '.process.args = ["/bin/sh", "-c", $c] | .linux.netDevices = $d' --arg c "$2" --argjson d "$1"
        run rt run --bundle "$B" "${3-nd}"
}

moves()
{
        device eth7
        with '{"eth7": {}}' 'ip -o link show eth7; ip -o addr show eth7'
        want_rc 0
        want_out_has "UP"
        want_out_has "mtu 1400"
        want_out_has "02:00:00:00:00:07"
        want_out_has "inet 10.88.7.1/24"
        want_out_has "inet 10.88.7.2/24 scope global secondary"
        want_out_has "inet 10.89.0.1 peer 10.89.0.2/32"
        want_out_has "inet6 fd00:88::1/64"
        # Of global scope and permanent: no others.
        want_out_without 10.88.8.1
        want_out_without 10.88.9.1
        has_device eth7 && fail "eth7 is still the caller's"
        :
}
check "a device moves with its permanent global addresses, its hardware address and MTU, and is up" moves

renames()
{
        device eth7
        with '{"eth7": {"name": "inside"}}' 'ls /sys/class/net; ip -o addr show inside'
        want_rc 0
        want_out_has "inet 10.88.7.1/24"
        want_out_without eth7
}
check "a device gets the name that is asked for" renames

templates()
{
        device eth7
        device eth8
        with '{"eth7": {"name": "in%d"}, "eth8": {"name": "in%d"}}' 'ls /sys/class/net; ip -o addr show in0; ip -o addr show in1'
        want_rc 0
        want_out_has in0
        want_out_has in1
        has_device eth8 && fail "eth8 is still the caller's"
        :
}
check "a name that ends with %d is numbered by the kernel" templates

swapped()
{
        device eth7
        device eth8
        ip link set eth8 mtu 1300
        with '{"eth7": {"name": "eth8"}, "eth8": {"name": "eth7"}}' 'ip -o link show eth7; ip -o link show eth8'
        want_rc 0
        want_match "$out" "eth7[^
]*mtu 1300"
        want_match "$out" "eth8[^
]*mtu 1400"
}
check "two devices can change names" swapped

joined()
{
        device eth7
        ip netns add joined
        ip -n joined link add taken type veth peer name taken1
        ip route add 10.99.0.0/24 dev eth7
        bundle nd '.process.args = ["/bin/sleep", "0"] | .linux.netDevices = {"eth7": {"name": "taken"}} |
                (.linux.namespaces[] | select(.type == "network")).path = "/run/netns/joined"'
        run rt run --bundle "$B" nd
        want_failure
        want_err_has 'linux.netDevices["eth7"]: the container'"'"'s network namespace has a device "taken" already'
        # Seen before anything was touched: routes do not survive a move.
        ip route show dev eth7 | grep -q 10.99.0.0
        jq '.linux.netDevices.eth7.name = "free"' "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
        run rt run --bundle "$B" nd
        want_rc 0
        # The namespace's own from then on: nobody takes it out at the end (config-linux.md, "Namespace Lifecycle").
        ip -n joined -o addr show free | grep -q 10.88.7.1
        ip netns del joined
}
check "a name that is taken in the namespace is an error, and a device stays in a namespace that was joined" joined

refuses()
{
        device eth7
        local devices
        with '{"eth9": {}}' true
        want_failure
        want_err_has 'linux.netDevices["eth9"]: the caller'"'"'s network namespace has no such device'
        with '{"lo": {"name": "lo7"}}' true
        want_failure
        want_err_has 'linux.netDevices["lo"]: the kernel does not let this device go to another network namespace'
        with '{"eth7": {"name": "sixteen-letters-"}}' true
        want_failure
        want_err_has '"sixteen-letters-" is not a name for a network device'
        with '{"eth7": {"name": "x"}, "lo": {"name": "x"}}' true
        want_failure
        want_err_has 'would both be called "x"'
        with '{"eth7": {"name": "a%s"}}' true
        want_failure
        want_err_has 'only the ending %d'
        bundle nd '.linux.netDevices = {"eth7": {}} | del(.linux.namespaces[] | select(.type == "network"))'
        run rt run --bundle "$B" nd
        want_failure
        want_err_has "no network namespace"
        has_device eth7 || fail "eth7 has gone"
        [ -z "$(rt list -q)" ]
}
check "no such device, a bad or doubled name and no network namespace are errors" refuses

# As it was: name, addresses, state.
goes_back()
{
        device eth7
        device eth8
        ip link set eth8 down
        local before
        before=$(ip -o -4 addr show eth7 scope global permanent; ip -o -6 addr show eth7 scope global; ip -o link show eth7 | grep -o 'mtu.*')
        # The second device is not there, later the program is not.
        with '{"eth7": {"name": "a"}, "eth8": {"name": "b%d"}, "nothere": {}}' true
        want_failure
        want_same "$before" "$(ip -o -4 addr show eth7 scope global permanent; ip -o -6 addr show eth7 scope global; ip -o link show eth7 | grep -o 'mtu.*')"
        has_device eth8
        bundle nd '.process.args = ["/nope"] | .linux.netDevices = {"eth7": {"name": "a"}, "eth8": {}}'
        run rt create --bundle "$B" nd
        want_failure
        want_err_has "/nope"
        want_same "$before" "$(ip -o -4 addr show eth7 scope global permanent; ip -o -6 addr show eth7 scope global; ip -o link show eth7 | grep -o 'mtu.*')"
        has_device eth8
        ip -o link show eth8 | grep -q UP && fail "eth8 was down"
        [ -z "$(rt list -q)" ]
}
check "a creation that fails gives the devices back as they were" goes_back

# The wire is there, and yet nothing goes out: the peer hears neither of what the build sends.
egress()
{
        ip link add wire0 type veth peer name wire1
        ip addr add 10.77.7.2/24 dev wire0
        ip addr add 10.77.7.1/24 dev wire1
        ip link set wire0 up
        ip link set wire1 up
        nft 'add table inet heard; add chain inet heard c { type filter hook input priority 0; };
             add rule inet heard c iifname wire1 meta l4proto { udp, tcp, icmp } counter'
        with '{"wire0": {}}' 'ip route; ping -c 1 -W 1 10.77.7.1; echo x | nc -u -w 1 10.77.7.1 5; nc -w 1 10.77.7.1 6; echo over'
        want_rc 0
        want_out_has "10.77.7.0/24 dev wire0"
        want_out_has over
        nft list table inet heard | grep -q 'packets 0 ' || fail "$(nft list table inet heard)"
        nft delete table inet heard
        ip link del wire1 2>/dev/null || true
}
check "the egress rules hold for the device" egress

# What the policy did is in the record.
recorded()
{
        device eth7
        start_sleeper nd '.linux.netDevices = {"eth7": {}}'
        jq -e '.findings[] | select(.rule == "netDevices") | .asked == "eth7"' "$T/state/nd/state.json"
        run rt exec nd ip -o link show eth7
        want_rc 0
        rt delete --force nd
        # A device that is no hardware ends with its namespace, which the kernel takes down a moment later.
        has_device eth7 && fail "it came back"
        :
}
check "the record says that a device was moved, and exec sees it" recorded

hooked()
{
        device eth7
        bundle nd '.process.args = ["/bin/true"] | .linux.netDevices = {"eth7": {}} |
                .hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", "nsenter --net=/proc/$(jq .pid)/ns/net ip -o link > \($f)"]}]' --arg f "$T/links"
        run rt run --bundle "$B" nd
        want_rc 0
        grep -q eth7 "$T/links"
}
check "createRuntime hooks find the device in its place" hooked

umount /run/netns 2>/dev/null; rmdir /run/netns 2>/dev/null
finish
