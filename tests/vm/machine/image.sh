#!/bin/bash
# Makes the test machine's image from Debian's packages: tests/vm/machine/image.sh FOLDER
#
# FOLDER gets vmlinux, initrd, root.ext4 and, last, the file "stamp": what they were made from. Where that is still the
# same, nothing is done. Exit code 77: this machine lacks something; the last line says what.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=$here/../../../contrib/packages/vm.txt
folder=${1:?names the folder}
suite=trixie
mirror=${RUNB_TEST_MIRROR:-http://deb.debian.org/debian}

lacks() { echo "needs $*"; exit 77; }

stamp=$(cat "$0" "$packages" "$here"/guest/* | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

[ "$(uname -m)" = x86_64 ] || lacks "x86-64: no other machine is built"
[ "$(id -u)" = 0 ] || lacks "root, to make the image"
for program in mmdebstrap busybox mke2fs xz zstd unshare; do
        command -v $program > /dev/null || lacks "$program (contrib/packages/test.txt)"
done
if [ -z "${IMAGE_INSIDE-}" ]; then
        # Its mounts are its own.
        IMAGE_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" "$folder"
fi
mkdir -p "$folder"
# Whoever else makes the same is waited for.
exec 8> "$folder/lock"
flock 8
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
rm -rf "$folder/stamp" "$folder"/make.*
tmp=$(mktemp -d "$folder/make.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root

# ---- packages; the kernel's is only fetched: its install scripts and most of its modules are not needed
include=$(grep -v -e '^#' -e '^$' "$packages" | paste -sd,)
printf 'deb %s %s main\n' "$mirror" "$suite" > "$tmp/sources.list"
for try in 1 2 3; do
        rm -rf "$root"
        mmdebstrap --quiet --mode=root --variant=minbase --include="$include" --skip=check/empty \
                --aptopt='Acquire::Retries "3"' --aptopt='APT::Install-Recommends "false"' \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
                --customize-hook='mkdir "$1/k"' \
                --customize-hook='chroot "$1" sh -c "cd /k && apt-get -qq download \$(apt-cache depends linux-image-amd64 | sed -n \"s/.*Depends: \\(linux-image-\\)/\\1/p\" | head -n 1)"' \
                $suite "$root" "$tmp/sources.list" && break
        [ $try = 3 ] && lacks "Debian's packages from $mirror (RUNB_TEST_MIRROR names another mirror)"
        sleep 5
done

# ---- kernel
mkdir "$tmp/k"
dpkg-deb -x "$root"/k/linux-image-*.deb "$tmp/k"
rm -rf "$root/k"
modules=$(echo "$tmp"/k/usr/lib/modules/* | cut -d' ' -f1)
[ -d "$modules" ] || modules=$(echo "$tmp"/k/lib/modules/* | cut -d' ' -f1)
version=$(basename "$modules")
for dir in "$modules"/kernel/{sound,drivers/*}; do
        case ${dir##*/} in virtio | block | char | net | tty | firmware) ;; *) rm -rf "$dir";; esac
done
for dir in "$modules"/kernel/drivers/net/*/; do rm -rf "$dir"; done
for dir in "$modules"/kernel/fs/*/; do
        case ${dir##*/fs/} in ext4/ | jbd2/ | overlayfs/ | fuse/ | 9p/ | netfs/ | fat/ | nls/) ;; *) rm -rf "$dir";; esac
done
for dir in wireless mac80211 bluetooth nfc ceph rxrpc sunrpc tipc sctp batman-adv can atm smc ieee802154 mac802154 6lowpan; do
        rm -rf "${modules:?}/kernel/net/$dir"
done
mkdir -p "$root/usr/lib/modules"
cp -a "$modules" "$root/usr/lib/modules/"
chroot "$root" depmod "$version"

# The kernel in it, unpacked: qemu starts an ELF by PVH, and emulated unpacking takes longer than the boot does
# (kernel docs, x86/boot: payload_offset, payload_length in bytes of the protected mode code).
packed=$(echo "$tmp"/k/boot/vmlinuz-*)
sectors=$(od -An -tu1 -j497 -N1 "$packed")
offset=$(od -An -tu4 -j584 -N4 "$packed")
length=$(od -An -tu4 -j588 -N4 "$packed")
tail -c +$(((sectors + 1) * 512 + offset + 1)) "$packed" | head -c "$length" > "$tmp/payload" || true
# What follows the payload is not the compressor's: both complain after the last byte.
case $(od -An -tx1 -N4 "$tmp/payload" | tr -d ' ') in
fd377a58) xz -dc --single-stream < "$tmp/payload" > "$tmp/vmlinux" 2>/dev/null || true;;
28b52ffd) zstd -dcq < "$tmp/payload" > "$tmp/vmlinux" 2>/dev/null || true;;
esac
if [ "$(od -An -tx1 -N4 "$tmp/vmlinux" 2>/dev/null | tr -d ' ')" != 7f454c46 ]; then cp "$packed" "$tmp/vmlinux"; fi

# ---- the guest's own files
echo vm > "$root/etc/hostname"
: > "$root/etc/machine-id"
printf '127.0.0.1 localhost vm\n' > "$root/etc/hosts"
install -m 755 "$here/guest/runb-vm" "$root/usr/local/sbin/runb-vm"
install -m 644 "$here"/guest/*.service "$root/etc/systemd/system/"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/systemd/system/user@.service.d"
ln -s ../runb-vm.service "$root/etc/systemd/system/multi-user.target.wants/"
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' > "$root/etc/systemd/system/user@.service.d/delegate.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
            dpkg-db-backup.timer getty@tty1.service getty-static.service serial-getty@ttyS0.service \
            systemd-update-utmp.service systemd-journal-flush.service systemd-random-seed.service systemd-pstore.service \
            systemd-hwdb-update.service systemd-firstboot.service systemd-boot-random-seed.service ldconfig.service \
            selinux-autorelabel.service selinux-autorelabel-mark.service modprobe@drm.service \
            netavark-dhcp-proxy.socket netavark-dhcp-proxy.service netavark-firewalld-reload.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
for unit in podman.service podman.socket podman-auto-update.timer podman-auto-update.service podman-restart.service \
            podman-clean-transient.service containerd.service; do
        chroot "$root" systemctl disable "$unit" > /dev/null 2>&1 || true
done
# Debian's profiles of programs that are not here take 20 s of each boot.
find "$root/etc/apparmor.d" -maxdepth 1 -type f ! -name crun ! -name runc ! -name podman ! -name unix-chkpwd -delete
chroot "$root" useradd -m -s /bin/bash -u 1000 ci
for ids in subuid subgid; do
        grep -q '^ci:' "$root/etc/$ids" || echo ci:100000:65536 >> "$root/etc/$ids"
done
mkdir -p "$root/mnt/src" "$root/mnt/build"

# SELinux labels go in now, so that no boot has to relabel; a boot without SELinux does not look at them.
contexts=/etc/selinux/default/contexts/files/file_contexts
if [ -e "$root$contexts" ]; then
        mount -t proc proc "$root/proc"
        chroot "$root" setfiles -F -m -e /proc "$contexts" /
        umount "$root/proc"
fi

# ---- a small initrd: the few modules, the disk, systemd
initrd=$tmp/initrd.d
mkdir -p "$initrd"/{bin,mods,proc,sys,dev,new}
cp "$(command -v busybox)" "$initrd/bin/busybox"
: > "$initrd/mods/order"
for module in virtio_pci virtio_blk ext4; do
        chroot "$root" modprobe -S "$version" --show-depends $module | awk '$1 == "insmod" { print $2 }' | while read -r file; do
                name=$(basename "$file" .xz)
                grep -qx "$name" "$initrd/mods/order" && continue
                case $file in *.xz) xz -dc "$root$file" > "$initrd/mods/$name";; *) cp "$root$file" "$initrd/mods/$name";; esac
                echo "$name" >> "$initrd/mods/order"
        done
done
install -m 755 "$here/guest/init" "$initrd/init"
(cd "$initrd" && find . | busybox cpio -o -H newc 2>/dev/null) > "$tmp/initrd"

truncate -s 4G "$tmp/root.ext4"
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -L root -d "$root" "$tmp/root.ext4"
mv "$tmp/vmlinux" "$tmp/initrd" "$tmp/root.ext4" "$folder/"
echo "$stamp" > "$folder/stamp.new"
mv "$folder/stamp.new" "$folder/stamp"
echo "made $folder: Debian $suite, Linux $version, $(du -sh "$folder" | cut -f1)"
