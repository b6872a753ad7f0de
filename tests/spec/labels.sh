#!/bin/bash
# process.apparmorProfile, process.selinuxLabel and linux.mountLabel. No kernel here has SELinux: what becomes of the mount
# label there is in tests/unit/runtime/mount_label.c.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq

has_selinux() { [ -e /sys/fs/selinux/enforce ]; }
has_apparmor() { [ "$(cat /sys/module/apparmor/parameters/enabled 2> /dev/null)" = Y ]; }

process_label()
{
        has_selinux && skip_case "this kernel has SELinux"
        refused se1 '.process.selinuxLabel = "system_u:system_r:container_t:s0:c1,c2"' \
                'selinux label is specified in config, but selinux is disabled or not supported'
        is_runb && want_err_has 'process.selinuxLabel: '
        bundle se2 '.process.selinuxLabel = ""'
        run rt run --bundle "$B" se2
        want_rc 0
}
check "an SELinux label without SELinux is an error in runc's words; an empty one is none" process_label

mount_label()
{
        has_selinux && skip_case "this kernel has SELinux"
        # runc leaves it to the kernel, which says "invalid argument" to the first tmpfs.
        local words='context='
        if is_runb; then words='linux.mountLabel: selinux label is specified in config, but selinux is disabled or not supported'; fi
        refused ml1 '.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"' "$words"
        bundle ml2 '.linux.mountLabel = ""'
        run rt run --bundle "$B" ml2
        want_rc 0
}
check "a mount label without SELinux is an error; an empty one is none" mount_label

profile()
{
        has_apparmor && skip_case "this kernel has AppArmor"
        is_runb || skip_case "other words"
        refused aa1 '.process.apparmorProfile = "docker-default"' \
                'process.apparmorProfile: apparmor: config provided but apparmor not supported (docker-default)'
        bundle aa2 '.process.apparmorProfile = "unconfined" | .process.args = ["sleep", "1000"]'
        rt create --bundle "$B" aa2 < /dev/null > /dev/null 2>&1
        jq -e '.findings[] | select(.property == "process.apparmorProfile" and .got == "unconfined")' "$T/state/aa2/state.json"
        run rt exec --apparmor docker-default aa2 true
        want_failure
        want_err_has 'apparmor: config provided but apparmor not supported'
        rt delete --force aa2
}
check "an AppArmor profile without AppArmor is an error in runc's words; unconfined is recorded" profile

finish
