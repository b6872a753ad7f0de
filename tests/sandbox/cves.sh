#!/bin/bash
# The known attacks on low-level runtimes, by their numbers. CVE-2016-9962 is in rules.sh, more of CVE-2024-21626 in
# hostile.sh. What an attack would reach is always a file or a knob of the test's own.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "the attacks are on runb"
probe=${RUNB%/*}/tests/tools/probe
runc=$(command -v runc) || runc=

probe_bundle()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        cp "$probe" "$B/rootfs/probe"
}
pid_of() { cat "$T/$1.pid"; }

tiocsti()
{
        command -v python3 > /dev/null || skip_case "python3 is not installed"
        cat > "$T/push.py" << 'EOF'
import os, pty, subprocess, sys, fcntl, termios
master, slave = pty.openpty()
def lead():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
r = subprocess.run(sys.argv[1:], stdin=slave, stdout=subprocess.PIPE, preexec_fn=lead, text=True)
print(r.stdout.strip())
EOF
        # The terminal of whoever started the build, as its stdin: not its own, and the call is filtered.
        probe_bundle tiocsti '/probe tiocsti'
        run python3 "$T/push.py" "$RUNB" --root "$T/state" run -b "$B" tiocsti
        want_out_without pushed
        want_match "$out" '^E'
        [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2> /dev/null || echo 1)" = 1 ] || return 0
        run python3 "$T/push.py" "$probe" tiocsti
        want_out pushed
}
check "CVE-2017-5226: nothing is pushed into the caller's terminal" tiocsti

own_binary()
{
        local before
        before=$(sha256sum < "$RUNB")
        bundle self '.process.args = ["/proc/self/exe"]'
        run rt run -b "$B" self
        want_rc 1
        want_err_has "permission denied"
        bundle self2 '.process.args = ["/self"]'
        ln -s /proc/self/exe "$B/rootfs/self"
        run rt run -b "$B" self2
        want_rc 1
        want_err_has "permission denied"
        # Through an interpreter it does run, as the build, and cannot be written.
        sh_bundle self3 '/script; for p in /proc/[0-9]*/exe; do echo x >> $p; done; true'
        printf '#!/proc/self/exe\n' > "$B/rootfs/script"
        chmod 755 "$B/rootfs/script"
        run rt run -b "$B" self3
        bundle self4 '.process.args = ["/script"]'
        printf '#!/proc/self/exe --version\n' > "$B/rootfs/script"
        chmod 755 "$B/rootfs/script"
        run timeout 20 "$RUNB" --root "$T/state" run -b "$B" self4
        start_sleeper self5
        printf '#!/proc/self/exe --version\n' > "$B/rootfs/script"
        chmod 755 "$B/rootfs/script"
        run timeout 20 "$RUNB" --root "$T/state" exec self5 /script
        rt delete -f self5
        want_same "$(sha256sum < "$RUNB")" "$before"
}
check "CVE-2019-5736: the runtime's own binary is no program, and stays what it is" own_binary

# A plain user whose runtime is a file of his own: the build is that user.
binary_of_a_user()
{
        local before file
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        bundle mine '.process.args = ["/probe", "steal", "6"] | .mounts |= map(select(.type != "cgroup"))'
        cp "$probe" "$B/rootfs/probe"
        printf '#!/proc/self/exe --version\n' > "$B/rootfs/script"
        chmod 755 "$B/rootfs/script"
        # What the binary needs in order to run inside at all.
        for file in $(ldd "$RUNB" | grep -o '/[^ ]*'); do
                mkdir -p "$B/rootfs$(dirname "$file")"
                cp -L "$file" "$B/rootfs$file"
        done
        mkdir "$T/user" "$T/user/run"
        cp "$RUNB" "$T/user/runb"
        chown -hR 1000:1000 "$T/user" "$B"
        before=$(sha256sum < "$T/user/runb")
        as_user() { env -i PATH="$PATH" HOME="$T/user" XDG_RUNTIME_DIR="$T/user/run" setpriv --reuid 1000 --regid 1000 --clear-groups \
                "$T/user/runb" --root "$T/user/state" --cgroup-manager disabled "$@"; }
        as_user run --detach -b "$B" mine > "$T/user.out" 2> "$T/user.err" < /dev/null ||
                { cat "$T/user.err"; skip_case "a plain user's containers"; }
        for i in $(seq 1 25); do run as_user exec mine /script; done
        wait_for 15 grep -qE "^(no|wrote)" "$T/user.out"
        as_user delete -f mine
        cat "$T/user.out"
        want_same "$(sha256sum < "$T/user/runb")" "$before"
        want_same "$(cat "$T/user.out")" no
}
check "CVE-2019-5736: a plain user's build cannot write to that user's own runtime" binary_of_a_user

over_proc()
{
        mkdir -p "$T/fake/self/attr"
        bundle over '.mounts += [{destination: "/proc", type: "bind", source: $s, options: ["rbind"]}]' --arg s "$T/fake"
        run rt run -b "$B" over
        want_failure
        bundle over2 '.mounts += [{destination: "/proc/self/attr", type: "tmpfs", source: "tmpfs"}]'
        run rt run -b "$B" over2
        want_failure
        # By a link of the image, which the name does not show.
        bundle over3 '.mounts += [{destination: "/link/attr", type: "tmpfs", source: "tmpfs"}]'
        ln -s proc/1 "$B/rootfs/link"
        run rt run -b "$B" over3
        want_failure
}
check "CVE-2019-16884: nothing is mounted over /proc or into it, through links neither" over_proc

links_for_proc()
{
        local name
        for name in proc sys; do
                bundle link-$name '.process.args = ["ls", "-a", "/elsewhere"]'
                rmdir "$B/rootfs/$name"
                mkdir "$B/rootfs/elsewhere"
                ln -s /elsewhere "$B/rootfs/$name"
                run rt run -b "$B" link-$name
                want_failure
                want_err_has "is a link"
        done
}
# Two containers share a volume that holds the second one's /proc by way of a link.
racing_proc()
{
        local i swapper
        mkdir -p -m 700 "$T/storage" "$T/storage/volume/real"
        ( set +e; while :; do ln -sfn real "$T/storage/volume/x"; rm -f "$T/storage/volume/x"; mkdir "$T/storage/volume/x"; rmdir "$T/storage/volume/x"; done ) 2> /dev/null &
        swapper=$!
        for i in 1 2 3 4 5 6 7 8 9 10; do
                bundle race$i '.process.args = ["sh", "-c", "cat /proc/sys/net/ipv4/ip_default_ttl; stat -f -c %T /proc"] |
                        .mounts = [{destination: "/v", type: "bind", source: $v, options: ["rbind"]}] + .mounts +
                                [{destination: "/v/x", type: "tmpfs", source: "tmpfs"}]' --arg v "$T/storage/volume"
                run rt run -b "$B" race$i
                [ "$rc" != 0 ] || want_out_has proc
                rm -rf "$B"
        done
        kill $swapper; wait $swapper 2> /dev/null || true
}
check "CVE-2019-19921, CVE-2023-27561: a link at /proc or /sys is refused" links_for_proc
check "CVE-2023-28642, CVE-2021-30465: a swapped destination leads nowhere" racing_proc

# An escape through the destination: ten rounds of swapping it for a link to the root, and the mount shows inside only.
swapped_destination()
{
        local i swapper before
        mkdir -p -m 700 "$T/storage" "$T/storage/swap"
        mkdir "$T/target"
        before=$(wc -l < /proc/self/mountinfo)
        ( set +e; cd "$T/storage/swap"; mkdir d; ln -s "../../../../../../../../$T/target" l
          while :; do mv d t; mv l d; mv t l; done ) 2> /dev/null &
        swapper=$!
        for i in 1 2 3 4 5 6 7 8 9 10; do
                bundle swap$i '.process.args = ["sh", "-c", "ls -d /v/*"] |
                        .mounts += [{destination: "/v", type: "bind", source: $v, options: ["rbind"]},
                                {destination: "/v/d/new/deep", type: "tmpfs", source: "tmpfs"}]' --arg v "$T/storage/swap"
                rt run -b "$B" swap$i > /dev/null 2>&1 || true
                rm -rf "$B"
        done
        kill $swapper; wait $swapper 2> /dev/null || true
        want_same "$(ls "$T/target")" ""
        want_same "$(wc -l < /proc/self/mountinfo)" "$before"
}
check "CVE-2021-30465: mounts and their folders stay inside while their destination is swapped" swapped_destination

long_maps()
{
        # 400 lines: more than the kernel takes, and more than a careless 16-bit length holds.
        bundle maps '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [range(0; 4000) | {containerID: ., hostID: (3000000 + . * 2), size: 1}] |
                .linux.gidMappings = .linux.uidMappings'
        run rt run -b "$B" maps
        want_failure
        want_same "$(ls "$T/state" | grep -c maps)" 0
        bundle maps '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 4294967290, size: 100}] |
                .linux.gidMappings = .linux.uidMappings'
        run rt run -b "$B" maps
        want_failure
}
check "CVE-2021-43784: thousands of id mappings and overflowing ones are an error" long_maps

inheritable()
{
        bundle inh '.process.args = ["/bin/sleep", "1000"] | .process.capabilities.inheritable = .process.capabilities.bounding |
                .process.capabilities.ambient = .process.capabilities.bounding'
        rt create -b "$B" --pid-file "$T/inh.pid" inh < /dev/null > /dev/null 2>&1
        rt start inh
        want_same "$(sed -n 's/Cap\(Inh\|Amb\):\t//p' "/proc/$(pid_of inh)/status" | sort -u)" 0000000000000000
        jq '.process + {args: ["grep", "-E", "Cap(Inh|Amb)", "/proc/self/status"]}' "$B/config.json" > "$T/process.json"
        run rt exec -p "$T/process.json" inh
        rt delete -f inh
        want_same "$(echo "$out" | cut -f2 | sort -u)" 0000000000000000
        [ -n "$runc" ] || return 0
        bundle inh2 '.process.args = ["grep", "CapInh", "/proc/self/status"] | .process.capabilities.inheritable = .process.capabilities.bounding'
        run "$runc" --root "$T/runc" run -b "$B" inh2
        want_other "$(echo "$out" | cut -f2)" 0000000000000000  # where it is not emptied
}
check "CVE-2022-29162, CVE-2022-27650: inheritable and ambient sets are empty, in exec too" inheritable

release_agent()
{
        probe_bundle agent 'mkdir /tmp/c; mount -t cgroup -o memory cgroup /tmp/c; mount -t cgroup2 none /tmp/c; /probe unshare cgroup
                for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs); do echo 1 > $f && echo wrote $f; done
                mkdir /sys/fs/cgroup/x && echo made; mkdir /sys/fs/cgroup/memory/x && echo made; mount -o remount,rw /sys/fs/cgroup && echo remounted'
        run rt run -b "$B" agent
        want_out_without wrote
        want_out_without made
        want_out_without remounted
        want_out_without yes
}
no_cgroup_namespace()
{
        probe_bundle cg 'mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x && echo made; grep -c "^0::/\$" /proc/self/cgroup; cat /proc/self/cgroup' \
                '.linux.namespaces |= map(select(.type != "cgroup"))'
        run rt run -b "$B" cg
        want_out_without made
        # Its own group is the root of what it sees, though nobody asked for the namespace.
        want_out_without "runb-test"
}
check "CVE-2022-0492: no cgroup file system is mounted, written or unshared" release_agent
check "CVE-2023-25809: control groups are read-only without a cgroup namespace, too" no_cgroup_namespace

groups()
{
        bundle groups '.process.args = ["id", "-G"] | .process.user.additionalGids = [5, 6]'
        # Whoever starts it has more groups.
        run setpriv --groups 0,7,8,9 "$RUNB" --root "$T/state" run -b "$B" groups
        want_out "0 5 6"
        bundle groups2 '.process.args = ["id", "-G"] | .process.user = {uid: 1000, gid: 1000}'
        run setpriv --groups 0,7,8,9 "$RUNB" --root "$T/state" run -b "$B" groups2
        want_out 1000
        start_sleeper groups3
        run setpriv --groups 0,7,8,9 "$RUNB" --root "$T/state" exec -u 1000:1000 -g 7 groups3 id -G
        rt delete -f groups3
        want_out "1000 7"
}
check "CVE-2023-25173: exactly the groups that are listed" groups

wrapped_ids()
{
        local uid
        for uid in 4294967296 4294967295 -1 '"0"' '[]' true 1.5 1e3 18446744073709551616; do
                bundle wrap "."
                sed -i "s/\"uid\": *0/\"uid\": $uid/" "$B/config.json"
                grep -qF "\"uid\": $uid" "$B/config.json"
                run rt run -b "$B" wrap
                want_failure
        done
        start_sleeper wrap2
        for uid in 4294967296 4294967295 -1 1000x '' ' 1' 0x10 1:4294967296 1: :1; do
                run rt exec -u "$uid" wrap2 id -u
                [ "$rc" = 255 ] || { [ -z "$uid" ] && [ "$rc" = 0 ]; } || fail "exec -u '$uid' gives $rc"
        done
        rt delete -f wrap2
}
check "CVE-2024-40635, CVE-2026-30892: ids that leave the 32 bits or are none are refused" wrapped_ids

exec_cwd()
{
        local n
        start_sleeper cwd
        for n in 3 4 5 6 7 8 9 10 11 12; do
                run bash -c 'exec 7< / 8< /etc; exec "$@"' - "$RUNB" --root "$T/state" exec --cwd "/proc/self/fd/$n" cwd \
                        sh -c 'pwd; cat etc/hostname ../etc/hostname hostname'
                [ "$rc" = 255 ] || want_out_without "$(cat /etc/hostname)"
        done
        rt delete -f cwd
}
check "CVE-2024-21626: exec's working folder is not one of the host" exec_cwd

targets_on_the_host()
{
        mkdir "$T/outside"
        bundle targets '.mounts += [{destination: "/a/new/folder", type: "tmpfs", source: "tmpfs"},
                {destination: "/b/file", type: "bind", source: $f, options: ["bind", "ro"]},
                {destination: "/c", type: "bind", source: $f, options: ["bind", "ro"]}] | .process.cwd = "/a/cwd"' --arg f "$T/file"
        echo x > "$T/file"
        ln -s "../../../../../../../..$T/outside" "$B/rootfs/a"
        ln -s "$T/outside" "$B/rootfs/b"
        ln -s "../../../../../../../..$T/outside/c" "$B/rootfs/c"
        run rt run -b "$B" targets
        want_same "$(find "$T/outside" -mindepth 1)" ""
        # They were made where a program inside would find them.
        [ -d "$B/rootfs$T/outside/new/folder" ]
}
check "CVE-2024-45310: what is made for mounts through links is made inside" targets_on_the_host

image_files()
{
        local before
        bundle files '.process.args = ["true"]'
        ln -s "$T/victim" "$B/rootfs/etc/mtab"
        ln -s "$T/victim" "$B/rootfs/.runb"
        echo mine > "$T/victim"
        before=$(find "$B/rootfs" | sort)
        run rt run -b "$B" files
        want_rc 0
        want_same "$(cat "$T/victim")" mine
        want_same "$(find "$B/rootfs" | sort)" "$before"
}
check "CVE-2025-24965: the runtime writes no files of its own into the image" image_files

null_is_a_link()
{
        # A /dev of the image's: without a mount the runtime brings its own, and takes no volume for it.
        bundle null '.process.args = ["sh", "-c", "stat -c %F /dev/null; cat /etc/victim; ls -l /dev/null"] |
                .mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths += ["/etc/masked"]'
        echo mine > "$B/rootfs/etc/victim"
        echo secret > "$B/rootfs/etc/masked"
        rm -f "$B/rootfs/dev/null"
        ln -s /etc/victim "$B/rootfs/dev/null"
        run rt run -b "$B" null
        [ "$rc" != 0 ] || want_out_has "character special file"
        want_same "$(cat "$B/rootfs/etc/victim")" mine
        mkdir -p -m 700 "$T/storage" "$T/storage/dev"
        ln -s /etc/victim "$T/storage/dev/null"
        bundle null2 '.process.args = ["sh", "-c", "echo x > /proc/kcore; cat /etc/victim"] |
                .mounts |= map(if .destination == "/dev" then {destination: "/dev", type: "bind", source: $s, options: ["rbind"]} else . end)' \
                --arg s "$T/storage/dev"
        echo mine > "$B/rootfs/etc/victim"
        run rt run -b "$B" null2
        want_same "$(cat "$B/rootfs/etc/victim")" mine
        want_failure
}
check "CVE-2025-31133: no link stands for the null device" null_is_a_link

console_is_a_link()
{
        command -v python3 > /dev/null || skip_case "python3 is not installed"
        # /dev comes from a volume in which /dev/console and /dev/pts are links.
        mkdir -p -m 700 "$T/storage" "$T/storage/dev2" "$T/storage/pts"
        echo mine > "$T/victim2"
        ln -s "../../../../../..$T/victim2" "$T/storage/dev2/console"
        bundle console '.process.args = ["sh", "-c", "echo hello; echo x > /dev/console"] | .process.terminal = true |
                .mounts |= map(select(.destination | startswith("/dev") | not)) |
                .mounts += [{destination: "/dev", type: "bind", source: $s, options: ["rbind"]},
                        {destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]}]' --arg s "$T/storage/dev2"
        run python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$RUNB" --root "$T/state" run -b "$B" console
        want_same "$(cat "$T/victim2")" mine
        ls "$T/storage/dev2/console" | grep -q console
}
check "CVE-2025-52565: a link at /dev/console is not followed" console_is_a_link

fake_proc()
{
        bundle fake '.process.args = ["true"] | .mounts |= map(select(.destination != "/proc")) | .linux.maskedPaths = [] |
                .linux.readonlyPaths = [] | .linux.sysctl = {"net.ipv4.ip_default_ttl": "77"}'
        mkdir -p "$B/rootfs/proc/sys/net/ipv4" "$B/rootfs/proc/self/attr"
        echo mine > "$B/rootfs/proc/sys/net/ipv4/ip_default_ttl"
        run rt run -b "$B" fake
        want_same "$(cat "$B/rootfs/proc/sys/net/ipv4/ip_default_ttl")" mine
        # With procfs: the knob of the container's own network namespace, not of the machine's.
        bundle fake2 '.process.args = ["cat", "/proc/sys/net/ipv4/ip_default_ttl"] | .linux.sysctl = {"net.ipv4.ip_default_ttl": "77"}'
        run rt run -b "$B" fake2
        want_out 77
        want_other "$(cat /proc/sys/net/ipv4/ip_default_ttl)" 77
        bundle fake3 '.linux.sysctl = {"net.ipv4.../../kernel/domainname": "x"}'
        run rt run -b "$B" fake3
        want_failure
}
check "CVE-2025-52881: sysctls are written through the runtime's own procfs" fake_proc

dev_is_a_link()
{
        mkdir "$T/host-dev"
        bundle dev '.process.args = ["true"] | .mounts |= map(select(.destination | startswith("/dev") | not))'
        rmdir "$B/rootfs/dev"
        ln -s "../../../../../../../..$T/host-dev" "$B/rootfs/dev"
        echo keep > "$T/host-dev/ptmx"
        run rt run -b "$B" dev
        want_failure
        want_same "$(ls "$T/host-dev")" ptmx
        bundle dev2 '.process.args = ["true"]'
        rmdir "$B/rootfs/dev"
        ln -s "../../../../../../../..$T/host-dev" "$B/rootfs/dev"
        run rt run -b "$B" dev2
        want_failure
        want_err_has "is a link"
        want_same "$(ls "$T/host-dev")" ptmx
}
check "CVE-2026-41579, CVE-2026-47766: a link at /dev gets no nodes, links and removals" dev_is_a_link

exec_cgroup()
{
        local path
        start_sleeper group
        for path in ../x .. /../x ./../../runb-groupx a/../../b; do
                run rt exec --cgroup "$path" group true
                [ "$rc" = 255 ] || fail "exec --cgroup $path gives $rc"
        done
        rt delete -f group
        for path in "/../x" "/a/../../../x" ".."; do
                bundle group2 '.linux.cgroupsPath = $p' --arg p "$path"
                run rt run -b "$B" group2
                want_failure
        done
}
check "2026: exec --cgroup and cgroupsPath with .. are refused" exec_cgroup

masked_folder()
{
        sh_bundle masked 'head -c 100000 /dev/zero > /sys/firmware/x && echo wrote; mkdir /sys/firmware/y && echo made
                df -k /sys/firmware | tail -n 1 | awk "{ print \$2 }"'
        run rt run -b "$B" masked
        want_out_without wrote
        want_out_without made
        [ "$(tail -n 1 "$T/out")" -le 4 ]
}
check "2026: a masked folder holds nothing" masked_folder

abstract_sockets()
{
        bundle net '.linux.namespaces |= map(select(.type != "network"))'
        run rt run -b "$B" net
        want_failure
        want_err_has network
        bundle net2 '.linux.namespaces |= map(if .type == "network" then .path = "/proc/1/ns/net" else . end)'
        run rt run -b "$B" net2
        want_failure
}
check "CVE-2020-15257: the host's network namespace, with its abstract sockets, is refused" abstract_sockets

device_rules()
{
        probe_bundle rules '/probe open /dev/kmsgx; /probe open /dev/fusex' \
                '.linux.resources.devices = [{allow: true, access: "rwm"}] |
                 .linux.devices = [{path: "/dev/kmsgx", type: "c", major: 1, minor: 11}, {path: "/dev/fusex", type: "c", major: 10, minor: 229}]'
        run rt run -b "$B" rules
        want_out_without opened
}
check "GHSA-g54h-m393-cpwq: an \"allow all\" rule opens no device" device_rules
finish
