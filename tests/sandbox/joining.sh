#!/bin/bash
# exec in a container that owns its mount namespace: what lies at a path there is the build's choice. The test plays such a
# build by mounting from the host: where a path is walked with the host's power, exec finds what no id of the container may.
. "$(dirname "$0")/../lib.sh"
need jq busybox nsenter python3
is_runb || skip_all "the walls of runb"
python=$(command -v python3)

pid_of() { cat "$T/$1.pid"; }
# In the mount namespace of the container, as the host's root.
as_host() { nsenter -t "$(pid_of "$1")" -m /bin/busybox "${@:2}"; }
# A file system that only the host's root may enter: its 0 is nobody inside.
hide() { as_host "$1" mount -t tmpfs -o mode=0700 hidden "$2"; }

cwd()
{
        start_sleeper cwd
        mkdir "$B/rootfs/secret"
        hide cwd /secret
        as_host cwd mkdir /secret/inner
        as_host cwd chmod 755 /secret/inner
        run rt exec --cwd /secret/inner cwd pwd
        inner="$rc $err"
        run rt exec --cwd /secret cwd pwd
        # Reached by the runtime's own power: the attack works, without its care.
        beside=$(as_host cwd sh -c 'cd /secret/inner && pwd')
        as_host cwd umount /secret
        rt delete -f cwd
        want_same "$beside" /secret/inner
        want_rc 255
        want_err_has "chdir to cwd"
        want_err_has "ermission denied"
        want_match "$inner" '^255 .*ermission denied'
}
check "a working folder that only the host's root may enter is not entered" cwd

program()
{
        start_sleeper program
        mkdir "$B/rootfs/secret"
        hide program /secret
        as_host program cp /bin/busybox /secret/echo
        run rt exec program /secret/echo x
        by_path="$rc $out"
        run rt exec --env PATH=/secret:/bin program echo found
        by_search="$rc $out"
        # Over the program itself: not even its name can be looked at.
        ln -s /secret/echo "$B/rootfs/bin/linked"
        run rt exec program linked x
        beside=$(as_host program ls /secret)
        as_host program umount /secret
        rt delete -f program
        want_same "$beside" echo
        want_same "$by_path" "255 "
        want_same "$by_search" "0 found"
        want_rc 255
        want_out ""
}
check "a program that only the host's root may look at is not found" program

passwd()
{
        start_sleeper passwd '.process.env = ["PATH=/bin"]'
        hide passwd /etc
        nsenter -t "$(pid_of passwd)" -m /bin/busybox sh -c 'echo root:x:0:0:root:/of-the-host:/bin/sh > /etc/passwd'
        run rt exec passwd sh -c 'echo $HOME'
        as_host passwd chmod 755 /etc
        hidden=$out
        run rt exec passwd sh -c 'echo $HOME'
        as_host passwd umount /etc
        rt delete -f passwd
        want_same "$hidden" /
        want_out /of-the-host
}
check "HOME comes from no /etc/passwd that the container may not read" passwd

# A tree of files in the place of /proc, as in CVE-2019-16884 and CVE-2025-52881.
proc()
{
        local pid f
        start_sleeper proc '.process.oomScoreAdj = 300'
        as_host proc mount -t tmpfs -o mode=0755 fake /proc
        nsenter -t "$(pid_of proc)" -m /bin/busybox sh -c 'umask 0; for p in self 1 thread-self; do mkdir -p /proc/$p/attr/apparmor /proc/$p/fd /proc/$p/net
                for f in oom_score_adj attr/exec attr/apparmor/exec uid_map gid_map setgroups loginuid timens_offsets; do : > /proc/$p/$f; done; done
                mkdir -p /proc/sys/user /proc/sys/net; : > /proc/sys/user/max_user_namespaces; : > /proc/sys/user/max_inotify_instances'
        run rt exec -d --pid-file "$T/e.pid" proc sleep 100
        want_rc 0
        run rt exec -t proc id
        ids=$out
        pid=$(cat "$T/e.pid")
        score=$(cat "/proc/$pid/oom_score_adj")
        uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
        base=$(awk '{ print $2 }' "/proc/$pid/uid_map")
        nnp=$(awk '/^NoNewPrivs:/ { print $2 } /^Seccomp:/ { print $2 }' "/proc/$pid/status" | tr '\n' ' ')
        written=$(nsenter -t "$(pid_of proc)" -m /bin/busybox find /proc -type f -size +0)
        as_host proc umount /proc
        rt delete -f proc
        want_same "$score" 300
        want_same "$uid" "$base"
        want_same "$nnp" "1 2 "
        want_match "$ids" '^uid=0'
        want_same "$written" ""
}
check "a tree over /proc takes nothing that the runtime writes, and changes no id, score or filter" proc

terminal()
{
        start_sleeper tty
        # A terminal behind a folder that only the host's root may pass.
        hide tty /dev
        as_host tty mkdir /dev/pts
        as_host tty mount -t devpts -o ptmxmode=0666,mode=0620 devpts /dev/pts
        run rt exec -t tty true
        hidden="$rc $err"
        as_host tty umount /dev/pts
        # None there: nothing is made, in a folder where only the host's root could.
        as_host tty rmdir /dev/pts
        as_host tty chmod 755 /dev
        run rt exec -t tty true
        missing=$rc
        made=$(as_host tty ls /dev)
        # A link, and what is no devpts.
        nsenter -t "$(pid_of tty)" -m /bin/busybox ln -s /tmp /dev/pts
        run rt exec -t tty true
        link=$rc
        as_host tty rm /dev/pts
        as_host tty mkdir /dev/pts
        run rt exec -t tty true
        plain=$rc
        as_host tty umount /dev
        run rt exec -t tty tty
        rt delete -f tty
        want_match "$hidden" '^255 .*ermission denied'
        want_same "$missing $made $link $plain" "255  255 255"
        want_rc 0
        want_match "$out" '^/dev/pts/[0-9]+'
}
check "a terminal is opened as the build does: no folder of the host's root is passed, none made" terminal

# Who is somebody else inside has a terminal as before, whatever the options of the mount.
users_terminal()
{
        local options
        for options in '["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]' '["newinstance"]'; do
                start_sleeper user ".process.user = {uid: 1000, gid: 1000} | .mounts |= map(if .type == \"devpts\" then .options = $options else . end)"
                run rt exec -t user sh -c 'tty; stat -c %u:%g $(tty); echo x > $(tty)'
                rt delete -f user
                want_rc 0
                want_match "$out" '^/dev/pts/[0-9]+.*1000:[0-9]+.*x'
        done
        start_sleeper user
        run rt exec -t --user 1000:1000 user sh -c 'tty; stat -c %u:%g $(tty)'
        rt delete -f user
        want_match "$out" '1000:[0-9]+'
}
check "a process of another user owns its terminal" users_terminal
finish
