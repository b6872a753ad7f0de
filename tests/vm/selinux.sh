#!/bin/bash
# SELinux, enforcing, with Debian's policy: labels of processes, of what exec runs, of the runtime's own mounts.
# A confined process cannot write to our pipes, so it writes to files of its own label.
# plain test
# vm: selinux
. "$(dirname "$0")/lib.sh"
need jq busybox chcon
[ "$(cat /sys/fs/selinux/enforce 2> /dev/null)" = 1 ] || skip_all "SELinux does not enforce here"

level=s0:c1,c2
confined() # NAME COMMAND [JQ-FILTER]: a bundle of container_t with the level, its files labelled so
{
        bundle "$1" '.process.selinuxLabel = "system_u:system_r:container_t:'$level'" | .linux.mountLabel = "system_u:object_r:container_file_t:'$level'" |
                .process.args = ["/bin/sh", "-c", $c] | '"${3:-.}" --arg c "$2"
        chcon -R "system_u:object_r:container_file_t:$level" "$B/rootfs"
}

process_label()
{
        confined a 'cat /proc/self/attr/current > /root/label; tr "\0" "\n" < /root/label'
        run rt run --bundle "$B" a
        want_rc 0
        want_same "$(tr -d '\0' < "$B/rootfs/root/label")" "system_u:system_r:container_t:$level"
}

mount_label()
{
        confined b 'sleep 1000'
        run rt run -d --pid-file "$T/b.pid" --bundle "$B" b
        want_rc 0
        want_same "$(tr -d '\0' < "/proc/$(cat "$T/b.pid")/attr/current")" "system_u:system_r:container_t:$level"
        # Each tmpfs and the like that the runtime made has it; binds and procfs do not.
        awk '{ for (i = 7; $i != "-"; i++); print $5, $(i+1), $(i+3) }' "/proc/$(cat "$T/b.pid")/mountinfo" > "$T/b.mounts"
        cat "$T/b.mounts"
        grep '^/dev tmpfs ' "$T/b.mounts" | grep -q "container_file_t:$level"
        grep '^/dev/shm tmpfs ' "$T/b.mounts" | grep -q "container_file_t:$level"
        # exec: the container's label, or the one that it is given.
        run rt exec b /bin/sh -c 'cat /proc/self/attr/current > /root/exec; echo x > /dev/shm/f'
        want_rc 0
        want_same "$(tr -d '\0' < "$B/rootfs/root/exec")" "system_u:system_r:container_t:$level"
        run rt delete --force b
        want_rc 0
}

other_files()
{
        # Files of another container's level.
        confined c 'echo reached > /root/reached'
        chcon -R system_u:object_r:container_file_t:s0:c3,c4 "$B/rootfs"
        run rt run --bundle "$B" c
        want_failure
        [ ! -e "$B/rootfs/root/reached" ]
        # A bind that has the host's label.
        mkdir -p "$T/secret"
        echo hidden > "$T/secret/file"
        confined d 'cat /mnt/file > /root/got; echo "$?" > /root/rc' ".mounts += [{ destination: \"/mnt\", type: \"bind\", source: \"$T/secret\", options: [\"bind\", \"ro\"] }]"
        run rt run --bundle "$B" d
        want_same "$(cat "$B/rootfs/root/rc")" 1
        want_same "$(cat "$B/rootfs/root/got")" ""
        # Without the label it is read: the label is what holds it back.
        jq 'del(.process.selinuxLabel, .linux.mountLabel)' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run rt run --bundle "$B" d
        want_same "$(cat "$B/rootfs/root/got")" hidden
}

bad_labels()
{
        local label
        for label in nonsense system_u:system_r:no_such_t:s0 "system_u:system_r:container_t:s0:c9999"; do
                bundle e ".process.selinuxLabel = \"$label\""
                run rt create --bundle "$B" e
                want_rc 1
                want_err_has "$label"
                want_same "$(rt list -q)" ""
                bundle e ".linux.mountLabel = \"$label\""
                run rt create --bundle "$B" e
                want_rc 1
                want_err_has "$label"
                want_same "$(rt list -q)" ""
        done
}

by_systemd()
{
        confined f 'sleep 1000' '.linux.cgroupsPath = "system.slice:test:f"'
        run rt --systemd-cgroup run -d --pid-file "$T/f.pid" --bundle "$B" f
        want_rc 0
        want_same "$(prop test-f.scope ActiveState)" active
        run rt delete --force f
        want_rc 0
        unit_is_gone test-f.scope
}

check "a process runs with the label that config.json names" process_label
check "the runtime's mounts have the mount label, exec has the process label" mount_label
check "files of another level and of the host are out of reach, and without the label they are not" other_files
check "a label that the loaded policy does not have is refused by name" bad_labels
check "--systemd-cgroup under an enforcing SELinux" by_systemd
vm_finish
