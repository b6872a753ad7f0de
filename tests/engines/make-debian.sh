#!/bin/bash
# Makes FOLDER/debian.tar: this machine's Debian release from its ordinary mirror, with what the build tests use: gcc,
# make, git, npm, a web server for a local package repository, and in /srv the packages and the source that they build.
#   tests/engines/make-debian.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/runb-test-cache}
mkdir -p "$folder"
[ -s "$folder/debian.tar" ] && exit 0
if [ "${1-}" != --inside ] && [ -z "${MAKE_DEBIAN_INSIDE-}" ]; then
        # Its mounts are its own.
        MAKE_DEBIAN_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" "$folder"
fi
. /etc/os-release
suite=${VERSION_CODENAME:-bookworm}
mirror=${RUNB_TEST_MIRROR:-http://deb.debian.org/debian}
tmp=$(mktemp -d "$folder/make.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
printf 'deb %s %s main\ndeb-src %s %s main\n' "$mirror" "$suite" "$mirror" "$suite" > "$tmp/sources.list"
for try in 1 2 3; do
        # A mirror may lack Debian's own changes to a source package; the tarball will do then.
        mmdebstrap --mode=root --variant=minbase --format=tar --skip=check/empty \
                --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
                --include=gcc,libc6-dev,make,dpkg-dev,git,nodejs,npm,busybox-static,adduser,attr,acl,libcap2-bin \
                --customize-hook='mkdir -p "$1/srv/source" "$1/srv/repository"' \
                --customize-hook='chroot "$1" sh -c "cd /srv/source && { apt-get -q source --download-only hello || { rm -f hello_*; apt-get -q source --download-only --tar-only hello; }; }"' \
                --customize-hook='chroot "$1" sh -c "cd /srv/repository && apt-get -q -y --download-only -o Dir::Cache::archives=/srv/repository/ install hello uuid-runtime && rm -rf partial lock && dpkg-scanpackages . > Packages"' \
                --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin' \
                "$suite" "$tmp/debian.tar" "$tmp/sources.list" && break
        [ $try = 3 ] && exit 1
        sleep 5
done
mv "$tmp/debian.tar" "$folder/debian.tar"
