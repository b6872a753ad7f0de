#!/bin/bash
# runtime-spec, config.md "Mounts" and "Linux mount options": each option by what it does to a mount, as the container sees
# it in /proc/self/mountinfo or by trying. What a build may have is policy's: those cases say so.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "runb: its policy decides what the options come to"

chmod 755 "$T"
mkdir -p "$T/private"   # root's alone: writable binds of what lies below are the build's root's
chmod 700 "$T/private"
n=0

# with MOUNTS COMMAND [JQ-FILTER]: runs COMMAND in a container that has these mounts, a JSON array without its brackets
with()
{
        n=$((n + 1))
        bundle "m$n_run-$n" '.mounts += $m | .process.args = ["/bin/sh", "-c", $c] | '"${3:-.}" --argjson m "[$1]" --arg c "$2"
        run rt run -b "$B" "m$n_run-$n"
}
# tmpfs OPTIONS COMMAND: at /m, options with commas between
tmpfs() { with "{\"destination\": \"/m\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": $(json "$1")}" "$2"; }
bind() { with "{\"destination\": \"/m\", \"source\": \"$1\", \"options\": $(json "$2")}" "$3"; }
json() { jq -cn --arg o "$1" '$o | split(",")'; }
flags_of() { echo "$out" | awk -v at="${1:-/m}" '$5 == at { print $6 }' | tail -n 1; }        # of the mount
super_of() { echo "$out" | awk -v at="${1:-/m}" '$5 == at { print $NF }' | tail -n 1; }       # of the file system
fields_of() { echo "$out" | awk -v at="${1:-/m}" '$5 == at { s = ""; for (i = 7; $i != "-"; i++) s = s $i " "; print s }' | tail -n 1; }
has() { case ",$1," in *",$2,"*) ;; *) fail "\"$1\" has no $2"; return 1;; esac; }
has_not() { case ",$1," in *",$2,"*) fail "\"$1\" has $2"; return 1;; esac; }

show='cat /proc/self/mountinfo'

tmpfs_has() { tmpfs "$1" "$show"; want_rc 0; has "$(flags_of)" "$2"; }
has_always() # OPTION FLAG: policy adds it where it is not asked for
{
        plain_source
        tmpfs "$1" "$show"; want_rc 0; has "$(flags_of)" "$2"
        bind "$T/private/plain" "rbind,$1" "$show"; want_rc 0; has "$(flags_of /m)" "$2"; has "$(flags_of /m/below)" "$2"
}
readwrite() { tmpfs "ro,rw" 'touch /m/x'; want_rc 0; }
readwrite_below()
{
        plain_source
        mount -o remount,bind,ro "$T/private/plain/below"
        bind "$T/private/plain" "rbind,rw" 'touch /m/below/x'; want_failure
        bind "$T/private/plain" "rbind,rrw" "$show"; want_rc 0; has "$(flags_of /m/below)" rw
        mount -o remount,bind,rw "$T/private/plain/below"
}
strict_below()
{
        plain_source
        bind "$T/private/plain" "rbind,rstrictatime" "$show"; want_rc 0
        has_not "$(flags_of /m)" relatime; has_not "$(flags_of /m/below)" relatime
        has_not "$(flags_of /m/below)" noatime
        bind "$T/private/plain" "rbind,strictatime" "$show"; want_rc 0
        has_not "$(flags_of /m)" relatime; has "$(flags_of /m/below)" relatime
        bind "$T/private/plain" "rbind,rstrictatime,rnostrictatime" "$show"; want_rc 0
        has "$(flags_of /m)" relatime; has "$(flags_of /m/below)" relatime
}

# A source with every flag and a mount below it, for what takes flags away. nosuid makes it writable by policy.
flagged_source()
{
        mkdir -p "$T/private/flagged"
        mountpoint -q "$T/private/flagged" && return
        mount -t tmpfs -o nosuid,nodev,noexec,noatime,nodiratime,mode=755 tmpfs "$T/private/flagged"
        mkdir "$T/private/flagged/below"
        mount -t tmpfs -o nosuid,nodev,noexec,noatime,nodiratime,mode=755 tmpfs "$T/private/flagged/below"
}
plain_source()
{
        mkdir -p "$T/private/plain"
        mountpoint -q "$T/private/plain" && return
        mount -t tmpfs -o mode=755 tmpfs "$T/private/plain"
        mkdir "$T/private/plain/below"
        mount -t tmpfs -o mode=755 tmpfs "$T/private/plain/below"
        ln -s plain.txt "$T/private/plain/link"
        echo text > "$T/private/plain/plain.txt"
        ln -s plain.txt "$T/private/plain/below/link"
        echo text > "$T/private/plain/below/plain.txt"
}
away()
{
        umount -R "$T/private"/{flagged,plain,shared,owned/below} 2>/dev/null
        return 0
}

# ---------------------------------------------------------------------------------------------- flags of a mount

sets() # OPTION FLAG: on a new mount, on a bind, and not without it
{
        tmpfs "$1" "$show"; want_rc 0; has "$(flags_of)" "$2"
        plain_source
        bind "$T/private/plain" "bind,$1" "$show"; want_rc 0; has "$(flags_of)" "$2"
        bind "$T/private/plain" "bind" "$show"; want_rc 0; has_not "$(flags_of)" "$2"
}
clears() # OPTION FLAG: of a bind's source
{
        flagged_source
        bind "$T/private/flagged" "bind" "$show"; want_rc 0; has "$(flags_of)" "$2"
        bind "$T/private/flagged" "bind,$1" "$show"; want_rc 0; has_not "$(flags_of)" "$2"
        case $1 in norelatime) return;; esac    # no opposite of what stands before it
        tmpfs "$2,$1" "$show"; want_rc 0; has_not "$(flags_of)" "$2"
}
# What policy keeps: the option is taken, and the flag stays.
kept() # OPTION FLAG
{
        flagged_source
        bind "$T/private/flagged" "bind,$1" "$show"; want_rc 0; has "$(flags_of)" "$2"
}
sets_below() # OPTION FLAG
{
        plain_source
        bind "$T/private/plain" "rbind,$1" "$show"; want_rc 0
        has "$(flags_of /m)" "$2"; has "$(flags_of /m/below)" "$2"
        bind "$T/private/plain" "rbind,${1#r}" "$show"; want_rc 0
        has "$(flags_of /m)" "$2"; has_not "$(flags_of /m/below)" "$2"
        tmpfs "$1" "$show"; want_rc 0; has "$(flags_of)" "$2"
}
clears_below() # OPTION FLAG
{
        flagged_source
        bind "$T/private/flagged" "rbind,$1" "$show"; want_rc 0
        has_not "$(flags_of /m)" "$2"; has_not "$(flags_of /m/below)" "$2"
        bind "$T/private/flagged" "rbind,${1#r}" "$show"; want_rc 0
        has_not "$(flags_of /m)" "$2"; has "$(flags_of /m/below)" "$2"
}
kept_below() # OPTION FLAG
{
        flagged_source
        bind "$T/private/flagged" "rbind,$1" "$show"; want_rc 0
        has "$(flags_of /m)" "$2"; has "$(flags_of /m/below)" "$2"
}


symfollow()
{
        plain_source
        bind "$T/private/plain" "bind,nosymfollow" 'cat /m/link'
        want_failure
        want_err_has "Too many levels of symbolic links"
        bind "$T/private/plain" "bind,nosymfollow,symfollow" 'cat /m/link'
        want_out text
        mount -o remount,bind,nosymfollow "$T/private/plain/below"
        bind "$T/private/plain" "rbind" 'cat /m/below/link'
        want_failure
        bind "$T/private/plain" "rbind,rsymfollow" 'cat /m/below/link'
        want_out text
        mount -o remount,bind,symfollow "$T/private/plain/below"
}
noexec()
{
        tmpfs "noexec" 'cp /bin/busybox /m/true && /m/true'
        want_failure
        tmpfs "exec" 'cp /bin/busybox /m/true && /m/true'
        want_rc 0
}
strictatime()
{
        tmpfs "strictatime" "$show"; want_rc 0
        has_not "$(flags_of)" relatime; has_not "$(flags_of)" noatime
        tmpfs "strictatime,nostrictatime" "$show"; want_rc 0; has "$(flags_of)" relatime
}
readonly_tmpfs() # OPTION
{
        tmpfs "$1" 'touch /m/x'
        want_failure
        want_err_has "Read-only file system"
}
# Under runc, too, a recursive option has the last word; a build that found it writable would write as the disk's root.
last_word()
{
        mkdir -p "$T/open/below"
        bind "$T/open" "rbind,rro,rw" 'touch /m/x'
        want_failure
        want_err_has "Read-only file system"
        bind "$T/open" "rbind,rw,rro" 'touch /m/x'
        want_failure
        [ ! -e "$T/open/x" ]
        plain_source
        bind "$T/private/plain" "rbind,rrw,ro" 'touch /m/x'
        want_rc 0
}
remounted_below()
{
        plain_source
        with "{\"destination\": \"/m\", \"source\": \"$T/private/plain\", \"options\": [\"rbind\"]},
              {\"destination\": \"/m\", \"options\": [\"remount\", \"bind\", \"rro\", \"noatime\"]}" "$show"
        want_rc 0
        has "$(flags_of /m)" ro; has "$(flags_of /m/below)" ro
        has "$(flags_of /m)" noatime; has_not "$(flags_of /m/below)" noatime
}

check "defaults: nothing changes" tmpfs_has "defaults" relatime
check "ro" sets ro ro
check "rw after ro" readwrite
check "ro: a tmpfs takes no file" readonly_tmpfs ro
check "rro: a tmpfs takes no file" readonly_tmpfs rro
check "noexec" sets noexec noexec
check "noexec and exec: whether a program starts" noexec
check "exec" clears exec noexec
check "nosuid" has_always nosuid nosuid
check "nodev" has_always nodev nodev
check "suid: policy keeps nosuid" kept suid nosuid
check "dev: policy keeps nodev" kept dev nodev
check "noatime" sets noatime noatime
check "atime" clears atime noatime
check "relatime" clears relatime noatime
check "nodiratime" sets nodiratime nodiratime
check "diratime" clears diratime nodiratime
check "norelatime" clears norelatime noatime
check "strictatime and nostrictatime" strictatime
check "nosymfollow" sets nosymfollow nosymfollow
check "nosymfollow, symfollow and rsymfollow: whether links are followed" symfollow
check "rro" sets_below rro ro
check "rnosuid" has_always rnosuid nosuid
check "rnodev" has_always rnodev nodev
check "rnoexec" sets_below rnoexec noexec
check "rnoatime" sets_below rnoatime noatime
check "rnodiratime" sets_below rnodiratime nodiratime
check "rnosymfollow" sets_below rnosymfollow nosymfollow
check "rrw" readwrite_below
check "rexec" clears_below rexec noexec
check "ratime" clears_below ratime noatime
check "rrelatime" clears_below rrelatime noatime
check "rdiratime" clears_below rdiratime nodiratime
check "rnorelatime" clears_below rnorelatime noatime
check "rstrictatime and rnostrictatime" strict_below
check "rsuid: policy keeps nosuid" kept_below rsuid nosuid
check "rdev: policy keeps nodev" kept_below rdev nodev
check "a recursive option has the last word" last_word

# ---------------------------------------------------------------------------------------------- flags of a file system

super_sets() # OPTION WORD
{
        tmpfs "$1" "$show"; want_rc 0; has "$(super_of)" "$2"
        tmpfs "defaults" "$show"; want_rc 0; has_not "$(super_of)" "$2"
}
super_clears() # SETS CLEARS
{
        tmpfs "$1,$2" "$show"; want_rc 0; has_not "$(super_of)" "$1"
        with '{"destination": "/m", "type": "tmpfs", "options": ["'"$1"'"]},
              {"destination": "/m", "type": "tmpfs", "options": ["remount", "'"$2"'"]}' "$show"
        want_rc 0; has_not "$(super_of)" "$1"
}
# Nothing in the container shows it. mount(2) is how it is set, so that is looked for.
iversion() # OPTION WANTED
{
        n=$((n + 1))
        bundle "m$n_run-$n" '.mounts += [{destination: "/m", type: "tmpfs", options: [$o, "sync", "noexec"]}] |
                .process.args = ["/bin/cat", "/proc/self/mountinfo"]' --arg o "$1"
        run strace -f -qq -e trace=mount -o "$T/trace" "$RUNB" --root "$T/state" run -b "$B" "m$n_run-$n"
        want_rc 0
        want_match "$(grep 'MS_REMOUNT' "$T/trace")" "$2"
        has "$(super_of)" sync          # what mount(2) replaces with it is what was asked for
        has "$(flags_of)" noexec
}
# mount(2) would take the flags of the first entry away.
iversion_remounted()
{
        with '{"destination": "/m", "type": "tmpfs", "options": ["nosuid", "nodev", "noexec"]},
              {"destination": "/m", "type": "tmpfs", "options": ["remount", "iversion"]}' "$show"
        want_rc 0
        has "$(flags_of)" noexec
        has "$(flags_of)" nodev
}
no_call() # the start path does not pay for what is not used
{
        n=$((n + 1))
        bundle "m$n_run-$n"
        run strace -f -qq -e trace=mount,fspick -o "$T/trace" "$RUNB" --root "$T/state" run -b "$B" "m$n_run-$n"
        want_rc 0
        want_same "$(grep -c 'MS_REMOUNT\|fspick' "$T/trace")" 0
}
quiet() { tmpfs "$1" "$show"; want_rc 0; has "$(super_of)" rw; }
remounted()
{
        with '{"destination": "/m", "type": "tmpfs", "options": ["size=1m", "noexec"]},
              {"destination": "/m", "type": "tmpfs", "options": ["remount", "size=2m", "nr_inodes=77", "noatime"]}' "$show"
        want_rc 0
        has "$(super_of)" size=2048k; has "$(super_of)" nr_inodes=77
        has "$(flags_of)" noatime
        has "$(flags_of)" noexec
}
# The host's, for everybody who has it mounted.
remount_of_a_bind()
{
        plain_source
        with "{\"destination\": \"/m\", \"source\": \"$T/private/plain\", \"options\": [\"bind\"]},
              {\"destination\": \"/m\", \"type\": \"tmpfs\", \"options\": [\"remount\", \"$1\"]}" "$show"
        want_failure
        want_err_has "(mounts.remount)"
        want_same "$(echo "$err" | wc -l)" 1
        grep " $T/private/plain " /proc/self/mountinfo | grep -qv "$1"
}
found() # ASKED GOT: what the record of the last bundle says, by creating it
{
        run rt create -b "$B" "found$n_run"
        want_rc 0
        jq -r '.findings[] | "\(.rule): \(.asked) -> \(.got)"' "$T/state/found$n_run/state.json" > "$T/found"
        rt delete -f "found$n_run"
        grep -F "$1 -> $2" "$T/found" || { cat "$T/found"; fail "no finding: $1 -> $2"; }
}
told_of_a_bind()
{
        plain_source
        bind "$T/private/plain" "bind,sync,noiversion,umask=077" "$show"
        want_rc 0
        has_not "$(super_of)" sync
        found "mounts.options: sync,noiversion,umask=077" "left as the file system has it: it is the host's"
}

check "sync" super_sets sync sync
check "async" super_clears sync async
check "dirsync" super_sets dirsync dirsync
check "lazytime" super_sets lazytime lazytime
check "nolazytime" super_clears lazytime nolazytime
check "mand" super_sets mand mand
check "nomand" super_clears mand nomand
check "iversion" iversion iversion MS_I_VERSION
check "a remount with iversion keeps the flags that are there" iversion_remounted
check "noiversion" iversion noiversion 'MS_REMOUNT\|MS_SYNCHRONOUS,|MS_SYNCHRONOUS\|MS_REMOUNT,'
check "silent" quiet silent
check "loud" quiet loud
check "without them there is no system call for them" no_call
check "remount: flags and the file system's options" remounted
check "remount: what others have mounted as well is not changed" remount_of_a_bind sync
check "remount: nor its options" remount_of_a_bind size=1m
check "remount,bind: flags, those of mounts below too" remounted_below
check "a bind's file system keeps its options, and the record says so" told_of_a_bind

# ---------------------------------------------------------------------------------------------- propagation

shared_source()
{
        mkdir -p "$T/private/shared"
        mountpoint -q "$T/private/shared" && return
        mount -t tmpfs -o mode=755 tmpfs "$T/private/shared"
        mount --make-shared "$T/private/shared"
        mkdir "$T/private/shared/below" "$T/private/shared/later"
        mount -t tmpfs -o mode=755 tmpfs "$T/private/shared/below"
        mount --make-shared "$T/private/shared/below"
        mkdir "$T/private/shared/below/later"
}
# propagation OPTION: what a mount made on the host afterwards looks like inside, and the fields at /m and /m/below
propagation()
{
        shared_source
        n=$((n + 1))
        start_sleeper "m$n_run-$n" ".mounts += [{destination: \"/m\", source: \"$T/private/shared\", options: [\"rbind\", \"$1\"]}]"
        mount -t tmpfs tmpfs "$T/private/shared/later"
        mount -t tmpfs tmpfs "$T/private/shared/below/later"
        run rt exec "m$n_run-$n" cat /proc/self/mountinfo
        umount "$T/private/shared/later" "$T/private/shared/below/later"
        rt delete -f "m$n_run-$n"
        want_rc 0
}
slave() # OPTION
{
        propagation "$1"
        want_match "$(fields_of /m)" "^master:[0-9]+ $"
        want_match "$(fields_of /m/below)" "^master:[0-9]+ $"
        want_out_has " /m/later "
        want_out_has " /m/below/later "
}
private() # OPTION
{
        propagation "$1"
        want_same "$(fields_of /m)" ""
        want_same "$(fields_of /m/below)" ""
        want_out_without later
}
unbindable() # OPTION BELOW
{
        propagation "$1"
        want_same "$(fields_of /m)" "unbindable "
        want_same "$(fields_of /m/below)" "$2"
        want_out_without later
        tmpfs "$1" "$show"
        want_same "$(fields_of /m)" "unbindable "
}
shared() # OPTION
{
        private "$1"
        bundle "m$n_run-$n" ".mounts += [{destination: \"/m\", source: \"$T/private/shared\", options: [\"rbind\", \"nosuid\", \"nodev\", \"$1\"]}]"
        found "mounts.flags: shared" private
}
remounted_propagation()
{
        shared_source
        with "{\"destination\": \"/m\", \"source\": \"$T/private/shared\", \"options\": [\"rbind\", \"rslave\"]},
              {\"destination\": \"/m\", \"options\": [\"remount\", \"bind\", \"$1\"]}" "$show"
        want_rc 0
        want_same "$(fields_of /m)" ""
        want_match "$(fields_of /m/below)" "$2"
}
check "private" private private
check "rprivate" private rprivate
check "slave: with what lies below, as runc has it" slave slave
check "rslave" slave rslave
check "unbindable" unbindable unbindable ""
check "runbindable" unbindable runbindable "unbindable "
check "shared: policy makes it private" shared shared
check "rshared: policy makes it private" shared rshared
check "remount,private: of this mount alone" remounted_propagation private "^master:"
check "remount,rprivate: with what lies below" remounted_propagation rprivate "^$"

# ---------------------------------------------------------------------------------------------- ids

# What the container's ids are when the engine maps them.
mapped='.linux.namespaces += [{type: "user"}] |
        .linux.uidMappings = [{containerID: 0, hostID: 1879048192, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
owned_source()
{
        mkdir -p "$T/private/owned/below"
        chown 1000:1001 "$T/private/owned"
        : > "$T/private/owned/one"
        chown 5:6 "$T/private/owned/one"
        mountpoint -q "$T/private/owned/below" && return
        mount -t tmpfs -o uid=7,gid=8,mode=755 tmpfs "$T/private/owned/below"
}
owners='stat -c %u:%g /m /m/one /m/below'
engine_rootfs() { chown -R 1879048192:1879048192 "$T/busybox"; }
# by OPTIONS UIDMAP GIDMAP: with the ids mapped by the engine
by()
{
        owned_source
        with "{\"destination\": \"/m\", \"source\": \"$T/private/owned\", \"options\": $(json "$1")
               ${2:+, \"uidMappings\": $2, \"gidMappings\": $3}}" "$owners" "$mapped"
}
flat() { out=$(echo "$out" | tr '\n' ' ' | sed 's/ $//'); want_out "$1"; }
unmapped_is_nobody() { by rbind; want_rc 0; flat "65534:65534 65534:65534 65534:65534"; }
idmap_of_the_container() { by rbind,idmap; want_rc 0; flat "1000:1001 5:6 65534:65534"; }
ridmap_of_the_container() { by rbind,ridmap; want_rc 0; flat "1000:1001 5:6 7:8"; }
own_maps()
{
        local m="[{\"containerID\": 1000, \"hostID\": 1879048192, \"size\": 1}, {\"containerID\": 7, \"hostID\": 1879048292, \"size\": 1}]"
        local g="[{\"containerID\": 1001, \"hostID\": 1879048193, \"size\": 1}, {\"containerID\": 8, \"hostID\": 1879048293, \"size\": 1}]"
        by "rbind,idmap" "$m" "$g"; want_rc 0; flat "0:1 65534:65534 65534:65534"
        by "rbind,ridmap" "$m" "$g"; want_rc 0; flat "0:1 65534:65534 100:101"
        by "rbind" "$m" "$g"; want_rc 0; flat "0:1 65534:65534 65534:65534"
}
outside_the_range() # HOSTID SIZE
{
        by "bind,idmap" "[{\"containerID\": 0, \"hostID\": $1, \"size\": $2}]" "[{\"containerID\": 0, \"hostID\": 1879048192, \"size\": 1}]"
        want_failure
        want_err_has "(mounts.ids)"
        want_err_has "uidMappings[0]"
        by "bind,idmap" "[{\"containerID\": 0, \"hostID\": 1879048192, \"size\": 1}]" "[{\"containerID\": 0, \"hostID\": $1, \"size\": $2}]"
        want_failure
        want_err_has "gidMappings[0]"
        want_same "$(ls "$T/state")" ""
}
# Without a mapping of the engine's: host ids are what the container would see.
leased_map()
{
        owned_source
        with "{\"destination\": \"/m\", \"source\": \"$T/private/owned\", \"options\": [\"rbind\", \"ridmap\"],
               \"uidMappings\": [{\"containerID\": 1000, \"hostID\": 3, \"size\": 1}, {\"containerID\": 7, \"hostID\": 4, \"size\": 1}],
               \"gidMappings\": [{\"containerID\": 1001, \"hostID\": 0, \"size\": 1}]}" "$owners"
        want_rc 0
        flat "3:0 65534:65534 4:65534"
        with "{\"destination\": \"/m\", \"source\": \"$T/private/owned\", \"options\": [\"rbind\", \"ridmap\"],
               \"uidMappings\": [{\"containerID\": 1000, \"hostID\": 65535, \"size\": 2}],
               \"gidMappings\": [{\"containerID\": 1001, \"hostID\": 0, \"size\": 1}]}" "$owners"
        want_failure
        want_err_has "(mounts.ids)"
}
# The map would let the build leave a program of that user's where others find it.
open_folder_of_others()
{
        mkdir -p "$T/others"
        chown 1000:1000 "$T/others"
        chmod 777 "$T/others"
        with "{\"destination\": \"/m\", \"source\": \"$T/others\", \"options\": [\"bind\", \"idmap\"],
               \"uidMappings\": [{\"containerID\": 33, \"hostID\": 0, \"size\": 1}],
               \"gidMappings\": [{\"containerID\": 33, \"hostID\": 0, \"size\": 1}]}" "touch /m/x"
        want_failure
        want_err_has "Read-only file system"
        with "{\"destination\": \"/m\", \"source\": \"$T/others\", \"options\": [\"bind\", \"idmap\"],
               \"uidMappings\": [{\"containerID\": 1000, \"hostID\": 0, \"size\": 1}],
               \"gidMappings\": [{\"containerID\": 1000, \"hostID\": 0, \"size\": 1}]}" "touch /m/x"
        want_rc 0
        want_same "$(stat -c %u:%g "$T/others/x")" 1000:1000
}
one_map_only()
{
        with "{\"destination\": \"/m\", \"source\": \"$T\", \"options\": [\"bind\"], \"$1\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 1}]}" true
        want_failure
        want_err_has "mounts[7].$2: is required beside $1 and missing"
}
idmap_of_a_tmpfs() { tmpfs "idmap" true; want_failure; want_err_has "mounts[7].options: idmap and ridmap are for binds"; }
no_map_there()
{
        mkdir -p "$T/private/ramfs"
        mount -t ramfs ramfs "$T/private/ramfs"
        with "{\"destination\": \"/m\", \"source\": \"$T/private/ramfs\", \"options\": [\"bind\", \"ro\", \"idmap\"]}" true "$mapped"
        umount "$T/private/ramfs"
        want_failure
        want_err_has "idmap: the ids of $T/private/ramfs cannot be mapped"
        want_same "$(ls "$T/state")" ""
}
check "a bind without idmap shows the host's owners as nobody where the engine maps the ids" unmapped_is_nobody
check "idmap: by the container's map, this mount alone" idmap_of_the_container
check "ridmap: by the container's map, with what lies below" ridmap_of_the_container
check "uidMappings and gidMappings: by a map of the mount's own" own_maps
check "a map to the host's root is refused" outside_the_range 0 1
check "a map that leaves the container's range is refused" outside_the_range 1879113727 2
check "a map where the build's ids are leased leads to the build's" leased_map
check "a map to others' ids makes an open folder read-only" open_folder_of_others
check "uidMappings alone are an error" one_map_only uidMappings gidMappings
check "gidMappings alone are an error" one_map_only gidMappings uidMappings
check "idmap of a tmpfs is an error" idmap_of_a_tmpfs
check "idmap on a file system without it is an error, read-only too" no_map_there

away
finish
