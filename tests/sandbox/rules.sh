#!/bin/bash
# The walls that experiments taught, one after the other. Where it can be done without harm, the attack is shown to work
# where the wall is missing: by runc, by plain unshare(1), or by a process that joins without the runtime's care.
. "$(dirname "$0")/../lib.sh"
# What 4 (the mounter of the overlay) asks is in restack.sh; 10 in joining.sh, 13 in landlock.sh.
need jq busybox setpriv nsenter unshare
is_runb || skip_all "the walls of runb"
CASE_TIMEOUT=90
probe=${RUNB%/*}/tests/tools/probe
runc=$(command -v runc) || runc=

# probe_bundle NAME COMMAND [JQ-FILTER]: a build that runs COMMAND and has /probe
probe_bundle()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        cp "$probe" "$B/rootfs/probe"
        chmod 755 "$B/rootfs/probe"
}
probe_sleeper() { start_sleeper "$@" && cp "$probe" "$B/rootfs/probe"; }
pid_of() { cat "$T/$1.pid"; }
# The same bundle under runc, which makes no user namespace unless it is told to.
under_runc() # NAME [OPTION]...
{
        local name=$1
        shift
        [ -n "$runc" ] || skip_case "runc is not installed, by which the attack would be shown to work"
        run "$runc" --root "$T/runc" run "$@" -b "$B" "runc-$name"
}
# As root of the container, in its namespaces, but without its filter and with every capability over its user namespace.
beside() { nsenter -t "$1" -U -p -m -S 0 -G 0 -- "${@:2}"; }

# ---- 1: who pays for what the build's user namespace uses

owner_of_the_namespace()
{
        probe_sleeper owner
        local base
        base=$(awk '{ print $2 }' "/proc/$(pid_of owner)/uid_map")
        [ "$base" -gt 0 ]
        want_same "$("$probe" owner "/proc/$(pid_of owner)/ns/user")" "$base"
        rt delete -f owner
}
# The attack, in a user namespace of the test's own, whose root plays the host's: a namespace that root made takes root's
# inotify instances; one made by another id does not.
who_pays()
{
        cat > "$T/pays.sh" << EOF
echo 20 > /proc/sys/user/max_inotify_instances || exit 77
mkfifo $T/mine $T/others
unshare -U -r "$probe" inotify 100 > $T/mine & a=\$!
read -r n < $T/mine
timeout 1 "$probe" inotify 1 | head -n 1
kill \$a
EOF
        mkdir -p "$T/pays"
        chown 54321 "$T/pays"
        sed -i "s|$T/mine|$T/pays/mine|g; s|$T/others|$T/pays/others|g" "$T/pays.sh"
        chmod 755 "$T"
        cp "$probe" "$T/pays/probe"
        sed -i "s|$probe|$T/pays/probe|" "$T/pays.sh"
        run setpriv --reuid 54321 --regid 54321 --clear-groups unshare -U -r sh "$T/pays.sh"
        want_out "0 EMFILE"
}
inside_limits()
{
        probe_bundle limits 'cat /proc/sys/user/max_user_namespaces /proc/sys/user/max_inotify_instances; /probe unshare user'
        run rt run -b "$B" limits
        want_rc 1
        want_match "$(sed -n 1p "$T/out")" '^0$'
        [ "$(sed -n 2p "$T/out")" -le 1024 ]
        want_other "$(sed -n 3p "$T/out")" yes
}
# Without the filter: what the limit alone does. The same command works in a namespace without it.
namespaces_without_the_filter()
{
        probe_sleeper nested
        run beside "$(pid_of nested)" /probe unshare user
        rt delete -f nested
        want_out ENOSPC
        want_same "$(unshare -U -r "$probe" unshare user)" yes
}
check "1: the build's user namespace belongs to its range, not to the host's root" owner_of_the_namespace
check "1: a namespace that root makes does take root's inotify instances" who_pays
check "1: no user namespaces and few inotify instances inside" inside_limits
check "1: no user namespace even without the filter, and one where the limit is not set" namespaces_without_the_filter

# ---- 2: whoever enters cannot be looked into

attackers() # PID: starts container root's attack on all that comes; $attacker
{
        rm -rf "$T/attack"
        # In the container's root, where the attack runs.
        mkdir -p "$B/rootfs/attack"
        beside "$1" /probe attack 1000000000 /attack > /dev/null 2>&1 &
        attacker=$!
        wait_for 5 test -s "$B/rootfs/attack/ready"
}
stop_attack()
{
        kill_tree $attacker || true
        wait $attacker 2> /dev/null || true
        ls "$B/rootfs/attack"
}
# A user namespace that root made, as other runtimes do: joining it leaves a process as dumpable as it was. One that belongs
# to its range does not, so that the careless process is shown in a namespace of the test's own.
plain_namespace() # $holder
{
        mkdir -p "$T/attack"
        chmod 777 "$T/attack"
        rm -f "$T/attack"/*
        cp "$probe" "$T/probe"
        unshare -U -p -m --fork sleep 1000 &
        wait_for 5 grep -q . /proc/$!/task/$!/children
        holder=$(cat /proc/$!/task/$!/children)
        holder=${holder% }
        echo "0 500000 65536" > "/proc/$holder/gid_map"
        echo "0 500000 65536" > "/proc/$holder/uid_map"
        beside "$holder" mount -t proc proc /proc
        beside "$holder" "$T/probe" attack 1000000000 "$T/attack" > /dev/null 2>&1 &
        attacker=$!
        wait_for 5 test -s "$T/attack/ready"
}
joins_openly()
{
        plain_namespace
        "$T/probe" join "$holder" open
        kill -KILL "$holder"; wait $attacker 2> /dev/null || true
        [ -s "$T/attack/seen" ]
        [ -s "$T/attack/ptrace" ]
        [ -s "$T/attack/getfd" ]
        [ -s "$T/attack/files" ]
}
joins_hidden()
{
        plain_namespace
        "$T/probe" join "$holder" hidden
        kill -KILL "$holder"; wait $attacker 2> /dev/null || true
        want_same "$(ls "$T/attack" | tr '\n' ' ')" "ready seen "
}
exec_is_closed()
{
        local i
        probe_sleeper target
        attackers "$(pid_of target)"
        for i in $(seq 1 200); do
                timeout 20 "$RUNB" --root "$T/state" exec target true || true
        done
        stop_attack
        rt delete -f target
        [ -s "$B/rootfs/attack/seen" ] || skip_case "the attack never saw a process in time"
        want_same "$(ls "$B/rootfs/attack" | tr '\n' ' ')" "ready seen "
        echo "$(wc -l < "$B/rootfs/attack/seen") seen"
}
# The same for init, which waits in a pid namespace where the first container of its pod runs.
init_is_closed()
{
        local first
        probe_sleeper pod-first '.annotations = {"io.kubernetes.cri.sandbox-id": "pod"}'
        first=$B
        attackers "$(pid_of pod-first)"
        bundle pod-second '.process.args = ["true"] | .annotations = {"io.kubernetes.cri.sandbox-id": "pod"} |
                .linux.namespaces |= map(if .type == "pid" or .type == "network" then .path = $p + {pid: "pid", network: "net"}[.type] else . end)' \
                --arg p "/proc/$(pid_of pod-first)/ns/"
        rt create -b "$B" pod-second < /dev/null > /dev/null
        sleep 1
        rt start pod-second
        B=$first
        stop_attack
        rt delete -f pod-second
        rt delete -f pod-first
        [ -s "$first/rootfs/attack/seen" ]
        want_same "$(ls "$first/rootfs/attack" | tr '\n' ' ')" "ready seen "
}
# Not the machine's knob: a file over it, in the test's own mount namespace.
dumpable_host()
{
        local value r
        start_sleeper dumpable
        for value in 0 1 2; do
                echo $value > "$T/knob"
                mount --bind "$T/knob" /proc/sys/fs/suid_dumpable
                run rt exec dumpable true
                r=$rc
                bundle dumpable2 '.process.args = ["true"]'
                run rt run -b "$B" dumpable2
                umount /proc/sys/fs/suid_dumpable
                [ $value = 1 ] && { want_same "$r" 255; want_rc 1; want_err_has "fs.suid_dumpable"; } ||
                        { [ $value != 1 ] && want_same "$r" 0 && want_rc 0; }
        done
        rt delete -f dumpable
}
check "2: a host whose processes show themselves when they change ids is refused" dumpable_host
check "2: a process that joins carelessly is traced, read and robbed of its fds by container root" joins_openly
check "2: one that is not dumpable is not" joins_hidden
check "2: nothing gets into 200 processes of exec before they execute" exec_is_closed
check "2: nothing gets into the init of a pod's second container (CVE-2016-9962)" init_is_closed

# ---- 3: capabilities

bounding_set()
{
        local want line
        probe_bundle caps 'grep Cap /proc/self/status; /capped grep Cap /proc/self/status; /probe securebits' \
                '.process.capabilities.inheritable = ["CAP_CHOWN"] | .process.capabilities.ambient = ["CAP_CHOWN"]'
        cp "$(command -v busybox)" "$B/rootfs/capped"
        setcap cap_net_admin,cap_sys_admin+ep "$B/rootfs/capped" || skip_case "setcap fails here"
        run rt run -b "$B" caps
        want=$(sed -n 's/CapBnd:\t//p' "$T/out" | head -n 1)
        want_other "$want" 000001ffffffffff
        for line in $(sed -n 's/Cap\(Inh\|Amb\):\t//p' "$T/out"); do want_same "$line" 0000000000000000; done
        # Neither CAP_NET_ADMIN (12) nor CAP_SYS_ADMIN (21), whatever the file says.
        for line in $(sed -n 's/Cap\(Prm\|Eff\|Bnd\):\t//p' "$T/out"); do
                [ $((0x$line & (1 << 12 | 1 << 21))) = 0 ] || fail "$line holds what the file asked for"
        done
        want_same "$(tail -n 1 "$T/out")" 0
}
same_in_exec()
{
        probe_sleeper caps2
        run rt exec caps2 sh -c 'grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status; /probe securebits'
        run_out=$out
        run rt exec --cap CAP_SYS_ADMIN caps2 grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status
        rt delete -f caps2
        want_same "$(echo "$run_out" | head -n 7)" "$out"
        want_out_has "CapInh:	0000000000000000"
        want_out_has "NoNewPrivs:	1"
        want_out_has "Seccomp:	2"
        want_same "$(echo "$run_out" | tail -n 1)" 0
}
# What entering a user namespace alone gives.
filled_again()
{
        probe_sleeper caps3
        run nsenter -t "$(pid_of caps3)" -U -S 0 -G 0 grep CapBnd /proc/self/status
        rt delete -f caps3
        want_same "$out" "CapBnd:	000001ffffffffff"
}
setuid_program()
{
        probe_bundle suid '/suid euid' '.process.user = {uid: 1000, gid: 1000}'
        cp "$probe" "$B/rootfs/suid"
        chmod 4755 "$B/rootfs/suid"
        run rt run -b "$B" suid
        want_out 1000
        under_runc suid
        want_out 0
}
command -v setcap > /dev/null || say_skip "3: file capabilities" "setcap is not installed"
check "3: bounding set cut, inheritable and ambient empty, file capabilities give nothing" bounding_set
check "3: exec gets what the build got, whatever it asks for" same_in_exec
check "3: entering the user namespace alone fills the bounding set" filled_again
check "3: a setuid program changes nobody, and does under runc" setuid_program

# ---- 5: devices of an image

image_devices()
{
        probe_bundle nodes '/probe open /null; /probe open /null w; /probe open /dev/null'
        mknod -m 666 "$B/rootfs/null" c 1 3
        run rt run -b "$B" nodes
        want_out "EACCES
EACCES
opened"
        under_runc nodes
        want_out "opened
opened
opened"
}
check "5: a device node in an image does not open, and does under runc" image_devices

# ---- 6: what the runtime makes inside the image

made_in_the_image()
{
        bundle made '.process.cwd = "/made/cwd" | .process.args = ["sh", "-c", "stat -c %u:%g . /made /made/tmpfs /made/file"] |
                .mounts += [{destination: "/made/tmpfs", type: "tmpfs", source: "tmpfs"},
                            {destination: "/made/file", type: "bind", source: $f, options: ["bind", "ro"]}]' --arg f "$T/input"
        echo x > "$T/input"
        run rt run -b "$B" made
        want_rc 0
        want_same "$(stat -c %u:%g "$B/rootfs/made" "$B/rootfs/made/cwd" "$B/rootfs/made/tmpfs" "$B/rootfs/made/file" | sort -u)" 0:0
}
large_ids()
{
        probe_bundle large 'stat -c %u /large; chown 0 /large 2>&1; echo $?'
        touch "$B/rootfs/large"
        chown 70000 "$B/rootfs/large"
        run rt run -b "$B" large
        want_match "$(sed -n 1p "$T/out")" '^(65534|65535)$'
        want_other "$(tail -n 1 "$T/out")" 0
        want_same "$(stat -c %u "$B/rootfs/large")" 70000
        bundle large '.process.user.uid = 70000'
        run rt run -b "$B" large
        want_rc 1
        want_err_has "process.user.uid: 70000"
        want_err_has "65536 ids"
        want_err_has "let the engine map ids"
}
check "6: mount points and the working folder are the image's root's on disk" made_in_the_image
check "6: ids beyond the range are named, and cannot be taken over" large_ids

# ---- 7: standard streams

pipes()
{
        local user
        for user in 0 1000; do
                probe_bundle pipe$user 'echo out > /dev/stdout; echo err > /dev/stderr; echo proc > /proc/self/fd/1' \
                        ".process.user = {uid: $user, gid: $user}"
                rt run -b "$B" pipe$user 2> >(cat > "$T/pipe.err") | cat > "$T/pipe.out"
                want_same "$(cat "$T/pipe.out")" "out
proc"
                wait_for 5 grep -q err "$T/pipe.err"
        done
        # The attack is none: what the wall is for fails without it.
        setpriv --reuid 1000 --clear-groups sh -c 'echo x > /dev/stdout' 2> "$T/pipe.err" | cat > "$T/pipe.out"
        grep -q "ermission denied" "$T/pipe.err"
}
files_keep_their_owner()
{
        probe_bundle owners 'echo x; echo y >&2' '.process.user = {uid: 1000, gid: 1000}'
        rt run -b "$B" owners < /dev/null > "$T/file" 2> "$T/file2"
        want_same "$(stat -c %u:%g "$T/file" "$T/file2" | sort -u)" 0:0
        want_same "$(stat -c %u:%g /dev/null)" 0:0
        rt run -b "$B" owners < /dev/null > /dev/null 2> /dev/null
        want_same "$(stat -c %u:%g /dev/null)" 0:0
}
sockets_and_terminals()
{
        local python
        python=$(command -v python3) || skip_case "python3 is not installed"
        probe_bundle tty 'echo x'
        cat > "$T/owners.py" << 'EOF'
import os, pty, socket, subprocess, sys
a, b = socket.socketpair()
master, slave = pty.openpty()
before = [(os.fstat(fd).st_uid, os.fstat(fd).st_gid) for fd in (b.fileno(), slave)]
subprocess.run(sys.argv[1:], stdin=slave, stdout=b.fileno(), stderr=slave)
after = [(os.fstat(fd).st_uid, os.fstat(fd).st_gid) for fd in (b.fileno(), slave)]
print(a.recv(10), before == after)
EOF
        run "$python" "$T/owners.py" "$RUNB" --root "$T/state" run -b "$B" tty
        want_out "b'x\\n' True"
}
check "7: /dev/stdout and /dev/stderr can be opened again where they are pipes" pipes
check "7: files and /dev/null keep their owner" files_keep_their_owner
check "7: sockets and the host's terminals keep their owner" sockets_and_terminals

# ---- 8: the engine's view of its overlay

overlay() # NAME: $B/rootfs becomes an overlay
{
        bundle "$1" '.process.args = ["/bin/sleep", "1000"]'
        mkdir -p "$B/upper" "$B/work" "$B/merged"
        mount -t overlay overlay -o "lowerdir=$B/rootfs,upperdir=$B/upper,workdir=$B/work" "$B/merged" ||
                skip_case "an overlay on this file system"
        jq '.root.path = "merged"' "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
}
looks() { [ -e "$B/merged/$1" ] && echo there || echo not; }
refreshed()
{
        local verb
        overlay view
        rt create -b "$B" --pid-file "$T/view.pid" view < /dev/null > /dev/null 2>&1
        rt start view
        for verb in nothing exec kill pause delete; do
                # A look before, so that the kernel remembers that it is not there.
                want_same "$(looks "new-$verb")" not
                nsenter -t "$(pid_of view)" -U -m -p -r -S 0 -G 0 /bin/touch "/new-$verb"
                case $verb in
                nothing) want_same "$(looks new-nothing)" not; continue;;       # stale: the wall is off
                exec) rt exec view true;;
                kill) rt kill view USR2;;
                pause) rt pause view; rt resume view;;
                delete) rt delete -f view;;
                esac
                want_same "$(looks "new-$verb")" there
        done
        umount "$B/merged"
}
refreshed_after_the_program()
{
        overlay view2
        rt create -b "$B" view2 < /dev/null > /dev/null 2>&1
        rt start view2
        want_same "$(looks new)" not
        rt exec view2 sh -c 'sleep 0.3; touch /new'
        want_same "$(looks new)" there
        rt delete -f view2
        umount "$B/merged"
}
# The path holds something else by the time of the delete: another overlay, a folder, nothing.
another_in_its_place()
{
        overlay view3
        rt create -b "$B" view3 < /dev/null > /dev/null 2>&1
        rt start view3
        # Kept elsewhere: the device number of a file system that is gone can be the next one's.
        mkdir "$T/elsewhere"
        mount --move "$B/merged" "$T/elsewhere"
        mkdir -p "$B/upper2" "$B/work2"
        mount -t overlay overlay -o "lowerdir=$B/rootfs,upperdir=$B/upper2,workdir=$B/work2" "$B/merged"
        want_same "$(looks late)" not
        touch "$B/upper2/late"
        run rt exec view3 true
        want_rc 0
        want_same "$(looks late)" not           # not ours: not touched
        umount "$B/merged"
        umount "$T/elsewhere"
        rmdir "$B/merged"
        run rt delete -f view3
        want_rc 0
}
check "8: the engine's stale view becomes true at exec, kill, pause and delete" refreshed
check "8: and when the program of exec has ended" refreshed_after_the_program
check "8: something else in the rootfs' place is left alone" another_in_its_place

# ---- 9: a rootfs whose ids cannot be mapped

fuse_rootfs()
{
        command -v fuse-overlayfs > /dev/null || skip_case "fuse-overlayfs is not installed"
        overlay fuse; umount "$B/merged"
        fuse-overlayfs -o "lowerdir=$B/rootfs,upperdir=$B/upper,workdir=$B/work" "$B/merged" || skip_case "fuse-overlayfs cannot mount here"
        run rt run -b "$B" fuse
        umount "$B/merged"
        want_rc 1
        want_err_has "--userns=auto"
        want_err_has "hostUsers: false"
        want_err_has "userns-remap"
        want_same "$(ls "$T/state" | grep -c fuse)" 0
}
check "9: fuse-overlayfs under root is refused with the engines' remedies" fuse_rootfs

# ---- 11: keys

keys()
{
        local base
        probe_bundle keys '/probe keys-find runb-test-key; cat /proc/keys 2>&1 | grep -c runb-test-key'
        run "$probe" keys-add runb-test-key "$RUNB" --root "$T/state" run -b "$B" keys
        [ "$rc" != 77 ] || skip_case "keys"
        want_out_without found
        # runc's --no-new-keyring: the build that shares the caller's keys.
        [ -n "$runc" ] || return 0
        run "$probe" keys-add runb-test-key "$runc" --root "$T/runc" run --no-new-keyring -b "$B" keys
        want_out_has found
        run "$probe" keys-add runb-test-key "$RUNB" --root "$T/state" run --no-new-keyring -b "$B" keys
        want_out_without found
}
# The keyring is charged to the build, so it was made when the ids had been taken; one of root's would not be.
keyring_owner()
{
        local base
        start_sleeper keyring
        base=$(awk '{ print $2 }' "/proc/$(pid_of keyring)/uid_map")
        [ -r /proc/key-users ] || skip_case "/proc/key-users"
        run grep "^ *$base:" /proc/key-users
        rt delete -f keyring
        want_rc 0
}
check "11: the caller's keys are out of reach, with --no-new-keyring too" keys
check "11: the session keyring belongs to the range" keyring_owner

# ---- 12: core dumps

cores()
{
        probe_bundle cores 'grep "core file" /proc/self/limits; ulimit -c 0 && ulimit -Hc 0; grep "core file" /proc/self/limits' \
                '.process.rlimits += [{type: "RLIMIT_CORE", soft: 1000000, hard: 1000000}]'
        run rt run -b "$B" cores
        want_match "$(sed -n 1p "$T/out")" 'core file size +1 +1 '
        want_same "$(sed -n 1p "$T/out")" "$(tail -n 1 "$T/out")"
        under_runc cores
        want_match "$(tail -n 1 "$T/out")" 'core file size +0 +0 '
}
check "12: the limit of core files is 1 and cannot be lowered to 0, where a piped core_pattern runs" cores

# ---- 14: an engine whose own namespace has several extents

extents()
{
        local holder
        probe_bundle extents 'cat /proc/self/uid_map; touch /f; chown 33:33 /f'
        mkdir -p -m 755 "$T/rootless"
        # The engine's user namespace: 0 is user 100000, the rest lies elsewhere.
        chown -hR 100000:100000 "$B" "$T/rootless"
        # The engine's user has no way into /root, where the sources may lie.
        install -m 755 "$RUNB" "$T/runb"
        unshare -U sleep 1000 &
        holder=$!
        wait_for 5 sh -c "[ \"\$(readlink /proc/$holder/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
        printf '0 100000 1\n1 300000 30000\n30001 400000 35535\n' | tee "/proc/$holder/gid_map" > "/proc/$holder/uid_map" ||
                { kill $holder; skip_case "a map with three lines"; }
        run nsenter -t $holder -U -S 0 -G 0 unshare -m env XDG_RUNTIME_DIR="$T/rootless" \
                "$T/runb" --root "$T/rootless/state" --cgroup-manager disabled run -b "$B" extents
        kill $holder
        want_rc 0
        # One to one, a line for each extent.
        want_same "$(echo "$out" | awk '{ print $1 "=" $2 "+" $3 }' | tr '\n' ' ')" "0=0+1 1=1+30000 30001=30001+35535 "
        want_same "$(stat -c %u:%g "$B/rootfs/f")" 300032:300032
}
check "14: an engine's map of three extents is taken over line by line" extents

# ---- 15 and 16: what the kernel reads in the namespace of its owner

ping_range()
{
        local base
        start_sleeper ping '.linux.sysctl = {"net.ipv4.ping_group_range": "0 1000"}'
        base=$(awk '{ print $2 }' "/proc/$(pid_of ping)/gid_map")
        # Seen from the host, whose ids the file takes.
        run nsenter -t "$(pid_of ping)" -n cat /proc/self/net/../sys/net/ipv4/ping_group_range
        run nsenter -t "$(pid_of ping)" -n cat /proc/sys/net/ipv4/ping_group_range
        rt delete -f ping
        want_same "$(echo $out)" "$base $((base + 1000))"
}
time_offsets()
{
        local here
        probe_bundle time '/probe clocks' '.linux.namespaces += [{type: "time"}] |
                .linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}, monotonic: {secs: 2000000, nanosecs: 0}}'
        here=$("$probe" clocks)
        run rt run -b "$B" time
        want_rc 0
        set -- $here $out
        [ $(($3 - $1)) -ge 1000000 ] && [ $(($3 - $1)) -lt 1000060 ]
        [ $(($4 - $2)) -ge 2000000 ] && [ $(($4 - $2)) -lt 2000060 ]
        # Our own clocks are what they were.
        set -- "$1" $("$probe" clocks)
        [ $(($2 - $1)) -ge 0 ] && [ $(($2 - $1)) -lt 1000 ]
}
check "15: ping_group_range holds the host's ids" ping_range
check "16: time offsets count inside, and only there" time_offsets

# ---- 17: ranges

pod_keeps_its_range()
{
        local first second
        start_sleeper lease-a '.annotations = {"io.kubernetes.cri.sandbox-id": "p17"}'
        start_sleeper lease-b '.annotations = {"io.kubernetes.cri.sandbox-id": "p17"} |
                .linux.namespaces |= map(if .type == "network" then .path = "/proc/'"$(pid_of lease-a)"'/ns/net" else . end)'
        first=$(awk '{ print $2 }' "/proc/$(pid_of lease-a)/uid_map")
        second=$(awk '{ print $2 }' "/proc/$(pid_of lease-b)/uid_map")
        want_same "$first" "$second"
        [ "$first" -ge 1879048192 ] && [ $((first + 65536)) -le 2147352576 ]
        rt delete -f lease-a
        ls /run/runb/leases | grep -q "$first"
        start_sleeper lease-c
        want_other "$(awk '{ print $2 }' "/proc/$(pid_of lease-c)/uid_map")" "$first"
        rt delete -f lease-b
        rt delete -f lease-c
        want_same "$(ls /run/runb/leases | grep -cx "$first")" 0
}
check "17: a pod's range is freed with its last container, and nobody has it before" pod_keeps_its_range
finish
