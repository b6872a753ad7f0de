#!/bin/bash
# What an image, or a volume that two containers share, puts in the runtime's way while a container is made.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "the attacks on runb's own steps"
CASE_TIMEOUT=90
probe=${RUNB%/*}/tests/tools/probe

# ---- /etc/passwd, which is read for HOME

home() # NAME: a container without HOME in its environment says which one it has
{
        bundle "$1" '.process.args = ["/bin/sh", "-c", "echo $HOME"] | .process.env = ["PATH=/bin"]'
        rm -f "$B/rootfs/etc/passwd"
}
is_home() # NAME HOME
{
        run timeout 10 "$RUNB" --root "$T/state" run -b "$B" "$1"
        want_rc 0
        want_out "$2"
}
endless() { home endless; ln -s /dev/zero "$B/rootfs/etc/passwd"; is_home endless /; }
endless_random() { home random; ln -s /dev/urandom "$B/rootfs/etc/passwd"; is_home random /; }
fifo() { home fifo; mkfifo "$B/rootfs/etc/passwd"; is_home fifo /; }
sparse()
{
        home sparse
        truncate -s 1T "$B/rootfs/etc/passwd" || skip_case "a file system with sparse files of a terabyte"
        is_home sparse /
}
folder() { home folder; mkdir "$B/rootfs/etc/passwd"; is_home folder /; }
looped() { home looped; ln -s passwd "$B/rootfs/etc/passwd"; is_home looped /; }
long_line()
{
        home long
        { head -c 100000 /dev/zero | tr '\0' x; printf ':x:0:0::/wrong:/bin/sh\nroot:x:0:0::/right:/bin/sh\n'; } > "$B/rootfs/etc/passwd"
        is_home long /right
}
odd_lines()
{
        home odd
        printf '\n:::::\nroot:x:00x:0::/a:\nroot:x::0::/b:\nroot:x:4294967296:0::/c:\nroot:x:0:0::/d:/bin/sh' > "$B/rootfs/etc/passwd"
        is_home odd /           # the last line has no end
        printf '\n' >> "$B/rootfs/etc/passwd"
        is_home odd /d
}
of_exec()
{
        start_sleeper exec-home '.process.env = ["PATH=/bin"]'
        rm -f "$B/rootfs/etc/passwd"
        ln -s /dev/zero "$B/rootfs/etc/passwd"
        run timeout 10 "$RUNB" --root "$T/state" exec exec-home sh -c 'echo $HOME'
        want_rc 0
        want_out /
        rt delete -f exec-home
}
check "an endless device as /etc/passwd holds nothing up" endless
check "random bytes as /etc/passwd hold nothing up" endless_random
check "a fifo as /etc/passwd holds nothing up" fifo
check "a terabyte of nothing as /etc/passwd holds nothing up" sparse
check "a folder as /etc/passwd is none" folder
check "a link to itself as /etc/passwd is none" looped
check "a line of /etc/passwd longer than any other is passed over" long_line
check "lines of /etc/passwd that are none give no HOME" odd_lines
check "exec reads no endless /etc/passwd either" of_exec

# ---- fds

inherited()
{
        sh_bundle inherited 'exec /probe fds'
        cp "$probe" "$B/rootfs/probe"
        # Folders and files of the host at many numbers, as an engine that is careless leaves them.
        run bash -c 'for i in $(seq 10 60); do eval "exec $i< /etc"; done; exec 3< / 4< /etc/passwd 200<> /dev/zero
                exec "$@"' - "$RUNB" --root "$T/state" run -b "$B" inherited
        want_rc 0
        want_same "$(echo "$out" | wc -l)" 3
        want_same "$(echo "$out" | cut -d' ' -f1 | tr '\n' ' ')" "0 1 2 "
}
inherited_by_exec()
{
        start_sleeper inherited2
        cp "$probe" "$B/rootfs/probe"
        run bash -c 'for i in $(seq 3 60); do eval "exec $i< /etc"; done
                exec "$@"' - "$RUNB" --root "$T/state" exec inherited2 /probe fds
        want_rc 0
        want_same "$(echo "$out" | cut -d' ' -f1 | tr '\n' ' ')" "0 1 2 "
        rt delete -f inherited2
}
preserved()
{
        sh_bundle preserved 'exec /probe fds'
        cp "$probe" "$B/rootfs/probe"
        run bash -c 'exec 3< /etc/hostname 4< /etc/passwd 5< /etc/group 6< /etc
                exec "$@"' - "$RUNB" --root "$T/state" run --preserve-fds 2 -b "$B" preserved
        want_rc 0
        want_same "$(echo "$out" | cut -d' ' -f1 | tr '\n' ' ')" "0 1 2 3 4 "
}
hooks_have_none()
{
        bundle hooked '.process.args = ["cat", "/tmp/fds"] | .hooks.startContainer = [{path: "/bin/sh",
                args: ["sh", "-c", "/probe fds > /tmp/fds"], env: ["PATH=/bin"]}]'
        cp "$probe" "$B/rootfs/probe"
        run bash -c 'for i in $(seq 3 60); do eval "exec $i< /etc"; done
                exec "$@"' - "$RUNB" --root "$T/state" run -b "$B" hooked
        want_rc 0
        want_same "$(echo "$out" | cut -d' ' -f1 | tr '\n' ' ')" "0 1 2 "
}
closed_stdio()
{
        sh_bundle closed 'exec /probe fds > /tmp/fds'
        cp "$probe" "$B/rootfs/probe"
        "$RUNB" --root "$T/state" run -b "$B" closed <&- >&- 2>&-
        want_same "$(cut -d' ' -f2 "$B/rootfs/tmp/fds" | tr '\n' ' ')" "/dev/null /tmp/fds /dev/null "
}
check "a build started with many open fds has three" inherited
check "exec with many open fds has three" inherited_by_exec
check "--preserve-fds passes that many on and no more" preserved
check "a startContainer hook has three fds" hooks_have_none
check "closed standard streams become the null device, never a file of ours" closed_stdio

# ---- the working folder and the program

cwd_through_fd()
{
        local n
        for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
                bundle cwd '.process.args = ["/bin/sh", "-c", "ls -a . ..; cat etc/shadow ../etc/shadow"] | .process.cwd = $cwd' \
                        --arg cwd "/proc/self/fd/$n"
                echo inside-the-container > "$B/rootfs/etc/shadow"
                run bash -c 'exec 7< / 8< /etc 9< /var; exec "$@"' - "$RUNB" --root "$T/state" run -b "$B" cwd
                # Where it is a folder at all it is the container's own root.
                [ "$rc" != 0 ] && [ -z "$out" ] || want_out_without 'root:'
        done
}
check "no fd of the runtime or the engine is a working folder outside" cwd_through_fd

# ---- devices

# A volume at /dev/shared, in which another container swaps the device node for a link to a file of the host. strace holds
# the runtime up after each mknod(2), so that the swap falls into the gap.
swapped_node()
{
        local fell=0
        command -v strace > /dev/null || skip_case "strace is not installed"
        mkdir -p -m 700 "$T/storage" "$T/storage/volume"
        echo secret > "$T/secret"
        chmod 600 "$T/secret"
        ( while :; do [ ! -c "$T/storage/volume/node" ] || ln -sfn "$T/secret" "$T/storage/volume/node"; done ) 2> /dev/null &
        swapper=$!
        trap "kill $swapper" EXIT
        # On a busy machine some swaps come too late, when all is done: then the container runs.
        for i in 1 2 3 4 5 6 7 8 9 10; do
                [ $fell -lt 3 ] || break
                rm -f "$T/storage/volume/node"
                bundle "swap$i" '.process.args = ["true"] |
                        .mounts += [{destination: "/dev/shared", type: "bind", source: $v, options: ["rbind"]}] |
                        .linux.devices = [{path: "/dev/shared/node", type: "c", major: 1, minor: 3, fileMode: 420}]' --arg v "$T/storage/volume"
                run strace -qq -f -o /dev/null -e trace=mknodat -e inject=mknodat:delay_exit=50000 \
                        "$RUNB" --root "$T/state" run -b "$B" "swap$i"
                [ "$rc" = 0 ] || fell=$((fell + 1))
                want_same "$(stat -c '%a %u' "$T/secret")" "600 0"
        done
        [ $fell -gt 0 ] || fail "no swap fell into the gap"
}
check "a device node that becomes a link changes no file of the host" swapped_node

# ---- standard streams

named_pipe()
{
        sh_bundle named 'echo x'
        mkfifo -m 600 "$T/pipe"
        cat "$T/pipe" > "$T/pipe.out" &
        rt run -b "$B" named > "$T/pipe"
        wait $!
        want_same "$(cat "$T/pipe.out")" x
        want_same "$(stat -c %u:%g "$T/pipe")" 0:0
}
check "a named pipe of the host keeps its owner" named_pipe

# ---- other namespaces

# A pod's second container: its hooks are the host's programs and stay in the host's namespaces.
hooks_of_a_pod()
{
        local kind
        start_sleeper first
        printf '#!/bin/sh\n/bin/cat > /dev/null; /bin/readlink /proc/self/ns/pid /proc/self/ns/time > %s\n' "$T/hook.log" > "$T/hook.sh"
        chmod 755 "$T/hook.sh"
        bundle second '.process.args = ["readlink", "/proc/self/ns/pid"] |
                .linux.namespaces |= map(if .type == "pid" then .path = $p else . end) |
                .linux.namespaces += [{type: "time"}] |
                .annotations = {"io.kubernetes.cri.sandbox-id": "first"} |
                .hooks.createRuntime = [{path: $h}]' --arg p "/proc/$(cat "$T/first.pid")/ns/pid" --arg h "$T/hook.sh"
        run rt run -b "$B" second
        kind=$(readlink "/proc/$(cat "$T/first.pid")/ns/pid")
        rt delete -f first
        want_rc 0
        want_out "$kind"
        want_same "$(cat "$T/hook.log")" "$(readlink /proc/self/ns/pid /proc/self/ns/time)"
}
check "hooks of a container that joins a pid namespace run in the host's" hooks_of_a_pod

# kernel.pty.max counts for the machine: without a limit of its own one build takes what all others' exec -t need.
terminals()
{
        bundle terminals '.process.args = ["/bin/sh", "-c", $c] | .process.terminal = false' --arg c \
                'n=0; while [ $n -lt 200 ]; do /bin/sleep 1000 3<> /dev/ptmx & n=$((n + 1)); done 2> /dev/null; wait_for=100
                 while [ $wait_for -gt 0 ] && [ "$(ls /dev/pts | grep -c "^[0-9]")" -lt 128 ]; do sleep 0.1; wait_for=$((wait_for - 1)); done
                 ls /dev/pts | grep -c "^[0-9]"; kill -9 -1'
        run rt run -b "$B" terminals
        want_out 128
}
check "a build has its share of the machine's terminals and no more" terminals

# Container root has the uid of the process that enters: it may stop it.
stopped_exec()
{
        local i
        bundle stopper '.process.args = ["/probe", "stop"]'
        cp "$probe" "$B/rootfs/probe"
        rt create -b "$B" stopper < /dev/null > /dev/null 2>&1
        rt start stopper
        wait_for 5 test -s "$B/rootfs/tmp/ready"
        for i in $(seq 1 300); do
                # Detached: what is stopped only once its program runs does not hold exec up.
                run timeout -s KILL 45 "$RUNB" --root "$T/state" exec -d stopper true
                [ "$rc" = 0 ] || break
        done
        rt delete -f stopper
        [ "$rc" != 0 ] || skip_case "the process was never stopped in time"
        want_rc 255
        want_err_has "did not execute its program within 30 s"
}
check "exec ends by itself when the container stops its process" stopped_exec
finish
