#!/bin/sh
# One command from a fresh checkout to a first build in the sandbox: installs what is missing (apt), builds runb in
# build/, runs a small build in it and prints what that build could and could not do.
#
#   sudo contrib/first-build.sh
#
# Nothing is installed into the system but Debian's packages of contrib/packages/build.txt.
set -eu
src=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD_DIR:-$src/build}

if [ "$(id -u)" != 0 ]; then
        echo "first-build: run this as root (sudo contrib/first-build.sh)." >&2
        echo "It installs Debian packages and makes namespaces. To build only, as yourself: ./autogen.sh, ./configure, make." >&2
        exit 1
fi
release=$(uname -r)
major=${release%%.*}; minor=${release#*.}; minor=${minor%%.*}
if [ "$major" -lt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -lt 19 ]; }; then
        echo "first-build: Linux 5.19 or newer is needed for id-mapped mounts; this machine has $release." >&2
        exit 1
fi

echo "== packages"
"$src/contrib/install-packages.sh" build
echo "== build (about a minute; what it says is in $build/*.log)"
mkdir -p "$build"
[ -x "$src/configure" ] || "$src/autogen.sh" > "$build/autogen.log" 2>&1 || { cat "$build/autogen.log" >&2; exit 1; }
cd "$build"
[ -f Makefile ] || "$src/configure" --quiet > configure.log 2>&1 || { tail -n 20 configure.log >&2; exit 1; }
make -s -j"$(nproc)" runb > make.log 2>&1 || { tail -n 40 make.log >&2; exit 1; }
echo "built $build/runb: $(./runb --version | head -n 1)"

echo "== a first build in the sandbox"
work=$(mktemp -d /var/tmp/runb-first-build.XXXXXX)
secret_pid=
cleanup()
{
        [ -z "$secret_pid" ] || kill "$secret_pid" 2>/dev/null || :
        "$build/runb" --root "$work/state" delete --force first-build > /dev/null 2>&1 || :
        rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

root=$work/rootfs
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/etc" "$root/root" "$root/src" "$root/var"
chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
chroot "$root" /bin/busybox --install -s /bin
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\n' > "$root/etc/group"

# Something on the host that the build must not see: a process with a secret in its arguments.
sh -c 'exec sleep 1000 --secret-of-the-host' 2> /dev/null < /dev/null > /dev/null &
secret_pid=$!

# The build. Each line tries something for real and says how it went; what a build needs should work ("needs"), what
# reaches outside should not ("attack").
cat > "$root/src/build.sh" << 'END'
try()
{
        kind=$1 what=$2
        shift 2
        if ( "$@" ) > /tmp/said 2>&1; then went=yes; else went=no; fi
        case $kind:$went in
        needs:yes)  printf '  can      %s\n' "$what";;
        needs:no)   printf '  CANNOT   %-50s <- a build needs this: %s\n' "$what" "$(tail -n 1 /tmp/said)"; bad=1;;
        attack:no)  printf '  cannot   %-50s %s\n' "$what" "$(tail -n 1 /tmp/said | cut -c 1-60)";;
        attack:yes) printf '  COULD    %s <- this should have failed\n' "$what"; bad=1;;
        esac
}
bad=0
am_root() { [ "$(id -u)" = 0 ]; }
add_user() { echo 'ada:x:1000:1000::/tmp:/bin/sh' >> /etc/passwd && echo 'ada:x:1000:' >> /etc/group && [ "$(id -u ada)" = 1000 ]; }
as_other() { su ada -c 'test "$(id -un)" = ada'; }
give_away() { touch /tmp/f && chown 33:33 /tmp/f && [ "$(stat -c %u:%g /tmp/f)" = 33:33 ]; }
make_program() { printf '#!/bin/sh\necho built\n' > /bin/made && chmod 755 /bin/made && [ "$(/bin/made)" = built ]; }
pack() { mkdir -p /tmp/p/a && echo x > /tmp/p/a/b && tar -C /tmp/p -cf /tmp/p.tar . && tar -tf /tmp/p.tar | grep -q a/b; }
local_server() { (echo pong | nc -l -p 80 &) ; sleep 1; [ "$(nc 127.0.0.1 80 < /dev/null)" = pong ]; }
see_host() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -q secret-of-the-[h]ost; }
mount_something() { mount -t tmpfs tmpfs /tmp; }
rename_host() { hostname renamed; }
write_sysctl() { echo 1 > /proc/sys/net/ipv4/ip_forward; }
connect_out() { echo | nc -w 3 1.1.1.1 443; }
connect_metadata() { echo | nc -w 3 169.254.169.254 80; }
raw_packets() { ping -c 1 -W 1 1.1.1.1; }
new_interface() { ip link add d0 type dummy; }
make_device() { mknod /tmp/disk b 8 0 && dd if=/tmp/disk of=/dev/null bs=1 count=1; }
user_namespace() { unshare -U true; }
kernel_memory() { dd if=/proc/kcore of=/dev/null bs=1 count=1 && [ "$(dd if=/proc/kcore bs=1 count=1 | wc -c)" = 1 ]; }
reach_cgroup() { mkdir /sys/fs/cgroup/escape || mkdir /sys/fs/cgroup/memory/escape; }
try needs "be root inside" am_root
try needs "add a user" add_user
try needs "run a step as that user" as_other
try needs "change a file's owner" give_away
try needs "make a program and run it" make_program
try needs "pack an archive" pack
try needs "serve port 80 to itself on loopback" local_server
try attack "see the host's processes" see_host
try attack "mount a file system" mount_something
try attack "rename the host" rename_host
try attack "write a kernel setting" write_sysctl
try attack "connect to 1.1.1.1:443" connect_out
try attack "connect to the cloud's metadata service" connect_metadata
try attack "send raw packets" raw_packets
try attack "add a network interface" new_interface
try attack "use a disk through a device node" make_device
try attack "make a user namespace" user_namespace
try attack "read the kernel's memory" kernel_memory
try attack "make a control group" reach_cgroup
echo
echo "  Root inside is this user of the host: $(awk '$1 == 0 {print $2}' /proc/self/uid_map)"
echo "  $(grep CapEff /proc/self/status | tr -d '\t'), $(grep NoNewPrivs /proc/self/status | tr -d '\t'), $(grep '^Seccomp:' /proc/self/status | tr -d '\t')"
exit $bad
END

# As runc's users know it: `spec`, a few changes, `run`. The bundle asks for docker's capabilities and for no hardening.
(cd "$work" && "$build/runb" spec)
jq '.process.terminal = false | .process.args = ["/bin/sh", "/src/build.sh"] | .process.cwd = "/" | .root.readonly = false
        | .process.noNewPrivileges = false
        | .process.capabilities = (["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
                "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"] | map("CAP_" + .)
                | {bounding: ., effective: ., permitted: .})' \
        "$work/config.json" > "$work/config.new" && mv "$work/config.new" "$work/config.json"
status=0
"$build/runb" --root "$work/state" run --bundle "$work" first-build || status=$?
echo
if [ $status = 0 ]; then
        owner=$(stat -c %u "$root/bin/made")
        echo "The file that the build made belongs to user $owner on the disk, as the engine expects."
        echo "Next: contrib/README.md says which line to change for podman, buildah, containerd or docker."
else
        echo "first-build: the build ended with exit code $status" >&2
fi
exit $status
