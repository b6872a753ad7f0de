#!/bin/bash
# What a build tries in order to get out: each attempt fails inside, and the same attempt works where the guard is off
# (as root of namespaces that are the test's own), so that a failure inside says something.
# cgroups: host v2
. "$(dirname "$0")/lib.sh"
need jq python3 unshare nft capsh
is_runb || skip_all "the runtime under test is not runb"

# Every capability is asked for, no filter and no no_new_privs, as an engine that means well might.
ALL='.process.noNewPrivileges = false | .process.capabilities = (["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
 "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "SETFCAP", "NET_BIND_SERVICE", "NET_ADMIN", "NET_RAW", "SYS_CHROOT", "SYS_PTRACE", "MKNOD",
 "AUDIT_WRITE"] | map("CAP_" + .) | {bounding: ., effective: ., permitted: ., inheritable: ., ambient: .})'
python=$(readlink -f "$(command -v /usr/bin/python3 || command -v python3)")

# host_tools DIR: the host's own programs, so that attacks need not be busybox's; read-only binds
bound='.mounts += [("/usr", "/lib", "/lib64", "/bin", "/sbin") | select($have | index(.)) | {destination: ., type: "bind", source: ., options: ["rbind", "ro"]}]'
have() { for d in /usr /lib /lib64 /bin /sbin; do [ -d $d ] && [ ! -L $d ] && echo $d; done | jq -R . | jq -sc .; }
tools_bundle() # NAME SCRIPT
{
        bundle "$1" "$ALL | $bound | .process.args = [\"/usr/bin/bash\", \"-c\", \$c]" --arg c "$2" --argjson have "$(have)"
        rm -rf "$B/rootfs"
        mkdir -p "$B/rootfs"/{usr,dev,proc,sys,tmp,etc,root,run,var}
        chmod 1777 "$B/rootfs/tmp"
        for d in /lib /lib64 /bin /sbin; do
                if [ -L $d ]; then ln -s "$(readlink $d)" "$B/rootfs$d"; else mkdir -p "$B/rootfs$d"; fi
        done
        printf 'root:x:0:0:root:/root:/bin/sh\n' > "$B/rootfs/etc/passwd"
        printf 'root:x:0:\n' > "$B/rootfs/etc/group"
}
# Without the guards: root in namespaces of its own that root itself owns.
unguarded() { unshare --mount --pid --fork --net --uts --ipc --mount-proc bash -c "$1"; }
# refused NAME SCRIPT: works unguarded, fails inside
refused()
{
        run unguarded "$2"
        want_rc 0
        tools_bundle "$1" "$2"
        run rt run --bundle "$B" "$1"
        want_failure
        [ "$rc" != 127 ] || fail "the attempt itself did not run"
}

check "mount of a tmpfs fails" refused mount 'mkdir -p /tmp/m; mount -t tmpfs tmpfs /tmp/m'
check "remounting the root read-write or moving it fails" refused remount 'mount -o remount,nosuid /proc'
check "unmounting a mask fails" refused umount 'umount -l /proc'
check "renaming the host fails" refused uts 'hostname other && [ "$(hostname)" = other ]'
check "nft list and flush fail" refused nft 'nft add table inet mine && nft flush ruleset'
check "raw sockets fail" refused raw "$python -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'"
check "packet sockets fail" refused packet "$python -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768)'"
check "a new network interface fails" refused link 'ip link add v8 type veth peer name v9'
check "taking loopback down fails" refused lo 'ip link set lo down'
check "writing /proc/sys fails" refused sysctl 'echo 1 > /proc/sys/net/ipv4/ip_forward'
check "a user namespace fails" refused userns 'unshare -U true'
check "chroot-less mount namespace fails" refused mntns 'unshare -m true'
check "a keyring of the user's is out of reach" refused keyctl \
        "$python -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); exit(l.syscall(250 if __import__(\"os\").uname().machine == \"x86_64\" else 219, 0, -4, 1) < 0)'"
check "bpf fails" refused bpf \
        "$python -c 'import ctypes, os; l = ctypes.CDLL(None, use_errno=True); n = 321 if os.uname().machine == \"x86_64\" else 280; b = ctypes.create_string_buffer(b\"\\1\\0\\0\\0\\4\\0\\0\\0\\4\\0\\0\\0\\1\\0\\0\\0\".ljust(120, b\"\\0\"), 120); exit(l.syscall(n, 0, b, 72) < 0)'"

vsock()
{
        local script="$python -c 'import socket; socket.socket(40, socket.SOCK_STREAM)'"
        (unguarded "$script") || skip_case "this machine has no AF_VSOCK"
        refused vsock "$script"
}
check "AF_VSOCK sockets fail" vsock

own_sockets()
{
        tools_bundle sockets "$python -c 'import socket
for f in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6): socket.socket(f, socket.SOCK_STREAM)
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for f in range(0, 46):
    if f in (1, 2, 10, 16): continue
    try: socket.socket(f, socket.SOCK_DGRAM); print(\"could\", f)
    except OSError as e: pass
for p in range(1, 22):
    try: socket.socket(16, socket.SOCK_RAW, p); print(\"netlink\", p)
    except OSError: pass
print(\"done\")'"
        run rt run --bundle "$B" sockets
        want_rc 0
        want_out done
}
check "of the socket families only unix, inet, inet6 and route netlink open" own_sockets

no_outside()
{
        tools_bundle outside "$python -c 'import errno, socket, time
for family, address in ((2, (\"192.0.2.1\", 80)), (2, (\"169.254.169.254\", 80)), (10, (\"2001:db8::1\", 80))):
    s = socket.socket(family, 1); s.settimeout(5); t = time.time()
    try: s.connect(address); print(\"connected\", address)
    except OSError as e: print(errno.errorcode.get(e.errno, e), time.time() - t < 2)
s = socket.socket(2, 2)
try: s.sendto(b\"x\", (\"192.0.2.1\", 53)); print(\"sent\")
except OSError as e: print(errno.errorcode[e.errno])
l = socket.socket(); l.bind((\"127.0.0.1\", 80)); l.listen(); c = socket.create_connection((\"127.0.0.1\", 80)); print(\"loopback\")'"
        run rt run --bundle "$B" outside
        want_rc 0
        want_out_has loopback
        want_out_without connected
        want_out_without sent
        want_out_without False
}
check "nothing outside answers, at once and not by time-out; loopback works, from port 80 too" no_outside

joined_network()
{
        # A network namespace of the engine's, with a way out: the same build without the guard gets through.
        ip netns add out
        ip link add v0 type veth peer name v1
        ip link set v1 netns out
        ip addr add 192.0.2.1/24 dev v0
        ip link set v0 up
        ip netns exec out ip addr add 192.0.2.2/24 dev v1
        ip netns exec out ip link set v1 up
        ip netns exec out ip link set lo up
        "$python" -c 'import socket
l = socket.socket(); l.setsockopt(1, 2, 1); l.bind(("192.0.2.1", 8000)); l.listen()
while True:
    c, _ = l.accept(); c.send(b"reached"); c.close()' &
        server=$!
        sleep 0.5
        script="$python -c 'import socket; s = socket.create_connection((\"192.0.2.1\", 8000), 3); print(s.recv(10).decode())'"
        run ip netns exec out bash -c "$script"
        want_out reached
        tools_bundle joined "$script"
        jq '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/out"' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        rt run --bundle "$B" joined > "$T/out" 2> "$T/err" && rc=0 || rc=$?
        kill $server
        ip netns del out
        ip link del v0 2>/dev/null || true
        umount /run/netns
        cat "$T/out" "$T/err"
        [ $rc != 0 ] || fail "it got out"
        grep -q "No route to host\|Network is unreachable\|refused\|EHOSTUNREACH" "$T/err"
}
check "in a network namespace of the engine's, with a way out, nothing gets out" joined_network

host_processes()
{
        sleep 54321 &
        run unshare --mount --net bash -c "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
        want_out_has 54321
        tools_bundle hostps "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
        run rt run --bundle "$B" hostps
        kill %1
        want_out_without 54321
        want_out_without enclose
}
check "the host's processes are out of sight" host_processes

no_capability()
{
        # Own files and processes are all that its capabilities reach: every namespace belongs to one outside.
        tools_bundle caps "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/self/uid_map /proc/self/gid_map"
        run rt run --bundle "$B" caps
        want_rc 0
        want_out_has "NoNewPrivs:	1"
        want_out_has "Seccomp:	2"
        want_out_has "CapInh:	0000000000000000"
        want_out_has "CapAmb:	0000000000000000"
        bounding=$((16#$(awk '/CapBnd/ {print $2}' "$T/out")))
        for cap in 2 12 13 16 17 19 21 22 23 25 27 29 30 38 39; do # NET_ADMIN NET_RAW SYS_MODULE RAWIO PACCT PTRACE ADMIN ...
                [ $((bounding >> cap & 1)) = 0 ] || fail "capability $cap is in the bounding set"
        done
        first=$(awk '$1 == 0 {print $2; exit}' <(grep -v : "$T/out"))
        [ "$first" -ge 65536 ] || fail "uid_map starts at $first"
        grep -v : "$T/out" | awk '$2 < 65536 || $2 + $3 > 4294967295 {exit 1}'
        # The owners of the namespaces, seen from the host.
        start_sleeper owner "$ALL"
        pid=$(rt state owner | jq .pid)
        "$python" - "$pid" << 'END'
import fcntl, os, sys
NS_GET_USERNS = 0xb701
own = os.stat(f"/proc/{sys.argv[1]}/ns/user").st_ino
host = os.stat("/proc/self/ns/user").st_ino
assert own != host
for name in ("mnt", "pid", "net", "ipc", "uts", "cgroup"):
    fd = os.open(f"/proc/{sys.argv[1]}/ns/{name}", os.O_RDONLY)
    owner = os.fstat(fcntl.ioctl(fd, NS_GET_USERNS)).st_ino
    assert owner == host, name
    assert os.fstat(fd).st_ino != os.stat(f"/proc/self/ns/{name}").st_ino, name
print("owned outside")
END
        rt delete --force owner
}
check "no_new_privs, a filter, few capabilities, a private range; the host's user namespace owns all the others" no_capability

disjoint()
{
        start_sleeper one
        start_sleeper two
        a=$(rt exec one cat /proc/self/uid_map | tr -s ' ')
        b=$(rt exec two cat /proc/self/uid_map | tr -s ' ')
        rt delete --force one
        rt delete --force two
        set -- $a $b
        echo "$@"
        [ "$2" -ge 65536 ] && [ "$5" -ge 65536 ]
        [ $(($2 + $3)) -le "$5" ] || [ $(($5 + $6)) -le "$2" ]
}
check "two builds have disjoint ranges" disjoint

setuid_files()
{
        # With no_new_privs a setuid file of the image gives nothing.
        tools_bundle suid 'cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; chmod 755 /tmp/id 2>/dev/null; chmod 4755 /tmp/id; exec setpriv --reuid 1000 --regid 1000 --clear-groups /tmp/id -u'
        run rt run --bundle "$B" suid
        want_out 1000
}
check "a setuid file of the image does not change the user" setuid_files

devices()
{
        script='mknod /tmp/disk b 8 0; mknod /tmp/mem c 1 1; for d in /tmp/disk /tmp/mem; do dd if=$d of=/dev/null bs=1 count=1 2>/dev/null && echo opened; done; ls /dev | tr "\n" " "'
        tools_bundle devices "$script"
        # Nodes that lie in the image already.
        mknod "$B/rootfs/kmsg" c 1 11
        mknod "$B/rootfs/null2" c 1 3
        sed -i 's|of=/dev/null bs=1|of=/dev/null bs=1|' "$B/config.json"
        jq '.process.args[2] += "; for d in /kmsg /null2; do dd if=$d of=/dev/null bs=1 count=0 2>/dev/null && echo opened $d; done; echo end"' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run rt run --bundle "$B" devices
        want_out_has end
        want_out_without opened
        dd if="$B/rootfs/null2" of="$T/x" bs=1 count=0 # the file system itself allows them
}
check "device nodes of the image and made ones do not open; /dev holds the only ones" devices

cgroup_walls()
{
        script='find /sys/fs/cgroup -name cgroup.procs | while read -r f; do echo $$ > $f && echo wrote $f; done 2>/dev/null; for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir $d/escape 2>/dev/null && echo made $d; done; echo end'
        tools_bundle cgw "$script"
        run rt run --bundle "$B" cgw
        want_out end
}
check "control groups are read-only" cgroup_walls

masks()
{
        tools_bundle masks 'for f in /proc/kcore /proc/keys /proc/sysrq-trigger /proc/timer_list /proc/sys/kernel/core_pattern; do test -e $f || continue; head -c 1 $f 2>/dev/null | grep -q . && case $f in */core_pattern) ;; *) echo read $f;; esac; (: > $f) 2>/dev/null && [ ! -c $f ] && echo wrote $f; done; echo end'
        # Nothing is written to the machine even if the guard were missing: an empty write.
        run rt run --bundle "$B" masks
        want_out_has end
        want_out_without read
        want_out_without wrote
}
check "masked and read-only paths under /proc hold" masks

fds()
{
        exec 7< /etc/hostname 8< "$T"
        tools_bundle fds 'for n in /proc/self/fd/*; do case $(readlink $n) in pipe:* | /dev/null | /proc/* | /dev/pts/*) ;; "") ;; *) echo "$n $(readlink $n)";; esac; done; ls -l /proc/1/fd | grep -c -- "->"'
        run rt run --bundle "$B" fds
        exec 7<&- 8<&-
        want_out_without hostname
        want_out_without "$T/state"
}
check "no folder or file of the host is open inside" fds

cwd_leak()
{
        for n in 3 4 5 6 7 8 9 10 11 12; do
                bundle cwd '.process.cwd = "/proc/self/fd/" + $n | .process.args = ["/bin/ls", "../../../../etc/hostname"]' --arg n "$n"
                run rt run --bundle "$B" "cwd$n"
                want_failure
                want_out_without etc/hostname
        done
}
check "a working folder through /proc/self/fd does not land on the host" cwd_leak

limits_hold()
{
        tools_bundle core 'ulimit -Hc; ulimit -c'
        run rt run --bundle "$B" core
        want_match "$out" '^[01][[:space:]]+[01]$'
}
check "core files are off" limits_hold

refused_shapes() # SENTENCE FILTER WORD
{
        bundle shape "$1"
        run rt run --bundle "$B" shape
        want_failure
        want_err_has "$2"
        want_same "$(rt list -q)" ""
}
for namespace in pid network mount; do
        check "the host's $namespace namespace is refused" refused_shapes ".linux.namespaces |= map(select(.type != \"$namespace\"))" "$namespace"
done
check "a bind of the host's root is refused" refused_shapes '.mounts += [{"destination": "/host", "type": "bind", "source": "/", "options": ["rbind"]}]' '/'
check "a bind of /etc is refused" refused_shapes '.mounts += [{"destination": "/host", "type": "bind", "source": "/etc", "options": ["rbind"]}]' /etc
socket_bind()
{
        "$python" -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/docker.sock"
        bundle sock '.mounts += [{"destination": "/var/run/docker.sock", "type": "bind", "source": $s, "options": ["bind"]}]' --arg s "$T/docker.sock"
        run rt run --bundle "$B" sock
        want_failure
        want_err_has docker.sock
}
check "a bind of a socket is refused" socket_bind
check "shared propagation of the root is refused" refused_shapes '.linux.rootfsPropagation = "shared"' ropagation
check "a mapping of the host's root is refused" refused_shapes '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 0, "size": 65536}] | .linux.gidMappings = .linux.uidMappings' 'id'
check "a sysctl that is not namespaced is refused" refused_shapes '.linux.sysctl = {"kernel.core_pattern": "x"}' core_pattern
finish
