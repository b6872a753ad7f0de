#!/bin/bash
# runtime-spec, config-linux.md "Devices" and "Default Devices", runtime-linux.md "Dev symbolic links".
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "runb: its policy decides which devices there are"

chmod 755 "$T"
n=0

with() # DEVICES COMMAND [JQ-FILTER]: a JSON array without its brackets
{
        n=$((n + 1))
        bundle "d$n_run-$n" '.linux.devices = $d | .process.args = ["/bin/sh", "-c", $c] | '"${3:-.}" --argjson d "[$1]" --arg c "$2"
        run rt run -b "$B" "d$n_run-$n"
}
prepared() { bundle "d$n_run-$((n + 1))"; (cd "$B/rootfs" && eval "$1"); }
found() # TEXT: in the record of the last bundle, as "rule: asked -> got"
{
        run rt create -b "$B" "found$n_run"
        want_rc 0
        jq -r '.findings[] | "\(.rule): \(.asked) -> \(.got)"' "$T/state/found$n_run/state.json" > "$T/found"
        rt delete -f "found$n_run"
        grep -F "$1" "$T/found" || { cat "$T/found"; fail "no finding: $1"; }
}

# ---------------------------------------------------------------------------------------------- what is always there

defaults()
{
        with '' 'for d in null zero full random urandom tty; do stat -c "%n %F %t:%T %a %u:%g" /dev/$d; done'
        want_out "/dev/null character special file 1:3 666 0:0
/dev/zero character special file 1:5 666 0:0
/dev/full character special file 1:7 666 0:0
/dev/random character special file 1:8 666 0:0
/dev/urandom character special file 1:9 666 0:0
/dev/tty character special file 5:0 666 0:0"
        with '' 'echo gone > /dev/null && head -c 4 /dev/zero | wc -c && ! echo x > /dev/full && head -c 3 /dev/urandom | wc -c'
        want_rc 0
        want_out "4
3"
}
without_dev() { with '' 'stat -c %t:%T /dev/null; echo > /dev/null' '.mounts |= map(select(.destination != "/dev"))'; want_rc 0; want_out 1:3; }
links()
{
        with '' 'for l in fd stdin stdout stderr ptmx core; do [ ! -L /dev/$l ] || echo "$l $(readlink /dev/$l)"; done; (echo out > /dev/stdout) | cat'
        want_rc 0
        want_out_has "fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx"
        want_out_has "out"
}
console()
{
        n=$((n + 1))
        bundle "d$n_run-$n" '.process.terminal = true | .process.args = ["/bin/sh", "-c", "stat -c %F /dev/console; ls -l /proc/self/fd/0"]'
        run "$lib_dir/tools/pty.py" 24x80 "$RUNB" --root "$T/state" run -b "$B" "d$n_run-$n"
        want_out_has "character special file"
        want_out_has "/dev/pts/0"
}

# ---------------------------------------------------------------------------------------------- what is asked for

asked() # TYPE
{
        with '{"path": "/dev/mine", "type": "'"$1"'", "major": 1, "minor": 5, "fileMode": 416, "uid": 7, "gid": 8},
              {"path": "/dev/deep/er/mine", "type": "'"$1"'", "major": 1, "minor": 5}' \
                'stat -c "%F %t:%T %a %u:%g" /dev/mine /dev/deep/er/mine; head -c 3 /dev/mine | wc -c'
        want_rc 0
        want_out "character special file 1:5 640 7:8
character special file 1:5 666 0:0
3"
}
fifo() # PATH
{
        with '{"path": "'"$1"'", "type": "p", "fileMode": 384, "uid": 7, "gid": 8}' \
                'stat -c "%F %a %u:%g" '"$1"'; echo through > '"$1"' & cat '"$1"
        want_rc 0
        want_out "fifo 600 7:8
through"
}
fifo_of_the_kernels() { with '{"path": "/proc/pipe", "type": "p"}' true; want_rc 0; found 'devices: /proc/pipe (p) -> left out'; }
changed_standard()
{
        with '{"path": "/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 256, "uid": 3, "gid": 4}' 'stat -c "%t:%T %a %u:%g" /dev/zero'
        want_rc 0
        want_out "1:5 400 3:4"
}
misleading()
{
        with '{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}' 'stat -c "%t:%T" /dev/null'
        want_rc 0
        want_out "1:3"
        found 'devices: /dev/null (c 1:5) -> left out: a standard device has this name'
}
terminals()
{
        with '{"path": "/dev/console", "type": "c", "major": 5, "minor": 1}' '[ ! -e /dev/console ]'
        want_rc 0
        found "devices: /dev/console (c 5:1) -> the container's own, where it has a terminal"
}
outside_of_dev()
{
        with '{"path": "/etc/null", "type": "c", "major": 1, "minor": 3}' '[ ! -e /etc/null ]'
        want_rc 0
        found 'devices: /etc/null (c 1:3) -> left out: only /dev holds devices'
}
refused() # TYPE MAJOR MINOR
{
        with '{"path": "/dev/forbidden", "type": "'"$1"'", "major": '"$2"', "minor": '"$3"'}' true
        want_failure
        want_err_has "(devices): device /dev/forbidden ($4 $2:$3) is not one of null, zero, full, random, urandom and tty"
        want_same "$(echo "$err" | wc -l)" 1
        want_same "$(ls "$T/state")" ""
}
# A file that is there already and is another one.
in_the_way() # COMMAND that makes it in the folder bound at /dev/sub
{
        mkdir -p "$T/private/sub$n_run"
        chmod 700 "$T/private"
        (cd "$T/private/sub$n_run" && eval "$1")
        with '{"path": "/dev/sub/mine", "type": "c", "major": 1, "minor": 5}' true \
                ".mounts += [{destination: \"/dev/sub\", source: \"$T/private/sub$n_run\", options: [\"bind\"]}]"
}
differs() # COMMAND
{
        in_the_way "$1"
        want_failure
        want_err_has "linux.devices["
        want_err_has "/dev/sub/mine: another file is in the place of the device: file exists"
        want_same "$(echo "$err" | wc -l)" 1
        want_same "$(ls "$T/state")" ""
}
same()
{
        in_the_way 'mknod -m 600 mine c 1 5'
        want_rc 0
        want_same "$(stat -c %a "$T/private/sub$n_run/mine")" 666
}
invalid() # DEVICE TEXT
{
        with "$1" true
        want_failure
        want_err_has "linux.devices[0]$2"
        want_same "$(echo "$err" | wc -l)" 1
}
unmapped_owner()
{
        with '{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "uid": 70000}' true
        want_failure
        want_err_has "owner 70000:0 of /dev/mine is not mapped"
}

check "null, zero, full, random, urandom and tty are there and work" defaults
check "they are in a container without a /dev of its own" without_dev
check "fd, stdin, stdout, stderr and ptmx are links" links
check "a container with a terminal has /dev/console" console
check "type c: with mode and owner, in folders that are made" asked c
check "type u is type c" asked u
check "type p in /dev: with mode and owner" fifo /dev/pipe
check "type p elsewhere" fifo /run/deep/pipe
check "type p in procfs is left out, and the record says so" fifo_of_the_kernels
check "a standard device gets the mode and owner that are asked for" changed_standard
check "another device under a standard one's name is left out, and the record says so" misleading
check "a terminal's device is left out, and the record says so" terminals
check "a device outside of /dev is left out, and the record says so" outside_of_dev
check "type c: another device is refused by policy" refused c 1 1 c
check "type u: another device is refused by policy" refused u 10 229 c
check "type b: a disk is refused by policy" refused b 8 0 b
check "a file in the place of a device is an error" differs ': > mine'
check "another device in its place is an error" differs 'mknod mine c 1 3'
check "a link in its place is an error" differs 'ln -s /dev/zero mine'
check "a folder in its place is an error" differs 'mkdir mine'
check "the same device in its place gets mode and owner" same
check "a type that is none is an error" invalid '{"path": "/dev/x", "type": "x", "major": 1, "minor": 3}' '.type: "x" is not a type of device (c, b, u or p)'
check "a device without major is an error" invalid '{"path": "/dev/x", "type": "c", "minor": 3}' ".major: is required and missing"
check "a device without minor is an error" invalid '{"path": "/dev/x", "type": "b", "major": 3}' ".minor: is required and missing"
check "a device without path is an error" invalid '{"type": "p"}' ".path: is required and missing"
check "a relative path is an error" invalid '{"path": "dev/x", "type": "p"}' '.path'
check "an owner beyond the container's ids is an error" unmapped_owner
finish
