#!/bin/bash
# runtime-spec, config.md "Root", config-linux.md "Rootfs Mount Propagation", "Masked Paths", "Readonly Paths".
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "runb: its policy adds paths"

chmod 755 "$T"
n=0

with() # JQ-FILTER COMMAND
{
        n=$((n + 1))
        bundle "r$n_run-$n" '.process.args = ["/bin/sh", "-c", $c] | '"$1" --arg c "$2"
        run rt run -b "$B" "r$n_run-$n"
}
prepared() { bundle "r$n_run-$((n + 1))"; (cd "$B/rootfs" && eval "$1"); }
fields_of() { echo "$out" | awk -v at="$1" '$5 == at { s = ""; for (i = 7; $i != "-"; i++) s = s $i " "; print s }' | tail -n 1; }
show='cat /proc/self/mountinfo'

# ---------------------------------------------------------------------------------------------- root

writable() { with . 'touch /x'; want_rc 0; [ -e "$B/rootfs/x" ]; }
readonly_root()
{
        with '.root.readonly = true' 'touch /tmp/x'
        want_failure
        want_err_has "Read-only file system"
        with '.root.readonly = true | .mounts += [{destination: "/tmp", type: "tmpfs"}]' 'touch /tmp/x /dev/x'
        want_rc 0
}
# The mount is read-only, the engine's folder is not.
readonly_on_the_host() { readonly_root; touch "$B/rootfs/from-the-host"; }
absolute_path() { bundle "r$n_run-1"; with ".root.path = \"$B/rootfs\"" 'echo here'; want_out here; }
linked_path()
{
        n=1; bundle "r$n_run-2"
        ln -s rootfs "$B/link"
        with '.root.path = "link"' 'echo here'
        want_out here
}
missing()
{
        with '.root.path = "nothing"' true
        want_failure
        want_err_has "root.path: invalid rootfs: stat nothing"
        want_same "$(echo "$err" | wc -l)" 1
}
not_a_folder()
{
        bundle "r$n_run-1"; : > "$B/file"
        with '.root.path = "file"' true
        want_failure
        want_err_has "root.path"
}
no_root() { with 'del(.root)' true; want_failure; want_err_has "root"; }

check "a rootfs is writable" writable
check "root.readonly" readonly_root
check "root.readonly is the container's alone" readonly_on_the_host
check "root.path may be absolute" absolute_path
check "root.path may be a link" linked_path
check "a root.path that is missing is an error" missing
check "a root.path that is a file is an error" not_a_folder
check "a config.json without root is an error" no_root

# ---------------------------------------------------------------------------------------------- propagation

# propagated VALUE: the container's mounts, with one made below the rootfs on the host after its start
propagated()
{
        n=$((n + 1))
        bundle "r$n_run-$n"
        mkdir -p "$B/rootfs/later"
        mount --bind "$B/rootfs" "$B/rootfs"
        mount --make-shared "$B/rootfs"
        mount -t tmpfs tmpfs "$B/rootfs/var"
        start_sleeper "r$n_run-$n" "$1"
        mount -t tmpfs tmpfs "$B/rootfs/later"
        run rt exec "r$n_run-$n" cat /proc/self/mountinfo
        umount "$B/rootfs/later"
        rt delete -f "r$n_run-$n"
        umount -R "$B/rootfs"
        want_rc 0
}
private_root() { propagated "$1"; want_same "$(fields_of /)" ""; want_out_without " /later "; }
slave_root()
{
        propagated ".linux.rootfsPropagation = \"$1\""
        want_match "$(fields_of /)" "^master:[0-9]+ $"
        want_out_has " /later "
        want_out_without shared:
}
unbindable_root()
{
        propagated ".linux.rootfsPropagation = \"$1\""
        want_same "$(fields_of /)" "unbindable "
        want_out_without " /later "
}
shared_root()
{
        with ".linux.rootfsPropagation = \"$1\"" true
        want_failure
        want_err_has "(rootfs.propagation)"
        want_same "$(echo "$err" | wc -l)" 1
        want_same "$(ls "$T/state")" ""
}
# Nothing of the container's reaches the host, whatever the value.
nothing_gets_out()
{
        n=$((n + 1))
        bundle "r$n_run-$n"
        mkdir -p "$B/rootfs/m"
        mount --bind "$B/rootfs" "$B/rootfs"
        mount --make-shared "$B/rootfs"
        start_sleeper "r$n_run-$n" '.linux.rootfsPropagation = "rslave" | .mounts += [{destination: "/m", type: "tmpfs"}]'
        run grep -c "$B/rootfs/" /proc/self/mountinfo
        rt delete -f "r$n_run-$n"
        umount "$B/rootfs"
        want_out 0
}
invalid_value() { with '.linux.rootfsPropagation = "sideways"' true; want_failure; want_err_has 'linux.rootfsPropagation: "sideways" is not'; }
# The one that podman's and docker's overlay gives.
slave_overlay()
{
        n=$((n + 1))
        bundle "r$n_run-$n" '.linux.rootfsPropagation = "rslave"'
        mkdir -p "$T/upper" "$T/work"
        mount -t overlay -o "lowerdir=$T/busybox,upperdir=$T/upper,workdir=$T/work" overlay "$B/rootfs"
        run rt create -b "$B" "r$n_run-$n"
        jq -r '.findings[] | select(.rule == "rootfs.propagation") | "\(.asked) -> \(.got)"' "$T/state/r$n_run-$n/state.json" > "$T/found"
        rt delete -f "r$n_run-$n"
        umount "$B/rootfs"
        want_rc 0
        want_same "$(cat "$T/found")" "slave -> private: the rootfs is an overlay of its own"
}
check "without rootfsPropagation the rootfs is private" private_root .
check "private" private_root '.linux.rootfsPropagation = "private"'
check "rprivate" private_root '.linux.rootfsPropagation = "rprivate"'
check "slave: what the host mounts there shows" slave_root slave
check "rslave: what the host mounts there shows" slave_root rslave
check "slave: a second overlay is nobody's, and the record says so" slave_overlay
check "unbindable" unbindable_root unbindable
check "runbindable" unbindable_root runbindable
check "shared is refused by policy" shared_root shared
check "rshared is refused by policy" shared_root rshared
check "a slave's mounts do not reach the host" nothing_gets_out
check "another value is an error" invalid_value

# ---------------------------------------------------------------------------------------------- paths

masked()
{
        prepared 'mkdir -p secret/below && echo text > secret/below/file && echo text > secret.txt'
        with '.linux.maskedPaths += ["/secret", "/secret.txt"]' \
                'ls -A /secret | wc -l; wc -c < /secret.txt; ! touch /secret/x; echo gone > /secret.txt; cat /secret.txt'
        want_rc 0
        want_out "0
0"
        want_same "$(cat "$B/rootfs/secret.txt")" text
}
unmasked() { prepared 'echo text > secret.txt'; with . 'cat /secret.txt'; want_out text; }
masked_missing()
{
        prepared ': > file'
        with '.linux.maskedPaths += ["/nothing", "/nothing/below", "/file/below"] | .linux.readonlyPaths += ["/nothing", "/nothing/below", "/file/below"]' 'ls / | grep -c nothing'
        want_out 0
}
many() # a thousand files, a thousand folders
{
        prepared 'mkdir -p many && cd many && for i in $(seq 1000); do echo text > f$i; mkdir d$i; echo text > d$i/file; done'
        with '.linux.maskedPaths += [range(1; 1001) | "/many/f\(.)", "/many/d\(.)"]' 'cat /many/f* /many/d*/file 2> /dev/null | wc -c'
        want_out 0
}
masked_tmpfs_is_one() # and takes no room
{
        with . 'grep -c " /sys/firmware \| /proc/acpi \| /sys/dev/block " /proc/self/mountinfo; ls -A /sys/firmware | wc -l; df -k /sys/firmware | tail -n 1'
        want_match "$out" " 4 +0 +4 "
}
masked_mount()
{
        with '.mounts += [{destination: "/m", type: "tmpfs"}, {destination: "/m/in", type: "tmpfs"}] | .linux.maskedPaths += ["/m"]' 'ls -A /m | wc -l; ! touch /m/x'
        want_rc 0
        want_out 0
}
readonly_path()
{
        prepared 'mkdir -p fixed && echo text > fixed/file && echo text > fixed.txt'
        with '.linux.readonlyPaths += ["/fixed", "/fixed.txt"]' 'cat /fixed/file /fixed.txt; ! touch /fixed/x && ! echo more >> /fixed.txt && touch /x'
        want_rc 0
        want_out "text
text"
}
readonly_below()
{
        with '.mounts += [{destination: "/m", type: "tmpfs"}, {destination: "/m/in", type: "tmpfs"}] | .linux.readonlyPaths += ["/m"]' '! touch /m/x && ! touch /m/in/x'
        want_rc 0
}
relative_path() { with ".linux.$1 += [\"relative\"]" true; want_failure; want_err_has "linux.$1["; want_same "$(echo "$err" | wc -l)" 1; }
# A link of the image leads to a place in the rootfs.
masked_link()
{
        mkdir -p "$T/outside"; echo text > "$T/outside/file"
        prepared "mkdir -p real && echo text > real/file && ln -s real link && ln -s $T/outside away"
        with '.linux.maskedPaths += ["/link", "/away"]' 'ls -A /real | wc -l'
        want_rc 0
        want_out 0
        want_same "$(cat "$T/outside/file")" text
}
check "maskedPaths: a folder is empty, a file is empty" masked
check "what is not masked is as it was" unmasked
check "paths that are missing are passed over" masked_missing
check "two thousand masked paths" many
check "a masked folder takes no room" masked_tmpfs_is_one
check "a masked mount hides what lies below" masked_mount
check "readonlyPaths: a folder and a file" readonly_path
check "readonlyPaths: with the mounts below" readonly_below
check "a relative masked path is an error" relative_path maskedPaths
check "a relative read-only path is an error" relative_path readonlyPaths
check "a link among them stays in the rootfs" masked_link
finish
