#!/bin/bash
# cgroups: host v2
# The built-in profiles, a row of their table a case: what each gives to a container that asks for all of it.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "other runtimes have no profiles"
calls=${RUNB%/*}/tests/tools/calls
[ -x "$calls" ] || skip_all "tests/tools/calls is not built"

P=/run/policy
mkdir -p $P
echo '{"version": 1}' > $P/policy.json
chmod 600 $P/policy.json
all="untrusted branch image-build release"
caps() { printf '%s\n' CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP NET_RAW MKNOD \
        AUDIT_WRITE SYS_ADMIN NET_ADMIN SYS_PTRACE BPF | jq -R '"CAP_" + .' | jq -sc .; }
ASK=".process.capabilities = ($(caps) | {bounding: ., effective: ., permitted: .}) | .root.readonly = false"

# in_profile PROFILE SCRIPT [JQ-FILTER]
in_profile()
{
        bundle "$1" "$ASK | (${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        [ -e "$B/rootfs/bin/calls" ] || cp "$calls" "$B/rootfs/bin/calls"
        mkdir -p "$B/rootfs/mnt"
        run rt --policy $P/policy.json --profile "$1" run --bundle "$B" "$1"
}
# row WHAT-IS-SAID SCRIPT JQ-FILTER untrusted branch image-build release: the output of the script in each
row()
{
        local script=$1 filter=$2 profile
        shift 2
        for profile in $all; do
                in_profile "$profile" "$script" "$filter"
                [ "${out% }" = "$1" ] || { echo "$profile: \"$out\" is not \"$1\""; return 1; }
                shift
        done
}

check "capabilities: eleven; the same; and SYS_ADMIN; CHOWN and DAC_OVERRIDE" row 'awk "/^Cap(Eff|Bnd)/ {print \$2}" /proc/self/status | sort -u' . \
        00000000800405fb 00000000800405fb 00000000802405fb 0000000000000003
check "no inheritable or ambient ones, no_new_privs, a filter" row 'awk "/^(CapInh|CapAmb|NoNewPrivs|Seccomp):/ {printf \"%s \", \$2}" /proc/self/status' . \
        "0000000000000000 0000000000000000 1 2" "0000000000000000 0000000000000000 1 2" \
        "0000000000000000 0000000000000000 1 2" "0000000000000000 0000000000000000 1 2"

can='can() { n=$1; shift; "$@" > /dev/null 2>&1 && printf "%s " $n; }; '
check "seccomp: mounts and namespaces in image-build alone" row \
        "$can"'can mount mount -t tmpfs t /mnt; can userns unshare -U true; can netns unshare -n true; can chroot chroot / true; echo' . \
        chroot chroot "mount userns netns chroot" ""
check "rootfs: written to, but in release" row "$can"'can write touch /file; can tmp touch /dev/shm/f; echo' . \
        "write tmp" "write tmp" "write tmp" "tmp"
fuse='.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229}] | .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rwm"}]'
devices()
{
        row "$can"'for n in null zero full random urandom; do can $n dd if=/dev/$n of=/dev/null bs=1 count=0; done; ls /dev/fuse 2>/dev/null' . \
                "null zero full random urandom" "null zero full random urandom" "null zero full random urandom" "null zero full random urandom"
        for profile in $all; do
                in_profile "$profile" 'dd if=/dev/fuse bs=1 count=0 2>/dev/null && echo opens' "$fuse"
                case $profile in
                image-build) want_rc 0; want_out opens;;
                *) want_failure; want_err_has "refused by profile \"$profile\" (devices)";;
                esac
        done
        # Asked for and denied by the engine's own rules: no more than that.
        in_profile image-build '[ -c /dev/fuse ] && ! dd if=/dev/fuse bs=1 count=0 2>/dev/null && echo there' \
                "$fuse | .linux.resources.devices |= .[:1]"
        want_out there
}
check "devices: the standard ones; /dev/fuse in image-build where it is asked for" devices
check "egress: nothing answers at once, loopback works" row \
        'busybox ip addr show lo | grep -c 127.0.0.1; nc -w 2 192.0.2.1 80 < /dev/null 2> /dev/null || echo closed; (echo x | nc -l -p 80 > /dev/null) & sleep 0.3; nc -w 2 127.0.0.1 80 < /dev/null > /dev/null && echo open' . \
        "1
closed
open" "1
closed
open" "1
closed
open" "1
closed
open"
check "limits: user namespaces, inotify, core files, processes" row \
        'cat /proc/sys/user/max_user_namespaces /proc/sys/user/max_inotify_instances; awk "/^Max core/ {print \$5, \$6}" /proc/self/limits' . \
        "0
128
1 1" "0
128
1 1" "64
128
1 1" "0
128
1 1"

# ---- the filters, on this kernel: what one lets pass answers something else than the filter would

filters() # NUMBER[,ARG]... UNTRUSTED BRANCH IMAGE-BUILD RELEASE
{
        [ "$(uname -m)" = x86_64 ] || skip_case "the numbers are an x86-64's"
        row "calls $1" . "${1%%,*} $2" "${1%%,*} $3" "${1%%,*} $4" "${1%%,*} $5"
}
EPERM="errno 1" ENOSYS="errno 38" EAFNOSUPPORT="errno 97" EFAULT="errno 14" ESRCH="errno 3"
check "seccomp: mount(2) passes in image-build" filters 165,1,1,1,0,1 "$EPERM" "$EPERM" "$EFAULT" "$EPERM"
check "seccomp: fsopen(2) passes in image-build" filters 430,1,0 "$EPERM" "$EPERM" "$EFAULT" "$EPERM"
check "seccomp: PTRACE_ATTACH passes in branch" filters 101,16,999999 "$EPERM" "$ESRCH" "$EPERM" "$EPERM"
check "seccomp: process_vm_readv(2) passes in branch" filters 310,1,0,0,0,0,0 "$EPERM" "ok 0" "$EPERM" "$EPERM"
check "seccomp: netlink's audit opens in branch" filters 41,16,3,9 "$EAFNOSUPPORT" "ok 3" "$EAFNOSUPPORT" "$EAFNOSUPPORT"
check "seccomp: AF_VSOCK opens in none" filters 41,40,1,0 "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT"
check "seccomp: AF_PACKET opens in none" filters 41,17,3,0 "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT"
check "seccomp: AF_INET with SOCK_PACKET opens in none" filters 41,2,10,0 "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT"
check "seccomp: AF_ALG opens in none" filters 41,38,5,0 "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT" "$EAFNOSUPPORT"
check "seccomp: AF_INET opens in each" filters 41,2,1,0 "ok 3" "ok 3" "ok 3" "ok 3"
check "seccomp: io_uring passes in none" filters 425,1,0 "$EPERM" "$EPERM" "$EPERM" "$EPERM"
check "seccomp: bpf(2) passes in none" filters 321,0,0,0 "$EPERM" "$EPERM" "$EPERM" "$EPERM"
check "seccomp: keyctl(2) passes in none" filters 250,0,-3,0 "$EPERM" "$EPERM" "$ENOSYS" "$EPERM"
check "seccomp: userfaultfd(2) passes in none" filters 323,0 "$EPERM" "$EPERM" "$EPERM" "$EPERM"
check "seccomp: clone3(2) is unknown in each" filters 435,0,88 "$ENOSYS" "$ENOSYS" "$ENOSYS" "$ENOSYS"
finish
