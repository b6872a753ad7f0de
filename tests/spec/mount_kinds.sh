#!/bin/bash
# runtime-spec, config.md "Mounts": what is mounted, where, in which order; tmpcopyup, copy-symlink; what is too much. The
# options that set flags are in mounts.sh.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "runb: its policy decides which kinds there are"

chmod 755 "$T"
mkdir -p "$T/private/folder"    # root's alone: writable binds of what lies below are the build's root's
chmod 700 "$T/private"
echo from-the-host > "$T/private/folder/file"
n=0

with() # MOUNTS COMMAND [JQ-FILTER]: runs COMMAND in a container that has these mounts, a JSON array without its brackets
{
        n=$((n + 1))
        bundle "k$n_run-$n" '.mounts += $m | .process.args = ["/bin/sh", "-c", $c] | '"${3:-.}" --argjson m "[$1]" --arg c "$2"
        run rt run -b "$B" "k$n_run-$n"
}
# prepared COMMAND: runs it in the rootfs of the next bundle
prepared() { bundle "k$n_run-$((n + 1))"; (cd "$B/rootfs" && eval "$1"); }

# ---------------------------------------------------------------------------------------------- what

by_options()
{
        with "{\"destination\": \"/m\", \"type\": \"$1\", \"source\": \"$T/private/folder\", \"options\": [\"$2\"]}" 'cat /m/file'
        want_rc 0
        want_out from-the-host
}
by_type()
{
        with "{\"destination\": \"/m\", \"type\": \"bind\", \"source\": \"$T/private/folder\"}" 'cat /m/file'
        want_out from-the-host
}
no_type()
{
        with "{\"destination\": \"/m\", \"source\": \"$T/private/folder\", \"options\": [\"ro\"]}" true
        want_failure
        want_err_has "(mounts.types)"
}
relative_source()
{
        prepared 'mkdir -p ../beside && echo beside > ../beside/file'
        with '{"destination": "/m", "source": "beside", "options": ["bind"]}' 'cat /m/file'
        want_out beside
}
no_source()
{
        with '{"destination": "/m", "options": ["bind"]}' true
        want_failure
        want_err_has "mounts[7].source: is required for a bind and missing"
}
missing_source()
{
        with "{\"destination\": \"/m\", \"source\": \"$T/nothing\", \"options\": [\"bind\"]}" true
        want_failure
        want_err_has "mounts[7]: mount $T/nothing on /m: open $T/nothing: no such file or directory"
        want_same "$(ls "$T/state")" ""
}
kind() # FOLDER TYPE: of the ordinary config.json
{
        with '' 'cat /proc/self/mountinfo'
        want_rc 0
        want_match "$out" " $1 [^-]* - $2 "
}
cgroup2_type()
{
        bundle "k$n_run-$((n + 1))"
        with '' 'cat /proc/self/mountinfo' '(.mounts[] | select(.type == "cgroup")).type = "cgroup2"'
        want_rc 0
        want_match "$out" " /sys/fs/cgroup [^-]* - (cgroup2|tmpfs) "
}
refused_kind() # TYPE
{
        with "{\"destination\": \"/m\", \"type\": \"$1\", \"source\": \"none\"}" true
        want_failure
        want_err_has "(mounts.types)"
        want_same "$(echo "$err" | wc -l)" 1
}
fs_options()
{
        with '{"destination": "/m", "type": "tmpfs", "options": ["size=128k", "nosuid", "nr_inodes=9", "mode=1750", "uid=3", "gid=4"]}' \
                'df -k /m | tail -n 1; df -i /m | tail -n 1; stat -c %a:%u:%g /m'
        want_rc 0
        want_match "$out" " 128 .* 9 .*1750:3:4"
}
bad_fs_option()
{
        with '{"destination": "/m", "type": "tmpfs", "options": ["size=128k", "colour=blue"]}' true
        want_failure
        want_err_has "mounts[7]: mount tmpfs on /m: option colour=blue: invalid argument"
        want_same "$(echo "$err" | wc -l)" 1
        want_same "$(ls "$T/state")" ""
        with '{"destination": "/m", "type": "tmpfs", "options": ["sizzle"]}' true
        want_err_has "mounts[7]: mount tmpfs on /m: option sizzle: invalid argument"
}
proc_gid()
{
        with '' 'cat /proc/self/mountinfo' '.mounts[0].options += ["hidepid=2", "gid=5"]'
        want_rc 0
        want_match "$out" " /proc [^-]* - proc proc [^ ]*gid=[0-9]{6,},hidepid=(2|invisible)"
}

check "bind decides, whatever the type says" by_options tmpfs bind
check "rbind decides, whatever the type says" by_options none rbind
check "the type bind is enough" by_type
check "neither is no bind" no_type
check "a relative source lies in the bundle" relative_source
check "a bind without a source is an error" no_source
check "a source that is missing is named" missing_source
check "proc" kind /proc proc
check "sysfs" kind /sys sysfs
check "devpts" kind /dev/pts devpts
check "mqueue" kind /dev/mqueue mqueue
check "tmpfs" kind /dev tmpfs
check "cgroup" kind /sys/fs/cgroup '(cgroup2|tmpfs)'
check "cgroup2" cgroup2_type
check "overlay is refused by policy" refused_kind overlay
check "a type that no kernel has is refused by policy" refused_kind no-such-type
check "options that the table lacks are the file system's" fs_options
check "one that the file system refuses is named" bad_fs_option
check "a group that procfs is given is the container's" proc_gid

# ---------------------------------------------------------------------------------------------- where

order()
{
        with '{"destination": "/m", "type": "tmpfs"}, {"destination": "/m/in", "type": "tmpfs", "options": ["size=64k"]},
              {"destination": "/m/in/deep", "source": "'"$T/private/folder"'", "options": ["bind"]}' \
                'cat /m/in/deep/file; df -k /m/in | tail -n 1'
        want_rc 0
        want_match "$out" "from-the-host.* 64 "
        # A later entry over an earlier one hides it.
        with '{"destination": "/m/in", "type": "tmpfs"}, {"destination": "/m", "type": "tmpfs"}' 'ls -a /m | wc -l'
        want_out 2
}
relative_destination()
{
        with '{"destination": "m/x", "type": "tmpfs"}' 'cat /proc/self/mountinfo' '.process.cwd = "/tmp"'
        want_out_has " /m/x "
}
a_file()
{
        with "{\"destination\": \"/new/place\", \"source\": \"$T/private/folder/file\", \"options\": [\"bind\"]}" \
                'cat /new/place; stat -c %F /new/place'
        want_rc 0
        want_out "from-the-host
regular file"
}
a_file_on_a_folder()
{
        with "{\"destination\": \"/etc\", \"source\": \"$T/private/folder/file\", \"options\": [\"bind\"]}" true
        want_failure
        want_err_has "mounts[7]"
        want_err_has "on /etc: open or make the mount's destination: is a directory"
        with "{\"destination\": \"/etc/passwd\", \"source\": \"$T/private/folder\", \"options\": [\"bind\"]}" true
        want_failure
        want_err_has "on /etc/passwd: open or make the mount's destination: not a directory"
}
readonly_rootfs()
{
        with '{"destination": "/not/there", "type": "tmpfs"}' 'touch /not/there/x && ! touch /x' '.root.readonly = true'
        want_rc 0
}
# What cannot be made there, since another mount is read-only already.
readonly_bind()
{
        with "{\"destination\": \"/m\", \"source\": \"$T/private/folder\", \"options\": [\"bind\", \"ro\"]},
              {\"destination\": \"/m/sub\", \"type\": \"tmpfs\"}" true
        want_failure
        want_err_has "mounts[8]: mount none (tmpfs) on /m/sub: open or make the mount's destination: read-only file system"
        want_same "$(ls "$T/private/folder")" file
}
links()
{
        mkdir -p "$T/outside"
        prepared "ln -sfn $T/outside absolute; ln -sfn ../../../../../../..$T/outside relative; mkdir -p real; ln -sfn real inside"
        with '{"destination": "/absolute/x", "type": "tmpfs"}, {"destination": "/relative/y", "type": "tmpfs"},
              {"destination": "/inside/z", "type": "tmpfs"}' 'grep -c "/[xyz] .* - tmpfs " /proc/self/mountinfo; ls -d /real/z'
        want_rc 0
        want_out "3
/real/z"
        want_same "$(ls "$T/outside")" ""
}
over_root()
{
        with '{"destination": "/tmp/..", "type": "tmpfs"}' true
        want_failure
        want_err_has "(mounts.targets)"
}

check "entries are mounted in their order, one inside the other" order
check "a relative destination is one of /" relative_destination
check "a file on a place that is missing" a_file
check "a file and a folder do not mix" a_file_on_a_folder
check "a missing place is made in a read-only rootfs" readonly_rootfs
check "a place that cannot be made is named" readonly_bind
check "links at a destination stay in the rootfs" links
check "nothing is mounted over /" over_root

# ---------------------------------------------------------------------------------------------- tmpcopyup

image='mkdir -p m/a/b && echo one > m/a/b/one && chown 3:4 m/a/b/one && chmod 4751 m/a/b/one && ln -s b/one m/a/link && mkfifo m/a/pipe &&
       touch -d 2001-02-03T04:05:06Z m/a/b/one && chmod 1770 m/a && chown 7:8 m m/a && chmod 2755 m && touch -h -d 2002-02-02T00:00:00Z m/a/link &&
       setfattr -n user.colour -v blue m/a/b/one && setfattr -n user.colour -v red m/a && setfacl -m u:9:rw m/a/b/one && mknod m/a/null c 1 3'
copied()
{
        prepared "$image"
        with '{"destination": "/m", "type": "tmpfs", "options": ["tmpcopyup", "size=1m"]}' \
                'cat /m/a/link; stat -c "%n %a %u:%g %Y" /m /m/a /m/a/b/one; stat -c %F /m/a/pipe /m/a/link; ls /m/a; touch /m/new; df -k /m | tail -n 1'
        want_rc 0
        want_match "$out" "^one"
        want_out_has "/m 2755 7:8 "
        want_out_has "/m/a 1770 7:8 "
        want_out_has "/m/a/b/one 4771 3:4 981173106"     # an ACL's mask shows as the group's rights
        want_out_has "fifo"
        want_out_has "symbolic link"
        want_out_without null
        want_match "$out" " 1024 "
        [ ! -e "$B/rootfs/m/new" ]
}
not_copied() { prepared 'mkdir -p m; : > m/x'; with '{"destination": "/m", "type": "tmpfs"}' 'ls /m'; want_out ""; }
# From outside: what it looks like in there, by root's eyes.
copied_attributes()
{
        prepared "$image"
        n=$((n + 1))
        bundle "k$n_run-$n" '.process.args = ["/bin/sleep", "1000"] | .mounts += [{destination: "/m", type: "tmpfs", options: ["tmpcopyup"]}]'
        rt create -b "$B" --pid-file "$T/pid" "k$n_run-$n" > "$T/out" 2>&1 < /dev/null || { cat "$T/out"; return 1; }
        run getfattr --absolute-names -n user.colour --only-values "/proc/$(cat "$T/pid")/root/m/a/b/one"
        want_out blue
        run getfattr --absolute-names -n user.colour --only-values "/proc/$(cat "$T/pid")/root/m/a"
        want_out red
        run getfacl -n --absolute-names "/proc/$(cat "$T/pid")/root/m/a/b/one"
        rt delete -f "k$n_run-$n"
        want_match "$out" "user:[0-9]+:rw-"
}
too_small()
{
        prepared 'mkdir -p m; dd if=/dev/zero of=m/big bs=1024 count=100 2> /dev/null'
        with '{"destination": "/m", "type": "tmpfs", "options": ["tmpcopyup", "size=64k"]}' true
        want_failure
        want_err_has "mounts[7]: mount none (tmpfs) on /m: copy the folder below a tmpfs (tmpcopyup): no space left on device"
        want_same "$(ls "$T/state")" ""
}
too_deep()
{
        prepared 'p=m; for i in $(seq 80); do p=$p/d; done; mkdir -p $p'
        with '{"destination": "/m", "type": "tmpfs", "options": ["tmpcopyup"]}' true
        want_failure
        want_err_has "(tmpcopyup): too many levels of symbolic links"
}
nothing_below() { with '{"destination": "/new", "type": "tmpfs", "options": ["tmpcopyup"]}' 'ls -a /new | wc -l'; want_out 2; }
copyup_then_readonly()
{
        prepared 'mkdir -p m; echo text > m/x'
        with '{"destination": "/m", "type": "tmpfs", "options": ["tmpcopyup", "ro"]}' 'cat /m/x; ! touch /m/y'
        want_rc 0
        want_out text
}
check "tmpcopyup: files, folders, links and FIFOs with owners, modes and times; no device nodes" copied
check "tmpcopyup: user attributes and ACLs" copied_attributes
check "without tmpcopyup a tmpfs is empty" not_copied
check "tmpcopyup: what does not fit is an error" too_small
check "tmpcopyup: what is deeper than anybody means is an error" too_deep
check "tmpcopyup of a folder that is missing copies nothing" nothing_below
check "tmpcopyup of a read-only tmpfs copies all the same" copyup_then_readonly

# ---------------------------------------------------------------------------------------------- copy-symlink

copy_symlink()
{
        ln -sfn /etc/passwd "$T/private/link"
        with "{\"destination\": \"/new/link\", \"source\": \"$T/private/link\", \"options\": [\"bind\", \"copy-symlink\"]}" \
                'readlink /new/link; head -n 1 /new/link'
        want_rc 0
        want_out "/etc/passwd
root:x:0:0:root:/root:/bin/sh"
        # Twice the same is no error, another file in its place is.
        prepared 'mkdir -p new; ln -sfn /etc/passwd new/link'
        with "{\"destination\": \"/new/link\", \"source\": \"$T/private/link\", \"options\": [\"bind\", \"copy-symlink\"]}" true
        want_rc 0
        prepared 'mkdir -p new; ln -sfn /etc/group new/link'
        with "{\"destination\": \"/new/link\", \"source\": \"$T/private/link\", \"options\": [\"bind\", \"copy-symlink\"]}" true
        want_failure
        want_err_has "make the link (copy-symlink): file exists"
}
# A place that a link of the image leads to lies in the rootfs.
copy_symlink_inside()
{
        mkdir -p "$T/outside"
        prepared "ln -sfn $T/outside away"
        with "{\"destination\": \"/away/link\", \"source\": \"$T/private/link\", \"options\": [\"bind\", \"copy-symlink\"]}" 'true'
        want_rc 0
        [ -L "$B/rootfs$T/outside/link" ]
        want_same "$(ls "$T/outside")" ""
}
copy_no_symlink()
{
        with "{\"destination\": \"/m\", \"source\": \"$T/private/folder\", \"options\": [\"bind\", \"copy-symlink\"]}" 'cat /m/file'
        want_out from-the-host
}
check "copy-symlink: a link is made as it is" copy_symlink
check "copy-symlink: it stays in the rootfs" copy_symlink_inside
check "copy-symlink: what is no link is bound" copy_no_symlink

# ---------------------------------------------------------------------------------------------- too much

# quick_and_clear JQ-FILTER TEXT: one line, soon
quick_and_clear()
{
        local start
        n=$((n + 1))
        bundle "k$n_run-$n" "$1"
        start=$SECONDS
        run rt run -b "$B" "k$n_run-$n"
        want_failure
        [ $((SECONDS - start)) -lt 10 ]
        want_same "$(echo "$err" | wc -l)" 1
        want_match "$err" "$2"
        want_same "$(ls "$T/state")" ""
}
three_thousand()
{
        n=$((n + 1))
        bundle "k$n_run-$n" '.mounts += [range(3000) | {destination: "/m\(.)", source: $s, options: ["bind"]}] |
                .process.args = ["/bin/cat", "/m2999/file"]' --arg s "$T/private/folder"
        ulimit -n 8192
        run rt run -b "$B" "k$n_run-$n"
        want_rc 0
        want_out from-the-host
}
check "three thousand binds, and fewer open files than that" three_thousand
check "a hundred thousand mounts are too many" quick_and_clear \
        '.mounts += [range(100000) | {destination: "/m\(.)", type: "tmpfs"}]' "mounts: 100007 entries, and 10000 are the most"
check "an option of 10 MB is too long" quick_and_clear '.mounts += [{destination: "/m", type: "tmpfs", options: ["x" * 10000000]}]' \
        'mounts\[7\] \(/m\): options: x* ?\.\.\. is longer than 255 bytes'
check "5,000,000 options are too many" quick_and_clear '.mounts += [{destination: "/m", type: "tmpfs", options: ["x," * 5000000]}]' \
        'mounts\[7\] \(/m\): options: more than 64'

# ---------------------------------------------------------------------------------------------- features

# What the document lists is taken by a mount, and as an option of ours: a tmpfs knows none of them, so one that was left
# to it would be refused.
features()
{
        local option m
        rt features | jq -r '.mountOptions[]' > "$T/options"
        [ "$(wc -l < "$T/options")" -ge 60 ]
        while read -r option; do
                m="{\"destination\": \"/m\", \"type\": \"tmpfs\", \"options\": [\"$option\"]}"
                case $option in
                bind | rbind | copy-symlink | idmap | ridmap)
                        m="{\"destination\": \"/m\", \"source\": \"$T/private/folder\", \"options\": [\"bind\", \"$option\"]}";;
                remount)
                        m="{\"destination\": \"/m\", \"type\": \"tmpfs\"}, {\"destination\": \"/m\", \"options\": [\"remount\"]}";;
                esac
                with "$m" 'grep -q " /m " /proc/self/mountinfo'
                [ "$rc" = 0 ] || fail "$option: $err"
        done < "$T/options"
}
# config.md's table, word for word.
whole_table()
{
        local option
        for option in async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec \
                noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime \
                remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate \
                rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid \
                symfollow sync tmpcopyup unbindable idmap ridmap; do
                rt features | jq -e --arg o "$option" '.mountOptions | index($o) != null' > /dev/null || fail "not listed: $option"
        done
}
check "each option of features can be mounted with" features
check "features lists every option of the specification" whole_table

finish
