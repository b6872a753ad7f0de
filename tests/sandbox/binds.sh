#!/bin/bash
# Whose files a build's writes are: the question behind every writable bind, on the real kernel.
. "$(dirname "$0")/../lib.sh"
need jq busybox python3
is_runb || skip_all "a runtime that maps ids"

chmod 755 "$T"

# bind NAME SOURCE OPTIONS COMMAND: runs COMMAND in a build that has SOURCE at /w
bind()
{
        bundle "bundle-$1" '.process.terminal = false | .process.args = ["/bin/sh", "-c", $command] |
                     .mounts += [{destination: "/w", type: "bind", source: $source, options: ($options | split(","))}]' \
                --arg source "$2" --arg options "$3" --arg command "$4"
        run rt run -b "$B" "$1"
}

# Nobody but root can reach it: the build's root is the disk's, as engines' volumes need.
private_folder()
{
        mkdir -p "$T/storage/volume"
        chmod 700 "$T/storage"
        bind private "$T/storage/volume" rbind "touch /w/f && chown 33:33 /w/f && touch /w/g"
        want_rc 0
        want_same "$(stat -c %u:%g "$T/storage/volume/f")" 33:33
        want_same "$(stat -c %u:%g "$T/storage/volume/g")" 0:0
}

# Somebody's folder: what the build leaves, setuid or not, is his.
somebodys_folder()
{
        mkdir -p "$T/ada"
        chown 1000:1000 "$T/ada"
        bind ada "$T/ada" rbind "touch /w/f && chmod 4755 /w/f; touch /w/g; chown 33 /w/g"
        want_same "$(stat -c %u:%g "$T/ada/f")" 1000:1000
        want_same "$(stat -c %u:%g "$T/ada/g")" 1000:1000
}

# Root's, where a user of the host would find a setuid program.
open_folder()
{
        mkdir -p "$T/open"
        bind open "$T/open" rbind "touch /w/f"
        want_failure
        want_err_has "Read-only file system"
        want_same "$(ls "$T/open")" ""
}

# The same folder handed over as buildah does, through a bind in a folder of its own.
open_folder_behind_a_bind()
{
        mkdir -p "$T/open2" "$T/engine/target"
        chmod 700 "$T/engine"
        mount --bind "$T/open2" "$T/engine/target"
        bind behind "$T/engine/target" rbind "touch /w/f"
        umount "$T/engine/target"
        want_failure
        want_err_has "Read-only file system"
        want_same "$(ls "$T/open2")" ""
}

# The attack works where the guard does not see it as one: an open folder that was mounted nosuid holds no setuid program.
nosuid_source()
{
        mkdir -p "$T/nosuid"
        mount -t tmpfs -o nosuid,mode=755 tmpfs "$T/nosuid"
        bind nosuid "$T/nosuid" rbind "touch /w/f && chmod 4755 /w/f"
        want_rc 0
        want_same "$(stat -c %u:%a "$T/nosuid/f")" 0:4755
        umount "$T/nosuid"
}

# A mount below is neither private nor nosuid because the one above is.
below_a_nosuid_source()
{
        mkdir -p "$T/above" "$T/below"
        chmod 777 "$T/below"
        mount -t tmpfs -o nosuid,mode=755 tmpfs "$T/above"
        mkdir "$T/above/sub"
        mount --bind "$T/below" "$T/above/sub"
        bind below "$T/above" rbind "touch /w/f; touch /w/sub/f && chmod 4755 /w/sub/f"
        [ -e "$T/above/f" ]
        umount "$T/above/sub" "$T/above"
        [ ! -e "$T/below/f" ] || want_other "$(stat -c %u "$T/below/f")" 0
}

private_of_etc()
{
        local folder=/etc/ssl
        if [ ! -d /etc/ssl/certs ] || [ ! -d /etc/ssl/private ]; then
                # a machine without openssl; this mount is the test's alone
                folder=/etc/apt
                mount -t tmpfs -o mode=755 tmpfs $folder
                trap 'umount /etc/apt' EXIT
                mkdir $folder/certs
                mkdir -m 700 $folder/private
        fi
        bind etc $folder rbind "ls /w/certs > /dev/null && ! ls /w/private && ! touch /w/x"
        want_rc 0
}

# An older kernel as far as uname(2) says: personality(2), UNAME26. podman's binds from its tmpfs go on working there.
old_kernel()
{
        need setarch
        mkdir -p "$T/engine-run"
        mount -t tmpfs -o size=1m,mode=700 tmpfs "$T/engine-run"
        mkdir "$T/engine-run/shm"
        chmod 1777 "$T/engine-run/shm"
        echo "127.0.0.1 localhost" > "$T/engine-run/hosts"
        bundle old '.process.terminal = false | .process.args = ["/bin/sh", "-c", $command] |
                        .mounts = [.mounts[] | select(.destination != "/dev/shm")] +
                        [{destination: "/dev/shm", type: "bind", source: ($run + "/shm"), options: ["rbind"]},
                         {destination: "/etc/hosts", type: "bind", source: ($run + "/hosts"), options: ["bind"]}]' \
                --arg run "$T/engine-run" \
                --arg command 'touch /dev/shm/f && stat -c %u /dev/shm/f && df -k /dev/shm | tail -n 1; cat /etc/hosts && ! touch /etc/hosts'
        run setarch --uname-2.6 "$RUNB" --root "$T/state" run -b "$B" old
        want_rc 0
        want_same "$(ls "$T/engine-run/shm")" ""
        umount "$T/engine-run"
        want_match "$out" "^0.shm +1024 "
        want_out_has localhost
        want_err_has "Read-only file system"
}

# The folder that is asked for is fine, and what is mounted below it is not: rbind, which engines say for every volume.
mounts_below() # NAME FSTYPE RULE
{
        mkdir -p "$T/below-$1/a b/c"
        mount -t "$2" "$2" "$T/below-$1/a b/c"
        trap 'umount "$T/below-'"$1"'/a b/c"' EXIT
        [ "$2" != tmpfs ] || python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
                "$T/below-$1/a b/c/docker.sock"
        refused "$1" "$T/below-$1" "$3"
        refused "$1-blank" "$T/below-$1/a b" "$3"
        want_err_has "with \"bind\" and not \"rbind\""
        bind "$1-bind" "$T/below-$1" bind 'ls -A "/w/a b/c"'
        want_rc 0
        want_out ""
        # What is covered shows nothing.
        mount -t tmpfs -o mode=700 tmpfs "$T/below-$1"
        bind "$1-covered" "$T/below-$1" rbind true
        umount "$T/below-$1"
        want_rc 0
}

refused() # NAME SOURCE RULE
{
        bind "$1" "$2" rbind true
        want_failure
        want_err_has "refused by profile \"untrusted\" ($3)"
        want_same "$(ls "$T/state")" ""
}

check "the build's root is the disk's in a private folder" private_folder
check "the build's root is the owner of somebody's folder" somebodys_folder
check "an open folder of the host's root is read-only" open_folder
check "a bind below a private folder hides no open one" open_folder_behind_a_bind
check "a source that is mounted nosuid may be written" nosuid_source
check "a mount below a nosuid source is nobody's" below_a_nosuid_source
check "a kernel that cannot map the ids of a tmpfs gives a /dev/shm of the build's own" old_kernel
check "what /etc keeps from users it keeps from the build" private_of_etc
check "the host's keys are refused" refused keys /root mounts.sources
check "a view of the kernel is refused" refused view /proc/1 mounts.sources
check "a view of the kernel is refused that is mounted below the source of an rbind" mounts_below proc proc mounts.sources
check "an engine's socket is refused that is mounted below the source of an rbind" mounts_below socket tmpfs mounts.sockets

traced() # NAME FOLDER
{
        bundle "$1" '.process.args = ["/bin/ls", $f] |
                .mounts += [{destination: ($f + "/otel-grpc.sock"), type: "bind", source: $s, options: ["ro", "rbind"]}]' \
                --arg f "$2" --arg s "$T/buildkit/otel-grpc.sock"
        run rt run -b "$B" "$1"
}
# BuildKit's daemon binds it into every step, and runs one without it where there is none.
trace_socket()
{
        mkdir "$T/buildkit"
        python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/buildkit/otel-grpc.sock"
        traced traces /dev
        want_rc 0
        want_out_has null
        want_out_without otel
        traced elsewhere /run
        want_failure
        want_err_has "(mounts.sockets)"
}
check "BuildKit's socket for traces is left out, and is an engine's socket anywhere else" trace_socket

# The image makes /a a link to /b, where the volume comes to lie: the remount of the tmpfs would change the volume's file system.
remount_by_a_link()
{
        mkdir "$T/vol"
        mount -t tmpfs -o size=1m,mode=777,uid=1000,gid=1000 tmpfs "$T/vol"
        trap 'umount "$T/vol"' EXIT
        bundle relink '.process.args = ["/bin/true"] | .mounts += [
                        {destination: "/a", type: "tmpfs", source: "t"},
                        {destination: "/b", type: "bind", source: $vol, options: ["bind", "rw"]},
                        {destination: "/a", type: "tmpfs", source: "t", options: ["remount", "size=77m"]}]' --arg vol "$T/vol"
        mkdir -p "$B/rootfs/b"
        ln -sfn b "$B/rootfs/a"
        run rt run -b "$B" relink
        want_same "$(df -k --output=size "$T/vol" | tail -n 1 | tr -d ' ')" 1024
        want_failure
        want_err_has "on /a"
        # The same without the volume in between.
        jq 'del(.mounts[] | select(.destination == "/b")) | .process.args = ["/bin/df", "-k", "/b"]' "$B/config.json" > "$T/json"
        mv "$T/json" "$B/config.json"
        run rt run -b "$B" relink
        want_rc 0
        want_match "$out" " 78848 "
}
check "a remount changes no file system but the one that was mounted there" remount_by_a_link
finish
