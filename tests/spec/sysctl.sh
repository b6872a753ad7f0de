#!/bin/bash
# linux.sysctl (runtime-spec 1.3, config-linux.md "Sysctl"): those of the container's namespaces, as written, and no others.
set -u
. "$(dirname "$0")/../lib.sh"
need jq

# with SYSCTLS COMMAND
with()
{
        bundle sy '.process.args = ["/bin/sh", "-c", $c] | .linux.sysctl = $s | .linux.readonlyPaths = []' --arg c "$2" --argjson s "$1"
        run rt run --bundle "$B" sy
}

written()
{
        local before
        before=$(cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/{shmmax,sem,domainname} /proc/sys/fs/mqueue/msg_max)
        with '{"net.ipv4.ip_default_ttl": "77", "net/ipv4/conf/lo/log_martians": "1", "kernel.shmmax": "12345678",
               "kernel/msgmax": "8191", "kernel.sem": "250 32000 32 99", "fs.mqueue.msg_max": "7", "kernel.domainname": "a.b c"}' \
                'cd /proc/sys; cat net/ipv4/ip_default_ttl net/ipv4/conf/lo/log_martians kernel/shmmax kernel/msgmax kernel/sem fs/mqueue/msg_max kernel/domainname'
        want_rc 0
        want_out "77
1
12345678
8191
250	32000	32	99
7
a.b c"
        want_same "$before" "$(cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/{shmmax,sem,domainname} /proc/sys/fs/mqueue/msg_max)"
}
check "network, ipc and uts sysctls are written in the container's namespaces, with dots or slashes" written

# sysctl.d(5): where the first separator is a slash, dots are letters.
dotted_device()
{
        ip link add eth7.1 type veth peer name far7 2>/dev/null || skip_case "no veth devices"
        bundle sy '.process.args = ["cat", "/proc/sys/net/ipv4/conf/eth7.1/log_martians"] | .linux.netDevices = {"eth7.1": {}} |
                .linux.sysctl = {($k): "1"}' --arg k "net/ipv4/conf/eth7.1/log_martians"
        run rt run --bundle "$B" sy
        want_rc 0
        want_out 1
}
check "a device with a dot in its name is reached by slashes" dotted_device

refused()
{
        local name
        for name in kernel.hostname kernel.core_pattern vm.overcommit_memory fs.file-max kernel/core_pattern net/../kernel/core_pattern \
                    user.max_user_namespaces kernel.shm_next_id net; do
                with "$(jq -n --arg k "$name" '{($k): "1"}')" true
                want_rc 1
                want_err_has "\"$name\""
                want_err_has "(sysctl)"
        done
        [ -z "$(rt list -q)" ]
}
check "others are refused by name" refused

failing()
{
        with '{"net.ipv4.no_such_knob": "1"}' true
        want_rc 1
        want_err_has 'linux.sysctl: this kernel has no "net.ipv4.no_such_knob"'
        with '{"net.ipv4.ip_default_ttl": "many"}' true
        want_rc 1
        want_err_has 'linux.sysctl: write net.ipv4.ip_default_ttl'
        with '{"net.ipv4.ip_default_ttl": 7}' true
        want_rc 1
        want_err_has 'linux.sysctl["net.ipv4.ip_default_ttl"]'
        # One of the host's alone: the kernel shows it in other network namespaces, for reading, or not at all.
        with '{"net.core.netdev_max_backlog": "1"}' true
        want_rc 1
        want_err_has 'net.core.netdev_max_backlog'
        [ -z "$(rt list -q)" ]
}
check "what the kernel does not have or take is an error that names the key" failing

finish
