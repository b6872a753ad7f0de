#!/bin/bash
# runb report: it holds as it was made, and names each control that the host weakens by hand, one at a time.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/report_lib.sh"

it_holds()
{
        sleeper a
        want_holding a
        run rt report a
        want_rc 0
        want_out_has "a (running, profile untrusted) holds"
        for word in PROCESSES NAMESPACES MOUNTS NETWORK LIMITS CONTROLS "inet runb" sleep; do want_out_has "$word"; done
        run rt report --format json a
        want_same "$(echo "$out" | jq -r '.processes | length')" 1
        want_same "$(echo "$out" | jq -r '.processes[0] | [.name, .noNewPrivs, .seccomp.mode, .isInCgroup] | join(" ")')" "sleep true 2 true"
        want_same "$(echo "$out" | jq -r '.processes[0].capabilities.ambient | length')" 0
        want_same "$(echo "$out" | jq -r '.namespaces[] | select(.type == "user") | .ownerUid')" "$(jq '.uidMap[0][1]' "$T/state/a/state.json")"
        want_same "$(echo "$out" | jq -r '.network.tables[0] | .family + " " + .name')" "inet runb"
        rt delete -f a
}
it_holds_before_start()
{
        bundle b
        rt create --bundle "$B" b < /dev/null > /dev/null
        want_holding b
        rt delete -f b
}
it_holds_with_all_sorts()
{
        mkdir -p "$T/data/sub" "$T/ro"
        echo x > "$T/file"
        bundle c '.mounts += [ { destination: "/data", type: "bind", source: $d, options: ["rbind", "rw"] },
                                { destination: "/ro", type: "bind", source: $r, options: ["bind", "ro"] },
                                { destination: "/etc/resolv.conf", type: "bind", source: $f, options: ["bind", "ro"] },
                                { destination: "/var/run/x", type: "tmpfs", source: "tmpfs", options: ["ro", "size=1m"] },
                                { destination: "/work", type: "tmpfs", source: "tmpfs" },
                                { destination: "/work/deep", type: "tmpfs", source: "tmpfs", options: ["noexec"] } ]
                  | .root.readonly = true | .process.args = ["/bin/sleep", "1000"]' --arg d "$T/data" --arg r "$T/ro" --arg f "$T/file"
        ln -sfn ../run "$B/rootfs/var/run" 2> /dev/null || true
        rt create --bundle "$B" c < /dev/null > /dev/null
        rt start c
        pid=$(rt state c | jq .pid)
        want_holding c
        in_mounts mount -o remount,bind,rw /ro
        want_weak c mounts "/ro is not read-only any more"
        in_mounts mount -o remount,bind,ro /ro
        want_holding c
        in_mounts mount -o remount,bind,rw /
        want_weak c mounts "the root file system is not read-only"
        in_mounts mount -o remount,bind,ro,nodev /
        want_holding c
        in_mounts mount -o remount,bind,exec /work/deep
        want_weak c mounts "/work/deep is not noexec"
        rt delete -f c
}
check "a container holds as it was made; the kernel's view is a table and JSON" it_holds
check "one that waits for start holds" it_holds_before_start
check "binds, read-only ones, nested and those behind links hold; each that is remounted is named" it_holds_with_all_sorts

no_table() { nsenter -t "$pid" -n nft flush ruleset; }
check "a flushed table of the network is named" weakened network "has been removed" no_table
one_rule_less() { nsenter -t "$pid" -n nft flush chain inet runb output; }
check "a table without its rules is named" weakened network "chain output" one_rule_less
one_rule_more() { nsenter -t "$pid" -n nft insert rule inet runb output accept; }
check "a table with a rule more is named" weakened network "rule 1 of its chain output" one_rule_more

one_chain_more() { nsenter -t "$pid" -n nft 'add chain inet runb aside { type nat hook output priority 100; }'; }
check "a table with a chain more is named" weakened network "has a chain aside" one_chain_more

unmask() { in_mounts umount /proc/acpi; }
check "a mask that is gone is named" weakened mounts "/proc/acpi is not masked" unmask
over_mask() { in_mounts mount -t tmpfs none /proc/acpi; }
check "something writable over a mask is named" weakened mounts "/proc/acpi is not masked" over_mask
over_null() { in_mounts mount --bind /bin/busybox /proc/keys; }
check "a file over a masked file is named" weakened mounts "/proc/keys is not masked" over_null
proc_sys() { in_mounts mount -o remount,bind,rw /proc/sys; }
check "/proc/sys remounted writable is named" weakened mounts "/proc/sys is not read-only" proc_sys
no_proc_sys() { in_mounts umount /proc/sys; }
check "a read-only path that is unmounted is named" weakened mounts "/proc/sys is not read-only" no_proc_sys
with_devices() { in_mounts mount -o remount,bind,dev /; }
check "a root file system that opens devices is named" weakened mounts "not nodev" with_devices
one_more() { in_mounts mount -t tmpfs none /home; }
check "a mount that nobody planned is named" weakened mounts "/home (tmpfs" one_more
host_in() { in_mounts mount -t proc -o nosuid,nodev,noexec none /dev/shm; }
check "another file system in the place of one is named" weakened mounts "/dev/shm is of type proc" host_in
shared() { in_mounts mount --make-shared /dev/shm; }
check "a mount that has become shared is named" weakened mounts "/dev/shm is shared" shared

it_names_a_bind_that_was_replaced()
{
        mkdir -p "$T/one" "$T/two"
        bundle w '.mounts += [{ destination: "/data", type: "bind", source: $d, options: ["bind"] }, { destination: "/mnt", type: "bind", source: $e, options: ["bind"] }] |
                  .process.args = ["/bin/sleep", "1000"]' --arg d "$T/one" --arg e "$T/two"
        rt create --bundle "$B" w < /dev/null > /dev/null
        rt start w
        pid=$(rt state w | jq .pid)
        want_holding w
        in_mounts mount --bind /mnt /data
        want_weak w mounts "/data is another file"
        rt delete -f w
}
check "another folder bound over a bind is named" it_names_a_bind_that_was_replaced

raise_pids() # 30000, from 4096
{
        local file
        file=$(cgroup_file w pids.max) || lacking "no pids controller here"
        echo 30000 > "$file"
}
check "a raised limit of processes is named" weakened limits "pids: the kernel's limit is 30000, and it was set to 4096" raise_pids
it_knows_updates()
{
        local memory
        policy '{limits: {pids: 100, memory: "512M"}}'
        sleeper u '.linux.resources.memory.limit = 104857600' 2> /dev/null || { rm $P/policy.json; skip_case "no memory controller here"; }
        want_holding u
        memory=$(cgroup_file u memory.limit_in_bytes || cgroup_file u memory.max)
        rp update --memory 209715200 u || { rm $P/policy.json; rt delete -f u; return 1; }
        want_holding u
        echo 314572800 > "$memory"
        want_weak u limits "memory: the kernel's limit is 314572800, and it was set to 209715200"
        echo 209715200 > "$memory"
        want_holding u
        rt delete -f u
        rm $P/policy.json
}
check "a limit of memory raised by update holds, one raised by hand is named" it_knows_updates
it_knows_cpus()
{
        local file
        policy '{limits: {cpus: 1}}'
        sleeper u 2> /dev/null || { rm $P/policy.json; skip_case "no cpu controller here"; }
        rm $P/policy.json
        want_holding u
        file=$(cgroup_file u cpu.cfs_quota_us || cgroup_file u cpu.max)
        case $file in *quota*) echo -1;; *) echo max;; esac > "$file"
        want_weak u limits "cpus (1/1000): the kernel's limit is none, and it was set to 1000"
        rt delete -f u
}
check "CPU time without a limit is named" it_knows_cpus
moved_out() { local file; for file in $(jq -r '.cgroups[]' "$T/state/w/state.json"); do echo $pid > "$(dirname "$file")/cgroup.procs" 2> /dev/null || true; done; }
check "a process that was moved out of the cgroup is named" weakened limits "is not in the container's cgroup" moved_out
every_device() { local file; file=$(cgroup_file w devices.allow) || lacking "no devices controller here"; echo a > "$file"; }
check "devices that were all let in are named" weakened devices "every device" every_device
# The devices that are there can be told, whatever may be opened.
node() { in_mounts mknod /dev/disk0 b 254 0; }
check "a device node that nobody asked for is named" weakened devices "/dev/disk0, the block device 254:0" node
# programs FOLDER detach|replace: what watches the devices of a cgroup
programs()
{
        python3 - "$@" <<'EOF'
import ctypes, os, platform, struct, sys
libc, number = ctypes.CDLL(None, use_errno=True), {"x86_64": 321, "aarch64": 280}[platform.machine()]
def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr, 128)
    r = libc.syscall(number, command, attr, 128)
    if r < 0: sys.exit("bpf %d: %s" % (command, os.strerror(ctypes.get_errno())))
    return r, attr.raw
folder, ids, DEVICE = os.open(sys.argv[1], os.O_RDONLY), (ctypes.c_uint32 * 8)(), 6
_, attr = bpf(16, struct.pack("IIIIQI", folder, DEVICE, 0, 0, ctypes.addressof(ids), 8))
for i in range(struct.unpack_from("I", attr, 24)[0]):
    program, _ = bpf(13, struct.pack("I", ids[i]))
    bpf(9, struct.pack("III", folder, program, DEVICE))
if sys.argv[2] == "replace":    # r0 = 1; exit
    code = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, 1, 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    program, _ = bpf(5, struct.pack("IIQQ", 15, 2, ctypes.addressof(code), ctypes.addressof(licence)))
    bpf(8, struct.pack("IIII", folder, program, DEVICE, 2))
EOF
}
it_names_other_programs()
{
        local folder
        rt delete -f w
        sleeper w
        [ "$(jq .isCgroup2 "$T/state/w/state.json")" = true ] || { rt delete -f w; skip_case "of cgroup v2"; }
        folder=$(jq -r '.cgroups[0]' "$T/state/w/state.json")
        want_holding w
        programs "$folder" replace
        want_weak w devices "is not the one of create"
        programs "$folder" detach
        want_weak w devices "no program holds back devices"
        rt delete -f w
}
check "a program of devices that was taken away or replaced is named" it_names_other_programs
core_size() { prlimit --core=unlimited -p $pid || lacking "this machine lets nobody raise a limit"; }
check "a raised size of core files is named" weakened rlimits RLIMIT_CORE core_size

it_names_a_joined_process()
{
        rt delete -f j
        sleeper j
        join_as -a sleep 1000
        join_cgroup j $joined
        run rt report --format json j
        want_rc 3
        for control in capabilities seccomp no_new_privs; do
                echo "$out" | jq -e --arg c $control '[.checks[] | select(.control == $c and .verdict == "weakened")] | length > 0' > /dev/null ||
                        fail "$control holds"
        done
        end_joined
        want_holding j
        rt delete -f j
}
it_names_what_lacks_only_the_filter()
{
        rt delete -f j
        sleeper j
        # As exec makes it, but for the filter, and the root file system, since setpriv(1) is the host's.
        join_as -U -n -i -u -C setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all --reuid 1000 \
                --regid 1000 --clear-groups prlimit --core=1 sleep 1000
        join_cgroup j $joined
        run rt report --format json j
        want_rc 3
        want_same "$(echo "$out" | jq -r '[.checks[] | select(.verdict != "holds" and .verdict != "not read") | .control] | unique | join(" ")')" "namespaces seccomp"
        want_match "$(echo "$out" | jq -r '.checks[] | select(.verdict != "holds" and .verdict != "not read") | .text')" "is in another mount namespace"
        end_joined
        rt delete -f j
}
it_names_what_has_the_hosts_network()
{
        rt delete -f j
        sleeper j
        join_as -m -i -u -C -U sleep 1000
        run rt report --format json j
        want_rc 3
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "namespaces") | .text')" "is in another network namespace"
        end_joined
        rt delete -f j
}
it_names_a_process_of_the_host_in_the_cgroup()
{
        rt delete -f j
        sleeper j
        sleep 1000 9>&- & joined=$!
        join_cgroup j $joined
        run rt report --format json j
        want_rc 3
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "ids") | .text')" "has uid 0, which is not of the container"
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "namespaces") | .text')" "not in its pid namespace"
        kill $joined
        rt delete -f j
}
check "a process that joined by nsenter is named: capabilities, filter, no_new_privs" it_names_a_joined_process
check "a process that lacks the filter is named" it_names_what_lacks_only_the_filter
check "a process in the host's network is named" it_names_what_has_the_hosts_network
check "a process of the host in its cgroup is named" it_names_a_process_of_the_host_in_the_cgroup

# ---- what a build does to it

hostile() # ID COMMANDS [JQ-FILTER]
{
        sh_bundle "$1" "$2; touch /ready; exec sleep 1000"
        [ $# -lt 3 ] || { jq "$3" "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"; }
        rt create --bundle "$B" "$1" < /dev/null > /dev/null
        rt start "$1"
        pid=$(rt state "$1" | jq .pid)
        wait_for 60 [ -e "$B/rootfs/ready" ]
}
it_escapes_names()
{
        hostile h 'cp /bin/busybox "/tmp/$(printf "a\033[31m\n\"b")"; ln -s busybox /bin/x; "/tmp/$(printf "a\033[31m\n\"b")" sleep 999 & (sleep 0 &) ; sh -c "sleep 998; :" SECRET-ARGUMENT & :'
        run rt report h
        want_rc 0
        [ -z "$(printf %s "$out" | tr -d '[:print:]\n' )" ] || fail "a control character was printed"
        want_out_without SECRET-ARGUMENT
        run rt report --format json h
        want_rc 0
        echo "$out" | jq -e . > /dev/null
        want_out_without SECRET-ARGUMENT
        rt delete -f h
}
it_withstands_comings_and_goings()
{
        hostile h 'for i in 1 2; do (while :; do (sleep 0 &) ; done) & done'
        for i in 1 2 3; do
                run rt report --format json h
                want_rc 0
        done
        rt delete -f h
}
it_is_patient_with_exec()
{
        sleeper x
        : > "$T/execs"
        (while [ -e "$T/execs" ]; do rt exec x true < /dev/null > /dev/null 2>&1; done) 9>&- &
        (while [ -e "$T/execs" ]; do rt exec x true < /dev/null > /dev/null 2>&1; done) 9>&- &
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
                run rt report --format json x
                echo "$out" | jq -c '.checks[] | select(.verdict != "holds" and .verdict != "not read")'
                want_rc 0
        done
        rm "$T/execs"
        wait
        rt delete -f x
}
check "programs of exec that come while it looks are not taken for weak ones" it_is_patient_with_exec
it_has_no_trouble_with_zombies()
{
        # Init reaps nobody.
        hostile h '(sleep 3 &); (sleep 3 &); (sleep 3 &)'
        has_zombies() { [ "$(rt report --format json h | jq '[.processes[] | select(.state == "Z")] | length')" -ge 1 ]; }
        wait_for 20 has_zombies
        want_holding h
        rt delete -f h
}
it_needs_processes()
{
        hostile h :
        rt kill h KILL
        wait_for 20 has_status h stopped
        run rt report h
        want_rc 1
        want_err_has "has no processes"
        rt delete -f h
        run rt report h
        want_rc 1
        want_err_has "does not exist"
        run rt report --format xml h
        want_rc 1
        want_err_has "table or json"
}
it_allows_what_the_profile_allows()
{
        jq -cn '{version: 1, revision: "t", profiles: {"image-build": {limits: {wall: "1h"}}}, defaultProfile: "image-build"}' > $P/policy.json
        chmod 600 $P/policy.json
        bundle i '.process.capabilities[] += ["CAP_SYS_ADMIN"] | .process.args = ["/bin/sh", "-c", "mount -t tmpfs none /mnt; mount -t tmpfs none /home; unshare -Ur sleep 1000 & wait"]'
        mkdir -p "$B/rootfs/mnt"
        rp create --bundle "$B" i < /dev/null > /dev/null
        rt start i
        pid=$(rt state i | jq .pid)
        two() { [ "$(rt ps --format json i | jq length)" -ge 2 ] && grep -q ' /home ' /proc/$pid/mountinfo; }
        wait_for 30 two
        want_holding i
        nsenter -t "$pid" -n nft flush ruleset
        want_weak i network "has been removed"
        rt delete -f i
        rm $P/policy.json
}
it_holds_in_other_profiles()
{
        policy '{rootfs: "ephemeral", limits: {scratch: "10M"}}'
        sleeper o
        want_holding o
        rt exec -d o sleep 500 < /dev/null > /dev/null 2>&1
        rt exec -d --user 1000 o sleep 500 < /dev/null > /dev/null 2>&1
        want_holding o
        want_same "$(echo "$out" | jq '.processes | length')" 3
        rt pause o
        want_holding o
        rt delete -f o
        policy '{rootfs: "read-only", seccomp: {explain: true}}'
        sleeper o '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["ptrace"], action: "SCMP_ACT_ERRNO"}]}'
        want_holding o
        rt delete -f o
        rm $P/policy.json
        sleeper o '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["ptrace"], action: "SCMP_ACT_ERRNO"}]}'
        want_holding o
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "seccomp") | .text')" "the engine's"
        rt delete -f o
        jq -cn '{version: 1, revision: "t", profiles: {untrusted: {}}, exceptions: [{id: "E1", profile: "untrusted", expires: "2099-01-01",
                reason: "r", approvedBy: "a", allow: ["network.host", "pid.host", "ipc.host", "uts.host", "noNewPrivileges"]}]}' > $P/policy.json
        chmod 600 $P/policy.json
        sleeper o '.linux.namespaces = [{type: "mount"}] | del(.hostname) |
                   .mounts |= map(select(.destination | test("^/(sys|dev/mqueue)") | not))'
        want_holding o
        want_match "$(echo "$out" | jq -r '.checks[] | select(.control == "network") | .text')" "the host's, by an exception"
        rt delete -f o
        rm $P/policy.json
}
check "roots that are ephemeral or read-only, an engine's filter, programs of exec and exceptions hold" it_holds_in_other_profiles
check "names that would steer a terminal are escaped; no argument is printed" it_escapes_names
check "processes that come and go all the time do not disturb it" it_withstands_comings_and_goings
check "zombies are no processes" it_has_no_trouble_with_zombies
check "what has ended, never was or is asked for wrongly is an error" it_needs_processes
check "a build that may mount and make user namespaces holds; its network is still looked at" it_allows_what_the_profile_allows
finish
