#!/bin/bash
# cgroups: host v2
# Whose processes tried what, where there is a cgroup of version 2.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "asks for egress rules"
. "$(dirname "$0")/egress_lib.sh"
grep -q cgroup2 /proc/self/mountinfo || skip_all "no cgroup of version 2 is mounted"
serve "$outside" serve 443
wait_for_neighbour 443

# Those of one container's alone: the machine may have others, of whoever tests beside us.
cat > "$T/programs.py" <<'PYTHON'
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
nr = {"x86_64": 321, "aarch64": 280}[platform.machine()]
def bpf(cmd, attr): return libc.syscall(nr, cmd, attr, 120)
def attr(bytes): return ctypes.create_string_buffer(bytes.ljust(120, b"\0"), 120)
if sys.argv[1] == "attached":           # CGROUP: the ids
    fd = os.open(sys.argv[2], os.O_RDONLY)
    for kind in range(0, 30):           # enum bpf_attach_type: what cgroups had by Linux 5.19
        ids = (ctypes.c_uint32 * 64)()
        query = attr(struct.pack("IIIIQI", fd, kind, 0, 0, ctypes.addressof(ids), 64))
        if bpf(16, query) < 0: continue # BPF_PROG_QUERY
        for one in ids[:struct.unpack("I", query.raw[24:28])[0]]:
            program = bpf(13, attr(struct.pack("I", one)))
            info = ctypes.create_string_buffer(256)
            about = attr(struct.pack("IIQ", program, 256, ctypes.addressof(info)))
            if bpf(15, about) == 0 and info.raw[64:80].startswith(b"runb_egress"): print(one)
            os.close(program)
else:                                   # alive ID...: how many are still there
    print(sum(1 for one in sys.argv[2:] if bpf(13, attr(struct.pack("I", int(one)))) >= 0))
PYTHON
attached() { python3 "$T/programs.py" attached "$(find /sys/fs/cgroup -type d -name "runb-$1" -exec test -e {}/cgroup.events \; -print -quit)"; }

names()
{
        clear_table
        with_audit '{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'
        try a 'cp /bin/tool /tmp/fetcher; cp /bin/tool "/tmp/od;d \"name"; PATH=$PATH:/tmp
                fetcher tcp 203.0.113.5 443; fetcher tcp 203.0.113.6 443; tool tcp 203.0.113.6 443; fetcher udp 203.0.113.6 53; "od;d \"name" tcp 2001:db8::2 443; tool sendto 203.0.113.9 99'
        [ "$rc" = 0 ] || fail "rc $rc"
        want_same "$(last_record | jq -c '[.passed[], .refused[] | [.address, .port, .processes]]')" \
                '[["203.0.113.5",443,["fetcher"]],["203.0.113.6",443,["fetcher","tool"]],["203.0.113.6",53,["fetcher"]],["203.0.113.9",99,["tool"]],["2001:db8::2",443,["od;d \"name"]]]'
}
check "the audit file names the processes, of TCP, UDP and sends without a connection" names

live()
{
        clear_table
        inside_bundle b 'tool tcp 203.0.113.6 443; printf "%s" sleep; exec sleep 600'
        "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach b < /dev/null > "$T/out.b" 2>&1 9>&-
        wait_for 10 grep -q sleep "$T/out.b"
        run rt egress b; want_match "$out" 'refused +203\.0\.113\.6 tcp 443 .*  by tool'
        run rt exec b sh -c 'cp /bin/tool "/tmp/a'$'\033''b"; "/tmp/a'$'\033''b" tcp 203.0.113.6 443'
        run rt egress b; want_match "$out" 'refused +203\.0\.113\.6 tcp 443 .*  by a\?b, tool'
        local programs
        programs=$(attached b)
        want_same "$(wc -l <<< "$programs")" 4
        want_same "$(python3 "$T/programs.py" alive $programs)" 4
        run rt delete --force b; want_rc 0
        want_same "$(last_record | jq -c '.refused[0].processes')" '["a\u001bb","tool"]'
        wait_for 10 eval '[ "$(python3 "$T/programs.py" alive '"$(echo $programs)"')" = 0 ]'
}
check "runb egress names them while it runs, those of exec too, and nothing is left" live

# As systemd does with a scope.
without_cgroup()
{
        pinned() { find /sys/fs/bpf -name 'runb-*' | wc -l; }
        mount -t bpf bpf /sys/fs/bpf 2> /dev/null || skip_case "no bpffs can be mounted"
        clear_table
        inside_bundle d 'tool tcp 203.0.113.6 443'
        run rt --policy "$P/policy.json" create --bundle "$B" d; want_rc 0
        want_same "$(pinned)" 1
        run rt start d; want_rc 0
        wait_for 10 eval '[ "$("$RUNB" --root "$T/state" state d | jq -r .status)" = stopped ]'
        jq -r '.cgroups[]' "$T/state/d/state.json" | while read -r folder; do
                [ "$(stat -f -c %T "$folder")" != cgroup2fs ] || rmdir "$folder"
        done
        run rt delete d; want_rc 0
        want_same "$(last_record | jq -c '.refused[0].processes')" '["tool"]'
        want_same "$(pinned)" 0
        try d 'tool tcp 203.0.113.6 443'
        want_same "$(last_record | jq -c '.refused[0].processes')" '["tool"]'
        want_same "$(pinned)" 0
        # A kill -9 around the pin is made good by delete.
        if command -v strace > /dev/null; then
                for at in 10 13; do
                        inside_bundle e 'sleep 600'
                        strace -qq -o "$T/trace" -e trace=none -e inject=bpf:signal=KILL:when=$at "$RUNB" --root "$T/state" --policy "$P/policy.json" \
                                create --bundle "$B" e < /dev/null > /dev/null 2>&1 || true
                        "$RUNB" --root "$T/state" delete --force e
                        want_same "$(pinned)" 0
                done
        fi
        umount /sys/fs/bpf
}
check "they are told where the cgroup has gone before delete, too" without_cgroup

off()
{
        clear_table
        policy '{}'
        inside_bundle c 'sleep 600'
        "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach c < /dev/null > /dev/null 2>&1 9>&-
        want_same "$(attached c)" ""
        "$RUNB" --root "$T/state" delete --force c
}
check "nothing is attached where nothing is counted" off
finish
