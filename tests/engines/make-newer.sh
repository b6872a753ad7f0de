#!/bin/bash
# Makes FOLDER/newer: Debian testing with its engines (in 2026: podman 5.8, containerd 2.1, docker 28), for
# tests/engines/newer.sh. Not part of run-all.sh: it takes two to three minutes, and testing changes from day to day.
#   tests/engines/make-newer.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/runb-test-cache}
suite=${RUNB_TEST_NEWER:-testing}
mirror=${RUNB_TEST_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$folder"
[ -d "$folder/newer" ] && exit 0
if [ -z "${MAKE_NEWER_INSIDE-}" ]; then
        # Its mounts are its own.
        MAKE_NEWER_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" "$folder"
fi
tmp=$(mktemp -d "$folder/make.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
engines=podman,conmon,netavark,aardvark-dns,buildah,containerd,containernetworking-plugins,docker.io,docker-cli,docker-buildx
tools=runc,crun,catatonit,busybox-static,jq,python3,python3-grpcio,procps,iproute2,iptables,nftables,util-linux,mount,expect,acl,passt,slirp4netns
# A mirror that stands still is as good here. podman 5 takes the ids of --userns=auto only of a user that exists.
mmdebstrap --mode=root --variant=apt --include="$engines,$tools,uidmap" \
        --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb' \
        --customize-hook='echo containers:x:4712:4712::/nonexistent:/usr/sbin/nologin >> "$1/etc/passwd"' \
        "$suite" "$tmp/newer" "$mirror"
mv "$tmp/newer" "$folder/newer"
