#!/bin/bash
# cgroups: host v2
# The host's network, processes, System V objects and name by a dated exception (runb-policy.json(5)): each by its own alone,
# recorded at each use, and nothing of the host's can be changed through it.
set -u
. "$(dirname "$0")/../lib.sh"
need jq unshare
is_runb || skip_all "other runtimes have no policy file"

P=/run/policy
mkdir -p -m 755 $P
# policy TOKENS [JQ-FILTER]: TOKENS are JSON strings with commas, none: no exception
policy()
{
        jq -n --argjson allow "[$1]" "{version: 1, revision: \"r1\", audit: {path: \"$P/audit.jsonl\"}} |
                if (\$allow | length) > 0 then .exceptions = [{id: \"EX-1\", profile: \"untrusted\", expires: \"2099-12-31\",
                reason: \"test\", approvedBy: \"test\", allow: \$allow}] else . end | ${2:-.}" > $P/policy.json
        chmod 644 $P/policy.json
        rm -f $P/audit.jsonl
}
rp() { rt --policy $P/policy.json "$@"; }
without() { echo ".linux.namespaces |= map(select(.type != \"$1\"))"; }
# p_run NAME SCRIPT [JQ-FILTER]
p_run()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        run rp run --bundle "$B" "$1"
}
p_start()
{
        bundle "$1" "(${2:-.}) | .process.args = [\"/bin/sleep\", \"1000\"]"
        rp create --bundle "$B" --pid-file "$T/$1.pid" "$1" < /dev/null > /dev/null 2> "$T/$1.err" || { cat "$T/$1.err"; return 1; }
        rp start "$1"
}
# by NAME RULE TOKEN: the audit file says which exception let it pass
by()
{
        jq -es --arg id "$1" --arg rule "$2" --arg token "$3" 'any(.[]; .event == "create" and .id == $id and any(.findings[];
                .action == "allowed" and .rule == $rule and .asked == $token and .got == "exception EX-1 until 2099-12-31"))' \
                $P/audit.jsonl > /dev/null || { cat $P/audit.jsonl; fail "$1: no record of $3"; }
}
# recorded NAME RULE TEXT
recorded()
{
        jq -es --arg id "$1" --arg rule "$2" --arg text "$3" 'any(.[]; .id == $id and any(.findings[]; .rule == $rule and
                (.got | contains($text))))' $P/audit.jsonl > /dev/null || { cat $P/audit.jsonl; fail "$1: $2 does not say: $3"; }
}
in_box='[ "$(awk "{ print \$2 }" /proc/self/uid_map)" != 0 ] && echo boxed; grep "^Seccomp:" /proc/self/status;'

network()
{
        local ask port=/proc/sys/net/ipv4/ip_unprivileged_port_start
        ask=$(without network)
        policy '"pid.host", "ipc.host", "uts.host"'
        p_run net 'echo ran' "$ask"
        want_rc 1
        want_err_has '"network.host"'
        policy '"network.host"'
        echo 500 > $port
        p_run net "$in_box"' readlink /proc/self/ns/net; ls /sys/class/net; ip link set lo down 2>&1' "$ask"
        want_failure
        want_out_has "$(readlink /proc/self/ns/net)"
        want_out_has boxed
        want_out_has $'Seccomp:\t2'
        want_out_has "not permitted"
        # The host's own are as they were.
        want_same "$(cat $port)" 500
        by net namespaces.network network.host
        recorded net egress 'not enforced'
        p_run net2 'readlink /proc/self/ns/net' '.linux.namespaces |= map(if .type == "network" then .path = "/proc/1/ns/net" else . end)'
        want_out "$(readlink /proc/self/ns/net)"
        by net2 namespaces.network network.host
        p_run net3 'echo ran' "$ask"' | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
        want_rc 1
        want_err_has '(sysctl)'
        p_run net4 'echo ran' "$ask"' | .linux.netDevices = {"lo": {}}'
        want_rc 1
        want_err_has 'private network namespace'
}
check "the host's network, of which nothing is changed; that egress is not enforced is recorded" network

# No table stands in the way of anybody, and containers of it are no pod.
network_lives()
{
        local ask pid a b
        ask=$(without network)
        policy '"network.host"'
        ip link set lo up 2>/dev/null || busybox ip link set lo up
        p_start one "$ask"
        p_start two "$ask"
        a=$(awk '{ print $2 }' "/proc/$(cat "$T/one.pid")/uid_map") b=$(awk '{ print $2 }' "/proc/$(cat "$T/two.pid")/uid_map")
        want_other "$a" "$b"
        busybox nc -l -p 9001 > "$T/got" < /dev/null &
        pid=$!
        wait_for 10 sh -c 'grep -q ":2329 0*:0000 0A" /proc/net/tcp /proc/net/tcp6'
        run rp exec one sh -c 'echo hello | nc 127.0.0.1 9001'
        wait "$pid"
        want_same "$(cat "$T/got")" hello
        run rp egress one
        want_rc 1
        want_err_has "no egress rules"
        run rp exec two true
        want_rc 0
        rp delete --force one
        rp delete --force two
}
check "exec works in the host's network, and two containers of it share no ids" network_lives

processes()
{
        local ask holder
        ask=$(without pid)
        SECRET=x sleep 600 &
        holder=$!
        policy '"network.host", "ipc.host", "uts.host"'
        p_run pids 'echo ran' "$ask"
        want_rc 1
        want_err_has '"pid.host"'
        policy '"pid.host"'
        p_run pids "$in_box readlink /proc/self/ns/pid; tr '\\0' ' ' < /proc/$holder/cmdline; kill -0 $holder 2>&1;
                cat /proc/$holder/environ 2>&1; ls /proc/$holder/root/ 2>&1; echo 1 2>&1 > /proc/sys/kernel/panic" "$ask"
        want_out_has boxed
        want_out_has "$(readlink /proc/self/ns/pid)"
        want_out_has 'sleep 600'
        want_out_has "can't kill pid $holder: Operation not permitted"
        want_out_has "environ': Permission denied"
        want_out_has "root/: Permission denied"
        want_out_without SECRET
        by pids namespaces.pid pid.host
        kill -KILL "$holder"
        p_start pids2 "$ask"
        run rp exec pids2 sh -c 'kill -0 1 2>&1; readlink /proc/self/ns/pid; sleep 1002 &'
        want_out_has "$(readlink /proc/self/ns/pid)"
        holder=$(cat "$T/pids2.pid")
        rp delete --force pids2
        # What exec had left behind has no init whose end would end it.
        wait_for 10 sh -c "! [ -e /proc/$holder ] && ! pgrep -f '[s]leep 1002'"
}
check "the host's processes are seen, not signalled and not read, and delete ends the container's own" processes

shared_memory()
{
        local ask
        ask=$(without ipc)
        policy ''
        p_run ipc 'readlink /proc/self/ns/ipc' "$ask"
        want_rc 0
        want_other "$out" "$(readlink /proc/self/ns/ipc)"
        policy '"ipc.host"'
        echo hello > /dev/shm/open; chmod 666 /dev/shm/open
        echo hello > /dev/shm/closed; chmod 600 /dev/shm/closed
        : > /dev/mqueue/queue
        p_run ipc 'readlink /proc/self/ns/ipc; ls /dev/mqueue; cat /dev/shm/open; cat /dev/shm/closed 2>&1; rm -f /dev/shm/open 2>&1
                echo mine > /dev/shm/mine; stat -c "%u" /dev/shm/mine /dev/shm/open' \
                "$ask"' | .mounts |= map(if .destination == "/dev/shm" then {destination, type: "bind", source: "/dev/shm", options: ["rbind"]} else . end)'
        want_rc 0
        want_out_has "$(readlink /proc/self/ns/ipc)"
        want_out_has queue
        want_out_has hello
        want_out_has "closed': Permission denied"
        want_out_has "not permitted"
        want_match "$out" $'\n0\n65534$'
        # Nobody's of the host, least of all root's.
        [ "$(stat -c %u /dev/shm/mine)" -ge 65536 ] || fail "a file of the host's root"
        by ipc namespaces.ipc ipc.host
        rm -f /dev/shm/open /dev/shm/closed /dev/shm/mine /dev/mqueue/queue
        p_run ipc2 'echo ran' "$ask"' | .linux.sysctl = {"kernel.shmmax": "1"}'
        want_rc 1
        want_err_has '(sysctl)'
}
check "the host's System V objects, queues and shared memory, as somebody whom none of it belongs to" shared_memory

name()
{
        local ask
        ask="$(without uts) | del(.hostname)"
        hostname machine 2>/dev/null || echo machine > /proc/sys/kernel/hostname
        policy '"uts.host"'
        p_run uts 'hostname; hostname other 2>&1' "$ask"
        want_failure
        want_out_has machine
        want_out_has 'not permitted'
        by uts namespaces.uts uts.host
        p_run uts2 'echo ran' "$(without uts)"
        want_rc 1
        want_err_has 'private UTS namespace'
        want_same "$(cat /proc/sys/kernel/hostname)" machine
        policy ''
        p_run uts3 'readlink /proc/self/ns/uts' "$(without uts)"
        want_rc 0
        want_other "$out" "$(readlink /proc/self/ns/uts)"
}
check "the host's name is seen and not set" name

all_four()
{
        policy '"network.host", "pid.host", "ipc.host", "uts.host"'
        p_run all "$in_box"' for i in net pid ipc uts mnt user; do readlink /proc/self/ns/$i; done' \
                'del(.hostname) | .linux.namespaces |= map(select(.type == "mount"))'
        want_rc 0
        want_out_has boxed
        want_out_has $'Seccomp:\t2'
        local kind
        for kind in net pid ipc uts; do want_out_has "$(readlink /proc/self/ns/$kind)"; done
        for kind in mnt user; do want_out_without "$(readlink /proc/self/ns/$kind)"; done
        p_run none 'echo ran' 'del(.hostname) | .linux.namespaces = []'
        want_rc 1
        want_err_has 'namespaces.mount'
        policy '"network.host"' '.exceptions[0].expires = "2020-01-01"'
        p_run over 'echo ran' "$(without network)"
        want_rc 1
        want_err_has 'exception EX-1 renewed, which ended with 2020-01-01'
        policy '"network.host"' '.exceptions[0].profile = "branch"'
        p_run other 'echo ran' "$(without network)"
        want_rc 1
}
check "all four together leave the user and mount namespaces; an exception that has ended, or another profile's, is none" all_four

device()
{
        local ask='.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438}] |
                .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
        policy '"device:/dev/net/tun"'
        p_run dev 'echo ran' "$ask"
        want_rc 1
        want_err_has '"device:/dev/fuse"'
        policy '"device:/dev/fuse"'
        p_run dev 'stat -c "%F %t:%T" /dev/fuse; (: < /dev/fuse) 2>&1' "$ask"
        want_out_has "character special file a:e5"
        want_out_without "not permitted"
        by dev devices device:/dev/fuse
        # Another device by that name.
        p_run dev2 'echo ran' "${ask//229/200}"
        want_rc 1
        policy "\"device:$P/link\""
        ln -sfn /dev/fuse $P/link
        p_run dev3 'echo ran' "$ask"
        want_rc 1
        p_run dev4 'echo ran' '.mounts += [{destination: "/dev/fuse", type: "bind", source: "/dev/fuse", options: ["bind"]}]'
        want_rc 1
        policy '"device:/dev/fuse"'
        p_run dev4 '(: < /dev/fuse) 2>&1' '.mounts += [{destination: "/dev/fuse", type: "bind", source: "/dev/fuse", options: ["bind"]}] |
                .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
        want_out_without "not permitted"
}
check "a device is the one that the host has at the path" device

leave_cgroup()
{
        sh -c 'echo $PPID' > /sys/fs/cgroup/cgroup.procs
        rmdir /sys/fs/cgroup/plain/main /sys/fs/cgroup/plain || true
}
plain_user()
{
        local user="setpriv --reuid 1234 --regid 1234 --clear-groups env -u XDG_RUNTIME_DIR" kinds="net ipc uts" kind holder
        local keep='"mount", "pid"' options="--cgroup-manager disabled" own=/sys/fs/cgroup/plain
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        policy '"network.host", "pid.host", "ipc.host", "uts.host"' 'del(.audit)'
        # Without a pid namespace of its own it needs a cgroup, which can be ended: one that is delegated.
        if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
                mkdir -p $own/main
                chown 1234:1234 $own $own/main $own/cgroup.procs $own/main/cgroup.procs $own/cgroup.subtree_control
                sh -c 'echo $PPID' > $own/main/cgroup.procs
                trap leave_cgroup EXIT
                kinds+=" pid" keep='"mount"' options=
        fi
        sleep 600 &
        holder=$!
        bundle plain "del(.hostname, .linux.cgroupsPath) | .process.args = [\"/bin/sh\", \"-c\", \$c] | .linux.namespaces |= map(select(.type | IN($keep))) |
                .mounts |= map(select(.type != \"cgroup\"))" --arg c "for i in net pid ipc uts; do readlink /proc/self/ns/\$i; done
                awk '\$5 ~ \"^/(proc|sys|dev/mqueue)\$\" { print \$5, \$6 }' /proc/self/mountinfo; tr '\\0' ' ' < /proc/$holder/cmdline
                kill -0 $holder 2>&1"
        chown -hR 1234:1234 "$B"; chmod 755 "$T"; mkdir -m 700 "$T/user" "$T/user/xdg"; chown -R 1234:1234 "$T/user"
        start_it() { run $user XDG_RUNTIME_DIR="$T/user/xdg" "$(everybodys_runb)" --root "$T/user/state" --policy $P/policy.json $options "$@"; }
        start_it run --bundle "$B" plain
        kill -KILL $holder
        for kind in $kinds; do want_out_has "$(readlink /proc/self/ns/$kind)"; done
        want_match "$out" '/proc [a-z,]*nosuid'
        want_match "$out" '/sys ro,nosuid'
        want_out_has '/dev/mqueue '
        jq '.process.args = ["/bin/sleep", "1000"]' "$B/config.json" > "$T/c"; cat "$T/c" > "$B/config.json"
        start_it run --detach --bundle "$B" plain2 < /dev/null > /dev/null
        want_rc 0
        start_it exec plain2 readlink /proc/self/ns/net
        want_out "$(readlink /proc/self/ns/net)"
        if [ "$keep" = '"mount"' ]; then
                start_it exec plain2 sh -c "readlink /proc/self/ns/pid; tr '\\0' ' ' < /proc/$$/cmdline"
                want_out_has "$(readlink /proc/self/ns/pid)"
                want_out_has bash
        fi
        start_it delete --force plain2
        want_rc 0
        options="--cgroup-manager disabled"
        jq '.linux.namespaces |= map(select(.type == "mount"))' "$B/config.json" > "$T/c"; cat "$T/c" > "$B/config.json"
        start_it run --bundle "$B" plain3
        want_rc 1
        want_err_has '(limits.wall)'
}
check "for a plain user, who can mount none of the host's kernel file systems: they are bound" plain_user

finish
