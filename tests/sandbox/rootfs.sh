#!/bin/bash
# The profile's rootfs "ephemeral" and "read-only": what a build writes, and that the engine's tree never changes.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "other runtimes have no profiles"

P=/run/policy
mkdir -p $P
untrusted() { jq -n "{version: 1, profiles: {untrusted: $1}}" > $P/policy.json; chmod 600 $P/policy.json; }
rp() { rt --policy $P/policy.json "$@"; }
p_run() # NAME SCRIPT [JQ-FILTER]
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        run rp run --bundle "$B" "$1"
}
# Everything of a tree but the times of access: names, kinds, modes, owners, times, links' texts, contents.
tree_of()
{
        (cd "$1" && find . -printf '%p %y %m %U:%G %T@ %n %l %i\n' | sort &&
                find . -type f -print0 | sort -z | xargs -0 sha256sum)
}
mount_of() { awk -v at="$1" '$5 == at' /proc/self/mountinfo; }

# A rootfs with something to damage.
furnish()
{
        mkdir -p "$1/etc/deep/er" "$1/srv"
        echo first > "$1/etc/deep/er/file"; echo of-ada > "$1/srv/ada"; chown 1000:1000 "$1/srv/ada"
        ln -s file "$1/etc/deep/er/link"; chmod 4755 "$1/srv/ada"; chmod 751 "$1"; chown 0:1000 "$1"
}
damage='echo second > /etc/deep/er/file && rm -r /etc/deep && mkdir /etc/deep && echo new > /etc/deep/new && ls -A /etc/deep
        mv /srv/ada /srv/bea && chown 0:0 /srv/bea && stat -c "%u:%g %a %n" /srv/bea / && echo x > /made && mkdir -p /a/b/c && rm /bin/vi &&
        chmod 700 /root && mv /home /house && ls -d /house'
damaged='new
0:0 755 /srv/bea
0:1000 751 /
/house'

# on_folder, on_overlay: $B/rootfs. The overlay is the engine's: with layers of its own.
on_folder() { bundle "$1"; furnish "$B/rootfs"; }
on_overlay()
{
        bundle "$1"
        mkdir -p "$B/lower" "$B/upper" "$B/work"; cp -a "$T/busybox/." "$B/lower"; furnish "$B/lower"
        mount -t overlay -o "lowerdir=$B/lower,upperdir=$B/upper,workdir=$B/work" overlay "$B/rootfs"
        trap 'umount -R "$B/rootfs"' EXIT
        echo of-an-earlier-step > "$B/rootfs/earlier"; rm "$B/rootfs/bin/wget"; chmod 751 "$B/rootfs"; chown 0:1000 "$B/rootfs"
}

untouched() # WHERE
{
        untrusted '{rootfs: "ephemeral", limits: {scratch: "8M"}}'
        "on_$1" "e-$1"
        tree_of "$B/rootfs" > "$T/before"; ls -A "$B" > "$T/before.names"
        # A mount point and a working folder that the image lacks.
        p_run "e-$1" "$damage" '.process.cwd = "/new/cwd" | .mounts += [{destination: "/new/mount", type: "tmpfs"}]'
        want_rc 0
        want_out "$damaged"
        tree_of "$B/rootfs" > "$T/after"
        diff "$T/before" "$T/after" || fail "the engine's tree is another one"
        want_same "$(ls -A "$B")" "$(cat "$T/before.names")"
        p_run "e-$1" 'cat /etc/deep/er/file; ls /made /earlier'
        want_out_has first
        want_out_without made
}
check "ephemeral: a build that damages its tree leaves the engine's folder byte for byte" untouched folder
check "ephemeral: so on the engine's overlay" untouched overlay

seen_below()
{
        untrusted '{rootfs: "ephemeral"}'
        on_overlay below
        p_run below 'cat /earlier; ls /bin/wget; stat -c "%u:%g %a" /srv/ada'
        want_out_has of-an-earlier-step
        want_err_has "/bin/wget: No such file"
        want_out_has "1000:1000 4755"
}
check "ephemeral: what the engine's own layers hold is seen, with its owners" seen_below

# The engine's mounts inside of its tree belong to it.
mounts_below()
{
        untrusted '{rootfs: "ephemeral"}'
        "on_$1" "sub-$1"
        mkdir -p "$B/rootfs/data"
        mount -t tmpfs tmpfs "$B/rootfs/data"
        trap 'umount -R "$B/rootfs/data"; umount -R "$B/rootfs" 2> /dev/null || :' EXIT
        echo kept > "$B/rootfs/data/file"; chmod 777 "$B/rootfs/data"
        p_run "sub-$1" 'cat /data/file; echo more > /data/file'
        want_out_has kept
        want_err_has "Read-only file system"
}
check "ephemeral: a mount in the engine's folder is seen and not written to" mounts_below folder
check "ephemeral: so in the engine's overlay" mounts_below overlay

bound()
{
        untrusted '{rootfs: "ephemeral", limits: {scratch: "3M"}}'
        p_run bound 'dd if=/dev/zero of=/fill bs=64k count=1000; stat -c %s /fill; df -k / | tail -n 1'
        want_err_has "No space left on device"
        [ "$(head -n 1 "$T/out")" -le 3145728 ] || fail "more than the profile gives"
        [ ! -e "$B/rootfs/fill" ]
        p_run bound2 'i=0; mkdir /many; while [ $i -lt 2000 ] && touch /many/$i; do i=$((i + 1)); done; echo $i'
        want_err_has "No space left on device"
        [ "$out" -gt 900 ] && [ "$out" -lt 1100 ] || fail "$out files"
        untrusted '{rootfs: "ephemeral"}'
        p_run bound3 'df -k / | tail -n 1'
        want_out_has 1048576
}
check "ephemeral: the profile's size is the end, in bytes and in files; 1 GiB where it says nothing" bound

by_exec()
{
        untrusted '{rootfs: "ephemeral"}'
        bundle exec '.process.args = ["/bin/sleep", "1000"]'
        rp create --bundle "$B" exec < /dev/null > /dev/null
        rp start exec
        run rp exec exec sh -c 'echo one > /of-exec'
        want_rc 0
        run rp exec exec cat /of-exec
        want_out one
        want_same "$(cat "/proc/$(rt state exec | jq .pid)/root/of-exec")" one
        [ ! -e "$B/rootfs/of-exec" ]
        want_same "$(jq -r '.overlayWork // "none"' "$T/state/exec/state.json") $(jq .isRestacked "$T/state/exec/state.json")" "none false"
        want_same "$(jq -r '.findings[] | select(.rule == "rootfs") | .got' "$T/state/exec/state.json")" \
                "a layer of the container's own, 1073741824 bytes, until delete"
        rp delete --force exec
        [ ! -e "$B/rootfs/of-exec" ]
        want_same "$(find "$T" -name 'runb-work*')" ""
}
check "ephemeral: exec sees it, the record names no folder, and delete leaves none" by_exec

# The memory of the layer is the build's.
in_memory()
{
        [ -e /sys/fs/cgroup/memory ] || grep -q memory /sys/fs/cgroup/cgroup.controllers || skip_case "no memory controller"
        [ -z "$(tail -n +2 /proc/swaps)" ] || skip_case "this machine would swap"
        untrusted '{rootfs: "ephemeral", limits: {scratch: "64M"}}'
        p_run memory 'dd if=/dev/zero of=/fill bs=1M count=48 2> /dev/null && echo written' '.linux.resources.memory = {limit: 33554432}'
        want_out_without written
}
check "ephemeral: it counts as memory of the build's cgroup" in_memory

as_the_request_is()
{
        untrusted '{rootfs: "ephemeral"}'
        p_run ro 'touch /x' '.root.readonly = true'
        want_err_has "Read-only file system"
        on_folder nosuid
        mount --bind "$B/rootfs" "$B/rootfs"; mount -o remount,bind,noexec "$B/rootfs"
        trap 'umount "$B/rootfs"' EXIT
        p_run nosuid 'true'
        want_failure
}
check "ephemeral: root.readonly and the flags of the engine's mount hold" as_the_request_is

engine_ids()
{
        untrusted '{rootfs: "ephemeral"}'
        bundle mapped
        chown -R 500000:500000 "$B/rootfs"
        tree_of "$B/rootfs" > "$T/before"
        p_run mapped 'echo x > /x; stat -c %u:%g /x /bin; rm -r /home && mkdir /home && ls -A /home' \
                '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 500000, size: 65536}] |
                 .linux.gidMappings = .linux.uidMappings'
        want_rc 0
        want_out "0:0
0:0"
        tree_of "$B/rootfs" > "$T/after"
        diff "$T/before" "$T/after"
}
check "ephemeral: with the engine's own id map, too" engine_ids

rootless()
{
        local user="setpriv --reuid 1234 --regid 1234 --clear-groups env -u XDG_RUNTIME_DIR"
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        untrusted '{rootfs: "ephemeral"}'; chmod 755 $P; chmod 644 $P/policy.json
        bundle plain '.process.args = ["/bin/sh", "-c", "echo x > /x && rm -r /home && mkdir /home && ls -A /home && cat /x"] |
                .mounts |= map(select(.type != "cgroup"))'
        chown -hR 1234:1234 "$B"; chmod 755 "$T"; mkdir -m 700 "$T/user" "$T/user/xdg"; chown -R 1234:1234 "$T/user"
        tree_of "$B/rootfs" > "$T/before"
        run $user XDG_RUNTIME_DIR="$T/user/xdg" "$(everybodys_runb)" --root "$T/user/state" --policy $P/policy.json --cgroup-manager disabled run --bundle "$B" plain
        case $err in *"Linux 6.6"*) skip_case "$err";; esac
        want_rc 0
        want_out x
        tree_of "$B/rootfs" > "$T/after"
        diff "$T/before" "$T/after"
}
check "ephemeral: for a plain user, too" rootless

older_kernels()
{
        local driver=${RUNB%/*}/tests/sandbox/restack-driver
        [ -x "$driver" ] || skip_case "$driver is not built"
        export TREE=$T/tree; mkdir -p "$TREE"
        on_overlay older
        tree_of "$B/rootfs" > "$T/before"
        run "$driver" -o -b 4000000 "$B/rootfs" sh -c 'echo x > x && rm -r etc/deep && mkdir etc/deep && ls -A etc/deep && cat x earlier'
        want_rc 0
        want_out "x
of-an-earlier-step"
        run "$driver" -o -p -b 4000000 "$B/lower" sh -c 'cat etc/deep/er/file'
        want_out first
        tree_of "$B/rootfs" > "$T/after"
        diff "$T/before" "$T/after"
}
check "ephemeral: as Linux before 6.15 needs it" older_kernels

# ---------------------------------------------------------------------------------------------- read-only

readonly_places()
{
        untrusted '{rootfs: "read-only", limits: {scratch: "2M"}}'
        bundle places
        rm -rf "$B/rootfs/var/tmp" "$B/rootfs/run" "$B/rootfs/tmp"; mkdir -p "$B/rootfs/run/lock" "$B/rootfs/tmp/left"; chmod 700 "$B/rootfs/tmp"
        tree_of "$B/rootfs" > "$T/before"
        p_run places 'stat -c "%a %u:%g %n" /tmp /var/tmp /run; ls -A /tmp /run; touch /tmp/x /var/tmp/x /run/x && echo touched
                for f in /x /etc/x /var/x /root/x /new/x; do touch $f; done; cp /bin/busybox /tmp/echo && /tmp/echo executed; rm /tmp/echo
                for d in /tmp /var/tmp /run; do dd if=/dev/zero of=$d/fill bs=64k count=100; done' \
                '.mounts += [{destination: "/run/secrets/token", type: "tmpfs"}, {destination: "/new", type: "tmpfs", options: ["ro"]}]'
        want_out_has "1777 0:0 /tmp
1777 0:0 /var/tmp
755 0:0 /run"
        want_out_has "lock
secrets"
        want_out_without left
        want_out_has touched
        want_out_has executed
        want_same "$(grep -c 'Read-only file system' "$T/err")" 5
        want_same "$(grep -c 'No space left on device' "$T/err")" 3
        tree_of "$B/rootfs" > "$T/after"
        diff "$T/before" "$T/after" || fail "the engine's tree is another one"
}
check "read-only: /tmp, /var/tmp and /run are tmpfs of the profile's size, sticky where they are anybody's; nothing else is written" readonly_places

readonly_engine_mounts()
{
        untrusted '{rootfs: "read-only"}'
        mkdir -p "$T/shared"; echo engine > "$T/shared/engine"; chmod 755 "$T" "$T/shared"
        p_run mounts 'grep -E " /(tmp|var|var/tmp|run) " /proc/self/mountinfo | cut -d" " -f5 | sort | tr "\n" " "; cat /tmp/engine; df -k /run | tail -n 1' \
                '.mounts += [{destination: "/tmp/", type: "bind", source: "'"$T"'/shared", options: ["rbind", "ro"]}, {destination: "/var", type: "tmpfs"}]'
        want_rc 0
        want_out_has "/run /tmp /var engine"
        want_out_has 1048576
}
check "read-only: where the engine mounts something at one of them or above, that stays" readonly_engine_mounts

readonly_release()
{
        jq -n '{version: 1, defaultProfile: "release"}' > $P/policy.json
        p_run release 'touch /x; touch /tmp/x && echo fine'
        want_err_has "Read-only file system"
        want_out fine
}
check "read-only: the profile release is" readonly_release

finish
