#!/bin/bash
# Runs one test in namespaces of its own and looks afterwards for what it left behind.
#
#   enclose.sh [--cgroups host|v1|v2] COMMAND [ARG]...
#
# The command gets its own mount, pid, network (loopback only), ipc, uts and cgroup namespace; a /dev, /run and
# /sys/fs/cgroup of its own; and the folder $T, on a file system that overlayfs can write to. Why so much: a faulty
# runtime has been seen to chown the machine's /dev/null and to leave mounts behind, and what is left behind can only
# be told from the machine's own in namespaces that hold nothing else.
#
# Output: the command's, then "PASS leaves nothing behind" or "FAIL leaves nothing behind" with what was found.
# Exit code: the command's; 1 where something was left and the command's was 0; 77 where this machine lacks something.
set -u

skip() { echo "SKIP needs $*"; exit 77; }

cgroup_mode=${RUNB_TEST_CGROUPS:-host}

# ------------------------------------------------------------------ outside: a cgroup in every hierarchy, then unshare
hierarchies()
{
        # mount point, type, options of each cgroup mount of the machine
        awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5, $(i+1), $(i+3) }' /proc/self/mountinfo
}

cgroup_make()
{
        local dir=$1 type=$2

        mkdir "$dir/$name" 2>/dev/null || return 0
        if [ "$type" = cgroup ] && [ -e "$dir/$name/cpuset.cpus" ]; then
                cat "$dir/cpuset.cpus" > "$dir/$name/cpuset.cpus"
                cat "$dir/cpuset.mems" > "$dir/$name/cpuset.mems"
        fi
        echo 0 > "$dir/$name/cgroup.procs"
}

cgroups_remove()
{
        local dir type rest try

        while read -r dir type rest; do
                [ -d "$dir/$name" ] || continue
                for try in 1 2 3 4 5 6 7 8 9 10; do
                        find "$dir/$name" -depth -type d -exec rmdir {} + 2>/dev/null
                        [ -d "$dir/$name" ] || break
                        sleep 0.1
                done
                [ -d "$dir/$name" ] && echo "# cannot remove $dir/$name"
        done < <(hierarchies)
}

outside()
{
        local name=runb-test-$$ base=/var/tmp dir type rest rc before after pid

        [ "$(id -u)" = 0 ] || skip "root (for namespaces of its own)"
        unshare --mount --pid --fork --net --ipc --uts --cgroup true 2>/dev/null ||
                skip "the right to make mount, pid, network, ipc, uts and cgroup namespaces"

        T=$(mktemp -d $base/$name.XXXXXX) || exit 1
        export T
        before=$(stat -c '%t:%T %a %u:%g' /dev/null)
        (
                while read -r dir type rest; do cgroup_make "$dir" "$type"; done < <(hierarchies)
                RUNB_TEST_CGROUPS=$cgroup_mode exec unshare --mount --propagation private --pid --fork --kill-child \
                        --mount-proc --net --ipc --uts --cgroup bash "$self" --inside "$@"
        ) &
        pid=$!
        trap 'kill $pid' TERM INT HUP
        # unshare(1) waits in our group, which inside is the root: only an empty one hands controllers on.
        while kill -0 $pid 2>/dev/null && [ -z "$(cat /proc/$pid/task/$pid/children 2>/dev/null)" ]; do sleep 0.01; done
        while [ ! -e "$T/entered" ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
        while read -r dir type rest; do
                [ "$type" = cgroup2 ] && echo $pid > "$dir/cgroup.procs"
        done < <(hierarchies) 2>/dev/null
        : > "$T/go"
        wait $pid
        rc=$?
        trap - TERM INT HUP
        cgroups_remove
        rm -rf --one-file-system "$T" 2>/dev/null || { chattr -R -i "$T" 2>/dev/null; rm -rf --one-file-system "$T"; }
        after=$(stat -c '%t:%T %a %u:%g' /dev/null)
        if [ "$before" != "$after" ]; then
                echo "FAIL the machine's /dev/null is untouched"
                echo "# it was $before and is $after"
                rc=1
        fi
        exit $rc
}

# --------------------------------------------------------------------------------------------- inside, as pid 1
own_dev()
{
        local node

        mount -t tmpfs -o mode=755,size=1m tmpfs /mnt || exit 1
        for node in "null 1 3 666" "zero 1 5 666" "full 1 7 666" "random 1 8 666" "urandom 1 9 666" "tty 5 0 666" \
                    "kmsg 1 11 600" "fuse 10 229 666" "net/tun 10 200 666"; do
                set -- $node
                mkdir -p "$(dirname "/mnt/$1")"
                mknod -m "$4" "/mnt/$1" c "$2" "$3" || exit 1
        done
        mkdir /mnt/pts /mnt/shm /mnt/mqueue
        mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts /mnt/pts
        ln -s pts/ptmx /mnt/ptmx
        ln -s /proc/self/fd /mnt/fd
        ln -s fd/0 /mnt/stdin
        ln -s fd/1 /mnt/stdout
        ln -s fd/2 /mnt/stderr
        mount -t tmpfs -o mode=1777 tmpfs /mnt/shm
        mount -t mqueue mqueue /mnt/mqueue
        mount --move /mnt /dev
}

own_cgroups()
{
        local list dir type options

        list=$(hierarchies)
        umount -R /sys/fs/cgroup 2>/dev/null
        mount -t sysfs sysfs /sys
        case $cgroup_mode in
        v2)
                mount -t cgroup2 cgroup2 /sys/fs/cgroup || skip "cgroup2"
                # No process in a group that hands controllers on (kernel docs, cgroup-v2, "No Internal Process").
                mkdir /sys/fs/cgroup/test
                for dir in $(cat /sys/fs/cgroup/cgroup.procs); do
                        echo "$dir" > /sys/fs/cgroup/test/cgroup.procs
                done 2>/dev/null
                for dir in $(cat /sys/fs/cgroup/cgroup.controllers); do
                        echo "+$dir" > /sys/fs/cgroup/cgroup.subtree_control
                done 2>/dev/null
                return;;
        esac
        if ! echo "$list" | grep -q ' cgroup '; then
                [ "$cgroup_mode" = v1 ] && skip "cgroup v1"
                cgroup_mode=v2 own_cgroups
                return
        fi
        mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
        while read -r dir type options; do
                mkdir -p "$dir"
                options=$(echo "$options" | tr , '\n' | grep -vxE 'rw|ro|xattr|release_agent=.*' | paste -sd,)
                case $type in
                cgroup) mount -t cgroup -o "$options" cgroup "$dir";;
                cgroup2) [ "$cgroup_mode" = v1 ] || mount -t cgroup2 cgroup2 "$dir";;
                esac
        done <<< "$list"
}

list_mounts() { awk '{ for (i = 7; $i != "-"; i++); print $5, $(i+1) }' /proc/self/mountinfo | sort; }
list_cgroups() { find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | sort; }
list_host_folder()
{
        # What a container owns there; caches and locks stay.
        find /run/runb -mindepth 1 \( -type f -o -type d \) 2>/dev/null | grep -E '/(leases|groups|slots|containers|deadlines)/.' | sort
}
# All but ourselves, into $left; with builtins only, since a subshell of ours would find itself.
find_processes()
{
        local stat pid text

        left=
        for stat in /proc/[0-9]*/stat; do
                pid=${stat#/proc/}; pid=${pid%/stat}
                [ "$pid" = 1 ] && continue
                read -r text 2>/dev/null < "$stat" || continue
                case ${text##*) } in Z* | X*) continue;; esac
                text=${text#*(}; left+="$pid ${text%%)*}"$'\n'
        done
        left=${left%$'\n'}
}

# The engine's own things: the test names them, one extended regular expression a line, in $T/engine-leaves.
of_the_engine() { if [ -s "$T/engine-leaves" ]; then grep -vEf "$T/engine-leaves"; else cat; fi; }

inside()
{
        local rc found="" mounts cgroups left try

        : > "$T/entered"
        until [ -e "$T/go" ]; do sleep 0.01; done
        rm -f "$T/entered" "$T/go"
        hostname runb-test
        ip link set lo up 2>/dev/null
        mkdir -p /run
        own_dev
        own_cgroups
        mount -t tmpfs -o mode=755 tmpfs /run
        mkdir -p /run/lock /run/user
        if [ "$(stat -f -c %T "$T")" = overlayfs ]; then
                mount -t tmpfs -o mode=755 tmpfs "$T"   # overlayfs takes no overlayfs as its upper layer
        fi
        [ -d /sys/kernel/security ] && mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
        export TMPDIR=$T/tmp HOME=$T/home XDG_RUNTIME_DIR=
        mkdir -m 1777 "$TMPDIR"
        mkdir -m 755 "$HOME"
        chmod 755 "$T"
        mounts=$(list_mounts)
        cgroups=$(list_cgroups)

        "$@" < /dev/null &
        wait $!
        rc=$?

        # What the test started may need a moment to end.
        for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                find_processes
                left=$(printf %s "$left" | of_the_engine)
                [ -z "$left" ] && break
                sleep 0.1
        done
        [ -n "$left" ] && found+="# process $(echo "$left" | sed '2,$s/^/# process /')"$'\n'
        left=$(comm -13 <(echo "$mounts") <(list_mounts) | of_the_engine)
        [ -n "$left" ] && found+="# mount $(echo "$left" | sed '2,$s/^/# mount /')"$'\n'
        left=$(comm -13 <(echo "$cgroups") <(list_cgroups) | of_the_engine)
        [ -n "$left" ] && found+="# cgroup $(echo "$left" | sed '2,$s/^/# cgroup /')"$'\n'
        left=$(list_host_folder | of_the_engine)
        [ -n "$left" ] && found+="# file $(echo "$left" | sed '2,$s/^/# file /')"$'\n'
        left=$(stat -c '%F %t:%T %a %u:%g' /dev/null)
        [ "$left" = "character special file 1:3 666 0:0" ] || found+="# /dev/null is now: $left"$'\n'
        if [ -n "$found" ]; then
                # A frozen process does not die with its namespace on cgroup v1, and holds everything up.
                for left in $(find /sys/fs/cgroup -name freezer.state 2>/dev/null); do echo THAWED 2>/dev/null > "$left"; done
                echo "FAIL leaves nothing behind"
                printf %s "$found"
                [ $rc = 0 ] && rc=1
        elif [ $rc != 77 ]; then
                echo "PASS leaves nothing behind"
        fi
        exit $rc
}

self=$(realpath "$0")
case ${1-} in
--inside) shift; inside "$@";;
--cgroups) cgroup_mode=$2; shift 2; outside "$@";;
*) outside "$@";;
esac
