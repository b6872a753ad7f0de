# Sourced by the shell tests. Each case is a function that ends at its first failing line:
#
#   it_says_hello() { run rt run hello; want_rc 0; want_out hello; }
#   check "run passes the output on" it_says_hello
#   finish
#
# $T is the test's own folder (tests/enclose.sh), $RUNB the runtime under test.

set -u
: "${RUNB:?names the runtime under test}" "${T:?is set by tests/enclose.sh}"
: "${RUNB_TEST_CACHE:=/var/tmp/runb-test-cache}"
CASE_TIMEOUT=${CASE_TIMEOUT:-60}
n_failed=0 n_run=0
# mount(8) of Debian 13 hands options over one by one, by fsconfig(2), which takes no more than 255 bytes of each.
export LIBMOUNT_FORCE_MOUNT2=always
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say_skip() { echo "SKIP $1: $2"; }
skip_all() { echo "SKIP $(basename "$0"): $*"; exit 77; }
fail() { echo "$*"; return 1; }
skip_case() { echo "$*"; exit 77; }     # from within a case

# Ends the whole file as skipped where a program is missing.
need() { local p; for p; do command -v "$p" > /dev/null || skip_all "$p is not installed"; done; }

[ -p "$T/case.fifo" ] || mkfifo "$T/case.fifo"
exec 9<> "$T/case.fifo"

kill_tree()
{
        local child
        for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do kill_tree "$child"; done
        kill -KILL "$1" 2>/dev/null
}

# check SENTENCE FUNCTION [ARG]...
check()
{
        local sentence=$1 rc
        shift
        case $sentence in *${ONLY-}*) ;; *) return 0;; esac
        n_run=$((n_run + 1))
        # Its own subshell, not in a condition: there "set -e" would have no effect.
        ( ( exec 9>&-; set -e; "$@" ) > "$T/case.log" 2>&1 < /dev/null; echo $? >&9 ) &
        if ! read -r -t "$CASE_TIMEOUT" rc <&9; then
                echo "ended after $CASE_TIMEOUT s" >> "$T/case.log"
                kill_tree $!
                rc=124
        fi
        wait $! 2>/dev/null
        case $rc in
        0) echo "PASS $sentence";;
        77) echo "SKIP $sentence: $(tail -n 1 "$T/case.log")";;
        *) n_failed=$((n_failed + 1))
           echo "FAIL $sentence"
           tail -n 40 "$T/case.log" | sed 's/^/# /';;
        esac
        return 0
}
finish() { [ $n_failed = 0 ]; exit; }

# run COMMAND...: $rc, $out, $err
run()
{
        rc=0
        "$@" > "$T/out" 2> "$T/err" || rc=$?
        out=$(tr -d '\0' < "$T/out") err=$(tr -d '\0' < "$T/err")
        printf '$ %s\n-> %s\n%s\n%s\n' "$*" "$rc" "$out" "$err" | head -c 4000
}
want_rc() { [ "$rc" = "$1" ] || fail "exit code is $rc, wanted $1"; }
want_failure() { [ "$rc" != 0 ] || fail "exit code is 0, wanted a failure"; }
want_out() { [ "$out" = "$1" ] || fail "output is not: $1"; }
want_out_has() { case $out in *"$1"*) ;; *) fail "output does not hold: $1";; esac; }
want_out_without() { case $out in *"$1"*) fail "output holds: $1";; esac; }
want_err() { [ "$err" = "$1" ] || fail "stderr is not: $1"; }
want_err_has() { case $err in *"$1"*) ;; *) fail "stderr does not hold: $1";; esac; }
want_same() { [ "$1" = "$2" ] || fail "\"$1\" is not \"$2\""; }
want_other() { [ "$1" != "$2" ] || fail "both are \"$1\""; }
want_match() { [[ $1 =~ $2 ]] || fail "\"$1\" does not match $2"; }
# wait_for SECONDS COMMAND...
wait_for()
{
        local end=$((SECONDS + $1))
        shift
        until "$@" > /dev/null 2>&1; do
                [ $SECONDS -lt $end ] || { fail "waited in vain for: $*"; return 1; }
                sleep 0.05
        done
}

# The runtime with a state folder of the test's own.
rt() { "$RUNB" --root "$T/state" "$@"; }
is_runb() { "$RUNB" --version 2>/dev/null | grep -q '^runb version'; }
# The clone may lie where only root comes to: a copy that every user can execute.
everybodys_runb() { [ -e "$T/everybodys-runb" ] || install -m 755 "$RUNB" "$T/everybodys-runb"; echo "$T/everybodys-runb"; }
status_of() { rt state "$1" | jq -r .status; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }

# busybox_rootfs DIR
busybox_rootfs()
{
        local bb
        bb=$(command -v busybox) || skip_all "busybox-static is not installed"
        mkdir -p "$1"/{bin,dev,proc,sys,tmp,etc,root,run,var,home}
        chmod 1777 "$1/tmp"
        cp "$bb" "$1/bin/busybox"
        chroot "$1" /bin/busybox --install -s /bin
        echo 'root:x:0:0:root:/root:/bin/sh' > "$1/etc/passwd"
        echo 'ada:x:1000:1000::/home:/bin/sh' >> "$1/etc/passwd"
        printf 'root:x:0:\nada:x:1000:\n' > "$1/etc/group"
}

# bundle NAME [JQ-FILTER] [JQ-OPTION]...: $T/NAME with a busybox rootfs; the filter edits the ordinary config.json.
# Prints nothing; $B is the folder.
bundle()
{
        local filter=${2:-.}
        B=$T/$1
        [ -d "$T/busybox" ] || busybox_rootfs "$T/busybox"
        mkdir -p "$B"
        [ -d "$B/rootfs" ] || cp -a "$T/busybox" "$B/rootfs"
        shift; [ $# -gt 0 ] && shift
        jq "$@" "$filter" "$lib_dir/data/config.json" > "$B/config.json"
}
# args CONTAINER COMMAND...: makes a bundle that runs it
sh_bundle() { bundle "$1" '.process.args = ["/bin/sh", "-c", $c]' --arg c "$2"; }

# A sleeping container.
start_sleeper() # ID [JQ-FILTER]
{
        bundle "$1" "(${2:-.}) | .process.args = [\"/bin/sleep\", \"1000\"]"
        rt create --bundle "$B" --pid-file "$T/$1.pid" "$1" < /dev/null > /dev/null 2> "$T/$1.err" ||
                { cat "$T/$1.err"; return 1; }
        rt start "$1"
}
