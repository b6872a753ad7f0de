#!/bin/bash
# Images built inside a container of the profile image-build, by buildah and podman, started by podman and containerd: as
# container root, unprivileged on the host, with each kind of storage, to a committed image; and no way out of any of it.
. "$(dirname "$0")/lib.sh"
ENGINE_CASE_TIMEOUT=240 CASE_TIMEOUT=240
need jq
is_runb || skip_all "other runtimes have no profiles"
tar=$RUNB_TEST_CACHE/builder.tar
[ -s "$tar" ] || skip_all "no Debian root with buildah in $RUNB_TEST_CACHE; tests/engines/make-builder.sh makes it"
escape=${RUNB%/*}/tests/tools/escape
[ -x "$escape" ] || skip_all "tests/tools/escape is not built"

# The policy file where engines look for it, in an /etc of the test's own.
cp -a /etc "$T/etc"
rm -rf "$T/etc/runb"
mkdir -m 755 "$T/etc/runb"
chmod 755 "$T/etc"
jq -n '{version: 1, select: {argv0: {"runb-image": "image-build"},
        annotation: {key: "dev.runb.profile", allow: {"image-build": ["untrusted"]}}}}' > "$T/etc/runb/policy.json"
chmod 600 "$T/etc/runb/policy.json"
mount --bind "$T/etc" /etc
trap 'umount /etc' EXIT
podman_start
pod import -q --change CMD=/bin/sh --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        "$tar" localhost/builder:latest > "$T/import.log" 2>&1 ||
        skip_all "podman cannot import the Debian root: $(tail -n 1 "$T/import.log")"
containerd_start '"io.containerd.grpc.v1.cri"'
engine_leaves '/default$' "^$E/ctrd"
mkdir -p "$E/bin"
ln -s "$RUNB" "$E/bin/runb-image"

mkdir "$T/context"
cp "$(busybox_tar)" "$T/context/bb.tar"
cp "$escape" "$T/context/escape"
chmod 644 "$T/context/bb.tar"
cat > "$T/context/Dockerfile" << 'END'
FROM scratch
ADD bb.tar /
RUN echo eve:x:1000:1000::/:/bin/sh >> /etc/passwd; echo built > /built; chown 1000:50 /built; \
        cp /bin/busybox /setuid; chmod 4755 /setuid; rm /usr/share/doc/base.txt; mkdir /d; ln /built /d/hard; ln -s /built /link
USER eve
RUN id -u > /tmp/by-eve
CMD ["cat", "/built", "/tmp/by-eve"]
END
cat > "$T/context/Escape" << 'END'
FROM scratch
ADD bb.tar /
COPY escape /escape
ARG SECRET
ARG NAMES
RUN /escape "$SECRET" $NAMES
END
echo secret > "$T/secret"
chmod 644 "$T/secret"

quirk=()
[ -z "$(buildah_quirk "$tar")" ] || quirk=(--env "$(buildah_quirk "$tar")")

# What a container started as a user would is told: the profile, the one capability, a volume where storage wants one.
ib() { PODMAN_OPTIONS="--runtime-flag profile=image-build" pod run "${quirk[@]}" --rm --network none --cap-add SYS_ADMIN -v "$T/context:/context:ro" "$@"; }

# Built, seen by its list of files, and committed: as the storage $S has it.
BUILD='set -e
b="buildah --storage-driver $S"
$b build -q --isolation chroot -t localhost/out /context > /tmp/id
w=$($b from localhost/out); m=$($b mount $w); cd $m
stat -c "%n %u:%g %a" built setuid d/hard tmp/by-eve
test built -ef d/hard; readlink link
test ! -e usr/share/doc/base.txt
cat tmp/by-eve
awk -v m="$m" "\$5 == m {for (i = 7; \$i != \"-\"; i++); print \"on\", \$(i + 1)}" /proc/self/mountinfo
cd /; $b umount $w > /dev/null; $b rm $w > /dev/null
$b images --format "committed:{{.Name}}"'
is_built()
{
        want_rc 0
        want_out_has "built 1000:50 644
setuid 0:0 4755
d/hard 1000:50 644
tmp/by-eve 1000:1000 644
/built
1000"
        want_out_has "committed:localhost/out"
}

vfs()
{
        run ib -e S=vfs localhost/builder sh -c "$BUILD"
        is_built
}
check "buildah under podman, vfs storage in the container's own rootfs" vfs

overlay()
{
        run ib -e S=overlay -v storage:/var/lib/containers localhost/builder sh -c "$BUILD"
        is_built
        want_out_has "on overlay"
}
check "buildah under podman, native overlay in a volume" overlay

fuse()
{
        run ib --device /dev/fuse -e S="overlay --storage-opt overlay.mount_program=/usr/bin/fuse-overlayfs" \
                -v fuse:/var/lib/containers localhost/builder sh -c "$BUILD"
        is_built
        want_out_has "on fuse.fuse-overlayfs"
        # Listed and not asked for: not there.
        run ib localhost/builder ls /dev/fuse
        want_failure
}
check "buildah under podman, fuse-overlayfs, with --device /dev/fuse and not without" fuse

nested_podman()
{
        run ib -v storage:/var/lib/containers localhost/builder sh -c 'set -e
                p="podman --storage-driver overlay"
                buildah --storage-driver overlay images -q localhost/out > /dev/null 2>&1 ||
                        $p build -q --isolation chroot -t localhost/out /context
                $p run --rm --network host --cgroups disabled localhost/out
                $p run --name k --network host --cgroups disabled localhost/out sh -c "echo inner > /tmp/x; ps | grep -c \"[p]s\""
                $p commit -q k localhost/two > /dev/null
                $p run --rm --network host --cgroups disabled localhost/two cat /tmp/x
                $p rm k > /dev/null'
        want_rc 0
        want_out_has "built
1000"
        want_out_has inner
}
check "podman run and commit inside: a container in the container, with a procfs of its own" nested_podman

ctr_build()
{
        python3 "$lib_dir/tools/image.py" "$tar" localhost/builder:latest "$T/builder-image.tar"
        c image import "$T/builder-image.tar" > "$T/import.log" 2>&1 || { cat "$T/import.log"; return 1; }
        rm -f "$T/builder-image.tar"
        mkdir -p -m 700 "$T/private" && mkdir -p "$T/private/storage"
        # The name of the binary chooses: containerd hands no option over.
        run c run --rm --runc-binary "$E/bin/runb-image" --cap-add CAP_SYS_ADMIN "${quirk[@]}" --env S=overlay \
                --mount "type=bind,src=$T/context,dst=/context,options=rbind:ro" \
                --mount "type=bind,src=$T/private/storage,dst=/var/lib/containers,options=rbind:rw" \
                localhost/builder:latest b1 sh -c "$BUILD"
        is_built
        want_out_has "on overlay"
        run c run --rm --runc-binary "$E/bin/runb-image" --cap-add CAP_SYS_ADMIN "${quirk[@]}" --env S=vfs \
                --mount "type=bind,src=$T/context,dst=/context,options=rbind:ro" localhost/builder:latest b2 sh -c "$BUILD"
        is_built
}
check "buildah under containerd, which chooses the profile by the binary's name: overlay and vfs" ctr_build

# ---- who does not get it

chosen()
{
        # Without the profile; with it and without the capability; narrowed by the user's annotation.
        run pod run --rm --network none --cap-add SYS_ADMIN localhost/builder mount -t tmpfs t /mnt
        want_failure
        PODMAN_OPTIONS="--runtime-flag profile=image-build" run pod run --rm --network none localhost/builder mount -t tmpfs t /mnt
        want_failure
        run ib localhost/builder mount -t tmpfs t /mnt
        want_rc 0
        run ib --annotation dev.runb.profile=untrusted localhost/builder mount -t tmpfs t /mnt
        want_failure
        run ib --annotation dev.runb.profile=branch localhost/builder true
        want_failure
        want_err_has select.annotation
        run pod run --rm --network none --annotation dev.runb.profile=image-build localhost/builder true
        want_failure
        want_err_has 'refused by profile "untrusted" (select.annotation)'
        run ib --privileged localhost/builder true
        want_failure
        want_err_has 'refused by profile "image-build"'
}
check "the profile is the administrator's choice: no annotation reaches it, one narrows it, --privileged stays refused" chosen

# ---- no way out

unguarded()
{
        run unshare --mount --pid --fork --net --uts --ipc --mount-proc "$escape" "$T/secret"
        want_rc 0
        for name in core_pattern forward hostname packet old_packet own_packet raw debugfs devtmpfs io_uring reboot bpf device \
                handle chroot unmount process_roots namespaces cgroups mapped_root; do
                want_match " $(tr '\n' ' ' < "$T/out")" " did $name "
        done
}
check "the attempts work for root of the host in namespaces of its own" unguarded

# All but the host name: whose user namespace made the uts namespace may set it there.
NAMES="core_pattern modprobe sysrq kcore forward packet old_packet own_packet netfilter raw keys debugfs devtmpfs perf io_uring
        modules reboot bpf device handle chroot unmount process_roots namespaces cgroups sysfs mapped_root"
no_way_out()
{
        run ib localhost/builder /context/escape "$T/secret"
        want_rc 0
        want_out end
        # From user namespaces below, with every capability there.
        run ib localhost/builder unshare -U -r /context/escape "$T/secret"
        want_rc 0
        want_out end
        run ib localhost/builder unshare -U -r -m -p -f -u -i -C /context/escape "$T/secret" $NAMES
        want_rc 0
        want_out end
}
check "from the container, and from user and mount namespaces that it makes, none works" no_way_out

no_way_out_of_builds()
{
        run ib localhost/builder buildah --storage-driver vfs build --isolation chroot --cap-add all \
                --build-arg SECRET="$T/secret" --build-arg NAMES="$(echo $NAMES)" -t localhost/e -f /context/Escape /context
        want_rc 0
        want_out_has "end
"
        want_out_without "did "
        # A container in the container, as privileged as it gets.
        run ib -v storage:/var/lib/containers localhost/builder podman --storage-driver overlay run --rm --network host \
                --cgroups disabled --cap-add all --security-opt seccomp=unconfined --security-opt unmask=ALL \
                -v /context/escape:/escape:ro localhost/out /escape "$T/secret" $NAMES
        want_out_without "did "
        want_out_has end
        want_same "$(hostname)" runb-test
}
check "from RUN of a nested build, and from a privileged container in the container, none works" no_way_out_of_builds

exec_in()
{
        PODMAN_OPTIONS="--runtime-flag profile=image-build" pod run -d --name x --network none --cap-add SYS_ADMIN localhost/builder \
                sh -c 'mount -t tmpfs mine /mnt; echo of the build > /mnt/f; mount -t tmpfs fake /proc/sys/kernel 2>/dev/null; touch /mnt/ready; exec sleep 1000' > /dev/null
        wait_for 10 pod exec x test -e /mnt/ready
        run pod exec x sh -c 'cat /mnt/f; grep -c . /proc/self/uid_map; mount -t tmpfs t /srv && echo mounts, too'
        pod rm -f -t 0 x > /dev/null
        want_rc 0
        want_out "of the build
1
mounts, too"
}
check "podman exec works in the build's own mounts" exec_in

containerd_end
podman_end
umount /etc
trap - EXIT
finish
