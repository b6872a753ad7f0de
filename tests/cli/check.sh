#!/bin/bash
# `runb check`: what create would make of a config.json, without making it.
. "$(dirname "$0")/../lib.sh"
need jq python3
is_runb || skip_all "other runtimes have no such command"

bad='.process.capabilities.bounding += ["CAP_SYS_ADMIN"]
     | .mounts += [{destination: "/x", type: "bind", source: "/etc", options: ["bind"]},
                   {destination: "/y", type: "bind", source: "/root", options: ["bind", "rw"]}]
     | .linux.namespaces |= map(select(.type != "pid"))'

runs()
{
        bundle runs
        run rt check --bundle "$B"
        want_rc 0
        want_err ""
        want_out_has "process.noNewPrivileges"
        want_out_has 'runs under profile "untrusted" (policy built-in): 0 refused'
        run rt check --bundle "$B" --format json some-id
        want_rc 0
        jq -e '.verdict == "runs" and .id == "some-id" and .profile == "untrusted" and .policyRevision == "built-in" and has("error") == false and
               any(.findings[]; .property == "process.noNewPrivileges" and .asked == "false" and .got == "true" and .rule == "noNewPrivileges" and .action == "tightened")' "$T/out"
}
check "an ordinary config.json runs: exit 0, each thing that is tightened with what it gets and its rule" runs

all_refusals()
{
        bundle refused "$bad"
        run rt check --bundle "$B"
        want_rc 3
        want_out_has 'config.json has no pid namespace'
        want_out_has 'refused:  (mounts.sources) /etc holds'
        want_out_has 'ask for an exception "mount:/root"'
        want_out_has '3 refused'
        run rt check --bundle "$B" --format=json
        want_rc 3
        want_same "$(jq -c '[.verdict, ([.findings[] | select(.action == "refused") | .rule] | sort)]' "$T/out")" \
                '["refused",["mounts.sources","mounts.sources","namespaces.pid"]]'
        jq -e 'all(.findings[] | select(.action == "refused"); .remedy | length > 0)' "$T/out"
        # create tells the first of them
        first=$(jq -r .error "$T/out")
        run rt create --bundle "$B" refused
        want_rc 1
        want_err_has "$first"
}
check "every refusal is listed with its remedy, exit 3, and the first is create's error" all_refusals

invalid()
{
        bundle invalid '.process.user.uid = 70000'
        run rt check --bundle "$B"
        want_rc 1
        want_out_has "invalid:  config.json: process.user.uid: 70000 lies beyond"
        run rt create --bundle "$B" invalid
        want_rc 1
        echo '{"ociVersion": 7}' > "$B/config.json"
        run rt check --bundle "$B" --format json
        want_rc 1
        jq -e '.verdict == "invalid" and (.error | test("ociVersion")) and .findings == []' "$T/out"
        run rt check --bundle "$T/nowhere"
        want_rc 1
        want_out_has "no such file or directory"
        run rt check --bundle "$B" --format xml
        want_rc 1
        want_err_has 'invalid format "xml": table or json is wanted'
        run rt check --bundle "$B" ../x
        want_rc 1
        want_err_has "id"
        bundle invalid
        run rt check --bundle "$B" --profile nobody
        want_rc 1
        want_out_has '--profile'
}
check "what is invalid exits 1 and says what: config.json, the bundle, the id, the format, an unknown profile" invalid

by_policy()
{
        P=/run/check-policy
        mkdir -p $P
        echo '{"version": 1, "revision": "r7", "profiles": {"branch": {}, "untrusted": {"limits": {"pids": 77}}}}' > $P/policy.json
        chmod 600 $P/policy.json
        bundle by-policy
        run rt --policy $P/policy.json check --bundle "$B" --format json
        jq -e '.policyRevision == "r7" and any(.findings[]; .rule == "limits.pids" and (.got | test("77")))' "$T/out"
        want_rc 0
        run rt --policy $P/policy.json check --bundle "$B" --profile branch --format json
        jq -e '.profile == "branch" and .profileChosenBy == "--profile"' "$T/out"
        chmod 666 $P/policy.json
        run rt --policy $P/policy.json check --bundle "$B"
        rm -r $P
        want_rc 1
        want_out_has "others than its owner can write to it"
}
check "the policy file and --profile count as they do for create" by_policy

changes_nothing()
{
        bundle nothing "$bad"
        mkdir -p "$T/seen"
        state() { find /run "$T/nothing" "$T/state" /sys/fs/cgroup -printf '%p %T@ %s\n' 2>/dev/null | sort; cat /proc/self/mountinfo; cat /etc/subuid 2>/dev/null; }
        P=/run/audited; mkdir -p $P
        echo "{\"version\": 1, \"revision\": \"r\", \"audit\": {\"path\": \"$P/audit.jsonl\"}, \"profiles\": {\"untrusted\": {}}}" > $P/policy.json
        chmod 600 $P/policy.json
        state > "$T/seen/before"
        run rt --policy $P/policy.json check --bundle "$B"
        want_rc 3
        bundle nothing2
        run rt --policy $P/policy.json check --bundle "$B"
        want_rc 0
        state > "$T/seen/after"
        diff "$T/seen/before" "$T/seen/after"
        [ ! -e $P/audit.jsonl ]
        [ ! -e "$T/state/check" ]
        command -v strace > /dev/null || return 0
        strace -f -o "$T/calls" -e trace=mkdir,mkdirat,mount,move_mount,fsmount,open_tree,unlink,unlinkat,rename,renameat,renameat2,clone,clone3,fork,vfork,mknodat,symlinkat,fchownat,chown \
                "$RUNB" --root "$T/state" check --bundle "$B" > /dev/null
        ! grep -v -e '+++' -e '---' "$T/calls"
        strace -f -o "$T/calls" -e trace=openat,openat2,open "$RUNB" --root "$T/state" check --bundle "$B" > /dev/null
        ! grep -E 'O_(WRONLY|RDWR|CREAT)' "$T/calls"
}
check "it makes no file, cgroup, mount, process or line of the audit, whether it runs or is refused" changes_nothing

plain_user()
{
        bundle plain
        chmod -R a+rX "$B"
        run setpriv --reuid 65534 --regid 65534 --clear-groups "$(everybodys_runb)" check --bundle "$B" --format json
        case $rc$err in 1*namespace*) skip_case "no user namespaces for plain users here: $err";; esac
        want_rc 0
        jq -e '.verdict == "runs"' "$T/out"
}
check "it works for a plain user" plain_user

terminal_safe()
{
        bundle safe '.mounts += [{destination: "/y\u001b[31m\u202e\u009bx", type: "bind", source: "/root", options: ["bind"]}]'
        run rt check --bundle "$B"
        want_rc 3
        want_out_has '(/y?[31m?'
        # only ASCII or whole UTF-8 without controls
        python3 -c 'import sys; t = open(sys.argv[1], encoding="utf-8").read(); assert all(c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f" and c != "\u202e") for c in t)' "$T/out"
}
check "no byte of config.json steers the terminal" terminal_safe

width()
{
        bundle width "$bad"
        run env COLUMNS=100 "$RUNB" check --bundle "$B"
        want_rc 3
        want_out_has ".."
        awk '/^$/ { exit } length($0) > 100 { print; bad = 1 } END { exit bad }' "$T/out"
        want_out_has 'ask for an exception "mount:/root"'
        want_out_without $'\033'
        # a terminal: its width, and colours unless NO_COLOR
        cat > "$T/on-terminal.py" << 'END'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    out += part
os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
END
        run python3 "$T/on-terminal.py" "$RUNB" check --bundle "$B"
        want_out_has $'\033[31mrefused'
        sed -e 's/\x1b\[[0-9]*m//g' -e 's/\r$//' "$T/out" | awk '/^$/ { exit } length($0) > 90 { bad = 1 } END { exit bad }'
        NO_COLOR=1 run python3 "$T/on-terminal.py" "$RUNB" check --bundle "$B"
        want_out_without $'\033'
}
check "the table is cut to the terminal's width, remedies are whole, and only a terminal gets colours" width

no_values()
{
        bundle secret '.process.env += ["TOKEN=hunter2"] | .process.args += ["hunter3"]'
        for format in table json; do
                run rt check --bundle "$B" --format $format
                want_rc 0
                want_out_without hunter
        done
}
check "no value of an environment variable or argument is printed" no_values

finish
