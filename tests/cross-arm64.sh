#!/bin/bash
# Builds runb for arm64 with Debian's cross compiler and its arm64 libraries: tests/cross-arm64.sh FOLDER
# They are unpacked into the folder and not installed, since foreign packages can conflict with the machine's own.
# Exit code 77, with the reason as the last line, where they cannot be had.
set -uo pipefail
src=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
machine=$(uname -m)
[ "$machine" = aarch64 ] && { echo "this machine is arm64: the build above was it"; exit 77; }
command -v apt-get > /dev/null || { echo "no apt"; exit 77; }
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/sysroot"
folder=$(cd "$folder" && pwd)

compiler=aarch64-linux-gnu-gcc
if ! command -v $compiler > /dev/null; then
        apt-get -q -o Acquire::Retries=3 install -y --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross ||
                { echo "the arm64 cross compiler cannot be installed"; exit 77; }
fi

# apt with a state of its own, for arm64 only.
apt_arm64()
{
        local program=$1
        shift
        "$program" -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$folder/apt" \
                -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt" -o Acquire::Retries=3 \
                -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null "$@"
}
touch "$folder/apt/status"
. /etc/os-release
echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian ${VERSION_CODENAME:-bookworm} main" > "$folder/apt/sources.list"
apt_arm64 apt-get update || { echo "no arm64 package lists from the mirror"; exit 77; }
cd "$folder/apt/archives" || exit 1
set -- libyajl-dev libyajl2 libseccomp-dev libseccomp2 libsodium-dev libsodium23
if ! ls ./*.deb > /dev/null 2>&1; then
        apt_arm64 apt-get download "$@" || { echo "no arm64 libraries from the mirror"; exit 77; }
fi
for deb in ./*.deb; do dpkg-deb -x "$deb" "$folder/sysroot" || exit 1; done

lib=$folder/sysroot/usr/lib/aarch64-linux-gnu
# Debian 12 keeps a few libraries in /lib; their links are absolute.
mkdir -p "$lib"
for file in "$folder/sysroot"/lib/aarch64-linux-gnu/*; do [ -e "$file" ] && ln -sf "$file" "$lib/$(basename "$file")"; done
export PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$folder/sysroot
cd "$folder" || exit 1
[ -f Makefile ] || "$src/configure" --host=aarch64-linux-gnu --enable-werror --without-selinux --without-apparmor \
        CPPFLAGS="-I$folder/sysroot/usr/include" \
        LDFLAGS="-L$lib -Wl,-rpath-link,$lib:/usr/aarch64-linux-gnu/lib" || exit 1
make -j"$(nproc)" runb || exit 1
${compiler%gcc}readelf -h runb | grep -q AArch64
