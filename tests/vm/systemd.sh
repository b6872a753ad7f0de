#!/bin/bash
# --systemd-cgroup on plain bundles: a scope of the system's systemd is the container's cgroup.
# plain test
# vm: v2 hybrid
. "$(dirname "$0")/lib.sh"
need jq busybox systemctl
kill_at=$builddir/tests/tools/kill-at

sd() { rt --systemd-cgroup "$@"; }
is_v2() { [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; }
# begin ID [JQ-FILTER]: a started sleeper in system.slice:test:ID
begin()
{
        bundle "$1" ".linux.cgroupsPath = \"system.slice:test:$1\" | (${2:-.}) | .process.args = [\"/bin/sleep\", \"1000\"]"
        run sd create --bundle "$B" --pid-file "$T/$1.pid" "$1"
        want_rc 0
        run rt start "$1"
        want_rc 0
        pid=$(cat "$T/$1.pid") unit=test-$1.scope
}
end() { run rt delete --force "$1"; want_rc 0; want_out ""; want_err ""; unit_is_gone "test-$1.scope"; }
# A file of the container's cgroup, v2's name or v1's: controller, v2 file, v1 file
limit()
{
        if is_v2; then cat "/sys/fs/cgroup/system.slice/$unit/$2"; else cat "/sys/fs/cgroup/$1/system.slice/$unit/$3"; fi
}

a_scope()
{
        begin a
        want_same "$(prop $unit ActiveState)" active
        want_same "$(prop $unit Slice)" system.slice
        want_same "$(prop $unit Delegate)" yes
        want_same "$(prop $unit CollectMode)" inactive-or-failed
        want_same "$(prop $unit ControlGroup)" /system.slice/test-a.scope
        # No other process than init: what held the place has gone.
        if is_v2; then
                want_same "$(cat /sys/fs/cgroup/system.slice/$unit/cgroup.procs)" "$pid"
        else
                want_same "$(cat /sys/fs/cgroup/pids/system.slice/$unit/cgroup.procs)" "$pid"
                want_same "$(cat /sys/fs/cgroup/systemd/system.slice/$unit/cgroup.procs)" "$pid"
                # A controller that systemd does not manage.
                want_same "$(cat /sys/fs/cgroup/freezer/system.slice/$unit/cgroup.procs)" "$pid"
        fi
        run rt exec a /bin/cat /proc/self/cgroup
        want_rc 0
        run rt exec -d --pid-file "$T/exec.pid" a /bin/sleep 100
        want_rc 0
        grep -q "system.slice/$unit" "/proc/$(cat "$T/exec.pid")/cgroup"
        run rt ps --format json a
        want_same "$(echo "$out" | jq length)" 2
        run rt pause a
        want_rc 0
        has_status a paused
        run rt resume a
        want_rc 0
        run rt events --stats a
        want_rc 0
        end a
}

limits_are_in_both()
{
        # This kernel's v1 has no memory and no cpuset controller (MEMCG_V1, CPUSETS_V1).
        begin b '.linux.resources = { pids: { limit: 37 }, cpu: { quota: 25000, period: 100000, shares: 512 } }'"$(! is_v2 ||
                echo '| .linux.resources += { memory: { limit: 67108864 } } | .linux.resources.cpu += { cpus: "0", mems: "0" }')"
        want_same "$(prop $unit TasksMax)" 37
        want_same "$(prop $unit CPUQuotaPerSecUSec)" 250ms
        want_same "$(limit pids pids.max pids.max)" 37
        if is_v2; then
                want_same "$(prop $unit MemoryMax)" 67108864
                want_same "$(prop $unit AllowedCPUs)" 0
                want_same "$(limit cpu cpu.max -)" "25000 100000"
                want_same "$(cat /sys/fs/cgroup/system.slice/$unit/cpu.weight)" "$(prop $unit CPUWeight)"
                want_same "$(cat /sys/fs/cgroup/system.slice/$unit/memory.max)" 67108864
                want_same "$(cat /sys/fs/cgroup/system.slice/$unit/cpuset.cpus)" 0
        else
                want_same "$(limit cpu - cpu.cfs_quota_us)" 25000
        fi
        # systemd writes its own values anew.
        systemctl daemon-reload
        want_same "$(limit pids pids.max pids.max)" 37
        if is_v2; then
                want_same "$(cat /sys/fs/cgroup/system.slice/$unit/memory.max)" 67108864
                want_same "$(limit cpu cpu.max -)" "25000 100000"
        fi

        if is_v2; then
                run rt update --pids-limit 21 --cpu-quota 50000 --memory 134217728 b
        else
                run rt update --pids-limit 21 --cpu-quota 50000 b
        fi
        want_rc 0
        want_same "$(prop $unit TasksMax)" 21
        want_same "$(prop $unit CPUQuotaPerSecUSec)" 500ms
        want_same "$(limit pids pids.max pids.max)" 21
        systemctl daemon-reload
        want_same "$(limit pids pids.max pids.max)" 21
        # Zeros and missing members leave all as it is.
        echo '{ "pids": { "limit": 0 }, "memory": { "limit": 0 }, "cpu": { "quota": 0 } }' > "$T/zeros.json"
        run rt update --resources "$T/zeros.json" b
        want_rc 0
        want_same "$(prop $unit TasksMax)" 21
        run rt update --pids-limit -1 b
        want_rc 0
        if is_v2; then want_same "$(prop $unit MemoryMax)" 134217728; fi
        end b
}

one_process() { begin c '.linux.resources.pids.limit = 1'; want_same "$(limit pids pids.max pids.max)" 1; want_same "$(prop $unit TasksMax)" 1; end c; }

one_megabyte()
{
        is_v2 || skip_case "this kernel's memory controller is in v2 only"
        begin d '.linux.resources.memory.limit = 1048576'
        want_same "$(prop $unit MemoryMax)" 1048576
        end d
}

devices_are_held()
{
        local list
        begin e '.linux.resources.devices = [ { allow: false, access: "rwm" }, { allow: true, type: "c", major: 1, minor: 3, access: "rwm" } ]'
        run rt exec e /bin/sh -c 'echo x > /dev/null && head -c 1 /dev/zero | wc -c'
        want_rc 0
        if is_v2; then
                list=$(bpftool cgroup show "/sys/fs/cgroup/system.slice/$unit" 2>&1)
                case $list in *device*) ;; *) fail "no device program is attached: $list";; esac
                systemctl daemon-reload
                want_same "$(bpftool cgroup show "/sys/fs/cgroup/system.slice/$unit" 2>&1 | grep -c device)" \
                        "$(echo "$list" | grep -c device)"
        else
                want_same "$(prop $unit DevicePolicy)" strict
                list=$(cat "/sys/fs/cgroup/devices/system.slice/$unit/devices.list")
                case $list in "" | *a\ *) fail "devices.list: $list";; esac
                systemctl daemon-reload
                want_same "$(sort <<< "$list")" "$(sort "/sys/fs/cgroup/devices/system.slice/$unit/devices.list")"
        fi
        # The device program is what holds: root of the host, in that cgroup, opens no other device.
        mknod -m 666 "$T/kmsg" c 1 11
        want_same "$(sh -c 'echo $$ > '"$(is_v2 && echo "/sys/fs/cgroup/system.slice/$unit" || echo "/sys/fs/cgroup/devices/system.slice/$unit")"'/cgroup.procs; dd if='"$T"'/kmsg of=/dev/null count=0 2>/dev/null && echo opened || echo refused')" refused
        end e
}

ends_by_itself()
{
        bundle f '.linux.cgroupsPath = ":test:f" | .process.args = ["/bin/sh", "-c", "exit 3"]'
        run sd run --bundle "$B" f
        want_rc 3
        wait_for 20 unit_is_gone test-f.scope
        bundle f '.process.args = ["/bin/sleep", "1000"]'
        run sd run -d --pid-file "$T/f.pid" --bundle "$B" f
        want_rc 0
        grep -q /system.slice/runb-f.scope "/proc/$(cat "$T/f.pid")/cgroup"
        # systemd removes a scope that has become empty; delete finds nothing.
        run rt kill f KILL
        wait_for 20 unit_is_gone runb-f.scope
        run rt delete f
        want_rc 0
        want_err ""
}

a_name_is_taken()
{
        begin g
        bundle g2 '.linux.cgroupsPath = "system.slice:test:g" | .process.args = ["/bin/true"]'
        run sd create --bundle "$B" g2
        want_rc 1
        want_err_has 'unable to start unit "test-g.scope"'
        run rt state g2
        want_failure
        # The first one lives on.
        want_same "$(prop $unit ActiveState)" active
        has_status g running
        end g
}

bad_input()
{
        local path
        for path in /a/b a:b a:b:c:d; do
                bundle h ".linux.cgroupsPath = \"$path\""
                run sd create --bundle "$B" h
                want_rc 1
                want_err_has "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"$path\" instead"
        done
        for path in nope:a:b -a.slice:a:b a--b.slice:a:b x/y.slice:a:b; do
                bundle h ".linux.cgroupsPath = \"$path\""
                run sd create --bundle "$B" h
                want_rc 1
                want_err_has "is no name of a slice of systemd"
        done
        for path in 's.slice:a:' 's.slice:a:b/c' 's.slice:a:b c' "s.slice:a:$(printf '%0255d' 1)"; do
                bundle h ".linux.cgroupsPath = \"$path\""
                run sd create --bundle "$B" h
                want_rc 1
                want_err_has "is no name of a scope of systemd"
        done
        bundle h '.linux.cgroupsPath = "system.slice:test:h"'
        run rt create --bundle "$B" h
        want_rc 1
        want_err_has "is a name for systemd: give --systemd-cgroup"
        run rt state h
        want_failure
}

a_nested_slice() { bundle i '.linux.cgroupsPath = "test-a-b.slice:t:i" | .process.args = ["/bin/sleep", "1000"]'
        run sd run -d --bundle "$B" i
        want_rc 0
        want_same "$(prop t-i.scope ControlGroup)" /test.slice/test-a.slice/test-a-b.slice/t-i.scope
        run rt delete --force i
        want_rc 0
        systemctl stop test-a-b.slice test-a.slice test.slice
}

helper_is_missing()
{
        local helper=$RUNB_LIBEXEC/runb-systemd
        mount --bind /dev/null "$helper"
        bundle j '.linux.cgroupsPath = "system.slice:test:j"'
        run sd create --bundle "$B" j
        umount "$helper"
        want_rc 1
        want_err_has "$helper is not there: install it"
        run rt state j
        want_failure
}

# Killed wherever it is, nothing stays once the container has been deleted.
killed_in_between()
{
        local n r killed=0
        bundle k '.linux.cgroupsPath = "system.slice:test:k" | .process.args = ["/bin/sleep", "1000"]'
        for n in $(seq 20 "$1" 1200); do
                r=0
                timeout 120 "$kill_at" "$n" "$RUNB" --root "$T/state" --systemd-cgroup create --bundle "$B" k < /dev/null > "$T/kill.out" 2>&1 || r=$?
                [ $r = 0 ] && killed=$((killed + 1))
                run rt delete --force k
                want_rc 0
                wait_for 20 unit_is_gone test-k.scope || fail "killed at $n: $(systemctl status test-k.scope)"
                [ $r = 3 ] && break
                [ $r = 0 ] || fail "kill-at says $r: $(cat "$T/kill.out")"
        done
        [ "$killed" -ge 3 ] || fail "killed $killed times only"
}
killed_while_deleting()
{
        local n r
        for n in 30 90 150 210; do
                begin l
                r=0
                timeout 120 "$kill_at" $n "$RUNB" --root "$T/state" delete --force l < /dev/null > "$T/kill.out" 2>&1 || r=$?
                run rt delete --force l
                want_rc 0
                unit_is_gone test-l.scope
        done
}

check "the container's cgroup is a scope of systemd, with init alone in it; exec, ps, pause and stats go by it" a_scope
check "limits are in systemd's record and in the files, update changes both, and daemon-reload keeps them" limits_are_in_both
check "a limit of one process starts" one_process
check "a limit of one megabyte of memory starts" one_megabyte
check "the device rules hold in a scope, and after daemon-reload" devices_are_held
check "a container that ends by itself leaves no unit; without a cgroupsPath it is runb-ID.scope" ends_by_itself
check "a unit's name that is taken is refused, and its owner stays" a_name_is_taken
check "cgroupsPath is held to slice:prefix:name, and to systemd's rules for names" bad_input
annotations()
{
        cat > "$T/policy.json" << 'EOP'
{ "version": 1, "revision": "1", "defaultProfile": "untrusted",
  "profiles": { "untrusted": { "systemd": { "properties": ["TimeoutStopSec", "After"] } } }, "exceptions": [] }
EOP
        chmod 644 "$T/policy.json"
        bundle m '.linux.cgroupsPath = "system.slice:test:m" | .process.args = ["/bin/sleep", "1000"] |
                .annotations = { "org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.After": "[\"dbus.service\"]",
                                 "org.systemd.property.TasksMax": "uint64 9999" }'
        cp -r "$T/policy.json" /root/policy.json
        run sd --policy /root/policy.json run -d --bundle "$B" m
        want_rc 0
        want_same "$(prop test-m.scope TimeoutStopUSec)" 7s
        case " $(prop test-m.scope After) " in *" dbus.service "*) ;; *) fail "After is $(prop test-m.scope After)";; esac
        want_other "$(prop test-m.scope TasksMax)" 9999
        run rt delete --force m
        want_rc 0
        jq '.annotations = { "org.systemd.property.TimeoutStopSec": "soon" }' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run sd --policy /root/policy.json run -d --bundle "$B" m
        want_rc 1
        want_err_has 'annotation org.systemd.property.TimeoutStopSec: "soon" is not in GVariant'"'"'s text format'
        run rt state m
        want_failure
}
# The scope goes with its last process. What that had used is told all the same.
audit_policy() # the rest of the profile
{
        jq -n "{ version: 1, revision: \"1\", audit: { path: \"/root/audit.jsonl\" }, profiles: { untrusted: (${1:-{\}}) } }" > /root/audit-policy.json
        : > /root/audit.jsonl
        chmod 600 /root/audit.jsonl
}
told() { jq -r "select(.event == \"exit\" and .id == \"$1\") | $2" /root/audit.jsonl; }
work='head -c 8000000 /dev/zero | tail -c 8000000 > /root/file; sync; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done'
numbers_of() # ID
{
        want_same "$(told "$1" '.cpu.totalUs > 10000')" true
        want_same "$(told "$1" '.wallMs > 0')" true
        if is_v2; then
                want_same "$(told "$1" '.memory.peakBytes > 8000000 and .memory.oomKills == 0')" true
                want_same "$(told "$1" '.pids.peak >= 2 and .pids.peak <= 4')" true
                want_same "$(told "$1" '.io | type')" object
                want_same "$(told "$1" '.pressure.cpu | .someUs >= 0 and .fullUs >= 0')" true
        fi
}
sda() { rt --policy /root/audit-policy.json --systemd-cgroup "$@"; }
usage_is_told()
{
        audit_policy
        bundle n ".linux.cgroupsPath = \"system.slice:test:n\" | .process.args = [\"/bin/sh\", \"-c\", \"${work//\"/\\\"}\"]"
        run sda create --bundle "$B" --pid-file "$T/n.pid" n
        want_rc 0
        # It is in no list, and gets no signal that is for all.
        run rt ps --format json n
        want_same "$(echo "$out" | jq length)" 1
        run rt start n
        want_rc 0
        wait_for 120 has_status n stopped
        # With it, systemd finds the cgroup empty.
        wait_for 30 unit_is_gone test-n.scope
        [ -s "$T/state/n/usage" ] || fail "nothing was noted"
        run rt delete n
        want_rc 0
        want_err ""
        numbers_of n
        run sda run --bundle "$B" o
        want_rc 0
        numbers_of o
        run sda run -d --bundle "$B" --pid-file "$T/p.pid" p
        want_rc 0
        run rt delete --force p
        want_rc 0
        want_same "$(told p '.cpu.totalUs > 0')" true
        want_same "$(own_runtimes)" ""
}
usage_of_one_that_was_killed()
{
        local signal
        audit_policy
        for signal in TERM KILL; do
                bundle "q$signal" ".linux.cgroupsPath = \"system.slice:test:q$signal\" | .process.args = [\"/bin/sh\", \"-c\", \"trap 'exit 0' TERM; ${work//\"/\\\"}; touch /ready; while :; do sleep 1; done\"]"
                run sda run -d --bundle "$B" --pid-file "$T/q.pid" "q$signal"
                want_rc 0
                wait_for 120 [ -e "$B/rootfs/ready" ]
                run rt kill --all "q$signal" "$signal"
                want_rc 0
                wait_for 60 has_status "q$signal" stopped
                wait_for 30 unit_is_gone "test-q$signal.scope"
                run rt delete "q$signal"
                want_rc 0
                numbers_of "q$signal"
        done
        # By systemd itself
        bundle r ".linux.cgroupsPath = \"system.slice:test:r\" | .process.args = [\"/bin/sh\", \"-c\", \"trap 'exit 0' TERM; ${work//\"/\\\"}; touch /ready; while :; do sleep 1; done\"]"
        run sda run -d --bundle "$B" r
        want_rc 0
        wait_for 120 [ -e "$B/rootfs/ready" ]
        systemctl stop test-r.scope
        wait_for 60 has_status r stopped
        run rt delete r
        want_rc 0
        numbers_of r
        # While it is paused
        bundle s ".linux.cgroupsPath = \"system.slice:test:s\" | .process.args = [\"/bin/sh\", \"-c\", \"${work//\"/\\\"}; touch /ready; while :; do sleep 1; done\"]"
        run sda run -d --bundle "$B" s
        want_rc 0
        wait_for 120 [ -e "$B/rootfs/ready" ]
        run rt pause s
        want_rc 0
        run rt delete --force s
        want_rc 0
        numbers_of s
}
usage_of_one_out_of_memory()
{
        is_v2 || skip_case "this kernel's memory controller is in v2 only"
        audit_policy '{ limits: { memory: 33554432 } }'
        # All of the container at once, but not who looks on.
        bundle t '.linux.cgroupsPath = "system.slice:test:t" | .process.args = ["/bomb", "memory"]'
        cp "$builddir/tests/tools/bomb" "$B/rootfs/bomb"
        run sda run -d --bundle "$B" t
        want_rc 0
        wait_for 120 has_status t stopped
        run rt delete t
        want_rc 0
        want_same "$(told t '.memory.oomKills > 0 and .memory.peakBytes > 16000000 and .memory.peakBytes <= 33554432')" true
        # systemd writes the file whenever it writes limits.
        bundle t2 '.linux.cgroupsPath = "system.slice:test:t2" | .process.args = ["/bin/sleep", "1000"]'
        run sda run -d --bundle "$B" t2
        want_rc 0
        want_same "$(cat /sys/fs/cgroup/system.slice/test-t2.scope/memory.oom.group)" 1
        systemctl daemon-reload
        run rt update --memory 30000000 t2
        want_rc 0
        want_same "$(cat /sys/fs/cgroup/system.slice/test-t2.scope/memory.oom.group)" 1
        run rt delete --force t2
        want_rc 0
        want_same "$(jq -r 'select(.event == "oom" and .id == "t") | .oomKills > 0' /root/audit.jsonl)" true
}
# Without the one that notes, as it was killed: no numbers, and no other harm. With few processes there is none.
usage_is_not_kept()
{
        local keeper
        audit_policy
        bundle u '.linux.cgroupsPath = "system.slice:test:u" | .process.args = ["/bin/sleep", "1000"]'
        run sda run -d --bundle "$B" u
        want_rc 0
        keeper=$(pgrep -x runb-keeper)
        kill -KILL "$keeper"
        run rt kill u KILL
        want_rc 0
        wait_for 30 unit_is_gone test-u.scope
        run rt delete u
        want_rc 0
        want_err ""
        want_same "$(told u '.wallMs > 0')" true
        want_same "$(told u .cpu)" null
        is_v2 || return 0
        bundle v '.linux.cgroupsPath = "system.slice:test:v" | .process.args = ["/bin/sleep", "1000"] | .linux.resources.pids.limit = 2'
        run sda run -d --bundle "$B" v
        want_rc 0
        want_same "$(pgrep -x runb-keeper)" ""
        run rt exec v /bin/true
        want_rc 0
        run rt delete --force v
        want_rc 0
}
long_property()
{
        local line
        line=$(printf 'After\tas\t%065530d\tSlice\ts\tevil.slice' 1)
        run "$RUNB_LIBEXEC/runb-systemd" system set nothing.scope <<< "$line"$'\n.'
        want_failure
        want_out_has "error 7 read the properties"
}
check "the helper takes no part of a long line for another property" long_property
check "what a container had used is told, though its scope is gone when it is deleted" usage_is_told
check "so it is of one that is killed, by a signal to all, by systemd or while it is paused" usage_of_one_that_was_killed
check "so it is of one that is out of memory, which ends as a whole" usage_of_one_out_of_memory
check "where nobody could note it the container ends as ever" usage_is_not_kept
check "annotations set the properties that the policy lists, and no others" annotations
check "a slice with dashes lies below its parents" a_nested_slice
check "without its helper program --systemd-cgroup is refused with the remedy" helper_is_missing
check "killed anywhere in create, delete --force leaves no unit" killed_in_between 61
check "killed in delete, a second one leaves no unit" killed_while_deleting
vm_finish
