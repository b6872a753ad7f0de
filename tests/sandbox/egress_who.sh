#!/bin/bash
# cgroups: host v2
# Whose processes tried what, where there is a cgroup of version 2.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "asks for egress rules"
. "$(dirname "$0")/egress_lib.sh"
grep -q cgroup2 /proc/self/mountinfo || skip_all "no cgroup of version 2 is mounted"
serve "$outside" serve 443
wait_for_neighbour 443

programs() # of the host that are ours; kernels that list them
{
        python3 - <<'PYTHON'
import ctypes, os, platform, struct
libc = ctypes.CDLL(None, use_errno=True)
nr = {"x86_64": 321, "aarch64": 280}[platform.machine()]
def bpf(cmd, *words):
    attr = ctypes.create_string_buffer(struct.pack("%dI" % len(words), *words).ljust(120, b"\0"))
    return libc.syscall(nr, cmd, attr, 120), attr.raw
n = at = 0
while True:
    r, raw = bpf(11, at)
    if r < 0: break
    at = struct.unpack("I", raw[4:8])[0]
    fd, _ = bpf(13, at)
    if fd < 0: continue
    info = ctypes.create_string_buffer(256)
    attr = ctypes.create_string_buffer(struct.pack("IIQ", fd, 256, ctypes.addressof(info)).ljust(120, b"\0"))
    if libc.syscall(nr, 15, attr, 120) == 0 and info.raw[64:80].startswith(b"runb_egress"): n += 1
    os.close(fd)
print(n)
PYTHON
}

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
        want_same "$(programs)" 4
        run rt delete --force b; want_rc 0
        want_same "$(last_record | jq -c '.refused[0].processes')" '["a\u001bb","tool"]'
        wait_for 10 eval '[ "$(programs)" = 0 ]'
}
check "runb egress names them while it runs, those of exec too, and nothing is left" live

off()
{
        clear_table
        policy '{}'
        inside_bundle c 'sleep 600'
        "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach c < /dev/null > /dev/null 2>&1 9>&-
        want_same "$(programs)" 0
        "$RUNB" --root "$T/state" delete --force c
}
check "nothing is attached where nothing is counted" off
finish
