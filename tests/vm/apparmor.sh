#!/bin/bash
# AppArmor: the profiles of contrib/apparmor, and that the one that config.json names holds in the container.
# plain test
# vm: v2
. "$(dirname "$0")/lib.sh"
need jq busybox apparmor_parser aa-exec
[ "$(cat /sys/module/apparmor/parameters/enabled 2> /dev/null)" = Y ] || skip_all "this kernel has no AppArmor"

label_of() { cat "/proc/$1/attr/apparmor/current" 2> /dev/null || cat "/proc/$1/attr/current"; }

profiles_load()
{
        run apparmor_parser -r -W "$srcdir/contrib/apparmor/runb-build"
        want_rc 0
        want_err ""
        grep -q '^runb-build (enforce)' /sys/kernel/security/apparmor/profiles
}

# vm-test: all but reading one file.
a_profile_holds()
{
        printf 'profile vm-test flags=(attach_disconnected) {\n file,\n capability,\n network,\n signal,\n ptrace,\n deny /etc/group r,\n}\n' |
                apparmor_parser -r
        bundle a '.process.args = ["/bin/cat", "/etc/passwd", "/etc/group"]'
        run rt run --bundle "$B" a
        want_rc 0
        want_out_has "ada:x:1000:"
        bundle a '.process.args = ["/bin/cat", "/etc/passwd", "/etc/group"] | .process.apparmorProfile = "vm-test"'
        run rt run --bundle "$B" a
        want_rc 1
        want_out_has "root:x:0:0:"
        want_err_has "can't open '/etc/group': Permission denied"
}

build_profile()
{
        start_sleeper "$1" '.process.apparmorProfile = "runb-build"'
        want_match "$(label_of "$(cat "$T/$1.pid")")" "$2"
        # exec gets the container's.
        run rt exec "$1" /bin/cat /proc/self/attr/current
        want_rc 0
        want_match "$out" "$2"
        # What an ordinary build does.
        run rt exec "$1" /bin/sh -c 'echo x > /tmp/f && chown 1000 /tmp/f && mkdir /tmp/d && ls -l /proc/self/fd > /dev/null && (sleep 100 & kill $!) && head -c 5 /dev/urandom | wc -c'
        want_rc 0
        run rt kill "$1" KILL
        want_rc 0
        wait_for 20 has_status "$1" stopped
        run rt delete "$1"
        want_rc 0
}

denies()
{
        # The profile alone, with all the host's power and no sandbox around it.
        run aa-exec -p runb-build /bin/sh -c 'cat /proc/version > /dev/null && echo fine; mount -t tmpfs x /mnt; echo 0 > /proc/sys/vm/drop_caches; cat /proc/kallsyms > /dev/null; echo 1 > /sys/kernel/mm/ksm/run'
        want_out fine
        want_same "$(grep -c ': Permission denied' "$T/err")" 3
        [ "$(stat -f -c %T /mnt)" != tmpfs ]
}

unknown()
{
        bundle u '.process.apparmorProfile = "not-loaded"'
        run rt run --bundle "$B" u
        want_rc 1
        want_err_has "process.apparmorProfile: apparmor failed to apply profile: not-loaded is not loaded"
        want_same "$(wc -l < "$T/err")" 1
        run rt state u
        want_failure
}

# As on Ubuntu; Debian's kernel has the rule and not the sysctl that makes it count.
userns_profile()
{
        [ -e /etc/apparmor.d/abi/4.0 ] || skip_case "AppArmor before 4.0"
        run apparmor_parser -r -W "$srcdir/contrib/apparmor/runb"
        want_rc 0
        want_err ""
        grep -q '^runb (unconfined)' /sys/kernel/security/apparmor/profiles
        # By its path, whoever starts it.
        bundle n '.process.args = ["/bin/sleep", "1000"]'
        "$RUNB" --root "$T/state" run --bundle "$B" n > /dev/null 2>&1 < /dev/null &
        wait_for 60 has_status n running
        want_same "$(label_of $!)" "runb (unconfined)"
        rt kill n KILL
        wait $! || :
        want_same "$(rt list -q)" ""
        build_profile with '^(runb-build \(enforce\)|runb//&runb-build \((mixed|enforce)\))$'
        rm -rf /home/ci/b && mkdir /home/ci/b && cp -a "$T/busybox" /home/ci/b/rootfs
        jq 'del(.linux.cgroupsPath) | .process.args = ["/bin/cat", "/proc/self/attr/current"]' "$lib_dir/data/config.json" > /home/ci/b/config.json
        chown -R ci: /home/ci/b
        run as_ci "$RUNB" --root /home/ci/state run --bundle /home/ci/b plain
        want_rc 0
        want_out_has "runb (unconfined)"
        apparmor_parser -R "$srcdir/contrib/apparmor/runb"
}

# What Ubuntu does to every program without a profile, by a profile of its callers: this kernel asks AppArmor about user namespaces
# (Linux 6.7, features/namespaces/mask), and lacks only the sysctl that asks about programs without one.
caller_profile() # TRANSITION POWER: what the caller's profile lets become of runb, and "capability", "userns" or nothing
{
        cat > "$T/caller" << EOP
abi <abi/4.0>,
profile caller {
  file,
  $2${2:+,}
  network,
  signal,
  ptrace,
  unix,
  dbus,
  mount,
  umount,
  pivot_root,
  change_profile,
  io_uring,
  $RUNB $1,
  /usr/bin/newuidmap Ux,
  /usr/bin/newgidmap Ux,
}
EOP
        apparmor_parser -r -W "$T/caller"
}
without_userns()
{
        [ -e /etc/apparmor.d/abi/4.0 ] || skip_case "AppArmor before 4.0"
        grep -qw userns_create /sys/kernel/security/apparmor/features/namespaces/mask || skip_case "a kernel that does not ask AppArmor about user namespaces"
        rm -rf /home/ci/b && mkdir /home/ci/b && busybox_rootfs /home/ci/b/rootfs
        jq 'del(.linux.cgroupsPath) | .process.args = ["/bin/cat", "/proc/self/attr/current"]' "$lib_dir/data/config.json" > /home/ci/b/config.json
        chown -R ci: /home/ci/b
        caller_profile ix userns
        run as_ci aa-exec -p caller -- /bin/sh -c '"$0" "$@"; exit $?' "$RUNB" --root /home/ci/state run --bundle /home/ci/b plain
        want_failure
        want_err_has "load contrib/apparmor/runb"
        want_same "$(grep -c . "$T/err")" 1
        caller_profile ix capability
        run as_ci aa-exec -p caller -- /bin/sh -c '"$0" "$@"; exit $?' "$RUNB" --root /home/ci/state run --bundle /home/ci/b plain
        want_failure
        want_err_has "AppArmor"
        want_err_has "contrib/apparmor/runb"
        want_same "$(grep -c . "$T/err")" 1
        want_same "$(as_ci "$RUNB" --root /home/ci/state list -q)" ""
        run as_ci aa-exec -p caller -- /bin/sh -c '"$0" "$@"; exit $?' "$RUNB" doctor
        want_out_has "contrib/apparmor/runb"
        # Its own profile is found by its path, and lets it.
        apparmor_parser -r -W "$srcdir/contrib/apparmor/runb"
        caller_profile Px capability
        run as_ci aa-exec -p caller -- /bin/sh -c '"$0" "$@"; exit $?' "$RUNB" --root /home/ci/state run --bundle /home/ci/b plain
        want_rc 0
        want_out_has "runb (unconfined)"
        apparmor_parser -R "$srcdir/contrib/apparmor/runb"
        apparmor_parser -R "$T/caller"
}

check "the profile for containers loads, without a warning" profiles_load
check "a profile that config.json names holds in the container, and not without it" a_profile_holds
check "runb-build is enforced on a container's processes and lets a build work" build_profile plain '^runb-build \(enforce\)$'
check "runb-build denies mounts and the kernel's knobs by itself" denies
check "a profile that is not loaded is refused by name" unknown
check "the profile that lets a plain user's runb make user namespaces loads, attaches, and lets all else pass" userns_profile
check "where AppArmor lets a plain user make no user namespace runb says so, and with its profile it may" without_userns
vm_finish
