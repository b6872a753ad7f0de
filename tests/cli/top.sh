#!/bin/bash
# runb top: the sandboxes of --root, or of the whole host; once, as JSON, and live on a terminal.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq script
P=/run/policy
mkdir -p $P

it_shows_them()
{
        start_sleeper a
        start_sleeper b
        run rt top
        want_rc 0
        want_same "$(echo "$out" | wc -l)" 3
        want_match "$(echo "$out" | head -n 1)" '^ID +PROFILE +STATUS +AGE +LEFT +CPU +TIME +MEMORY +PIDS +DENIED$'
        want_match "$(echo "$out" | sed -n 2p)" '^a +untrusted +running +[0-9]+s +- '
        run rt top --format json
        want_rc 0
        want_same "$(echo "$out" | jq -r '.containers | map(.id + " " + .status) | join(", ")')" "a running, b running"
        want_same "$(echo "$out" | jq -r '.containers[0] | (.ageMs > 0 and .leftMs == null and .denied == null)')" true
        rt pause b 2> /dev/null && want_same "$(rt top --format json | jq -r '.containers[1].status')" paused
        rt kill a KILL
        wait_for 20 has_status a stopped
        want_same "$(rt top --format json | jq -r '.containers[0].status')" stopped
        rt delete -f a
        rt delete -f b
        run rt top --format json
        want_rc 0
        want_same "$(echo "$out" | jq -c .containers)" '[]'
}
check "a line for each container, as a table and as JSON" it_shows_them

it_knows_limits()
{
        jq -cn '{version: 1, revision: "t", audit: {path: "/run/policy/audit.jsonl"}, profiles: {untrusted: {limits: {wall: "1h"}}}}' > $P/policy.json
        chmod 600 $P/policy.json
        sh_bundle l 'sleep 1000'
        rt --policy $P/policy.json create --bundle "$B" l < /dev/null > /dev/null
        rt start l
        run rt top --format json
        want_same "$(echo "$out" | jq -r '.containers[0] | (.leftMs > 3000000 and .leftMs <= 3600000)')" true
        want_same "$(echo "$out" | jq -r '.containers[0].denied')" 0
        if [ -n "$(find $(jq -r '.cgroups[]' "$T/state/l/state.json") -maxdepth 1 -name pids.max)" ]; then
                want_same "$(echo "$out" | jq -r '.containers[0] | [.pidsLimit, .pids] | join(" ")')" "4096 $(rt ps --format json l | jq length)"
        fi
        run rt top
        want_match "$(echo "$out" | sed -n 2p)" ' 59m [0-9]+s '
        rt contain l > /dev/null
        want_same "$(rt top --format json | jq -r '.containers[0].contained')" true
        want_match "$(rt top | sed -n 2p)" '^l +untrusted +contained '
        rt delete -f --contained l
        rm -f $P/policy.json $P/audit.jsonl*
}
check "deadline, limits, what the network refused, and that it is contained" it_knows_limits

it_knows_other_roots()
{
        start_sleeper a
        bundle o '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$T/other" create --bundle "$B" o < /dev/null > /dev/null
        want_same "$(rt top --format json | jq -r '.containers | map(.id) | join(" ")')" a
        want_same "$(rt top --all --format json | jq -r '.containers | map(.id) | join(" ")')" "a o"
        want_same "$(rt top --all --format json | jq -r '.containers[1].root')" "$T/other"
        rt delete -f a
        "$RUNB" --root "$T/other" delete -f o
}
check "--all: those of other state folders, too, and each once" it_knows_other_roots

it_is_live()
{
        start_sleeper a
        (script -qfc "stty cols 120 rows 30; exec $RUNB --root $T/state top --interval 1" "$T/typescript" < /dev/null > /dev/null 2>&1 9>&- & echo $! > "$T/script.pid"; wait)  &
        looks() { [ "$(tr -d '\r' < "$T/typescript" | grep -c '^ID *PROFILE')" -ge 3 ]; }
        wait_for 30 looks
        want_match "$(cat "$T/typescript")" "1 sandbox"
        kill_tree "$(cat "$T/script.pid")" || true
        wait || true
        rt delete -f a
}
check "on a terminal it looks again and again" it_is_live

it_ends_by_a_key_and_puts_the_terminal_back()
{
        cat > "$T/keys.py" <<'EOF'
import fcntl, os, pty, select, signal, struct, sys, termios, time
def live(how):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)    # a shell's background ignores it
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in 0, 1, 2: os.dup2(slave, fd)
        os.execv(sys.argv[1], sys.argv[1:])
    text = b""
    def until(words, least):
        nonlocal text
        end = time.monotonic() + 30
        while text.count(words) < least:
            if time.monotonic() > end: sys.exit("waited in vain for %r: %r" % (words, text))
            if select.select([master], [], [], 1)[0]: text += os.read(master, 65536)
    until(b"\033[J", 1)
    if b"\033[2J" in text: sys.exit("it clears the screen first: it flickers")
    if how == "resize":         # drawn at once, not after the interval of an hour
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
        until(b"\033[J", 2)
        how = "q"
    if how == "x":
        os.write(master, b"x")
        until(b"\033[J", 2)
        how = "q"
    if how == "q":
        os.write(master, b"q")
    elif how != "q":
        os.kill(pid, how)
    end = time.monotonic() + 30
    while True:
        if select.select([master], [], [], 0.05)[0]: os.read(master, 65536)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: break
        if time.monotonic() > end: sys.exit("it does not end")
    if termios.tcgetattr(slave) != before: sys.exit("the terminal is not what it was")
    return status
for how in "q", "x", "resize":
    if live(how) != 0: sys.exit("not 0 after " + how)
for number in signal.SIGINT, signal.SIGTERM:
    status = live(number)
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != number: sys.exit("status %x after %s" % (status, number))
EOF
        start_sleeper a
        run python3 "$T/keys.py" "$RUNB" --root "$T/state" top --interval 3600
        want_rc 0
        rt delete -f a
}
check "q and signals end it, another size redraws it; the terminal is as before, and is not cleared between" it_ends_by_a_key_and_puts_the_terminal_back

it_shows_broken_ones()
{
        start_sleeper a
        start_sleeper b
        cp "$T/state/a/state.json" "$T/kept"
        echo '{"id": ' > "$T/state/a/state.json"
        run rt top --format json
        want_rc 0
        want_same "$(echo "$out" | jq -r '.containers | map(.id + " " + .status) | join(", ")')" "a unreadable, b running"
        run rt top
        want_match "$(echo "$out" | sed -n 2p)" '^a +unreadable '
        cat "$T/kept" > "$T/state/a/state.json"
        rt delete -f a
        rt delete -f b
}
check "one whose record cannot be read is shown as such, beside the others" it_shows_broken_ones

it_refuses()
{
        run rt top --interval 0
        want_rc 1
        want_err_has "a second at least"
        run rt top --format xml
        want_rc 1
        want_err_has "table or json"
        run rt top x
        want_rc 1
}
check "wrong options are errors" it_refuses
finish
