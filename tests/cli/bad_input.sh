#!/bin/bash
# Bad input: one clear line that names the property and the file, a non-zero exit, and nothing left behind.
. "$(dirname "$0")/../lib.sh"
need jq python3
is_runb || skip_all "the runtime under test is not runb"

# refused WORD...: the last run failed with one line that holds the words, and nothing was made
refused()
{
        local word
        want_failure
        [ "$rc" -lt 126 ] || fail "ended by a signal or not run: $rc"
        want_same "$(wc -l < "$T/err")" 1
        for word; do want_err_has "$word"; done
        want_same "$(rt list -q)" ""
        [ ! -e "$T/bad.pid" ]
}
create() { rt delete --force bad; rm -f "$T/bad.pid"; run rt create --bundle "$B" --pid-file "$T/bad.pid" bad; }

config() # TEXT WORD...: that config.json
{
        bundle bad
        printf '%s' "$1" > "$B/config.json"
        shift
        create
        refused config.json "$@"
}
edited() # FILTER WORD...
{
        bundle bad "$1"
        shift
        create
        refused "$@"
}

missing() { bundle bad; rm "$B/config.json"; create; refused config.json; }
check "a missing config.json" missing
folder() { bundle bad; rm "$B/config.json"; mkdir "$B/config.json"; create; refused config.json; rmdir "$B/config.json"; }
check "a config.json that is a folder" folder
fifo() { bundle bad; rm "$B/config.json"; mkfifo "$B/config.json"; create; refused config.json; rm "$B/config.json"; }
check "a config.json that is a fifo" fifo
no_bundle() { run rt create --bundle "$T/nowhere" bad; refused "$T/nowhere"; }
check "a bundle that is not there" no_bundle
truncated() { bundle bad; head -c 500 "$B/config.json" > "$B/c"; mv "$B/c" "$B/config.json"; create; refused config.json; }
check "a truncated config.json" truncated
check "an empty config.json" config ''
check "config.json null" config 'null'
check "config.json that is a list" config '[]'
check "bytes after the document" config "$(jq -c . "$lib_dir/data/config.json") {}"
deep() { config "{\"annotations\": $(python3 -c 'print("[" * 100000 + "]" * 100000)')}"; }
check "a deeply nested config.json" deep
huge() { bundle bad; python3 -c 'import sys; sys.stdout.write("{\"a\":\"" + "x" * (64 << 20) + "\"}")' > "$B/config.json"; create; refused config.json; rm "$B/config.json"; }
check "a config.json of 64 MiB" huge
doubled() { bundle bad; sed '1,/"hostname"/s/"hostname": "test",/"hostname": "test", "hostname": "other",/' "$B/config.json" > "$B/c"; jq -e . "$B/c"; grep -q other "$B/c"; mv "$B/c" "$B/config.json"; create; refused hostname; }
check "a doubled key" doubled
check "a uid that is text" edited '.process.user.uid = "0"' process.user.uid
check "a uid that is true" edited '.process.user.uid = true' process.user.uid
check "a uid beyond 32 bits" edited '.process.user.uid = 4294967296' process.user.uid
check "the uid -1" edited '.process.user.uid = 4294967295' process.user.uid
check "args that are text" edited '.process.args = "/bin/true"' process.args
check "no args" edited '.process.args = []' process.args
check "a NUL in an argument" edited '.process.args = ["/bin/echo", "a\u0000b"]' config.json
check "mounts that are an object" edited '.mounts = {}' mounts
check "an unknown capability" edited '.process.capabilities.bounding = ["CAP_NO_SUCH"]' CAP_NO_SUCH "config.json: process.capabilities"
check "an unknown namespace" edited '.linux.namespaces += [{"type": "nosuch"}]' nosuch
check "a namespace given twice" edited '.linux.namespaces += [{"type": "uts"}]' uts
check "an unknown rlimit" edited '.process.rlimits = [{"type": "RLIMIT_NOSUCH", "hard": 1, "soft": 1}]' RLIMIT_NOSUCH
check "an rlimit given twice" edited '.process.rlimits += .process.rlimits' RLIMIT_NOFILE
check "a relative working folder" edited '.process.cwd = "tmp"' cwd
check "a rootfs that is not there" edited '.root.path = "nowhere"' "config.json: root.path" nowhere
check "a rootfs that is a file" edited '.root.path = "config.json"' root.path
check "no root" edited 'del(.root)' root
check "an ociVersion from the future" edited '.ociVersion = "9.0.0"' ociVersion
check "a hook without a path" edited '.hooks.prestart = [{"args": ["x"]}]' hooks
check "a hook whose program is not there" edited '.hooks.prestart = [{"path": "/no/such/hook"}]' /no/such/hook
check "a mount source that is not there" edited '.mounts += [{"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]}]' /no/such
check "a mount on /proc/self" edited '.mounts += [{"destination": "/proc/self", "type": "tmpfs", "source": "x"}]' /proc/self
check "a cgroup path that climbs" edited '.linux.cgroupsPath = "/../../escape"' cgroupsPath
check "a network namespace path that is no namespace" edited '(.linux.namespaces[] | select(.type == "network")).path = "/etc/hostname"' /etc/hostname
check "overlapping id mappings" edited '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 10}, {"containerID": 5, "hostID": 200000, "size": 10}] | .linux.gidMappings = .linux.uidMappings' apping

rootfs_link() # /proc of the image is a link
{
        bundle bad
        rmdir "$B/rootfs/proc"
        mkdir -p "$B/rootfs/elsewhere"
        ln -s /elsewhere "$B/rootfs/proc"
        create
        refused /proc
        rm -rf "$B"
}
check "a /proc of the image that is a link" rootfs_link

foreign_state()
{
        mkdir "$T/foreign"
        chown 12345 "$T/foreign"
        bundle bad
        run "$RUNB" --root "$T/foreign" create --bundle "$B" bad
        want_failure
        want_err_has "$T/foreign"
        want_same "$(ls -A "$T/foreign")" ""
}
check "a state folder of another user" foreign_state

full_disk()
{
        mkdir -p "$T/full"
        mount -t tmpfs -o size=64k tmpfs "$T/full"
        dd if=/dev/zero of="$T/full/x" bs=1k count=60 2>/dev/null
        bundle bad '.annotations.big = ("x" * 20000)'
        run "$RUNB" --root "$T/full/state" create --bundle "$B" bad
        left=$(ls -A "$T/full/state" 2>/dev/null || true)
        umount "$T/full"
        want_failure
        want_err_has "no space left on device"
        want_same "$(wc -l < "$T/err")" 1
        want_same "$left" ""
}
check "a full disk under the state folder" full_disk

full_pid_file()
{
        mkdir -p "$T/full2"
        mount -t tmpfs -o size=4k tmpfs "$T/full2"
        dd if=/dev/zero of="$T/full2/x" bs=4k count=1 2>/dev/null
        bundle bad
        rt delete --force bad
        run rt create --bundle "$B" --pid-file "$T/full2/pid" bad
        umount "$T/full2"
        want_failure
        want_err_has pid
        want_same "$(rt list -q)" ""
}
check "a full disk under the pid file" full_pid_file

exec_input()
{
        start_sleeper e
        for text in '' 'null' '{}' '{"args": "x", "cwd": "/"}' '{"args": ["true"], "cwd": "rel"}'; do
                printf '%s' "$text" > "$T/p.json"
                run rt exec --process "$T/p.json" e
                want_rc 255
                want_same "$(wc -l < "$T/err")" 1
        done
        run rt exec --process "$T/nowhere.json" e
        want_rc 255
        want_err_has nowhere.json
        rt delete --force e
}
check "a bad process.json: 255 and one line" exec_input

update_input()
{
        start_sleeper u
        for text in '' 'null' '[]' '{"pids": {"limit": "5"}}' '{"memory": 5}'; do
                printf '%s' "$text" > "$T/r.json"
                run rt update --resources "$T/r.json" u
                want_failure
                want_same "$(wc -l < "$T/err")" 1
        done
        rt delete --force u
}
check "bad resources: one line" update_input

# ---- what is hostile rather than wrong: at once, in bounded memory ----

python() { python3 -c "import json, sys; c = json.load(open(sys.argv[1])); exec(sys.argv[2]); sys.stdout.buffer.write(c if type(c) is bytes else json.dumps(c).encode())" "$B/config.json" "$1"; }
quick() # COMMAND...: as run, within 600 MB of address space and 5 s
{
        local start=$SECONDS
        run prlimit --as=600000000 "$@"
        [ $((SECONDS - start)) -lt 6 ] || fail "took $((SECONDS - start)) s"
}
hostile() # PYTHON WORD...: config.json changed so
{
        bundle bad
        python "$1" > "$T/c.json"
        mv "$T/c.json" "$B/config.json"
        shift
        rt delete --force bad
        quick "$RUNB" --root "$T/state" create --bundle "$B" --pid-file "$T/bad.pid" bad
        refused "$@"
        [ "$(wc -c < "$T/err")" -lt 2000 ] || fail "the error is $(wc -c < "$T/err") bytes long"
}
ten="'x' * 10000000"
check "a hostname of 10 MB" hostile "c['hostname'] = $ten" "config.json: hostname"
check "a root of 10 MB" hostile "c['root']['path'] = '/' + $ten" root.path
check "a working folder of 10 MB" hostile "c['process']['cwd'] = '/' + $ten" "process.cwd: make the working folder /xxx" "xxx: file name too long"
check "a mount option of 10 MB" hostile "c['mounts'][1]['options'].append($ten)" "mounts[1]" options
check "a mount's destination of 10 MB" hostile "c['mounts'].append({'destination': '/' + $ten, 'type': 'tmpfs', 'source': 'x'})" "mounts["
check "a mount's source of 10 MB" hostile "c['mounts'].append({'destination': '/x', 'type': 'bind', 'source': '/' + $ten, 'options': ['bind']})" "mounts["
check "a cgroup path of 10 MB" hostile "c['linux']['cgroupsPath'] = '/' + $ten" cgroupsPath
check "a sysctl of 10 MB" hostile "c['linux']['sysctl'] = {'net.ipv4.ip_forward': '1' * 10000000}" linux.sysctl
check "a masked path of 10 MB" hostile "c['linux']['maskedPaths'] = ['/' + $ten]" linux.maskedPaths
check "a capability of 10 MB" hostile "c['process']['capabilities']['bounding'] = [$ten]" process.capabilities
check "100,000 conditions of seccomp" hostile "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO', 'args': [{'index': 0, 'value': i, 'op': 'SCMP_CMP_EQ'}]} for i in range(100000)]}" "linux.seccomp: syscalls: 100000"
check "100,000 lines of an id map" hostile "c['linux']['namespaces'].append({'type': 'user'}); c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': i, 'hostID': 100000 + 2 * i, 'size': 1} for i in range(100000)]" apping

check "100,000 masked paths" hostile "c['linux']['maskedPaths'] = ['/etc/passwd'] * 100000" "linux.maskedPaths: 100000 entries, and 10000 are the most"
check "100,000 read-only paths" hostile "c['linux']['readonlyPaths'] = ['/etc'] * 100000" "linux.readonlyPaths: 100000 entries, and 10000 are the most"
check "100,000 groups" hostile "c['process']['user']['additionalGids'] = [i % 60000 for i in range(100000)]" "process.user.additionalGids: 100000 groups; the kernel takes 65536"
check "100,000 network devices" hostile "c['linux']['netDevices'] = {'d%d' % i: {} for i in range(100000)}" "linux.netDevices: 100000 devices, and 4096 are the most"
many() # PYTHON WORD...: it runs, or is refused by a word; either way at once
{
        bundle many '.process.args = ["/bin/true"]'
        python "$1" > "$T/c.json"
        mv "$T/c.json" "$B/config.json"
        shift
        quick "$RUNB" --root "$T/state" run --bundle "$B" many
        [ $# = 0 ] || refused "$@"
        [ $# -gt 0 ] || want_rc 0
}
check "100,000 arguments" many "c['process']['args'] += ['x'] * 100000"
check "100,000 variables" many "c['process']['env'] = ['A%d=b' % i for i in range(100000)]"
check "more arguments than the kernel takes" many "c['process']['args'] += ['x' * 100000] * 100" "process.args and process.env are more than the kernel takes"
check "100,000 annotations" many "c['annotations'] = {'k%d' % i: 'v' for i in range(100000)}"

# The same documents for exec and update: (JSON, what the error says of the place)
documents()
{
        # @ where the string or the number stands
        local outside=$1 inside=$2 place=$3
        say() { printf '%s\n' "$1" > "$T/d.json"; shift; "$@"; }
        say "$(printf '%s' "$outside" | sed 's/@/18446744073709551616/')" "$inside" "$place"
        say "$(printf '%s' "$outside" | sed 's/@/-9223372036854775809/')" "$inside" "$place"
        say "$(printf '%s' "$outside" | sed 's/@/"a\\u0000b"/')" "$inside" ""
        say "$(printf '%s' "$outside" | sed 's/@/"\\ud800"/')" "$inside" ""
        say "$(printf '%s' "$outside" | sed 's/@/"\\udc00\\ud800"/')" "$inside" ""
        say "$(printf '%s' "$outside" | sed "s/@/$(printf '"\\377"')/")" "$inside" ""
        say "$(printf '%s' "$outside" | sed 's/@/1, "twice": 1, "twice": 2/')" "$inside" twice
        python3 -c 'import sys; sys.stdout.write(sys.argv[1].replace("@", "[" * 10000 + "]" * 10000))' "$outside" > "$T/d.json"
        "$inside" ""
        python3 -c 'import sys; sys.stdout.write(sys.argv[1].replace("@", "\"" + "x" * 10000000 + "\""))' "$outside" > "$T/d.json"
        "$inside" "$place"
}
config_document()
{
        bundle bad
        mv "$T/d.json" "$B/config.json"
        quick "$RUNB" --root "$T/state" create --bundle "$B" bad
        refused config.json "$1"
}
check "config.json: overflow, NUL, surrogates, bytes that are no UTF-8, a key twice, depth" \
        documents '{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"cwd": "/", "args": ["x"], "user": {"uid": 0, "gid": @}}}' config_document process.user.gid
process_document()
{
        quick "$RUNB" --root "$T/state" exec --process "$T/d.json" hostile
        want_rc 255
        want_same "$(wc -l < "$T/err")" 1
        want_err_has "$T/d.json"
        want_err_has "$1"
}
process_documents()
{
        start_sleeper hostile
        documents '{"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": @}}' process_document user.gid
        rt delete --force hostile
}
check "process.json: the same" process_documents
resources_document()
{
        quick "$RUNB" --root "$T/state" update --resources "$T/d.json" hostile
        want_rc 1
        want_same "$(wc -l < "$T/err")" 1
        want_err_has "$T/d.json"
        want_err_has "$1"
}
resources_documents()
{
        start_sleeper hostile
        documents '{"pids": {"limit": @}}' resources_document pids.limit
        rt delete --force hostile
}
check "resources of update: the same" resources_documents

rt delete --force bad
finish
