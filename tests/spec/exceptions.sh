#!/bin/bash
# cgroups: host v2
# What a dated exception opens (runb-policy.json(5)), on real containers: that alone, and never the user namespace or the
# filter of system calls.
set -u
. "$(dirname "$0")/../lib.sh"
need jq unshare
is_runb || skip_all "other runtimes have no policy file"

P=/run/policy
mkdir -p $P
# policy TOKENS [JQ-FILTER]: TOKENS are JSON strings with commas, none: no exception
policy()
{
        jq -n --argjson allow "[$1]" "{version: 1, revision: \"r1\"} | if (\$allow | length) > 0 then .exceptions = [{id: \"EX-1\",
                profile: \"untrusted\", expires: \"2099-12-31\", reason: \"test\", approvedBy: \"test\", allow: \$allow}] else . end |
                ${2:-.}" > $P/policy.json
        chmod 600 $P/policy.json
}
rp() { rt --policy $P/policy.json "$@"; }
# p_run NAME SCRIPT [JQ-FILTER]
p_run()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        run rp run --bundle "$B" "$1"
}
in_box='[ "$(awk "{ print \$2 }" /proc/self/uid_map)" != 0 ] && echo boxed; grep -E "^(NoNewPrivs|Seccomp|CapAmb|CapInh|CapEff):" /proc/self/status'

privileges()
{
        local ask='.process.noNewPrivileges = false'
        policy ''
        p_run nnp "$in_box" "$ask"
        want_rc 0
        want_out_has $'NoNewPrivs:\t1'
        policy '"noNewPrivileges"'
        p_run nnp "$in_box" "$ask"
        want_rc 0
        want_out_has $'NoNewPrivs:\t0'
        want_out_has $'Seccomp:\t2'
        want_out_has boxed
        # What loaded the filters has not stayed: CAP_SYS_ADMIN is bit 21.
        (( (0x$(sed -n 's/^CapEff:\t//p' <<< "$out") & 1 << 21) == 0 )) || fail "CAP_SYS_ADMIN stayed"
        p_run nnp "$in_box" "$ask"' | .process.user.uid = 7'
        want_rc 0
        want_out_has $'CapEff:\t0000000000000000'
        want_out_has $'Seccomp:\t2'
        p_run nnp 'mount -t tmpfs none /tmp 2>&1; unshare -U true 2>&1' "$ask"
        want_failure
}
check "noNewPrivileges false: setuid programs work, and the filter and the user namespace stay" privileges

ambient()
{
        local ask='.process.user.uid = 7 | .process.capabilities = ({bounding: ["CAP_CHOWN"]} | .permitted = .bounding | .inheritable = .bounding | .ambient = .bounding | .effective = .bounding)'
        policy ''
        p_run amb "$in_box" "$ask"
        want_out_has $'CapAmb:\t0000000000000000'
        want_out_has $'CapInh:\t0000000000000000'
        policy '"capabilities.ambient", "capabilities.inheritable"'
        p_run amb "$in_box" "$ask"
        want_rc 0
        want_out_has $'CapAmb:\t0000000000000001'
        want_out_has $'CapInh:\t0000000000000001'
        want_out_has $'CapEff:\t0000000000000001'
}
check "ambient and inheritable capabilities, for a program that is not root's" ambient

mapped()
{
        local ask='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 1000, size: 2000}] | .linux.gidMappings = .linux.uidMappings'
        policy ''
        p_run ids 'echo ran' "$ask"
        want_rc 1
        want_err_has '"ids:1000-2999"'
        policy '"ids:1000-2999"'
        p_run ids 'cat /proc/self/uid_map' "$ask"
        want_rc 0
        want_match "$out" '^ *0 +1000 +2000$'
        policy '"ids:1-4294967294"'
        p_run ids 'echo ran' "${ask/1000/0}"
        want_rc 1
        want_err_has 'ids.root'
}
check "ids of the host's users, and never its root" mapped

joined()
{
        local holder ask ns
        unshare --mount sleep 600 &
        holder=$!
        wait_for 5 sh -c "[ \"\$(readlink /proc/$holder/exe)\" = \"\$(readlink -f /bin/sleep)\" ]"
        ns=$(readlink "/proc/$holder/ns/mnt")
        ask=".linux.namespaces = [.linux.namespaces[] | select(.type != \"mount\")] + [{type: \"mount\", path: \"/proc/$holder/ns/mnt\"}]"
        policy ''
        p_run joined 'echo ran' "$ask"
        want_rc 1
        want_err_has '"mount.namespace"'
        policy '"mount.namespace"'
        p_run joined 'readlink /proc/self/ns/mnt; ls /etc/shadow; mount -o remount,rw / 2>/dev/null && echo remounted' "$ask"
        want_same "$(head -n 1 <<< "$out")" "$ns"
        want_out_without remounted
        p_run joined 'echo ran' "${ask/\/proc\/$holder/\/proc\/1}"
        want_rc 1
        want_err_has 'namespaces.mount'
        kill -KILL "$holder"
}
check "a mount namespace by path, and never the host's" joined

shared()
{
        local ask='.linux.rootfsPropagation = "shared"'
        policy ''
        p_run shared 'echo ran' "$ask"
        want_rc 1
        want_err_has '"rootfs.propagation"'
        policy '"rootfs.propagation"'
        p_run shared "awk '\$5 == \"/\"' /proc/self/mountinfo" "$ask"
        want_rc 0
        want_out_has ' shared:'
        # Its peers are its own: no mount of the host has that group.
        local group=${out#* shared:}
        ! grep -q " shared:${group%% *} " /proc/self/mountinfo || fail "the host is a peer"
}
check "a shared rootfs, of which the host is no peer" shared

devices()
{
        local ask='.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438}] |
                .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
        policy ''
        p_run fuse 'echo ran' "$ask"
        want_rc 1
        want_err_has '/dev/fuse (c 10:229)'
        policy '' '.profiles.untrusted.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229}]'
        p_run fuse 'stat -c "%F %t:%T" /dev/fuse; (: < /dev/fuse) 2>&1' "$ask"
        want_out_has "character special file a:e5"
        want_out_without "Operation not permitted"
        p_run fuse '(: < /dev/fuse) 2>&1' "$ask | .linux.resources.devices |= .[:1]"
        want_out_has "not permitted"
        p_run fuse 'echo ran' "${ask//229/237}"
        want_rc 1
}
check "a device of the profile, by its number" devices

finish
