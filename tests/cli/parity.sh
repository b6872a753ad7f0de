#!/bin/bash
# What people and scripts know of runc's newest release and engines do not use: flags, texts, the log, `spec`. Run by runc too
# (RUNB=/usr/sbin/runc); what Debian's runc does not have yet is marked by is_runb.
# cgroups: host v2
. "$(dirname "$0")/../lib.sh"
need jq python3

# ---- spec

# A field that differs from runc's has its reason here.
known_differences='
        del(.ociVersion)                                # each its own
        | del(.hostname)                                # the name of the program
        | del(.process.capabilities)                    # runc: three, of which a build has no use; here: what a build gets
        | .linux.namespaces |= (map(.type) - ["cgroup"] | sort) # runc: on cgroup v2 only; here it is always an own one
        | .linux.maskedPaths -= ["/sys/devices/virtual/tpm"]    # newer than Debian 12'"'"'s runc
        | .linux.resources |= (if . == {} then null else . end)'
rootless_differences='
        | .linux.namespaces -= ["network", "user"]      # runc: the host'"'"'s network, which is refused here
        | del(.linux.uidMappings, .linux.gidMappings)   # found out: the caller'"'"'s own range, or the one id
        | .mounts |= map(select(.destination != "/sys"))'       # runc: a bind, since the network is the host'"'"'s
same_spec() # FILTER OPTION...
{
        local filter=$1 program
        shift
        for program in "$runc" "$RUNB"; do
                rm -rf "$T/spec" && mkdir "$T/spec"
                "$program" spec "$@" --bundle "$T/spec"
                jq -S "$filter" "$T/spec/config.json" > "$T/spec.$(basename "$program")"
        done
        diff "$T/spec.$(basename "$runc")" "$T/spec.$(basename "$RUNB")"
}
runc=$(command -v runc)
if is_runb && [ -n "$runc" ]; then
        check "spec writes runc's document but for what has its reason" same_spec "$known_differences"
        check "spec --rootless writes runc's document but for what has its reason" same_spec \
                "$known_differences$rootless_differences" --rootless
fi

# ---- the log

log_fields()
{
        local line='^time="20[0-9T:.-]*(Z|[+-][0-9:]{5})" level=error msg="?container does not exist"?$'
        rm -f "$T/text.log" "$T/json.log"
        for n in 1 2; do
                run rt --log "$T/text.log" state nobody
                run rt --log "$T/json.log" --log-format json state nobody
        done
        want_same "$(grep -cE "$line" "$T/text.log")" 2
        want_same "$(jq -r 'keys | join(" ")' "$T/json.log" | sort -u)" "level msg time"
        want_same "$(jq -rs 'length' "$T/json.log")" 2
        [ "$(stat -c %a "$T/json.log")" = 644 ] || fail "mode $(stat -c %a "$T/json.log")"
}
check "log lines have time, level and msg, as text and as JSON, and are appended" log_fields

debug_trace()
{
        is_runb || return 0
        bundle trace '.process.args = ["sh", "-c", "true ARGUMENT-SECRET"] | .process.env += ["TOKEN=ENV-SECRET", "LD_PRELOAD=ENV-SECRET"]
                | .annotations = {"note": "ANNOTATION-SECRET"} | .process.noNewPrivileges = false
                | .mounts += [{destination: "/data", type: "bind", source: "/usr", options: ["ro", "rbind"]}]'
        rm -f "$T/trace.log"
        rt --debug --log "$T/trace.log" --log-format json create --bundle "$B" --pid-file "$T/trace.pid" trace < /dev/null > /dev/null
        rt --debug --log "$T/trace.log" --log-format json exec -e "MORE=ENV-SECRET" trace true ARGUMENT-SECRET
        rt --debug --log "$T/trace.log" --log-format json start trace
        rt --debug --log "$T/trace.log" --log-format json delete --force trace
        out=$(jq -r .msg "$T/trace.log")
        want_out_has "bundle $B, rootfs $B/rootfs"
        want_out_has "policy: tightened process.noNewPrivileges: asked for false, got true"
        want_out_has "user namespace: a new one"
        want_out_has "mount /data: bind"
        want_out_has "program sh with 2 more arguments"
        want_out_has "container init is process $(cat "$T/trace.pid")"
        want_out_has "has executed true"
        want_out_has "its program has been executed"
        want_out_has "its ids are free again"
        want_out_without SECRET
        # Without --debug, nothing.
        rm -f "$T/quiet.log"
        rt --log "$T/quiet.log" run --bundle "$B" quiet
        want_same "$(cat "$T/quiet.log")" ""
}
check "--debug logs each step, and no value of the environment, argument or annotation" debug_trace

# ---- where the state lies

runtime_dir()
{
        local plain=$T/plain
        is_runb || return 0     # the folder's name
        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        bundle plain-bundle '.process.args = ["echo", "here"]'
        mkdir -p -m 700 "$plain/xdg"
        cp -a "$B" "$plain/bundle"
        install -m 755 "$RUNB" "$plain/runb"
        chown -R 1000:1000 "$plain"
        chmod 755 "$T"
        as_plain() { run setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" "$@" "$plain/runb" --cgroup-manager disabled \
                run --bundle "$plain/bundle" plain; }
        as_plain XDG_RUNTIME_DIR="$plain/xdg" USER=somebody
        want_rc 0
        want_out here
        # Sticky: systemd-tmpfiles leaves such a folder alone (XDG base directory specification).
        want_same "$(stat -c '%a %u' "$plain/xdg/runb/containers")" "1700 1000"
        as_plain XDG_RUNTIME_DIR=/nonexistent/xdg
        want_rc 1
        want_match "$(wc -l < "$T/err")" '^1$'
}
check "a plain user's state lies in XDG_RUNTIME_DIR, sticky" runtime_dir

# ---- options without an effect

warned()
{
        start_sleeper warned
        run rt update --kernel-memory 5000000 --kernel-memory-tcp 1 warned
        want_rc 0
        want_err_has "level=warning msg=\"Kernel memory settings are ignored and will be removed\""
        run rt --criu /x state warned
        want_rc 0
        is_runb || { rt delete --force warned; return 0; }
        want_err ""
        run rt --debug --criu /x state warned
        want_err_has "--criu ignored"
        rt delete --force warned
}
check "update --kernel-memory says that it is ignored; --criu does where --debug asks" warned

rdt()
{
        [ ! -e /sys/fs/resctrl/schemata ] || skip_case "this machine has resctrl"
        start_sleeper rdt
        run rt update --l3-cache-schema "L3:0=f" rdt
        want_failure
        want_err_has "Intel RDT/CAT: l3 cache schema is not enabled"
        run rt update --mem-bw-schema "MB:0=20" rdt
        want_failure
        want_err_has "Intel RDT/MBA: memory bandwidth schema is not enabled"
        rt delete --force rdt
}
check "update of cache and bandwidth schemata fails in runc's words where there is no resctrl" rdt

# ---- create and run

config_elsewhere()
{
        is_runb || return 0     # crun's
        bundle other '.process.args = ["false"]'
        jq '.process.args = ["echo", "from elsewhere"]' "$B/config.json" > "$T/other.json"
        for flag in "--config $T/other.json" "-f $T/other.json" "--config=$T/other.json"; do
                run rt run --bundle "$B" $flag other
                want_rc 0
                want_out "from elsewhere"
        done
        cd "$T"
        run rt run --bundle "$B" --config other.json other
        want_out "from elsewhere"
        run rt run --bundle "$B" --config none.json other
        want_failure
        want_err_has "none.json"
        rt create --detach --bundle "$B" other < /dev/null > /dev/null 2>&1
        rt delete --force other
}
check "--config names another file than the bundle's, create takes --detach" config_elsewhere

relative_source()
{
        bundle relative '.process.args = ["cat", "/data/f"] |
                .mounts += [{destination: "/data", type: "bind", source: "of-the-bundle", options: ["bind"]}]'
        mkdir -p "$B/of-the-bundle"
        echo found > "$B/of-the-bundle/f"
        cd /
        run rt run --bundle "$B" relative
        want_rc 0
        want_out found
}
check "a relative source of a mount counts from the bundle" relative_source

plain_lines()
{
        bundle lines '.process.terminal = true | .process.args = ["sh", "-c", "echo a; echo b"]'
        "$lib_dir/tools/pty.py" 30x70 "$RUNB" --root "$T/state" run --bundle "$B" lines > "$T/lines.out"
        want_same "$(od -An -c "$T/lines.out" | tr -d ' ')" 'a\nb\n'
}
check "run with a terminal ends lines with a line feed alone (ONLCR is off)" plain_lines

failed_hooks()
{
        printf '#!/bin/sh\necho said; exit 3\n' > "$T/fails" && chmod 755 "$T/fails"
        for kind in prestart createRuntime poststart; do
                bundle hooked ".hooks.$kind = [{path: \"/bin/true\"}, {path: \$h}]" --arg h "$T/fails"
                run rt run --bundle "$B" hooked
                want_rc 1
                want_err_has "$(basename "$RUNB") run failed: "
                want_err_has "hook #1: "
                want_err_has "exit status 3, stdout: said"
                is_runb || continue     # 1.1 does not say which kind
                want_err_has "error running $kind hook #1: exit status 3"
                [ $kind = poststart ] || want_err_has "unable to start container process: error during container init: error running"
                want_same "$(rt list -q)" ""
        done
}
check "a hook that fails is named by kind and number, with its status and output" failed_hooks

# ---- pidfds

cat > "$T/pidfd.py" << 'EOF'
"""pidfd.py SOCKET COMMAND...: takes the pidfd that the command sends, and says whose it is."""
import array, os, socket, subprocess, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
server.settimeout(20)
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
connection, _ = server.accept()
data, ancillary, flags, address = connection.recvmsg(4096, socket.CMSG_SPACE(16))
fds = array.array("i")
for level, kind, value in ancillary:
    fds.frombytes(value[:len(value) - len(value) % 4])
pid = [line.split()[1] for line in open("/proc/self/fdinfo/%d" % fds[0]) if line.startswith("Pid:")][0]
print("fds", len(fds), "pid", pid, "program", open("/proc/%s/comm" % pid).read().strip() if len(sys.argv) > 2 else "")
connection.close()
sys.exit(child.wait())
EOF
pidfd_sockets()
{
        is_runb || return 0     # runc 1.2
        bundle pidfd '.process.args = ["sleep", "1000"]'
        for command in create "run --detach"; do
                rm -f "$T/pidfd.sock"
                run python3 "$T/pidfd.py" "$T/pidfd.sock" "$RUNB" --root "$T/state" $command --pid-file "$T/pidfd.pid" \
                        --pidfd-socket "$T/pidfd.sock" --bundle "$B" pidfd
                want_rc 0
                want_match "$out" "^fds 1 pid $(cat "$T/pidfd.pid") "
                [ "$command" = create ] && rt delete --force pidfd
        done
        rm -f "$T/pidfd.sock"
        run python3 "$T/pidfd.py" "$T/pidfd.sock" "$RUNB" --root "$T/state" exec --detach --pid-file "$T/pidfd.pid" \
                --pidfd-socket "$T/pidfd.sock" pidfd sleep 1000
        want_rc 0
        want_match "$out" "^fds 1 pid $(cat "$T/pidfd.pid") "
        run rt exec --pidfd-socket "$T/nothing.sock" pidfd true
        want_rc 255
        want_err_has "--pidfd-socket"
        rt delete --force pidfd
}
check "--pidfd-socket of create, run and exec sends the pidfd of the process" pidfd_sockets

# ---- exec

sub_cgroups()
{
        local v1 place
        v1=$(ls -d /sys/fs/cgroup/freezer /sys/fs/cgroup/pids 2> /dev/null | wc -l)
        start_sleeper sub '.linux.cgroupsPath = "/sub"'
        if [ "$v1" = 2 ]; then
                place=/sys/fs/cgroup/pids/sub
                mkdir /sys/fs/cgroup/pids/sub/below /sys/fs/cgroup/freezer/sub/below
                for arguments in "--cgroup pids:/below" "--cgroup=pids,freezer:below" "--cgroup pids:below --cgroup freezer:/below"; do
                        run rt exec $arguments sub cat /proc/self/cgroup
                        want_rc 0
                        want_match "$out" ':pids:/.*below'
                        case $arguments in
                        *freezer*) want_match "$out" ':freezer:/.*below';;
                        *) grep -v :pids: "$T/out" | grep below && fail "others moved, too";;
                        esac
                done
                for arguments in "--cgroup none:/below" "--cgroup :/below" "--cgroup pids:/below --cgroup pids:/" "--cgroup pids:/below --cgroup /below" \
                        "--cgroup pids:/../../x" "--cgroup pids:/none"; do
                        run rt exec $arguments sub true
                        case $arguments in *"--cgroup pids:/") is_runb || continue;; esac       # 1.1 takes the last
                        want_rc 255
                        grep -qi cgroup "$T/err"
                done
                rmdir /sys/fs/cgroup/pids/sub/below /sys/fs/cgroup/freezer/sub/below
        else
                place=$(find /sys/fs/cgroup -type d -path '*/sub' | head -n 1)
                [ -n "$place" ] || { rt delete --force sub; skip_case "no cgroup found"; }
                mkdir "$place/below"
                run rt exec --cgroup /below sub cat /proc/self/cgroup
                want_rc 0
                want_match "$out" 'below$'
                is_runb && { run rt exec --cgroup pids:/below sub true; want_rc 255; }
                rmdir "$place/below"
        fi
        rt delete --force sub
}
check "exec --cgroup puts the process below the container's cgroup, under v1 by controller" sub_cgroups

more_exec()
{
        start_sleeper more
        run rt exec -e A=1 -e "B=2 3" --cwd /tmp -u 7:8 -g 9 -g 10 more sh -c 'echo "$A $B"; pwd; id -u; id -G'
        want_rc 0
        want_out "1 2 3
/tmp
7
8 9 10"
        run rt exec -c CAP_CHOWN -c CAP_KILL more true
        want_rc 0
        # What follows the command is its own.
        run rt exec more echo --cwd /nowhere -t
        want_out "--cwd /nowhere -t"
        is_runb || { rt delete --force more; return 0; }
        run rt exec --cap CAP_NONE more true
        want_rc 255
        want_err_has "CAP_NONE"
        run rt exec -g x more true
        want_rc 255
        run rt exec --cwd relative more true
        want_rc 255
        if [ ! -e /sys/kernel/security/apparmor/profiles ]; then
                run rt exec --apparmor no-such-profile more true
                want_rc 255
        fi
        rt delete --force more
}
check "exec takes its short flags, and leaves alone what follows the command" more_exec

paused_exec()
{
        start_sleeper frozen
        rt pause frozen
        rt exec --ignore-paused frozen echo thawed > "$T/thawed" 2>&1 &
        sleep 0.5
        kill -0 $!
        want_same "$(cat "$T/thawed")" ""
        rt resume frozen
        wait $!
        want_same "$(cat "$T/thawed")" thawed
        rt delete --force frozen
}
check "exec --ignore-paused waits for the thaw" paused_exec

# ---- kill

kill_arguments()
{
        start_sleeper kills
        run rt kill kills -9
        want_failure
        is_runb && want_err_has 'unknown signal "-9"'
        want_same "$(status_of kills)" running
        run rt kill --all kills 0
        want_rc 0
        run rt kill kills KILL
        want_rc 0
        wait_for 5 has_status kills stopped
        rt delete kills
}
check "kill takes no flags behind the id" kill_arguments

# Without a pid namespace of its own init can end and leave the others.
shared_pid_namespace()
{
        is_runb || return 0     # it joins by another way
        start_sleeper holder
        bundle guest '.process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & exec sleep 1000"] |
                (.linux.namespaces[] | select(.type == "pid")) += {path: $p}' --arg p "/proc/$(cat "$T/holder.pid")/ns/pid"
        for end in "kill guest KILL" "kill --all guest TERM" "delete --force guest"; do
                run rt create --bundle "$B" --pid-file "$T/guest.pid" guest
                want_rc 0
                rt start guest
                wait_for 5 sh -c "[ \$('$RUNB' --root '$T/state' ps -f json guest | jq length) = 3 ]"
                pids=$(rt ps -f json guest | jq -r '.[]')
                rt $end
                for pid in $pids; do
                        wait_for 5 sh -c "! grep -q '^State:.[RSD]' /proc/$pid/status"
                done
                want_same "$(status_of holder)" running
                rt delete --force guest
        done
        # Init alone has ended: SIGKILL is for those that are left.
        rt create --bundle "$B" --pid-file "$T/guest.pid" guest < /dev/null > /dev/null 2>&1
        rt start guest
        wait_for 5 sh -c "[ \$('$RUNB' --root '$T/state' ps -f json guest | jq length) = 3 ]"
        pids=$(rt ps -f json guest | jq -r '.[]')
        kill -KILL "$(cat "$T/guest.pid")"
        wait_for 5 has_status guest stopped
        run rt kill guest TERM
        want_rc 1
        want_err_has "container not running"
        run rt kill guest KILL
        want_rc 0
        for pid in $pids; do wait_for 5 sh -c "! grep -q '^State:.[RSD]' /proc/$pid/status"; done
        rt delete guest
        rt delete --force holder
}
check "a kill reaches all processes of a container in a shared pid namespace, and no others" shared_pid_namespace

finish
