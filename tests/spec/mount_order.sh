#!/bin/bash
# runtime-spec, config.md "Mounts": "The runtime MUST mount entries in the listed order." What lies where follows from that,
# and so does what /proc/self/mountinfo lists: who reads it (findmnt, libmount, Go's mountinfo) takes the last entry of a
# place for what is seen there. Since Linux 6.8 it lists mounts in the order of their making, and not of their attaching.
. "$(dirname "$0")/../lib.sh"
need jq busybox
is_runb || skip_all "runb: its policy decides what the options come to"

chmod 755 "$T"
mkdir -p "$T/private"   # root's alone: writable binds of what lies below are the build's root's
chmod 700 "$T/private"
n=0

# with FILTER COMMAND [JQ-OPTION]...: FILTER edits .mounts
with()
{
        local filter=$1 command=$2

        shift 2
        n=$((n + 1))
        bundle "o$n" ".mounts |= ($filter) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$command" --arg p "$T/private" \
                --argjson own '{"destination": "/x", "type": "tmpfs", "source": "tmpfs"}' \
                --argjson bound '{"destination": "/x", "options": ["rbind"]}' "$@"
        run rt run -b "$B" "o$n"
}
places() { awk '{ print $5 }' <<< "$1"; }
sources()
{
        local i

        [ -e "$T/private/1" ] && return
        for i in 1 2 3 4; do
                mkdir "$T/private/$i"
                echo "folder $i" > "$T/private/$i/text"
                echo "file $i" > "$T/private/f$i"
        done
        mkdir "$T/private/tree"
        mount -t tmpfs -o mode=755 tmpfs "$T/private/tree"
        mkdir "$T/private/tree/below"
        mount -t tmpfs -o mode=755 tmpfs "$T/private/tree/below"
        echo "below the tree" > "$T/private/tree/below/text"
}
away() { umount "$T/private/tree/below" "$T/private/tree" 2> /dev/null || true; }

mixed='. + [
        $bound * {destination: "/b1", source: ($p + "/1")}, $own * {destination: "/t1"}, $bound * {destination: "/b2", source: ($p + "/2")},
        $bound * {destination: "/etc/f1", source: ($p + "/f1")}, $own * {destination: "/t2"},
        $bound * {destination: "/b2/tree", source: ($p + "/tree"), options: ["rbind", "ro"]},
        $bound * {destination: "/t2/f2", source: ($p + "/f2")}, $own * {destination: "/b1/t3"}, $bound * {destination: "/b3", source: ($p + "/3")},
        $bound * {destination: "/etc/f3", source: ($p + "/f3")}]'

listed_in_order()
{
        sources
        mkdir -p "$T/private/2/tree" "$T/private/1/t3"
        with "$mixed" 'cat /proc/self/mountinfo'
        want_rc 0
        jq -r '"/", .mounts[].destination' "$B/config.json" > "$T/wanted"
        # What is not in config.json lies below something that is.
        want_same "$(places "$out" | grep -v -e '^/sys/fs/cgroup/' -e '^/b2/tree/' | head -n "$(wc -l < "$T/wanted")")" "$(cat "$T/wanted")"
        want_same "$(places "$out" | grep -A1 -x /b2/tree)" "/b2/tree
/b2/tree/below"
}
# Each shows its own source, whole: what one waits with for its turn is not seen in another.
own_content()
{
        sources
        with "$mixed" 'cat /b1/text /b2/text /etc/f1 /b2/tree/below/text /t2/f2 /b3/text /etc/f3; ls /b1/t3 /t1 | tr "\n" " "; ls -a /b3 /b2/tree/below'
        want_rc 0
        want_out "folder 1
folder 2
file 1
below the tree
file 2
folder 3
file 3
/b1/t3:  /t1: /b2/tree/below:
.
..
text

/b3:
.
..
text"
        with "$mixed" 'echo no > /b2/tree/x'
        want_failure
        want_err_has "Read-only file system"
}
last_of_a_place()
{
        sources
        with '. + [$own * {destination: "/over"}, $bound * {destination: "/over", source: ($p + "/1")}]' \
                'cat /over/text; awk "\$5 == \"/over\"" /proc/self/mountinfo'
        want_rc 0
        want_out_has "folder 1"
        want_match "$(echo "$out" | tail -n 1)" "/private/1 /over "
        with '. + [$bound * {destination: "/over", source: ($p + "/1")}, $own * {destination: "/over"}, $bound * {destination: "/over", source: ($p + "/2")},
                   $own * {destination: "/over", options: ["size=8k"]}]' 'ls /over; awk "\$5 == \"/over\"" /proc/self/mountinfo'
        want_rc 0
        want_out_without text
        want_match "$(echo "$out" | tail -n 1)" " /over .*size=8k"
        want_same "$(echo "$out" | awk '{ print $4 ~ /private/ }' | tr -d '\n')" 1010
}
# Field 1 is the mount, field 2 what it lies on.
parents_first()
{
        awk '{ if (NR > 1 && !($2 in seen)) { print "before its parent: " $0; bad = 1 } seen[$1] = 1 } END { exit bad }' <<< "$1"
}
parents()
{
        sources
        with "$mixed" 'cat /proc/self/mountinfo'
        want_rc 0
        want_same "$(head -n 1 <<< "$out" | awk '{ print $5 }')" /
        parents_first "$out"
}
# The nodes of its /dev are the host's, bound.
parents_of_a_plain_user()
{
        local user="setpriv --reuid 1234 --regid 1234 --clear-groups env -u XDG_RUNTIME_DIR"

        command -v setpriv > /dev/null || skip_case "setpriv is not installed"
        bundle plain '.process.args = ["/bin/cat", "/proc/self/mountinfo"] |
                .mounts |= map(select(.type != "cgroup"))'
        mkdir -m 700 "$T/user" "$T/user/xdg"
        chown -hR 1234:1234 "$B" "$T/user"
        run $user XDG_RUNTIME_DIR="$T/user/xdg" "$(everybodys_runb)" --root "$T/user/state" --cgroup-manager disabled run --bundle "$B" plain
        want_rc 0
        want_out_has " /dev/null "
        parents_first "$out"
}
before_anything()
{
        sources
        with '[$bound * {destination: "/first", source: ($p + "/1"), options: ["rbind", "ro", "unbindable"]}] + .' \
                'cat /first/text; grep " /first " /proc/self/mountinfo; echo x > /first/y'
        want_failure
        want_out_has "folder 1"
        want_out_has " unbindable "
        want_err_has "Read-only file system"
}
# No clone is had of it, and nothing else goes wrong.
unbindable_state()
{
        sources
        mkdir -p "$T/unbindable"
        mount -t tmpfs -o mode=700 tmpfs "$T/unbindable"
        mount --make-unbindable "$T/unbindable"
        bundle unb '.mounts += [{destination: "/b", source: $p, options: ["rbind", "ro"]}] | .process.args = ["/bin/cat", "/b/text"]' --arg p "$T/private/1"
        run "$RUNB" --debug --root "$T/unbindable" run --bundle "$B" unb
        umount "$T/unbindable"
        want_rc 0
        want_out "folder 1"
        want_err_has "no clone of the state folder"
}
nothing_stays()
{
        local before

        sources
        before=$(cat /proc/self/mountinfo)
        with "$mixed" 'wc -l < /proc/self/mountinfo; ls -l /proc/self/fd | grep -c private'
        want_same "$(cat /proc/self/mountinfo)" "$before"
        want_same "$(tail -n 1 <<< "$out")" 0
}
# What lies on the root itself is seen by whoever asks for "..".
beyond_the_root()
{
        sources
        with "$mixed" 'ls /..; grep -c . /proc/self/mountinfo; grep " / / " /proc/self/mountinfo | wc -l'
        want_rc 0
        want_out_has "b1"
        want_out_without boot
        want_out_without usr
        want_same "$(tail -n 1 <<< "$out")" 0
}
# umount2(2) takes the topmost one: without a look afterwards, the host's root would stay.
covered_old_root()
{
        command -v nsenter > /dev/null || skip_case "nsenter is not installed"
        bundle cov '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", $c]}] | .process.args = ["/bin/sh", "-c", "ls /.."]' \
                --arg c 'pid=$(sed "s/.*\"pid\":\([0-9]*\).*/\1/"); exec /usr/bin/nsenter -t $pid -m /bin/mount --bind / /'
        run rt run --bundle "$B" cov
        want_failure
        want_err_has "leave the host's root: something was mounted on it"
        want_same "$out" ""
        want_same "$(rt list -q)" ""
}
many()
{
        sources
        with '. + [range(3000) | $bound * {destination: "/v/\(.)", source: ($p + "/\(. % 4 + 1)")}]' \
                'cat /v/0/text /v/1499/text /v/2999/text; grep -c " /v/" /proc/self/mountinfo'
        want_rc 0
        want_out "folder 1
folder 4
folder 4
3000"
}
check "mounts are listed in config.json's order, binds among new file systems, and what lies below a bind after it" listed_in_order
check "each bind shows its own source and what is mounted below that, with its flags" own_content
check "of several mounts on one place the last one is seen, and listed last" last_of_a_place
check "the root is listed first, and no mount before the one that it lies on" parents
check "no mount before the one that it lies on: a plain user's container, whose devices are bound" parents_of_a_plain_user
check "binds before any other mount keep their flags" before_anything
check "a state folder that cannot be cloned changes nothing but the order of the list" unbindable_state
check "nothing of how they were put in order stays on the host or open in the container" nothing_stays
check "beyond the root lies nothing of the host" beyond_the_root
check "a container is not begun where the host's root would stay, because something was mounted on it" covered_old_root
check "three thousand binds, each its own" many
away
finish
