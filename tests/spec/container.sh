#!/bin/bash
# ociVersion, root, hostname, domainname, annotations, linux.personality and what runtime-linux.md puts into /dev.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq

versions()
{
        local v
        for v in 1.0.0 1.0.2-dev 1.2.1 1.3.0 1.3.0-rc.1+build.5 1.99.0; do
                bundle ver '.ociVersion = $v' --arg v $v
                run rt run --bundle "$B" ver
                want_rc 0
        done
        is_runb || return 0
        refused v1 '.ociVersion = "2.0.0"' 'ociVersion: "2.0.0" is not supported, only 1.x is'
        refused v2 '.ociVersion = "0.9.0"' 'ociVersion: "0.9.0" is not supported, only 1.x is'
        refused v3 '.ociVersion = "1.2"' 'ociVersion: "1.2" is not a version of SemVer'
        refused v4 '.ociVersion = 1' 'ociVersion'
        refused v5 'del(.ociVersion)' 'ociVersion'
}
check "any ociVersion 1.x is taken, another one refused by name" versions

root()
{
        in_container ro '.root.readonly = true' 'touch /x || echo refused; touch /dev/shm/x && echo shm; grep " / " /proc/mounts | cut -d" " -f4 | cut -d, -f1'
        want_out "refused
shm
ro"
        in_container rw '.root.readonly = false' 'touch /x && echo made'
        want_out made
        [ -f "$T/rw/rootfs/x" ]
        is_runb && refused noroot 'del(.root.path)' 'root.path'
        refused badroot '.root.path = "nothing"' 'nothing'
        bundle absolute '.root.path = $r | .process.args = ["echo", "there"]' --arg r "$T/absolute/rootfs"
        run rt run --bundle "$B" absolute
        want_out there
}
check "root.path is the bundle's or absolute, root.readonly makes the root and nothing else read-only" root

names()
{
        in_container names '.hostname = "builder" | .domainname = "example.org"' 'hostname; cat /proc/sys/kernel/hostname; is=$(cat /proc/sys/kernel/domainname); echo $is'
        is_runb && want_out "builder
builder
example.org"
        want_other "$(hostname)" builder
        is_runb || return 0
        refused names2 '.hostname = ("x" * 65)' 'hostname: 65 bytes long; the kernel takes 64'
        refused names3 '.domainname = ("x" * 65)' 'domainname: 65 bytes long; the kernel takes 64'
        # runc refuses; a build has a namespace of its own in any case, which is a finding.
        start_sleeper names4 '.linux.namespaces |= map(select(.type != "uts"))'
        run rt exec names4 hostname
        want_out test
        want_other "$(hostname)" test
        jq -e '.findings[] | select(.rule == "namespaces.uts")' "$T/state/names4/state.json"
        rt delete --force names4
}
check "hostname and domainname are the container's own, also where no uts namespace was asked for" names

annotated()
{
        bundle note '.annotations = {"org.example.a": "1 \"x\"", "org.example.empty": ""} | .process.args = ["sleep", "1000"]'
        rt create --bundle "$B" note < /dev/null > /dev/null 2>&1
        want_same "$(rt state note | jq -c .annotations)" '{"org.example.a":"1 \"x\"","org.example.empty":""}'
        rt delete --force note
        is_runb || return 0
        refused note2 '.annotations = {"": "x"}' 'annotations[""]: the key is empty'
        refused note3 '.annotations = {"a": 1}' 'annotations'
}
check "annotations are shown by state; an empty key and a value that is no string are refused" annotated

unknown_properties()
{
        in_container unknown '.nosuch = {a: 1} | .process.nosuch = [1] | .linux.nosuch = "x"' 'echo fine'
        want_out fine
}
check "properties that the specification does not know are passed over" unknown_properties

personality()
{
        is_runb || skip_case "runc has it since 1.2"
        [ "$(uname -m)" = x86_64 ] || skip_case "needs x86-64"
        in_container p32 '.linux.personality = {domain: "LINUX32"}' 'uname -m; cat /proc/self/personality 2> /dev/null'
        want_match "$out" '^i686'
        in_container p64 '.linux.personality = {domain: "LINUX", flags: []}' 'uname -m'
        want_out x86_64
        refused p1 '.linux.personality = {domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"]}' 'linux.personality.flags[0]: "ADDR_NO_RANDOMIZE"'
        refused p2 '.linux.personality = {domain: "BSD"}' 'linux.personality.domain: "BSD"'
        refused p3 '.linux.personality = {}' 'linux.personality.domain'
        start_sleeper px '.linux.personality = {domain: "LINUX32"}'
        run rt exec px uname -m
        want_out i686
        echo '{"cwd": "/", "args": ["uname", "-m"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" px
        want_out i686
        rt delete --force px
}
check "the personality is init's and that of exec; a flag is refused, there is none" personality

links()
{
        in_container links . 'for l in fd stdin stdout stderr ptmx; do echo "$l $(readlink /dev/$l)"; done; test -e /dev/core || echo no core'
        want_out "fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx" || want_out "fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx
no core"
        is_runb || return 0
        in_container links2 '.mounts |= map(select(.destination != "/proc")) | del(.linux.maskedPaths, .linux.readonlyPaths)' \
                'for l in fd stdin stdout stderr ptmx; do test -L /dev/$l && echo $l; done'
        want_out ptmx
        # What is there stays: in the image's own /dev, without a tmpfs on it.
        bundle links3 '.process.args = ["sh", "-c", "readlink /dev/fd; cat /dev/stdin; readlink /dev/stdout"] |
                .mounts |= map(select(.destination == "/proc")) | del(.linux.maskedPaths, .linux.readonlyPaths)'
        ln -s /tmp "$B/rootfs/dev/fd"
        echo mine > "$B/rootfs/dev/stdin"
        run rt run --bundle "$B" links3
        if [ "$rc" = 0 ]; then
                want_same "$(readlink "$B/rootfs/dev/fd")" /tmp
                want_same "$(cat "$B/rootfs/dev/stdin")" mine
        fi
}
check "/dev has fd, stdin, stdout, stderr where /proc/self/fd exists, and ptmx; what is there is not overwritten" links

nodes()
{
        in_container nodes . 'for n in null zero full random urandom tty; do stat -c "$n %t:%T %a %F" /dev/$n; done; echo > /dev/null; head -c 1 /dev/zero | wc -c'
        want_out "null 1:3 666 character special file
zero 1:5 666 character special file
full 1:7 666 character special file
random 1:8 666 character special file
urandom 1:9 666 character special file
tty 5:0 666 character special file
1"
}
check "the default devices are there" nodes

finish
