#!/bin/bash
# Boots the test machine, runs one shell command line in it as root and ends it:
#
#   boot.sh [OPTION]... IMAGE-FOLDER COMMAND
#     --src FOLDER, --build FOLDER       seen as /mnt/src and /mnt/build, read-only
#     --lsm apparmor|selinux|none        (apparmor)      selinux enforces
#     --cgroup v2|hybrid|v1              (v2)            how systemd mounts cgroups
#     --boot-limit S, --limit S          (300, 1500)     until the command starts; in all
#     --console FILE                     keeps what the kernel said
#
# Prints what the command prints; the exit code is the command's, 124 past the limit, 125 when the machine failed, 77
# where this machine lacks something. Writes to the image are dropped. There is no network but loopback.
# RUNB_VM_ACCEL=kvm|tcg: by KVM, or emulated; KVM is taken where a guest starts with it.
set -uo pipefail
lsm=apparmor cgroup=v2 boot_limit=300 limit=1500 console= src=$PWD build=$PWD

while [ $# -gt 2 ]; do
        case $1 in
        --lsm) lsm=$2;;
        --cgroup) cgroup=$2;;
        --boot-limit) boot_limit=$2;;
        --limit) limit=$2;;
        --console) console=$2;;
        --src) src=$2;;
        --build) build=$2;;
        *) echo "boot.sh: unknown option $1" >&2; exit 125;;
        esac
        shift 2
done
image=$1 command=$2
command -v qemu-system-x86_64 > /dev/null || { echo "needs qemu-system-x86_64 (contrib/packages/test.txt)"; exit 77; }
[ -s "$image/stamp" ] || { echo "boot.sh: $image holds no image: see image.sh" >&2; exit 125; }

w=$(mktemp -d "${TMPDIR:-/tmp}/runb-vm.XXXXXX")
qemu=
end_machine() { [ -z "$qemu" ] || { kill -KILL "$qemu" 2>/dev/null; wait "$qemu" 2>/dev/null; qemu=; }; }
trap 'end_machine; rm -rf "$w"' EXIT
trap 'exit 143' TERM INT HUP

line="console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off random.trust_cpu=on cryptomgr.notests"
machine=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -monitor none
         -kernel "$image/vmlinux" -initrd "$image/initrd")

# A guest that does nothing but say that it has started. Some machines have a /dev/kvm that starts none.
kvm_works()
{
        local known=$image/kvm boot
        boot=$(cat /proc/sys/kernel/random/boot_id)
        [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
        [ ! -d /sys/module/kvm_pvm ] || return 1        # gets as far as to hang in the host's kernel
        if [ "$(head -n 1 "$known" 2>/dev/null)" != "$boot" ]; then
                timeout -k 1 20 "${machine[@]}" -accel kvm -cpu host -m 512 -serial "file:$w/probe" \
                        -append "$line runb_vm.probe" < /dev/null > /dev/null 2>&1
                printf '%s\n%s\n' "$boot" "$(grep -aqs 'runb-vm: init' "$w/probe" && echo yes)" > "$known"
        fi
        [ "$(tail -n 1 "$known")" = yes ]
}

case ${RUNB_VM_ACCEL:-} in
kvm) accel=kvm;;
tcg) accel=tcg;;
*) if kvm_works; then accel=kvm; else accel=tcg; fi;;
esac
case $accel in
kvm) machine+=(-accel kvm -cpu host);;
tcg) machine+=(-accel tcg,thread=multi,tb-size=512 -cpu max); line+=" no_timer_check";;
esac
line+=" root=/dev/vda systemd.show_status=error systemd.firstboot=0"
case $lsm in
apparmor) line+=" audit=0 apparmor=1 lsm=landlock,lockdown,yama,integrity,apparmor,bpf";;
selinux) line+=" audit=1 selinux=1 enforcing=1 lsm=landlock,lockdown,yama,integrity,selinux,bpf";;
none) line+=" audit=0 lsm=landlock,lockdown,yama,integrity,bpf";;
esac
case $cgroup in
v2) line+=" systemd.unified_cgroup_hierarchy=1";;
hybrid) line+=" systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1";;
v1) line+=" systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1";;
esac
printf '%s\n' "$command" > "$w/command"
: > "$w/say"
cpus=$(nproc)
[ "$cpus" -le 4 ] || cpus=4
machine+=(-smp "$cpus" -m 2048 -serial "file:$w/console" -append "$line"
          -drive "file=$image/root.ext4,format=raw,if=none,id=root,snapshot=on,cache=unsafe,discard=unmap"
          -device "virtio-blk-pci,drive=root" -device virtio-serial-pci
          -chardev "file,id=out,path=$w/out" -device "virtserialport,chardev=out,name=runb.out"
          -chardev "file,id=say,path=$w/say" -device "virtserialport,chardev=say,name=runb.say"
          -fsdev "local,id=src,path=$src,security_model=none,readonly=on,multidevs=remap"
          -device "virtio-9p-pci,fsdev=src,mount_tag=src"
          -fsdev "local,id=build,path=$build,security_model=none,readonly=on,multidevs=remap"
          -device "virtio-9p-pci,fsdev=build,mount_tag=build"
          -fw_cfg "name=opt/runb/command,file=$w/command" -device "virtio-rng-pci")

mkfifo "$w/out"
cat "$w/out" &
copier=$!
"${machine[@]}" < /dev/null > "$w/qemu" 2>&1 &
qemu=$!
start=$SECONDS
has_ended() { ! kill -0 "$qemu" 2>/dev/null || grep -q '^rc ' "$w/say"; }
why=
until has_ended; do
        if [ $((SECONDS - start)) -ge "$limit" ]; then why="took longer than $limit s"; break; fi
        if [ $((SECONDS - start)) -ge "$boot_limit" ] && ! grep -q '^start ' "$w/say"; then
                why="did not come up within $boot_limit s"
                break
        fi
        sleep 0.2
done
end_machine
# A machine that never came to open the pipe leaves its reader waiting.
: 1<> "$w/out"
wait "$copier"
[ -z "$console" ] || cp "$w/console" "$console"
awk -v accel="$accel" -v all=$((SECONDS - start)) '/^start/ { s = $2 } /^end/ { e = $2 }
        END { printf "# the machine (%s) was up after %.0f s, ran for %.0f s, %d s in all\n", accel, s, e - s, all }' "$w/say"
rc=$(sed -n 's/^rc //p' "$w/say" | tail -n 1)
[ -z "$rc" ] || exit "$rc"
echo "# the machine ${why:-ended without a result}"
tail -n 5 "$w/qemu" | sed 's/^/# qemu: /'
tail -n 40 "$w/console" | tr -d '\r' | sed 's/^/# console: /'
[ -z "$why" ] || exit 124
exit 125
