#!/bin/bash
# linux.seccomp of the runtime-spec 1.3: actions, operators, architectures, flags, ENOSYS for what is newer than the profile, and
# SCMP_ACT_NOTIFY with an agent; on containers, with podman's and docker's own profiles, beside runc and crun.
. "$(dirname "$0")/../lib.sh"
need jq python3
: "${builddir:?}"
is_runb || skip_all "the runtime under test is not runb"
[ "$(uname -m)" = x86_64 ] || skip_all "the numbers are x86-64's"
busybox_rootfs "$T/busybox"
cp "$builddir/tests/tools/calls" "$T/busybox/bin/calls"
chmod 755 "$T"
data=$lib_dir/data/seccomp

# filter NAME SECCOMP CALL...: a bundle with that linux.seccomp whose program makes these calls
filter()
{
        local name=$1 seccomp=$2
        shift 2
        bundle "$name" '.linux.seccomp = $s | .process.args = ["/bin/calls"] + ($c | split(" "))' --argjson s "$seccomp" --arg c "$*"
}
calls() { filter "$@"; run rt run --bundle "$B" "$1"; }
rule() { echo "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"getpgid\"], $1}]}"; }
refused() # WORD...
{
        local word
        want_failure
        want_same "$(wc -l < "$T/err")" 1
        for word; do want_err_has "$word"; done
        want_same "$(rt list -q)" ""
}
umask=95 getpgid=121 mkdir=83 mount=165 getpid=39 keyctl=250

# ---- actions and what they return ----

action() # MEMBERS WANTED-OUTPUT
{
        calls act "$(rule "$1")" $getpgid,0
        want_out "$2"
}
check "SCMP_ACT_ALLOW lets pass" action '"action": "SCMP_ACT_ALLOW"' "121 ok 1"
check "SCMP_ACT_ERRNO says EPERM where errnoRet is missing" action '"action": "SCMP_ACT_ERRNO"' "121 errno 1"
check "SCMP_ACT_ERRNO says errnoRet" action '"action": "SCMP_ACT_ERRNO", "errnoRet": 77' "121 errno 77"
check "SCMP_ACT_ERRNO with errnoRet 0 does nothing and succeeds" action '"action": "SCMP_ACT_ERRNO", "errnoRet": 0' "121 ok 0"
check "SCMP_ACT_LOG lets pass" action '"action": "SCMP_ACT_LOG"' "121 ok 1"
check "SCMP_ACT_TRACE without a tracer says ENOSYS" action '"action": "SCMP_ACT_TRACE"' "121 errno 38"

ends() # ACTION: as the exit code of a shell whose child dies of it
{
        bundle act '.linux.seccomp = $s | .process.args = ["/bin/sh", "-c", "/bin/calls 121,0; echo $?"]' --argjson s "$(rule "\"action\": \"$1\"")"
        run rt run --bundle "$B" act
        want_out_has 159
        want_out_without "121 ok"
}
for a in TRAP KILL KILL_THREAD KILL_PROCESS; do check "SCMP_ACT_$a ends the process with SIGSYS" ends SCMP_ACT_$a; done

default_errno()
{
        local all='"names": ["execve","write","exit_group","brk","arch_prctl","set_tid_address","set_robust_list","rseq","mprotect","prlimit64","readlinkat","getrandom","fstat","newfstatat","mmap","ioctl"], "action": "SCMP_ACT_ALLOW"'
        calls def "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 55, \"syscalls\": [{$all}]}" $getpgid,0 $umask,0
        want_out "121 errno 55
95 errno 55"
        calls def "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{$all}]}" $getpgid,0
        want_out "121 errno 1"
}
check "defaultErrnoRet is what everything else says, EPERM where it is missing" default_errno

errno_refused() { calls bad "$1" $getpid; refused "config.json: linux.seccomp$2"; }
check "an errnoRet for an action that has none" errno_refused "$(rule '"action": "SCMP_ACT_ALLOW", "errnoRet": 1')" ".syscalls[0].errnoRet: only SCMP_ACT_ERRNO"
check "an errnoRet above 4095" errno_refused "$(rule '"action": "SCMP_ACT_ERRNO", "errnoRet": 4096')" ".syscalls[0].errnoRet: 4096"
check "a defaultErrnoRet for an action that has none" errno_refused '{"defaultAction": "SCMP_ACT_LOG", "defaultErrnoRet": 1}' .defaultErrnoRet
check "an unknown action" errno_refused '{"defaultAction": "SCMP_ACT_NOSUCH"}' ".defaultAction"
check "an unknown operator" errno_refused "$(rule '"action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_ISH"}]')" ".syscalls[0].args[0].op"
check "an unknown architecture" errno_refused '{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]}' ".architectures[0]"
check "an unknown flag" errno_refused '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}' ".flags[0]"

# ---- operators: umask(2) returns the old one, so a call that passes says the last that passed ----

operator() # OP VALUE [VALUETWO] -- WANTED, of the values 1 to 4
{
        local two=
        [ "$3" != - ] && two=", \"valueTwo\": $3"
        calls op "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"umask\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 9, \"args\": [{\"index\": 0, \"value\": $2, \"op\": \"$1\"$two}]}]}" $umask,1 $umask,2 $umask,3 $umask,4
        want_same "$(echo "$out" | awk '{ printf "%s", $2 == "errno" ? "x" : "." }')" "$4"
}
check "SCMP_CMP_NE" operator SCMP_CMP_NE 2 - x.xx
check "SCMP_CMP_LT" operator SCMP_CMP_LT 2 - x...
check "SCMP_CMP_LE" operator SCMP_CMP_LE 2 - xx..
check "SCMP_CMP_EQ" operator SCMP_CMP_EQ 2 - .x..
check "SCMP_CMP_GE" operator SCMP_CMP_GE 2 - .xxx
check "SCMP_CMP_GT" operator SCMP_CMP_GT 2 - ..xx
check "SCMP_CMP_MASKED_EQ: value is the mask, valueTwo what is left" operator SCMP_CMP_MASKED_EQ 1 1 x.x.

# ---- architectures and flags ----

architectures()
{
        local names="X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB"
        calls arch "$(jq -nc '{defaultAction: "SCMP_ACT_ALLOW", architectures: ($n | split(" ") | map("SCMP_ARCH_" + .)), syscalls: [{names: ["getpgid"], action: "SCMP_ACT_ERRNO", errnoRet: 9}]}' --arg n "$names")" $getpgid,0
        want_out "121 errno 9"
}
check "all 23 architectures are known, and those of other machines change nothing" architectures

other_abis()
{
        calls abi "$(rule '"action": "SCMP_ACT_ERRNO"' | jq -c '.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]')" -i386 20 # getpid
        want_out "20 errno 38"
        calls abi "$(rule '"action": "SCMP_ACT_ERRNO"' | jq -c '.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]')" -x32 39
        want_out "39 errno 38"
}
check "the profile's filter answers other ABIs with ENOSYS even where the engine lists them" other_abis

flags()
{
        filter flags "$(rule '"action": "SCMP_ACT_ERRNO"' | jq -c '.flags = ["SECCOMP_FILTER_FLAG_" + ("TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV")]')" status
        bundle flags '.linux.seccomp = $s | .process.args = ["/bin/sleep", "100"]' --argjson s "$(jq -c .linux.seccomp "$B/config.json")"
        rt create --bundle "$B" flags < /dev/null > /dev/null
        jq -c '.. | objects | select(.property? == "linux.seccomp.flags")' "$T/state/flags/state.json" > "$T/findings"
        cat "$T/findings"
        grep -q SPEC_ALLOW "$T/findings"
        grep -q WAIT_KILLABLE_RECV "$T/findings"
        # struct file_header of the saved program: magic, n, flags: TSYNC 1, LOG 2; not SPEC_ALLOW 4
        want_same "$(od -An -tu4 -j12 -N4 "$T/state/flags/seccomp-engine.bpf" | tr -d ' ')" 3
        rt start flags
        run rt exec flags /bin/calls $getpgid,0
        want_out "121 errno 1"
        rt delete --force flags
}
check "flags: TSYNC and LOG are set, SPEC_ALLOW and an idle WAIT_KILLABLE_RECV reported" flags

# ---- newer than the profile ----

newer() # PROFILE WANTED-FOR-KEYCTL
{
        calls newer "$(cat "$data/$1.json")" 500 1000 $keyctl,0,0
        want_out "500 errno 38
1000 errno 38
$keyctl errno $2"
}
check "docker's profile: what is newer than it says ENOSYS, what it refuses EPERM" newer docker 1
check "podman's profile: what is newer than it says ENOSYS" newer podman 1

likewise() # PROFILE RUNTIME: the same answers, one by one, but for what the profile's filter refuses
{
        local runtime numbers="$getpid $getpgid,0 $umask,18 $umask,18 $keyctl,0,0 500 1000 321,-1 298,0 310,0 155 165 272,0x10000000 24 157,3 63,0 60000"
        command -v "$2" > /dev/null || skip_case "$2 is not installed"
        filter likewise "$(cat "$data/$1.json")" $numbers
        rt run --bundle "$B" likewise > "$T/ours"
        "$2" --root "$T/peer" run --bundle "$B" likewise > "$T/theirs" < /dev/null
        want_same "$(wc -l < "$T/ours")" "$(wc -l < "$T/theirs")"
        grep -q '^39 ok' "$T/ours"
        diff "$T/theirs" "$T/ours" | tee "$T/differs" || true
        want_same "$(grep '^>' "$T/differs" | grep -v ' errno \(1\|38\)$' || true)" ""
}
for p in podman docker; do for r in runc crun; do check "$p's profile: the same answers as under $r, or a refusal" likewise $p $r; done; done

# ---- SCMP_ACT_NOTIFY ----

agent() # HOW: at $T/agent.sock, its log is $T/agent.log
{
        agent_end
        rm -f "$T/agent.log"
        "$builddir/tests/tools/agent" "$T/agent.sock" "$T/agent.log" "$1" &
        echo $! > "$T/agent.pid"
        wait_for 5 grep -q listening "$T/agent.log"
}
agent_end()
{
        local pid
        [ -e "$T/agent.pid" ] || return 0
        read -r pid < "$T/agent.pid"
        rm "$T/agent.pid"
        ! kill -KILL "$pid" || wait_for 5 eval '! kill -0 '"$pid"
}
notify() # NAME...: a filter
{
        jq -nc '{defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s, syscalls: [{names: ($n | split(" ")), action: "SCMP_ACT_NOTIFY"}]}' --arg s "$T/agent.sock" --arg n "$*"
}
states() { grep ^uid "$T/agent.log"; }
state() { states | sed -n "$1s/^[^{]*//p"; }

notified()
{
        agent value:7
        filter n "$(notify mkdir)" status $mkdir,0 $getpid
        jq '.linux.seccomp.listenerMetadata = "a\"\u00e4" | .annotations.key = "value"' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run rt run --bundle "$B" --pid-file "$T/n.pid" n
        want_rc 0
        want_out_has "83 ok 7
39 ok 1"
        want_out_has "Threads:	1"
        want_out_has "Seccomp_filters:	2"
        wait_for 5 grep -q end "$T/agent.log"
        want_same "$(states | wc -l)" 1
        states | grep -q '^uid 0 fds 1 '
        want_same "$(state 1 | jq -r .fds[])" seccompFd
        want_same "$(state 1 | jq -r .metadata)" 'a"ä'
        want_same "$(state 1 | jq -r .state.id)" n
        want_same "$(state 1 | jq -r .pid)" "$(state 1 | jq -r .state.pid)"
        want_same "$(state 1 | jq -r .pid)" "$(cat "$T/n.pid")"
        want_same "$(state 1 | jq -r .ociVersion)" 1.0.2
        want_same "$(state 1 | jq -r .state.annotations.key)" value
        want_same "$(state 1 | jq -r .state.bundle)" "$B"
        agent_end
}
check "run: the agent gets one state with one fd, and answers" notified

in_two_steps()
{
        agent errno:42
        filter two "$(notify mkdir)"
        rt create --bundle "$B" --pid-file "$T/two.pid" two < /dev/null > "$T/two.out"
        want_same "$(grep -c ^uid "$T/agent.log" || true)" 0
        jq '.process.args = ["/bin/calls", "83,0"]' "$B/config.json" > /dev/null
        rt delete --force two
        bundle two '.linux.seccomp = $s | .process.args = ["/bin/sh", "-c", "/bin/calls 83,0; sleep 100"]' --argjson s "$(notify mkdir)"
        rt create --bundle "$B" --pid-file "$T/two.pid" two < /dev/null > "$T/two.out"
        [ -S "$T/state/two/listener.sock" ]
        rt start two
        [ ! -e "$T/state/two/listener.sock" ]
        wait_for 5 grep -q "errno 42" "$T/two.out"
        want_same "$(state 1 | jq -r .pid)" "$(cat "$T/two.pid")"
        want_same "$(state 1 | jq -r .state.status)" created
        run rt exec --pid-file "$T/exec.pid" two /bin/calls status $mkdir,0
        want_out_has "83 errno 42"
        want_out_has "Seccomp_filters:	2"
        want_same "$(states | wc -l)" 2
        want_same "$(state 2 | jq -r .pid)" "$(cat "$T/exec.pid")"
        want_same "$(state 2 | jq -r .state.pid)" "$(cat "$T/two.pid")"
        want_same "$(state 2 | jq -r .state.status)" running
        rt delete --force two
        agent_end
}
check "create and start, exec: a state each, when the program is about to run" in_two_steps

stricter()
{
        agent value:0
        calls strict "$(notify mount mkdir keyctl bpf)" $mount,0,0,0,0,0 $mkdir,0 $keyctl,0 321,0
        want_out "165 errno 1
83 ok 0
250 errno 1
321 errno 1"
        want_same "$(grep ^call "$T/agent.log")" "call 83 0 0"
        agent_end
}
check "a call that the profile refuses never reaches the agent" stricter

continued()
{
        agent continue
        calls cont "$(notify clone unshare getpgid socket)" $getpgid,0 272,0x10000000 56,0x10000000 41,40,1,0
        want_out "121 ok 1
272 errno 1
56 errno 1
41 errno 97"
        want_same "$(grep -c ^call "$T/agent.log")" 1
        agent_end
}
check "an agent that says continue opens nothing that the profile's arguments refuse" continued

own_calls()
{
        local all
        agent "$1"
        all=$(jq -r '.syscalls[].names[]' "$data/podman.json" | sort -u | grep -vx write)
        calls own "$(notify $all)" $getpgid,0
        want_rc 0
        want_out "121 ok 1"
        grep -q '^call 59 ' "$T/agent.log" # execve
        want_same "$(states | wc -l)" 1
        rt create --bundle "$B" own < /dev/null > "$T/own.out"
        rt start own
        wait_for 10 grep -q "121 ok 1" "$T/own.out"
        rt delete --force own
        agent_end
}
check "every call of the program is asked for, from its execve on, and none of the runtime's" own_calls continue
check "an agent that takes its time" own_calls slow:3

refused_calls()
{
        agent continue
        calls refusing "$(notify mkdir | jq -c '.syscalls += [{names: ["sendmsg", "read", "recvmsg", "nanosleep", "clock_nanosleep", "close", "fcntl", "futex", "poll"], action: "SCMP_ACT_KILL_PROCESS"}]')" $mkdir,0
        want_rc 0
        want_out "83 errno 14"
        agent_end
}
check "a filter that kills for what the runtime sends with" refused_calls

no_exec()
{
        agent errno:13
        calls noexec "$(notify execve)" $mkdir,0
        refused "permission denied"
        want_same "$(states | wc -l)" 1
        filter noexec "$(notify execve)"
        rt create --bundle "$B" noexec < /dev/null > /dev/null
        run rt start noexec
        want_failure
        want_err_has "permission denied"
        rt delete --force noexec
        agent_end
}
check "an agent that refuses execve: start fails with what it said" no_exec

gone()
{
        agent silent
        calls gone "$(notify mkdir)" $mkdir,0
        want_out "83 errno 38"
        agent_end
        calls gone "$(notify mkdir)" $mkdir,0
        refused "linux.seccomp.listenerPath" "connect to $T/agent.sock"
        filter gone "$(notify mkdir)"
        rt create --bundle "$B" gone < /dev/null > /dev/null
        run rt start gone
        want_failure
        want_err_has "connect to $T/agent.sock"
        rt delete --force gone
        rm -f "$T/agent.sock"
        calls gone "$(notify mkdir)" $mkdir,0
        refused "seccomp.listener" "start the agent first"
        start_sleeper other
        rt delete --force other
}
check "an agent that drops the listener, that has ended, that never was" gone

deaf()
{
        agent deaf
        python3 -c 'import socket, sys, time
s = [socket.socket(socket.AF_UNIX) for i in range(4)]
for x in s:
    x.settimeout(0.2)
    try: x.connect(sys.argv[1])
    except OSError: break
print("full", flush=True)
time.sleep(30)' "$T/agent.sock" > "$T/full" &
        wait_for 5 grep -q full "$T/full"
        calls deaf "$(notify mkdir)" $mkdir,0
        kill $!
        refused listenerPath
        agent_end
}
check "an agent that accepts nobody holds nothing up for ever" deaf

large()
{
        agent continue
        filter large "$(notify mkdir)" $mkdir,0
        jq '.annotations = ([range(2000) | {key: "key\(.)", value: ("v" * 50)}] | from_entries)' "$B/config.json" > "$B/c" && mv "$B/c" "$B/config.json"
        run rt run --bundle "$B" large
        want_rc 0
        want_same "$(state 1 | jq '.state.annotations | length')" 2000
        agent_end
}
check "a state of more than one message" large

hooked()
{
        agent value:7
        bundle hooked '.linux.seccomp = $s | .process.args = ["/bin/calls", "83,0"] | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "/bin/calls 83,0 > /hook"]}]' --argjson s "$(notify mkdir)"
        run rt run --bundle "$B" hooked
        want_out "83 ok 7"
        want_same "$(cat "$B/rootfs/hook")" "83 errno 38"
        want_same "$(states | wc -l)" 1
        agent_end
}
check "startContainer hooks have the filters without the agent" hooked

unused()
{
        calls unused '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/no/such", "listenerMetadata": "m", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}' $mkdir,0
        want_out "83 errno 1"
}
check "without SCMP_ACT_NOTIFY listenerPath is ignored" unused

killable()
{
        agent slow:300
        filter kill "$(notify mkdir | jq -c '.flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"]')"
        bundle kill '.linux.seccomp = $s | .process.args = ["/bin/sleep", "100"]' --argjson s "$(jq -c .linux.seccomp "$B/config.json")"
        rt create --bundle "$B" kill < /dev/null > /dev/null
        # LOG 2, NEW_LISTENER 8, WAIT_KILLABLE_RECV 32
        want_same "$(od -An -tu4 -j12 -N4 "$T/state/kill/seccomp-engine.bpf" | tr -d ' ')" 42
        rt start kill
        run rt exec kill /bin/calls $mkdir,0
        want_out "83 errno 14"
        rt delete --force kill
        agent_end
}
check "WAIT_KILLABLE_RECV, TSYNC and LOG beside a listener" killable

no_place() # FOLDER-MODE OWNER
{
        mkdir -p "$T/place"
        agent continue
        mv "$T/agent.sock" "$T/place/agent.sock"
        chmod "$1" "$T/place"
        chown "$2" "$T/place"
        calls place "$(notify mkdir | jq -c '.listenerPath = $p' --arg p "$T/place/agent.sock")" $mkdir,0
        chown 0 "$T/place"
        agent_end
        refused seccomp.listener "by others than root"
}
check "an agent in a folder that others can write is refused" no_place 777 0
check "an agent in somebody's folder is refused" no_place 755 12345
within_reach()
{
        agent continue
        filter reach "$(notify mkdir)" $mkdir,0
        mv "$T/agent.sock" "$B/rootfs/agent.sock"
        calls reach "$(notify mkdir | jq -c '.listenerPath = $p' --arg p "$B/rootfs/agent.sock")" $mkdir,0
        refused seccomp.listener "where a build can reach it"
        mkdir -p "$T/shared"
        mv "$B/rootfs/agent.sock" "$T/shared/agent.sock"
        bundle reach '.linux.seccomp = $s | .mounts += [{destination: "/x", type: "bind", source: $d, options: ["bind", "ro"]}]' --argjson s "$(notify mkdir | jq -c '.listenerPath = $p' --arg p "$T/shared/agent.sock")" --arg d "$T/shared"
        run rt run --bundle "$B" reach
        refused seccomp.listener "where a build can reach it"
        agent_end
}
check "an agent where a build could speak to it is refused" within_reach

bad() { calls bad "$1" $getpid; refused "config.json: linux.seccomp$2"; }
check "SCMP_ACT_NOTIFY without listenerPath" bad '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}' ".listenerPath: is required"
check "a relative listenerPath" bad '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "s", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}' ".listenerPath: must be an absolute path"
check "SCMP_ACT_NOTIFY as the default" bad '{"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/s"}' ".defaultAction: SCMP_ACT_NOTIFY"
check "SCMP_ACT_NOTIFY for write" bad '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s", "syscalls": [{"names": ["mkdir", "write"], "action": "SCMP_ACT_NOTIFY"}]}' ".syscalls[0].names[1]: write cannot"
check "listenerMetadata without listenerPath" bad '{"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m"}' ".listenerMetadata: is given without listenerPath"

as_runc() # RUNTIME: the same members of the state
{
        command -v "$1" > /dev/null || skip_case "$1 is not installed"
        agent value:7
        filter peer "$(notify mkdir | jq -c '.listenerMetadata = "m"')" $mkdir,0
        rt run --bundle "$B" peer > "$T/ours"
        "$1" --root "$T/peer" run --bundle "$B" peer > "$T/theirs" < /dev/null
        agent_end
        cmp "$T/ours" "$T/theirs"
        state 1 | jq -Sc '[paths | map(tostring) | join(".")]' > "$T/a"
        state 2 | jq -Sc '[paths | map(tostring) | join(".")]' > "$T/b"
        states
        cmp "$T/a" "$T/b"
}
for r in runc crun; do check "the agent is told what $r tells it" as_runc $r; done
agent_end
finish
