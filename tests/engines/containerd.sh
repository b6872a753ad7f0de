#!/bin/bash
# containerd, driven by ctr, with the tested runtime; and a pod through its CRI socket where a client for it is there.
. "$(dirname "$0")/lib.sh"
need jq
containerd_start '"io.containerd.grpc.v1.cri"'
engine_leaves '/default$' "^$E/ctrd"
containerd_image || skip_all "containerd cannot import an image here"

crun_() { c run --runc-binary "$RUNB" "$@"; }

run_plain()
{
        run crun_ --rm localhost/bb:latest r1 sh -c 'id -u; echo err >&2; exit 7'
        want_rc 7
        want_out 0
        want_err_has err
        run crun_ --rm localhost/bb:latest r2 nope
        want_failure
        want_err_has "executable file not found in \$PATH"
        want_same "$(c task ls -q)" ""
}
check "ctr run: output and exit code; a missing program is named" run_plain

start() { c container ls -q | grep -qx "$1" || crun_ -d localhost/bb:latest "$1" sleep 1000; }

reports() { start e; reports_hold /run/containerd; }
check "ctr run: runb report finds it as it was made" reports

exec_in()
{
        start e
        run c task exec --exec-id x1 e sh -c 'echo hello; exit 5'
        want_rc 5
        want_out hello
        run c task exec --exec-id x2 e nope
        want_failure
        want_err_has "executable file not found in \$PATH"
        c task exec --exec-id x3 -d e touch /tmp/detached
        wait_for 5 c task exec --exec-id "x$RANDOM" e test -e /tmp/detached
}
check "ctr task exec, attached and detached" exec_in

exec_terminal()
{
        start e
        run "$lib_dir/tools/pty.py" 30x90 ctr -a "$E/ctrd/c.sock" task exec -t --exec-id t1 e \
                sh -c 'test -t 0 && echo terminal; sleep 0.5; stty size; read x; echo "read $x"'
        want_out_has terminal
        want_out_has "30 90"
        want_out_has "read typed"
}
check "ctr task exec -t: a terminal" exec_terminal

processes()
{
        start e
        run c task ps e
        want_rc 0
        want_match "$out" '[0-9]+'
        want_same "$(c task ls | awk '$1 == "e" {print $3}')" RUNNING
}
check "ctr task ps and ls" processes

pausing()
{
        start e
        c task pause e
        want_same "$(c task ls | awk '$1 == "e" {print $3}')" PAUSED
        c task resume e
        want_same "$(c task ls | awk '$1 == "e" {print $3}')" RUNNING
}
check "ctr task pause and resume" pausing

metrics()
{
        start e
        run c task metrics --format json e
        want_rc 0
        jq -e . "$T/out"
}
check "ctr task metrics" metrics

killing()
{
        start e
        c task kill -s SIGKILL e
        wait_for 10 eval '[ "$(c task ls | awk "\$1 == \"e\" {print \$3}")" = STOPPED ]'
        run c task kill -s SIGKILL e
        want_err_has "not found" # the stopped one: "process already finished"
        run c task delete e
        want_err_has "exit code 137"
        c container delete e
        want_same "$(c container ls -q)" ""
}
check "ctr task kill and delete; a second kill finds the process finished" killing

delete_force()
{
        crun_ -d localhost/bb:latest f sh -c 'sleep 1000 & sleep 1000; true'
        run c task delete --force f
        c container delete f
        want_same "$(c task ls -q)" ""
}
check "ctr task delete --force of a running task" delete_force

limits()
{
        grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
                skip_case "needs the memory controller"
        run crun_ --rm --memory-limit 67108864 localhost/bb:latest lim cat /proc/self/cgroup
        want_rc 0
        crun_ -d --memory-limit 67108864 localhost/bb:latest lim2 sleep 1000
        want_same "$(cat /sys/fs/cgroup/memory/default/lim2/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/default/lim2/memory.max)" 67108864
        c task delete --force lim2
        c container delete lim2
}
check "ctr run --memory-limit" limits

containerd_end
finish
