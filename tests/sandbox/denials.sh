#!/bin/bash
# seccomp.explain of a profile: which calls the filters refused, how often, to which program; and that counting lets nothing pass.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "other runtimes have no profiles"
tools=${RUNB%/*}/tests/tools
[ -x "$tools/calls" ] || skip_all "$tools/calls is not built"
[ "$(uname -m)" = x86_64 ] || skip_all "numbers of system calls are x86-64's here"

P=/run/policy
mkdir -p $P
untrusted() { jq -n "{version: 1, audit: {path: \"$T/audit\"}, profiles: {untrusted: $1}}" > $P/policy.json; chmod 600 $P/policy.json; }
rp() { rt --policy $P/policy.json "$@"; }
explained() { untrusted '{seccomp: {explain: true}}'; }
# of_calls NAME JQ-FILTER: a bundle for `calls`; $c in the filter is its path
of_calls() { bundle "$1" "$2"; cp "$tools/calls" "$B/rootfs/bin/calls"; }
start_it() { rm -f "$T/audit"; rp create --bundle "$B" "$1" < /dev/null > "$T/$1.out" 2> "$T/$1.err" || { cat "$T/$1.err"; return 1; }; rp start "$1"; }
denied() { rp explain --format json "$1" | jq -c '.denials[] | [.call, .count, .program, .name]'; }
audited() { jq -c 'select(.event == "denials") | .findings[] | [.property, .asked, .got]' "$T/audit"; }
watchers() { grep -l '^runb-denials$' /proc/[0-9]*/comm 2> /dev/null || :; }

many()
{
        explained
        of_calls many '.process.args = ["/bin/calls"] + [range(10000) | "272,268435456"]'
        local begin=$EPOCHREALTIME
        start_it many
        wait_for 30 has_status many stopped
        want_same "$(sort "$T/many.out" | uniq -c | tr -s ' ')" " 10000 272 errno 1"
        echo "# 10000 refused calls counted within $(awk "BEGIN { print $EPOCHREALTIME - $begin }") s"
        wait_for 5 [ -z "$(watchers)" ]
        want_same "$(denied many)" '["unshare(0x10000000)",10000,"/bin/calls","calls"]'
        run rp explain many
        want_out_has "EPERM by the filter of profile untrusted; seccomp.userNamespaces in the profile lets it pass"
        run rp state many
        want_out_without findings
        run rp state --findings many
        want_same "$(jq -c '[.id, .status, .profile] + [.findings[] | select(.rule == "seccomp.explain") | .action, .property, .asked]' "$T/out")" \
                '["many","stopped","untrusted","recorded","unshare(0x10000000)","10000 times, /bin/calls (calls)"]'
        rp delete many
        want_same "$(audited)" '["unshare(0x10000000)","10000 times, /bin/calls (calls)","EPERM by the filter of profile untrusted; seccomp.userNamespaces in the profile lets it pass"]'
        want_same "$(jq -c 'select(.event == "denials") | [.id, .profile, .outcome]' "$T/audit")" '["many","untrusted","allowed"]'
}
check "10,000 calls of unshare are one entry, with their number and the program, and one line of the audit file" many

same_answers()
{
        # mount, keyctl, socket(AF_VSOCK), clone3, a number that is none, ptrace(SEIZE), prlimit(CORE) that is told it worked, getpid
        local all='["/bin/calls","165,0,0,0","250,0","41,40,1","435,0,0","999,0","101,16902,1","160,4,1","39","status"]'
        untrusted '{}'
        of_calls plain ".process.args = $all"
        run rp run --bundle "$B" plain
        want_rc 0
        grep -v '^39 \|^Seccomp_filters' "$T/out" > "$T/without"
        explained
        rm -f "$T/audit"
        of_calls same ".process.args = $all"
        run rp run --bundle "$B" same
        want_rc 0
        diff "$T/without" <(grep -v '^39 \|^Seccomp_filters' "$T/out")
        want_out_has "165 errno 1"
        want_out_has "435 errno 38"
        want_out_has "41 errno 97"
        want_same "$(audited | jq -r '.[0]' | sort | tr '\n' ' ')" "clone3 keyctl mount ptrace(0x4206) socket(0x28) system call 999 "
}
check "every answer is the one that the build gets without it" same_answers

engines_own()
{
        explained
        of_calls eng '.process.args = ["/bin/calls", "83,0", "165,0", "121,0", "39"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 30}, {names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 13}]}'
        run rp run --bundle "$B" eng
        want_rc 0
        want_out_has "83 errno 30"
        want_out_has "165 errno 13"
        want_out_has "121 ok"
        audited | grep -q '^\["mkdir","1 times, /bin/calls (calls)","EROFS by the engine.s filter; '
        audited | grep -q '^\["mount","1 times, /bin/calls (calls)","EACCES by the engine.s filter; '
        bundle kill '.process.args = ["/bin/mkdir", "/x"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_KILL_PROCESS"}]}'
        run rp run --bundle "$B" kill
        want_rc 159
        bundle log '.process.args = ["true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_LOG"}'
        run rp run --bundle "$B" log
        want_failure
        want_err_has "seccomp.explain: the engine's filter has SCMP_ACT_NOTIFY, _TRACE or _LOG"
        want_same "$(rt list -q)" ""
}
check "what the engine's filter refuses is told apart; an action that cannot be had with it is an error" engines_own

by_exec()
{
        explained
        bundle ex '.process.args = ["/bin/sleep", "1000"]'
        start_it ex
        run rp explain ex
        want_out_has "No system call has been refused by a filter."
        cp "$tools/calls" "$B/rootfs/bin/calls"
        for i in 1 2 3; do run rp exec ex /bin/calls 165,0; want_out "165 errno 1"; done
        run rp exec ex sh -c 'mount -t tmpfs x /tmp; :'
        wait_for 5 [ "$(watchers | wc -l)" = 1 ]
        want_same "$(denied ex)" '["mount",3,"/bin/calls","calls"]
["mount",1,"/bin/busybox","mount"]'
        run rp explain ex
        want_out_has "the profile image-build has it"
        run rp exec ex /bin/calls 310,1 250,1
        run rp explain ex
        want_out_has "process_vm_readv  1"
        want_out_has 'seccomp.base "engine" in the profile lets it pass'
        want_out_has "no profile has it"
        # None of them is in the container.
        run rp exec ex ps
        want_out_without denials
        rp delete --force ex
        audited | grep -q '^\["mount","3 times, /bin/calls (calls)'
        want_same "$(watchers)" ""
}
check "exec is counted, too, by a process that the container does not see" by_exec

its_end()
{
        explained
        bundle end '.process.args = ["/bin/sh", "-c", "mount -t tmpfs x /tmp; echo first; read x < /go; mount -t tmpfs x /tmp || echo still; grep -c x /proc/mounts > /dev/null; echo lives"]'
        mkfifo "$B/rootfs/go"; chmod 666 "$B/rootfs/go"
        start_it end 
        wait_for 5 grep -q first "$T/end.out"
        kill -9 $(watchers | cut -d/ -f3)
        echo > "$B/rootfs/go"
        wait_for 5 grep -q lives "$T/end.out"
        grep -q still "$T/end.out"
        rp delete --force end
}
check "where the process that counts has been killed, what was refused is refused still" its_end

# Of two listeners the kernel asks the one that came last, and that one may let the call go on: the build's own, once ours
# has gone with its process. keyctl(KEYCTL_GET_KEYRING_ID, the session's) asks for no privilege.
own_listener()
{
        explained
        bundle own '.process.args = ["/bin/sh", "-c", "calls 250,0,-3; read x < /go; calls -over 250,0,-3; echo lives"]'
        cp "$tools/calls" "$B/rootfs/bin/calls"
        mkfifo "$B/rootfs/go"; chmod 666 "$B/rootfs/go"
        start_it own
        wait_for 5 grep -q 250 "$T/own.out"
        kill -9 $(watchers | cut -d/ -f3)
        wait_for 5 [ -z "$(watchers)" ]
        echo > "$B/rootfs/go"
        wait_for 5 grep -q lives "$T/own.out"
        cat "$T/own.out"
        rp delete --force own
        grep -q "listener errno 16" "$T/own.out"
        if grep "250 ok" "$T/own.out"; then fail "the filter was passed"; fi
}
check "where the process that counts has been killed, no listener of the build's takes its place" own_listener

hostile_names()
{
        explained
        # More programs than are told apart, with names that are no JSON and no text.
        bundle names '.process.args = ["/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do cp /bin/calls \"/tmp/\\\"$i\\033[1m\"; \"/tmp/\\\"$i\\033[1m\" 165,0 > /dev/null; rm \"/tmp/\\\"$i\\033[1m\"; i=$((i + 1)); done"]'
        cp "$tools/calls" "$B/rootfs/bin/calls"
        start_it names
        wait_for 40 has_status names stopped
        wait_for 5 [ -z "$(watchers)" ]
        want_same "$(rp explain --format json names | jq '.denials | length')" 128
        want_same "$(rp explain --format json names | jq '[.denials[].count] | add')" 300
        want_same "$(rp explain --format json names | jq -r '.denials[0] | [.call, .count] | @text')" '["other calls",173]'
        run rp explain names
        case $out in *$'\033'*) fail "an escape reached the terminal";; esac
        rp delete names
        want_same "$(jq -c 'select(.event == "denials") | .id' "$T/audit")" '"names"'
}
check "a build that makes up programs by the hundred fills one table of 128, and writes to no terminal" hostile_names

off()
{
        untrusted '{}'
        bundle off '.process.args = ["/bin/sh", "-c", "mount -t tmpfs x /tmp; sleep 1000"]'
        start_it off
        want_same "$(watchers)" ""
        run rp explain off
        want_rc 0
        want_out_has 'in the profile "untrusted" counts them'
        want_out_has "process.noNewPrivileges"
        rp delete --force off
        want_same "$(audited)" ""
        run rp explain --format xml off
        want_failure
        run rp explain off
        want_err_has "container does not exist"
}
check "without it nothing runs beside a container, and explain says how to get it" off

refusing_agents()
{
        explained
        bundle agent '.process.args = ["true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/x.sock", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
        run rp run --bundle "$B" agent
        want_failure
        want_err_has "(seccomp.explain): a filter can have one listener"
}
check "an engine's agent and the counting do not go together, by name" refusing_agents

finish
