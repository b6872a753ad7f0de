#!/bin/bash
# The rootfs with the range's ids on the real kernel: what a build writes through the new tree lands on disk as the engine
# expects it, and the engine's own mount shows it afterwards. Each case runs both ways of mounting.
. "$(dirname "$0")/../lib.sh"

driver=${RUNB%/*}/tests/sandbox/restack-driver
[ -x "$driver" ] || skip_all "$driver is not built"
need setfacl getfacl setcap getcap setfattr getfattr
export TREE=$T/tree
mkdir -p "$TREE"
way=

# layers NAME LOWER...: an empty overlay's folders below $T/NAME; $O is that folder.
layers()
{
        O=$T/$1-$RANDOM
        shift
        mkdir -p "$O" "$O/u" "$O/w" "$O/m"
        local lower
        for lower; do mkdir -p "$O/$lower"; done
        cd "$O"
        trap 'set +e; cd /; grep -o " $O/[^ ]*" /proc/self/mountinfo | tac | xargs -r umount 2> /dev/null' EXIT
}
# engine_mounts OPTIONS: names of layers count from $O.
engine_mounts() { mount -t overlay overlay -o "$(sed -E "s,([=:])([lutdw][0-9]*([,:/]|$)),\1$O/\2,g;s,([=:])([lutdw][0-9]*([,:/]|$)),\1$O/\2,g" <<< "$1")" m; }
# build COMMAND: in the new tree, which is the working folder
build() { run "$driver" $way m bash -ec "$1"; want_rc 0; }
owner() { stat -c %u:%g "$1"; }
want_nothing_left() { want_same "$(ls -d "$O"/*runb* 2>/dev/null)" ""; }
is_whiteout() { want_same "$(stat -c '%t:%T %F' "$1")" "0:0 character special file"; }

it_lands_with_the_right_owners()
{
        layers owners l1 l2
        echo one > l1/kept; chown 33:33 l1/kept; mkdir l2/folder; echo x > l2/folder/file
        engine_mounts lowerdir=l1:l2,upperdir=u,workdir=w
        ls -lR m > /dev/null
        build 'grep " 1879048192 " /proc/self/uid_map; test $(stat -c %u:%g kept) = 33:33
               echo new > new; echo two >> kept; touch other; chown 1000:1001 other; rm -r folder; mkdir -m 2775 setgid; chgrp 33 setgid'
        want_same "$(owner u/new) $(owner u/kept) $(owner u/other)" "0:0 33:33 1000:1001"
        want_same "$(stat -c %a:%g u/setgid)" 2775:33
        is_whiteout u/folder
        want_same "$(cat m/new) $(cat m/kept)" "new one
two"
        [ ! -e m/folder ] || fail "the engine still sees what was removed"
        want_nothing_left
}
it_is_stale_without_the_refresh()
{
        layers stale l1
        mkdir l1/folder; touch l1/folder/file
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        ls -lR m > /dev/null; [ ! -e m/new ]
        run "$driver" $way -n m bash -ec 'echo new > new; rm -r folder'; want_rc 0
        [ -e m/folder ] || skip_case "this kernel notices by itself"
        [ ! -e m/new ] || fail "new is seen although folder is"
}
# podman 5: the layers are fds of the process that mounts, and `lower` in the storage says which.
it_takes_numbered_layers()
{
        layers numbered s/l s/a/diff s/b/diff s/c/diff s/top/diff s/top/work s/top/merged
        local i
        for i in a b c; do ln -s ../$i/diff s/l/${i^^}; echo $i > s/$i/diff/f$i; echo $i > s/$i/diff/all; done
        exec 13< s/l/A 14< s/l/B 15< s/l/C
        (cd /proc/self/fd && mount -t overlay overlay -o "lowerdir=13:14:15,upperdir=$O/s/top/diff,workdir=$O/s/top/work" "$O/s/top/merged")
        exec 13<&- 14<&- 15<&-
        cd s/top
        run "$driver" $way merged true
        want_rc 99
        want_err_has "relative to a folder that cannot be found"
        echo l/A:l/B > lower
        run "$driver" $way merged true
        want_rc 99
        mkdir -p ../secret
        for i in l/A:l/B:l/../secret l/A:l/B:../secret "l/A:l/B:$O/s/secret"; do
                echo "$i" > lower
                run "$driver" $way merged true
                want_rc 99
        done
        echo l/A:l/B:l/C > lower
        chown 1000 lower
        run "$driver" $way merged true
        want_rc 99
        chown 0 lower
        chmod 777 ../l
        run "$driver" $way merged true
        want_rc 99
        chmod 755 ../l
        run "$driver" $way merged bash -ec 'cat all fa fb fc; rm fb; echo y > fc'
        want_rc 0
        want_out "a
a
b
c"
        is_whiteout diff/fb
        want_same "$(cat merged/fc)" y
}
it_takes_many_layers()
{
        local i list=
        layers many
        for i in $(seq 120); do
                mkdir -p "$O/snapshot-with-a-name-of-64-bytes-as-docker-has-them-0123456789abcdef-$i/diff"
                echo $i > "$O/snapshot-with-a-name-of-64-bytes-as-docker-has-them-0123456789abcdef-$i/diff/f$i"
                ln -s "../snapshot-with-a-name-of-64-bytes-as-docker-has-them-0123456789abcdef-$i/diff" "$O/l$i"
        done
        mkdir -p l top/merged top/diff top/work
        for i in $(seq 120); do mv l$i l/L$i; list+=${list:+:}l/L$i; done
        mount -t overlay overlay -o "lowerdir=$list,upperdir=top/diff,workdir=top/work" "$O/top/merged"
        run "$driver" $way top/merged bash -ec 'ls | wc -l; cat f1 f120; rm f60; echo y > f61'; want_rc 0
        want_out "120
1
120"
        is_whiteout top/diff/f60
        want_same "$(cat top/merged/f61)$(ls top)" "ydiff
merged
work"
}
it_takes_odd_names()
{
        local odd=$'a:b,c d\\e\tf'
        layers odd "$odd/low" "$odd/upper" "$odd/work" l2
        echo odd > "$odd/low/f"
        local esc=${odd//\\/\\\\}; esc=${esc//:/\\:}; esc=${esc//,/\\,}
        mount -i -t overlay overlay -o "lowerdir=$O/$esc/low:$O/l2,upperdir=$O/$esc/upper,workdir=$O/$esc/work" m
        build 'cat f; echo new > n'
        want_out odd
        want_same "$(owner "$odd/upper/n") $(cat m/n) $(ls "$odd" | tr '\n' ' ')" "0:0 new low upper work "
}
it_follows_redirects_and_metacopies()
{
        layers redirect l1
        mkdir -p l1/lib/deep; echo data > l1/lib/deep/f; echo big > l1/meta
        engine_mounts lowerdir=l1,upperdir=u,workdir=w,redirect_dir=on,metacopy=on
        build 'mv lib moved; chown 1000 meta; test $(cat moved/deep/f) = data; test $(cat meta) = big'
        want_same "$(getfattr -n trusted.overlay.redirect --only-values u/moved)" lib
        want_same "$(cat m/moved/deep/f) $(cat m/meta) $(owner m/meta)" "data big 1000:0"
        getfattr -n trusted.overlay.metacopy u/meta
        [ ! -e m/lib ]
        # And an image that was made so.
        umount m; mkdir u2 w2
        engine_mounts lowerdir=u:l1,upperdir=u2,workdir=w2,redirect_dir=on,metacopy=on
        build 'cat moved/deep/f meta; echo more >> meta'
        want_out "data
big"
        want_same "$(cat m/meta)" "big
more"
}
it_makes_opaque_folders()
{
        layers opaque l1
        mkdir -p l1/d; touch l1/d/old l1/plain
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        ls m/d
        build 'rm -r d; mkdir d; touch d/new; test "$(ls d)" = new; rm plain; mkdir plain; touch plain/x'
        want_same "$(getfattr -n trusted.overlay.opaque --only-values u/d) $(ls m/d) $(ls m/plain)" "y new x"
}
it_keeps_volatile()
{
        layers volatile l1
        engine_mounts lowerdir=l1,upperdir=u,workdir=w,volatile
        build 'grep " $TREE " /proc/self/mountinfo | grep volatile; touch x; sync x'
        want_nothing_left
        umount m; rm -rf w; mkdir w
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        build 'grep " $TREE " /proc/self/mountinfo'
        want_out_without volatile
}
it_never_copies_index_and_nfs_export()
{
        layers index l1
        engine_mounts lowerdir=l1,upperdir=u,workdir=w,index=on,nfs_export=on
        build 'grep " $TREE " /proc/self/mountinfo; touch x'
        want_out_without index=on
        want_out_without nfs_export=on
        [ -e m/x ]
}
it_keeps_links_attributes_and_capabilities()
{
        layers extras l1
        cp /bin/true l1/low; setcap cap_net_raw+ep l1/low
        echo a > l1/a; ln l1/a l1/b; setfattr -n user.k -v v l1/a; setfacl -m u:33:r,g:42:rw l1/a; mkdir l1/inherit
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        build 'getcap low | grep cap_net_raw; touch low
               getfacl -n a | grep user:33:r--; getfattr -n user.k a; echo x >> a
               cp low own; setcap cap_chown+ep own; ln own own2
               setfacl -m d:u:33:rwx inherit; touch inherit/f; setfattr -n user.mine -v 1 own'
        # on disk: version 2, which is the host root's own, and not version 3 of some range
        want_same "$(getfattr -n security.capability -e hex u/own | grep =)" \
                "security.capability=0x0100000201000000000000000000000000000000"
        want_match "$(getcap u/low)" cap_net_raw=ep
        getfacl -n u/a | grep user:33:r--
        getfacl -n u/a | grep group:42:rw-
        getfacl -n u/inherit/f | grep user:33:rwx
        want_same "$(getfattr -n user.k --only-values m/a)$(getfattr -n user.mine --only-values m/own)$(stat -c %h m/own)" v12
}
it_opens_no_device_of_an_image()
{
        layers device l1
        mknod -m 666 l1/null c 1 3
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        echo x > m/null
        run "$driver" $way m bash -c 'echo x > null'
        want_err_has "ermission denied"
}
it_takes_layers_on_several_file_systems()
{
        layers several l1 t
        mount -t tmpfs tmpfs t; mkdir -p t/l2 t/deep/l3
        echo 1 > l1/f1; echo 2 > t/l2/f2; echo 3 > t/deep/l3/f3; chown 5:6 t/l2/f2
        engine_mounts lowerdir=t/l2:l1:t/deep/l3,upperdir=u,workdir=w
        build 'cat f1 f2 f3; stat -c %u:%g f2; echo more >> f2'
        want_out "1
2
3
5:6"
        want_same "$(owner u/f2)" 5:6
        umount m
        # all on tmpfs, the upper one too
        mkdir t/u t/w
        engine_mounts lowerdir=t/l2:t/deep/l3,upperdir=t/u,workdir=t/w
        build 'echo more >> f2; touch n'
        want_same "$(owner t/u/f2) $(owner t/u/n)" "5:6 0:0"
        umount m
}
# What the layers have in common is then "/", a name that leads to what is below all mounts on it: the host's root would
# become the rootfs.
it_takes_layers_in_folders_of_the_root()
{
        local here there
        here=$(mktemp -d /var/tmp/runb-restack.XXXXXX) there=$(mktemp -d /opt/runb-restack.XXXXXX)
        T=$here layers root
        trap "umount '$O/m'; cd /; rm -rf '$here' '$there'" EXIT
        [ "$(stat -c %m "$O" "$there" | sort -u)" = / ] || skip_case "/var/tmp and /opt are no folders of the root mount"
        chmod 755 "$there"
        echo one > "$there/f"
        engine_mounts "lowerdir=$there,upperdir=u,workdir=w"
        # one mount, and not the overlay on top of something else
        build 'ls; test $(grep -c " $TREE " /proc/self/mountinfo) = 1; touch new'
        want_out f
        want_same "$(owner u/new)" 0:0
        [ -e m/new ]
}
it_takes_data_only_layers()
{
        layers data l1 l2 d1 d2
        echo payload > d2/blob
        setfattr -n trusted.overlay.metacopy l1 2>/dev/null || true
        truncate -s 8 l1/file
        setfattr -n trusted.overlay.metacopy l1/file; setfattr -n trusted.overlay.redirect -v /blob l1/file
        mount -i -t overlay overlay -o "lowerdir=$O/l1:$O/l2::$O/d1::$O/d2,upperdir=$O/u,workdir=$O/w,metacopy=on,redirect_dir=on" m ||
                skip_case "data-only layers (Linux 6.5)"
        build 'cat file; ls'
        want_out "payload
file"
}
it_takes_lower_layers_only()
{
        layers lower l1 l2
        echo 1 > l1/f; chown 7:8 l2
        engine_mounts lowerdir=l1:l2
        build 'cat f; stat -c %u f; ! touch x 2> /dev/null'
        want_out "1
0"
}
it_stays_read_only()
{
        layers readonly l1
        echo 1 > l1/f; echo 2 > u/g
        engine_mounts lowerdir=l1,upperdir=u,workdir=w,ro
        build 'cat f g; ! touch x 2> /dev/null'
        want_out "1
2"
        umount m
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        mount -o remount,bind,ro m
        build 'cat f g; ! touch x 2> /dev/null'
        want_same "$(ls u)" g
}
it_keeps_the_mounts_flags()
{
        layers flags l1
        engine_mounts lowerdir=l1,upperdir=u,workdir=w,nosuid,noatime
        build 'grep " $TREE " /proc/self/mountinfo | cut -d" " -f6'
        want_out rw,nosuid,nodev,noatime
}
it_takes_a_folder_of_the_overlay()
{
        layers folder l1
        mkdir -p l1/a/b other; echo 1 > l1/a/b/f
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        [ ! -e m/a/b/new ]
        run "$driver" $way m/a/b bash -ec 'cat f; touch new; ls ..'; want_rc 0
        want_match "$out" "^1"
        want_out_without l1
        want_same "$(ls u/a/b) $(ls m/a/b | tr '\n' ' ')" "new f new "
        # and a bind of one, as buildah hands over
        mount --bind m/a other
        run "$driver" $way other bash -ec 'cat b/f; touch b/newer'; want_rc 0
        umount other
        [ -e m/a/b/newer ] || fail "the engine does not see it"
}
it_shows_what_is_mounted_below()
{
        layers below l1/x/y l1/p
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        mount -t tmpfs tmpfs m/x; mkdir m/x/z; echo sub > m/x/z/f; chown 33 m/x/z/f
        mount -t proc proc m/p
        build 'cat x/z/f; stat -c %u x/z/f; echo back > x/back; test -e p/uptime'
        want_out "sub
33"
        want_same "$(owner m/x/back)" 0:0
        umount m/x m/p
}
# Moved there, so that it is older than what it lies on; and covered.
it_shows_what_lies_on_what_is_mounted_below()
{
        layers onto l1/a l1/c/d early
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        mount -t tmpfs -o mode=755 tmpfs early; echo inner > early/f
        mount -t tmpfs -o mode=755 tmpfs m/a; mkdir m/a/b; echo outer > m/a/f
        mount --move early m/a/b
        mount -t tmpfs -o mode=755 tmpfs m/c/d
        mount -t tmpfs -o mode=755 tmpfs m/c; echo cover > m/c/f
        build 'cat a/f a/b/f c/f; ls c'
        umount m/c m/c/d m/a/b m/a
        want_out "outer
inner
cover
f"
}
it_leaves_the_engine_only_its_own_mounts()
{
        layers quiet l1
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        local before; before=$(cat /proc/self/mountinfo)
        build true
        want_same "$(cat /proc/self/mountinfo)" "$before"
}
it_refuses_layers_that_are_gone()
{
        layers gone l1 l2
        engine_mounts lowerdir=l1:l2,upperdir=u,workdir=w
        mv l2 l3
        run "$driver" $way m true
        want_rc 99
        want_err_has "l2"
        want_nothing_left
}

for way in "" -o; do
        about=${way:+" (before Linux 6.15)"}
        check "what a build writes on an overlay lands with the image's owners$about" it_lands_with_the_right_owners
        check "without the refresh the engine's view is stale$about" it_is_stale_without_the_refresh
        check "120 layers with docker's relative names work$about" it_takes_many_layers
        check "layers that podman 5 mounted by fds are those of its storage's list$about" it_takes_numbered_layers
        check "names with colons, commas, blanks and backslashes work$about" it_takes_odd_names
        check "redirects and metacopies are followed and made$about" it_follows_redirects_and_metacopies
        check "replaced folders become opaque$about" it_makes_opaque_folders
        check "volatile is kept, and only where it was$about" it_keeps_volatile
        check "index and nfs_export are not taken over$about" it_never_copies_index_and_nfs_export
        check "hard links, attributes, ACLs and file capabilities are as on the host$about" it_keeps_links_attributes_and_capabilities
        check "a device node of an image cannot be opened$about" it_opens_no_device_of_an_image
        check "layers on several file systems work$about" it_takes_layers_on_several_file_systems
        check "layers with nothing but / in common work$about" it_takes_layers_in_folders_of_the_root
        check "data-only layers work$about" it_takes_data_only_layers
        check "an overlay without an upper layer works$about" it_takes_lower_layers_only
        check "an overlay that is mounted read-only stays so$about" it_stays_read_only
        check "the flags of the engine's mount are kept$about" it_keeps_the_mounts_flags
        check "a folder of an overlay can be the rootfs$about" it_takes_a_folder_of_the_overlay
        check "mounts below the rootfs are seen$about" it_shows_what_is_mounted_below
        check "and mounts that lie on those, whichever was made first$about" it_shows_what_lies_on_what_is_mounted_below
        check "no mount is left in the engine's namespace$about" it_leaves_the_engine_only_its_own_mounts
        check "a layer that is gone is named$about" it_refuses_layers_that_are_gone
done
way=

it_maps_a_plain_folder()
{
        layers plain l1/p l1/x
        echo 1 > l1/f; chown 33:34 l1/f; mknod -m 666 l1/null c 1 3
        run "$driver" l1 bash -ec 'stat -c %u:%g f; echo n > n; chown 5:5 f; ! echo x 2> /dev/null > null'; want_rc 0
        want_out 33:34
        want_same "$(owner l1/n) $(owner l1/f)" "0:0 5:5"
        mount -t tmpfs tmpfs l1/x; chmod 755 l1/x; chown 9:9 l1/x
        run "$driver" l1 bash -ec 'stat -c %u x; touch x/y'; want_rc 0
        want_same "$out $(owner l1/x/y)" "9 0:0"
        # what cannot be mapped is there, owned by nobody
        mount -t proc proc l1/p
        run "$driver" l1 bash -ec 'stat -c %u p/uptime x'; want_rc 0
        umount l1/p l1/x
        want_out_has 65534
        run "$driver" -p l1 bash -ec 'stat -c %u:%g n'; want_rc 0
        want_out 0:0
}
# The bundle's folder can be somebody's who waits for root to run what is in it: "/" with the ids of the host would be his.
it_follows_no_link()
{
        layers links l1 host
        echo secret > host/f
        ln -s host link
        run "$driver" link cat f
        want_failure
        want_out ""
        run "$driver" -l host l1 cat f
        want_failure
        want_out ""
        [ -L l1 ]
}
it_maps_tmpfs()
{
        layers tmpfs t
        mount -t tmpfs tmpfs t; touch t/f; chown 33 t/f
        run "$driver" t bash -ec 'stat -c %u f; touch n'; want_rc 0
        want_same "$out $(owner t/n)" "33 0:0"
}
it_refuses_fuse()
{
        layers fuse l1
        command -v fuse-overlayfs > /dev/null || skip_case "fuse-overlayfs is not installed"
        fuse-overlayfs -o lowerdir=l1,upperdir=u,workdir=w m || skip_case "FUSE does not work here"
        run "$driver" m true
        umount m
        want_rc 99
        want_err_has FUSE
        want_err_has --userns=auto
}
it_maps_nothing_twice()
{
        layers engine l1
        engine_mounts lowerdir=l1,upperdir=u,workdir=w
        run "$driver" -p m bash -ec 'touch x; stat -c %u x'; want_rc 0
        want_same "$out $(owner m/x)" "0 0:0"
        want_nothing_left
}

check "a rootfs that became a link is not followed" it_follows_no_link
check "a plain folder is mapped with what is mounted below" it_maps_a_plain_folder
check "tmpfs is mapped" it_maps_tmpfs
check "FUSE is refused by name, with the remedy" it_refuses_fuse
check "ids that the engine mapped are left alone" it_maps_nothing_twice
finish
