#!/bin/bash
# What breaks a drop-in if forgotten, in the words of engines' traces. Those that another file holds are named here:
#   default --root and XDG_RUNTIME_DIR, --version, unknown flags, spellings ............ contract_global.sh
#   errno texts, pid file, inherited fds, signals, subreaper, create's args look-up .... contract_create.sh
#   zombies, delete --force of unknown ids, bare environment ........................... contract_kill_delete.sh
#   zeros of update, silence on stderr ................................................. contract_state.sh
#   --tty with --process, 255 without a pid file ....................................... contract_exec.sh
#   foreground run, --keep, forwarded signals .......................................... contract_run.sh
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3

other_name()
{
        # podman goes by the binary's name: a link named runc is the same runtime.
        mkdir -p "$T/bin"
        ln -sfn "$(realpath "$RUNB")" "$T/bin/runc"
        bundle name '.process.args = ["echo", "linked"]'
        run "$T/bin/runc" --root "$T/state" run --bundle "$B" name
        want_rc 0
        want_out linked
}
check "called through a link named runc it is the same runtime" other_name

one_log_line()
{
        # podman decodes the whole log file as one object.
        bundle log '.process.args = ["nope"] | .process.rlimits = [] | .linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]}'
        rm -f "$T/one.json"
        run rt --log "$T/one.json" --log-format=json create --bundle "$B" log
        want_failure
        want_same "$(wc -l < "$T/one.json")" 1
        jq -se 'length == 1 and .[0].level == "error"' "$T/one.json"
}
check "a failing create leaves exactly one JSON object in the log" one_log_line

quiet_success()
{
        # What is cut or recorded is never said on stderr or in the log of a call that succeeds.
        bundle quiet '.process.capabilities.bounding += ["CAP_NET_RAW", "CAP_MKNOD"] | .process.oomScoreAdj = 0'
        rm -f "$T/quiet.json"
        run rt --log "$T/quiet.json" --log-format=json run --bundle "$B" quiet
        want_rc 0
        want_err ""
        [ ! -s "$T/quiet.json" ]
}
check "a call that succeeds says nothing on stderr or in the log" quiet_success

closed_pipes()
{
        # buildah's far pipe ends: a runtime that keeps them leaves no end of file.
        bundle pipes '.process.args = ["sh", "-c", "sleep 1000"]'
        run "$(command -v python3)" - "$RUNB" "$T/state" "$B" << 'END'
import os, select, subprocess, sys
runtime, root, bundle = sys.argv[1:]
r, w = os.pipe()
os.set_inheritable(w, True)
subprocess.run([runtime, "--root", root, "create", "--bundle", bundle, "pipes"], close_fds=False,
               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
os.close(w)
print("end of file" if select.select([r], [], [], 3)[0] and os.read(r, 1) == b"" else "held open")
END
        rt delete --force pipes
        want_out "end of file"
}
check "no inherited pipe end is held by a created container" closed_pipes

cgroup_until_delete()
{
        bundle cg '.linux.cgroupsPath = "/cgkeep"'
        rt create --bundle "$B" cg < /dev/null > /dev/null 2>&1
        rt start cg
        wait_for 5 has_status cg stopped
        find /sys/fs/cgroup -type d -name cgkeep | grep -q .
        rt delete cg
        find /sys/fs/cgroup -type d -name cgkeep | { ! grep .; }
}
check "the cgroup stays until delete, and goes with it" cgroup_until_delete

prestart_hook()
{
        # docker 20.10: reads the state from stdin in the host's namespaces, before the pivot, for every container.
        cat > "$T/prestart.sh" << END
#!/bin/sh
cat > "$T/prestart.json"
readlink /proc/self/ns/mnt > "$T/prestart.mnt"
pid=\$(jq .pid "$T/prestart.json")
readlink /proc/\$pid/ns/net > "$T/prestart.net"
END
        chmod 755 "$T/prestart.sh"
        bundle pre '.hooks.prestart = [{"path": $h, "args": ["prestart", "x"], "env": ["PATH=/usr/bin:/bin"]}] | .process.args = ["readlink", "/proc/self/ns/net"]' --arg h "$T/prestart.sh"
        run rt run --bundle "$B" pre
        want_rc 0
        jq -e '.id == "pre" and (.status == "creating" or .status == "created") and .bundle == $b and .pid > 1' --arg b "$B" "$T/prestart.json"
        want_same "$(cat "$T/prestart.mnt")" "$(readlink /proc/self/ns/mnt)"
        want_same "$(cat "$T/prestart.net")" "$out"
}
check "a prestart hook gets the state with the pid, in the host's namespaces, once the network namespace exists" prestart_hook

wrapper_script()
{
        # docker wraps a runtime with arguments in a script.
        printf '#!/bin/sh\n%s --debug $@\n' "$RUNB" > "$T/wrapped" && chmod 755 "$T/wrapped"
        bundle wrap '.process.args = ["echo", "wrapped"]'
        run "$T/wrapped" --root "$T/state" run --bundle "$B" wrap
        want_rc 0
        want_out_has wrapped
}
check "it works behind docker's wrapper script" wrapper_script

spellings()
{
        bundle spell '.process.args = ["/bin/sleep", "1000"]'
        rt --log="$T/l" --log-format=json create -b "$B" --pid-file="$T/s.pid" --no-pivot spell < /dev/null > /dev/null 2>&1
        rt start spell
        echo '{}' > "$T/r.json"
        rt update --resources="$T/r.json" spell
        rt update --resources=- spell < "$T/r.json"
        rt update --resources - spell < "$T/r.json"
        rt update -r "$T/r.json" spell
        jq '.process | .args = ["true"]' "$lib_dir/data/config.json" > "$T/p.json"
        rt exec -p "$T/p.json" -d --pid-file "$T/e.pid" spell < /dev/null > /dev/null 2>&1
        rt ps -f json spell
        rt kill -a spell 9
        wait_for 5 has_status spell stopped
        rt delete -f spell
}
check "the short and long spellings that engines use are all taken" spellings

joined_network()
{
        # podman's network namespace by path, owned by the host: sysfs shows its interfaces, and nobody inside owns it.
        ip netns add given
        ip -n given link add v1 type veth peer name v2
        bundle join '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/given" | .process.args = ["sh", "-c", "ls /sys/class/net | tr \"\\n\" \" \"; ip link set v1 up; echo $?"]'
        rt run --bundle "$B" join > "$T/out" 2> "$T/err" && rc=0 || rc=$?
        ip netns del given
        umount /run/netns
        cat "$T/out" "$T/err"
        want_rc 0
        grep -q "lo v1 v2" "$T/out"
        is_runb && want_other "$(tail -n 1 "$T/out")" "lo v1 v2 0"
        return 0
}
check "an engine's network namespace by path is joined; sysfs shows its interfaces" joined_network

low_ports()
{
        bundle low '.process.args = ["sh", "-c", "(echo pong | nc -l -p 80 &) ; sleep 1; nc 127.0.0.1 80 < /dev/null"]'
        run rt run --bundle "$B" low
        want_out pong
}
check "a server on port 80 works on loopback" low_ports

files_on_disk()
{
        bundle disk '.process.args = ["sh", "-c", "echo x > /made; mkdir /d; chown 33:44 /d; ln -s x /l; stat -c %u:%g /bin/busybox /made /d /dev/shm /tmp"]'
        run rt run --bundle "$B" disk
        want_rc 0
        want_out "0:0
0:0
33:44
0:0
0:0"
        want_same "$(stat -c %u:%g "$B/rootfs/made")" 0:0
        want_same "$(stat -c %u:%g "$B/rootfs/d")" 33:44
}
check "ids on disk are those that the engine expects" files_on_disk

memory_1m()
{
        grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
                skip_case "needs the memory controller"
        is_runb || return 0
        bundle tiny '.linux.resources.memory.limit = 1048576 | .process.args = ["/bin/true"]'
        run rt run --bundle "$B" tiny
        want_rc 0
}
check "a container with a memory limit of 1 MiB starts" memory_1m

# podman 5 asks for it for the first container of a pod.
readonly_dev()
{
        bundle rodev '.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end) | .root.readonly = true |
                .mounts += [{destination: "/ro", type: "tmpfs", source: "tmpfs", options: ["ro"]},
                            {destination: "/ro/below", type: "tmpfs", source: "tmpfs"}] |
                .process.cwd = "/ro/made" |
                .process.args = ["sh", "-c", "pwd; ls /dev | sort | tr \"\\n\" \" \"; echo x > /ro/below/f && echo below; for d in /dev /ro /; do touch $d/x 2>/dev/null || echo $d; done; echo y > /dev/null && echo null"]'
        mkdir -p "$B/rootfs/ro"
        run rt run --bundle "$B" rodev
        want_rc 0
        want_out_has "/ro/made"
        want_match "$out" ' null ptmx pts .*zero'
        want_out_has $'below\n/dev\n/ro\n/\nnull'
}
check "a read-only tmpfs has the mounts, nodes and working folder inside it made first" readonly_dev

limit_kept()
{
        [ -d /sys/fs/cgroup/pids ] || grep -qsw pids /sys/fs/cgroup/cgroup.controllers || skip_case "needs the pids controller"
        start_sleeper kept
        jq -e '[.findings[] | select(.rule == "limits")] | length == 0' "$T/state/kept/state.json"
        rt delete -f kept
}
is_runb && check "where there is a controller no limit is left out, and none is said to be" limit_kept

# What podman with --cgroups=disabled says. No cgroup is made, and the commands that come after find that out themselves.
no_cgroup()
{
        bundle nocg '.process.args = ["/bin/sleep", "1000"] | .linux.resources = {}'
        before=$(find /sys/fs/cgroup -type d | sort)
        run "$RUNB" --root "$T/state" --cgroup-manager disabled create --bundle "$B" --pid-file "$T/nocg.pid" nocg < /dev/null > /dev/null
        want_rc 0
        want_err ""
        rt start nocg
        want_same "$(status_of nocg)" running
        jq -e '[.findings[] | select(.rule == "limits" and .asked == "pids")] | length == 1' "$T/state/nocg/state.json"
        # Where the caller is.
        want_same "$(cat "/proc/$(cat "$T/nocg.pid")/cgroup")" "$(cat /proc/self/cgroup)"
        want_same "$(find /sys/fs/cgroup -type d | sort)" "$before"
        run rt exec nocg echo beside
        want_out beside
        run rt ps -f json nocg
        ps_rc=$rc ps_err=$err
        run rt pause nocg
        pause_rc=$rc pause_err=$err
        run rt kill nocg KILL
        want_rc 0
        wait_for 5 has_status nocg stopped
        rt delete nocg
        want_same "$(find /sys/fs/cgroup -type d | sort)" "$before"
        if is_runb; then
                want_other "$ps_rc" 0
                want_other "$pause_rc" 0
                want_match "$ps_err$pause_err" cgroup
                # A limit that somebody asks for needs one.
                bundle nocg2 '.process.args = ["true"] | .linux.resources.pids.limit = 10'
                run "$RUNB" --root "$T/state" --cgroup-manager disabled create --bundle "$B" nocg2
                want_failure
                want_err_has "--cgroup-manager disabled makes no cgroup"
                want_same "$(find /sys/fs/cgroup -type d | sort)" "$before"
        fi
}
is_runb && check "--cgroup-manager disabled before create: no cgroup is made, and no limit is forgotten in silence" no_cgroup

finish
