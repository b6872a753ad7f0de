#!/bin/bash
# A build of the profile image-build mounts what it likes, in a copy of the mounts that its own user namespace owns: what is
# ours in there is locked, and exec, which enters it, walks no path of it with the host's power.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq busybox python3 unshare
is_runb || skip_all "other runtimes have no profiles"

P=/run/policy
mkdir -p $P
echo '{"version": 1}' > $P/policy.json
chmod 600 $P/policy.json
# The profile, and beside it the one that has none of it.
im() { rt --policy $P/policy.json --profile image-build "$@"; }
un() { rt --policy $P/policy.json --profile untrusted "$@"; }
ASK='.process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETPCAP"]) | .root.readonly = false'
ex() { rt --policy $P/policy.json exec "$@"; }
i_bundle() # NAME SCRIPT [JQ-FILTER]: util-linux beside busybox, from the host
{
        bundle "$1" "$ASK | (${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        mkdir -p "$B/rootfs/mnt" "$B/rootfs/a" "$B/rootfs/b"
}
i_run() { i_bundle "$@"; run im run --bundle "$B" "$1"; }
i_start() # NAME SCRIPT: a container whose script has been run; it sleeps then
{
        i_bundle "$1" "set -e; $2; : > /ready; exec sleep 1000" "${3:-.}"
        im create --bundle "$B" --pid-file "$T/$1.pid" "$1" < /dev/null > "$T/$1.log" 2>&1 || { cat "$T/$1.log"; return 1; }
        rt start "$1"
        wait_for 10 test -e "$B/rootfs/ready" || { cat "$T/$1.log"; return 1; }
}

works='set -e
mount -t tmpfs mine /mnt; echo 1 > /mnt/f
mkdir /mnt/l /mnt/u /mnt/w /mnt/o; echo low > /mnt/l/f
mount -t overlay o -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/o
cat /mnt/o/f; echo up > /mnt/o/g; cat /mnt/u/g
mount --bind /mnt/l /a; cat /a/f; mount -o remount,bind,ro /a; if (: > /a/g) 2>/dev/null; then exit 9; fi
umount /a
unshare -p -f sh -c "mount -t proc p /b && cd /b && echo pids [0-9]*"
unshare -u sh -c "hostname mine && hostname"
unshare -n ip link | grep -c lo:'
own()
{
        i_run own "$works"
        want_rc 0
        want_out_has "low
up
low
pids 1"
        want_out_has "mine
1"
        # The guard: without the profile the first of them fails.
        run un run --bundle "$B" own
        want_failure
        want_err_has "ermission denied"
}
check "its own tmpfs, overlay, binds and the procfs of a pid namespace of its own work; under untrusted none does" own

locked()
{
        i_run locked 'cat /proc/self/mountinfo > /tmp/before
                for m in /proc /proc/sys /proc/keys /proc/acpi /sys /dev /dev/pts /sys/firmware /sys/fs/cgroup; do
                        [ -e $m ] || continue
                        umount $m 2>/dev/null && echo umount $m
                        umount -l $m 2>/dev/null && echo lazy $m
                        mount --move $m /a 2>/dev/null && echo move $m
                done
                for m in /proc/sys /proc/bus /sys /sys/fs/cgroup /data; do
                        mount -o remount,bind,rw $m 2>/dev/null && echo rw $m
                        mount -o remount,rw $m 2>/dev/null && echo super $m
                done
                mount -o remount,bind,dev,suid / 2>/dev/null && echo dev
                mount -o remount,bind,exec,dev,suid /dev/shm 2>/dev/null && echo shm
                mount --bind /proc /a 2>/dev/null && echo part of proc
                mount --bind /sys /a 2>/dev/null && echo part of sys
                cmp /proc/self/mountinfo /tmp/before || echo changed
                echo x > /data/f 2>/dev/null && echo wrote
                echo end' '.mounts += [{"destination": "/data", "type": "bind", "source": "'"$T"'/data", "options": ["bind", "ro"]}]'
        want_rc 0
        want_out end
}
mkdir -p "$T/data"; chmod 777 "$T/data"
check "no mount of ours is unmounted, moved, uncovered or remounted with fewer restrictions" locked

copies()
{
        # A copy of the whole tree, a mount namespace below, a user namespace below, a new root: the locks go along.
        i_run copies 'mount --rbind / /b
                for m in /b/proc /b/proc/sys /b/proc/keys; do umount -l $m 2>/dev/null && echo copy $m; done
                mount -o remount,bind,rw /b/proc/sys 2>/dev/null && echo rw copy
                umount -l /b || echo the copy itself stays
                unshare -m umount -l /proc 2>/dev/null && echo below
                unshare -m sh -c "mount -o remount,bind,rw /proc/sys" 2>/dev/null && echo rw below
                unshare -U -r -m umount -l /proc 2>/dev/null && echo user below
                unshare -U -r -m sh -c "mount -o remount,bind,rw /proc/sys" 2>/dev/null && echo user rw below
                mkdir /a/new; mount -t tmpfs n /a/new; mkdir /a/new/old
                unshare -m sh -c "cd /a/new && pivot_root . old && umount -l /old/proc" 2>/dev/null && echo pivot
                ls -d /proc/whole /proc/../proc/whole /proc/whole/1 2>/dev/null
                echo end'
        want_rc 0
        want_out end
}
check "nor in a copy of the tree, in mount and user namespaces below, after another pivot_root" copies

procfs()
{
        # What a procfs of its own shows of the machine it may read, as any user of the host; nothing is written.
        i_run procfs 'unshare -p -f sh -c "mount -t proc p /b" || echo none
                for f in kernel/core_pattern kernel/printk vm/overcommit_memory kernel/modprobe net/core/somaxconn; do
                        [ -e /b/sys/$f ] || continue
                        cat /b/sys/$f > /tmp/v; cat /tmp/v 2>/dev/null > /b/sys/$f && echo wrote $f
                done 2>/dev/null
                (: > /b/sysrq-trigger) 2>/dev/null && echo sysrq
                head -c 1 /b/kcore 2>/dev/null | grep -q . && echo kcore
                grep -v "perm\|_ses\|_uid" /b/keys
                echo end'
        want_rc 0
        want_out end
}
check "the procfs that it mounts writes to nothing of the machine and shows no keys of others" procfs

cgroups()
{
        # Of its own cgroup namespace it may mount the hierarchies: their files belong to the host all the same.
        i_run cgroups 'cat > /tmp/try << "END"
mount -t cgroup2 c /a 2>/dev/null || mount -t cgroup -o cpu c /a 2>/dev/null || exit 0
mkdir /a/mine 2>/dev/null && echo made
for f in /a/cgroup.procs /a/release_agent /a/notify_on_release /a/cpu.max /a/pids.max /a/memory.max /a/cgroup.subtree_control; do
        [ -e $f ] && echo 1 2>/dev/null > $f && echo wrote $f
done
true
END
                unshare_cgroup() { /usr/bin/unshare -C "$@"; }
                [ -x /usr/bin/unshare ] && unshare_cgroup sh /tmp/try 2>/dev/null
                mount -t cgroup2 c /a 2>/dev/null && echo mounted
                mount -t cgroup -o memory c /a 2>/dev/null && echo mounted v1
                mount -t debugfs d /a 2>/dev/null && echo debugfs
                mount -t tracefs d /a 2>/dev/null && echo tracefs
                mount -t devtmpfs d /a 2>/dev/null && echo devtmpfs
                mount -t sysfs d /a 2>/dev/null && echo sysfs
                mount -t ext4 /dev/vda /a 2>/dev/null && echo disk
                mount -t tmpfs t /a && mknod /a/null2 c 1 3 2>/dev/null && echo node
                echo end' '.mounts += [("/usr", "/lib", "/lib64") | {destination: ., type: "bind", source: ., options: ["rbind", "ro"]}]'
        want_rc 0
        want_out end
}
check "hierarchies of cgroups, the machine's file systems, disks and device nodes stay out of reach" cgroups

counted()
{
        i_run counted 'cat /proc/sys/user/max_mnt_namespaces /proc/sys/user/max_net_namespaces /proc/sys/user/max_user_namespaces
                n=0; while [ $n -lt 70 ] && unshare -U true 2>/dev/null; do n=$((n + 1)); done; echo $n one after the other
                unshare -U sh -c "grep -c . /proc/self/uid_map; cat /proc/sys/user/max_user_namespaces" 2>/dev/null
                c="sleep 5"; for n in 1 2 3 4 5 6 7 8; do unshare -n sleep 3 & done; wait; echo end'
        want_rc 0
        want_out_has "256
256
64"
        want_out_has end
        # More at once than it may have.
        i_run many 'n=0; while [ $n -lt 300 ]; do unshare -n sleep 20 2>> /tmp/e & n=$((n + 1)); done; sleep 4; wc -l < /tmp/e'
        want_rc 0
        [ "$out" -ge 40 ] || fail "$out of 300 network namespaces were refused"
}
check "namespaces of each kind are counted" counted

# ---- exec, into mounts that are the build's choice

joined()
{
        i_start joined 'mount -t tmpfs mine /mnt; echo of the build > /mnt/f'
        run ex joined sh -c 'cat /mnt/f; for p in self 1; do readlink /proc/$p/ns/mnt; done | sort -u | wc -l'
        here=$(readlink "/proc/$(cat "$T/joined.pid")/ns/mnt")
        owner=$(python3 -c 'import fcntl, os, sys
fd = os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY)
print(os.fstat(fcntl.ioctl(fd, 0xb701)).st_ino == os.stat(f"/proc/{sys.argv[1]}/ns/user").st_ino)' "$(cat "$T/joined.pid")")
        rt delete -f joined
        want_rc 0
        want_out "of the build
1"
        want_other "$here" "$(readlink /proc/self/ns/mnt)"
        want_same "$owner" True
}
check "exec enters the build's own mount namespace, which the build's user namespace owns" joined

# What the runtime writes and reads as it enters: a tree of files in the place of /proc (CVE-2019-16884, CVE-2025-52881).
over_proc()
{
        i_start fake 'mount -t tmpfs fake /proc
                umask 0
                for p in self 1 thread-self; do mkdir -p /proc/$p/attr/apparmor /proc/$p/fd /proc/$p/ns
                        for f in oom_score_adj attr/exec attr/apparmor/exec uid_map gid_map setgroups; do : > /proc/$p/$f; done; done
                mkdir -p /proc/sys/user; : > /proc/sys/user/max_user_namespaces' '.process.oomScoreAdj = 300'
        run ex -d --pid-file "$T/e.pid" fake sleep 100
        want_rc 0
        pid=$(cat "$T/e.pid")
        got="$(cat "/proc/$pid/oom_score_adj") $(awk '/^(NoNewPrivs|Seccomp):/ {printf "%s ", $2}' "/proc/$pid/status")"
        same=$(awk '/^Uid:/ {print $2}' "/proc/$pid/status")
        base=$(awk '{print $2}' "/proc/$pid/uid_map")
        caps=$(awk '/^CapEff:/ {print $2}' "/proc/$pid/status")
        inits=$(awk '/^CapBnd:/ {print $2}' "/proc/$(cat "$T/fake.pid")/status")
        run ex fake sh -c 'find /proc -type f -size +0; cat /proc/self/oom_score_adj'
        rt delete -f fake
        want_same "$got" "300 1 2 "
        want_same "$same" "$base"
        want_same "$caps" "$inits"
        want_rc 0
        want_out ""
}
check "a build's own tree over /proc takes nothing that exec writes" over_proc

over_cwd()
{
        i_start cwd 'mkdir /work; mount -t tmpfs mine /work; mkdir /work/in; ln -s /proc/self/fd/3 /work/out; ln -s /proc/1/cwd /work/init'
        run ex --cwd /work/in cwd pwd
        inner="$rc $out"
        for n in 3 4 5 6 7 8 9 10 11 12 13 14 15; do
                ex cwd ln -sfn "/proc/self/fd/$n" /work/out
                run ex --cwd /work/out cwd sh -c 'ls /proc/self/cwd/../../../../ 2>/dev/null; ls -d etc/passwd ../../../etc/hostname ../../../../var/lib/dpkg 2>/dev/null'
                want_out_without dpkg
                [ "$rc" != 0 ] || fail "entered fd $n: $out"
        done
        rt delete -f cwd
        want_same "$inner" "0 /work/in"
}
check "a working folder in a mount of the build's is its own; none leads through an fd of the runtime" over_cwd

over_pts()
{
        i_start pts 'mount -t tmpfs mine /dev/pts; mkdir /tmp/host; : > /dev/pts/ptmx'
        run ex -t pts true
        covered="$rc $err"
        run ex pts true
        plain=$rc
        rt delete -f pts
        # A devpts of the build's own, whose terminals are the build's: nothing of the host is opened.
        i_start pts2 'mount -t devpts -o newinstance,ptmxmode=0666 mine /dev/pts'
        run ex -t pts2 tty
        own="$rc $out"
        rt delete -f pts2
        i_start pts3 'mount -t tmpfs mine /dev/pts; rm -rf /dev/ptmx; ln -s /dev/null /dev/pts/ptmx'
        run ex -t pts3 true
        link=$rc
        rt delete -f pts3
        want_match "$covered" '^255 .*terminal'
        want_same "$plain $link" "0 255"
        want_match "$own" '^0 .*/dev/pts/[0-9]'
}
check "a terminal comes from a devpts or there is none" over_pts

over_passwd()
{
        local kind
        for kind in 'mkfifo /tmp/p' 'mkdir /tmp/p' 'ln -s /dev/zero /tmp/p' 'ln -s /proc/self/environ /tmp/p'; do
                rm -rf "$T/passwd"
                i_start passwd "$kind; mount -t tmpfs mine /etc; [ -d /tmp/p ] && mkdir /etc/passwd || ln -s /tmp/p /etc/passwd" '.process.env = ["PATH=/bin"]'
                run timeout 20 "$RUNB" --root "$T/state" --policy $P/policy.json exec passwd sh -c 'echo $HOME'
                rt delete -f passwd
                want_rc 0
                want_out /
        done
}
check "HOME of a build that mounts over /etc: no fifo is waited for, nothing else is read" over_passwd

over_programs()
{
        i_start prog 'mkdir /t; cp /bin/busybox /t/true; mount -t tmpfs mine /usr 2>/dev/null || true
                ln -s /proc/self/exe /t/self; printf "#!/proc/self/exe\n" > /t/script; chmod 755 /t/script
                mount -t tmpfs mine /mnt; cp /bin/busybox /mnt/true; mount --bind /mnt/true /bin/ls'
        run ex prog /t/self --version
        self="$rc $out"
        run ex prog /t/script
        script="$rc $out"
        run ex prog ls
        bound="$rc $out"
        sum=$(sha256sum < "$RUNB")
        rt delete -f prog
        want_match "$self" '^255 *$'
        case $script in *runb*) fail "the runtime ran as the build's program: $script";; esac
        want_same "$(sha256sum < "$RUNB")" "$sum"
        want_match "$bound" '^(0|127|1) '
}
check "programs of the build's mounts run as the build does; the runtime is none of them" over_programs

nested_init()
{
        # Init goes on into namespaces of its own making: exec enters what the container has, or says why not.
        i_start deeper 'ln -s /bin/busybox /x; [ -n "$IN" ] || exec env IN=1 unshare -m sh -c "mount -t tmpfs d /mnt; echo deeper > /mnt/f; : > /ready; exec sleep 1000"'
        run ex deeper cat /mnt/f
        mount_ns="$rc $out"
        rt delete -f deeper
        i_start user '[ -n "$IN" ] || exec env IN=1 unshare -U -r sh -c ": > /ready; exec sleep 1000"'
        run ex user sh -c 'id -u; awk "{print \$3}" /proc/self/uid_map; [ "$(readlink /proc/self/ns/user)" = "$(readlink /proc/1/ns/user)" ] || echo around init'
        users="$rc $out"
        # With a terminal, too, and it is the container root's.
        run ex -t user sh -c 'stat -c %u $(tty)'
        rt delete -f user
        want_same "$mount_ns" "0 deeper"
        want_same "$users" "0 0
65536
around init"
        want_rc 0
        want_match "$out" '^0'
}
check "exec finds a container whose init has moved on into namespaces of its own" nested_init
finish
