#!/bin/bash
# Makes FOLDER/builder.tar: this machine's Debian release from its ordinary mirror with buildah, podman, crun and
# fuse-overlayfs, for the tests that build images inside of a container.
#   tests/engines/make-builder.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/runb-test-cache}
mkdir -p "$folder"
[ -s "$folder/builder.tar" ] && exit 0
if [ -z "${MAKE_BUILDER_INSIDE-}" ]; then
        # Its mounts are its own.
        MAKE_BUILDER_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" "$folder"
fi
. /etc/os-release
suite=${VERSION_CODENAME:-bookworm}
mirror=${RUNB_TEST_MIRROR:-http://deb.debian.org/debian}
tmp=$(mktemp -d "$folder/make-builder.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
printf 'deb %s %s main\n' "$mirror" "$suite" > "$tmp/sources.list"
for try in 1 2 3; do
        # catatonit is podman's init of pods; libcap2-bin has capsh, which the attempts to get out use.
        mmdebstrap --mode=root --variant=minbase --format=tar --skip=check/empty \
                --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
                --include=buildah,podman,crun,conmon,fuse-overlayfs,busybox-static,python3-minimal,libcap2-bin,nftables,iproute2 \
                --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb' \
                "$suite" "$tmp/builder.tar" "$tmp/sources.list" && break
        [ $try = 3 ] && exit 1
        sleep 5
done
mv "$tmp/builder.tar" "$folder/builder.tar"
