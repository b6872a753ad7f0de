#!/bin/bash
# Engines whose cgroups are systemd's: podman as root and as a user in his session, podman build, containerd.
# plain test
# vm: v2
. "$(dirname "$0")/lib.sh"
need jq busybox podman
busybox_rootfs "$T/bb"
tar -C "$T/bb" -cf "$T/bb.tar" .
chmod 644 "$T/bb.tar"
mkdir -p /etc/containers/containers.conf.d
sed "s#/usr/bin/runb#$RUNB#" "$srcdir/contrib/containers.conf.d/runb.conf" > /etc/containers/containers.conf.d/runb.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
mkdir -p /home/ci/ctx
printf 'FROM localhost/bb\nRUN cat /proc/self/cgroup /proc/self/attr/current > /seen; echo built > /made && chown 1000 /made\n' > /home/ci/ctx/Dockerfile
chown -R ci: /home/ci

pod() { podman --runtime "$RUNB" --cgroup-manager systemd "$@"; }
ci_pod() { as_ci podman --runtime "$RUNB" --cgroup-manager systemd "$@"; }

# has_image WHO: localhost/bb
has_image() { "$1" image exists localhost/bb 2> /dev/null || "$1" import -q "$T/bb.tar" localhost/bb:latest > /dev/null; }
run_with_limits()
{
        has_image "$1"
        run "$1" run --rm --network none --memory 64m --pids-limit 50 --cpus 0.5 localhost/bb sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; id -u'
        want_rc 0
        want_out $'67108864\n50\n50000 100000\n0'
}
life()
{
        local id unit
        has_image "$1"
        run "$1" run -d --name life --network none --memory 64m --pids-limit 50 localhost/bb sleep 1000
        want_rc 0
        id=$out unit=libpod-$out.scope
        export SYSTEMCTL=$2
        want_same "$(prop "$unit" ActiveState)" active
        want_same "$(prop "$unit" MemoryMax)" 67108864
        want_same "$(prop "$unit" TasksMax)" 50
        run "$1" exec life sh -c 'cat /proc/1/cgroup; echo x > /tmp/x'
        want_rc 0
        run "$1" update --memory 128m life
        want_rc 0
        want_same "$(prop "$unit" MemoryMax)" 134217728
        run "$1" pause life
        want_rc 0
        run "$1" unpause life
        want_rc 0
        run "$1" stats --no-stream --format '{{.PIDs}}' life
        want_rc 0
        want_out 1
        run "$1" rm -f -t 0 life
        want_rc 0
        wait_for 20 unit_is_gone "$unit"
}
network() { has_image "$1"; run "$1" run --rm localhost/bb sh -c 'ip -o link | grep -c LOOPBACK; cat /etc/hostname'; want_rc 0; }
build()
{
        has_image "$1"
        run "$1" build --runtime "$RUNB" --cgroup-manager systemd --network none -t built /home/ci/ctx
        want_rc 0
        run "$1" run --rm --network none localhost/built sh -c 'cat /made; stat -c %u /made'
        want_rc 0
        want_out $'built\n1000'
}
profile_of_podman()
{
        has_image pod
        run pod run --rm --network none localhost/bb cat /proc/self/attr/current
        want_rc 0
        want_match "$out" '^containers-default-[0-9.]+ \(enforce\)$'
        apparmor_parser -r "$srcdir/contrib/apparmor/runb-build"
        run pod run --rm --network none --security-opt apparmor=runb-build localhost/bb cat /proc/self/attr/current
        want_rc 0
        want_out "runb-build (enforce)"
}

pods()
{
        has_image pod
        run pod pod create --name p --network none
        want_rc 0
        run pod run -d --pod p --name p1 localhost/bb sleep 1000
        want_rc 0
        run pod exec p1 true
        want_rc 0
        run pod pod rm -f -t 0 p
        want_rc 0
}

containerd_life()
{
        need containerd ctr
        local socket=$T/ctrd/c.sock
        mkdir -p "$T/ctrd"
        printf 'version = 3\nroot = "%s/root"\nstate = "%s/run"\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]\n[grpc]\naddress = "%s"\n' "$T/ctrd" "$T/ctrd" "$socket" > "$T/ctrd/config.toml"
        sed -i 's/^version = 3/version = 2/' "$T/ctrd/config.toml"
        containerd --config "$T/ctrd/config.toml" > "$T/ctrd/log" 2>&1 9>&- &
        containerd_pid=$!
        trap 'kill $containerd_pid; wait $containerd_pid' EXIT
        wait_for 60 ctr -a "$socket" version
        has_image pod
        podman save --format oci-archive -o "$T/bb-oci.tar" localhost/bb > /dev/null 2>&1
        run ctr -a "$socket" image import "$T/bb-oci.tar"
        want_rc 0
        run ctr -a "$socket" run -d --runc-binary "$RUNB" --runc-systemd-cgroup --cgroup system.slice:ctr:c1 --memory-limit 67108864 localhost/bb:latest c1 sleep 1000
        want_rc 0
        want_same "$(prop ctr-c1.scope ActiveState)" active
        want_same "$(prop ctr-c1.scope MemoryMax)" 67108864
        run ctr -a "$socket" task exec --exec-id e1 c1 cat /proc/self/cgroup
        want_rc 0
        run ctr -a "$socket" task metrics c1
        want_rc 0
        run ctr -a "$socket" task kill -s KILL c1
        want_rc 0
        run ctr -a "$socket" task delete c1
        wait_for 20 unit_is_gone ctr-c1.scope
        run ctr -a "$socket" container delete c1
        want_rc 0
}

check "podman, root: limits are what the container sees" run_with_limits pod
check "podman, root: a container's scope lives and ends with it" life pod systemctl
check "podman, root: a bridge network" network pod
check "podman, root: a build" build pod
check "podman, root: pods" pods
check "podman, root: its AppArmor profile, and ours, are enforced" profile_of_podman
check "podman, a user in his session: limits are what the container sees" run_with_limits ci_pod
check "podman, a user in his session: a container's scope lives and ends with it" life ci_pod "systemctl --user --machine=ci@.host"
check "podman, a user in his session: a network" network ci_pod
check "podman, a user in his session: a build" build ci_pod
check "containerd with SystemdCgroup: a container's scope lives and ends with it" containerd_life
vm_finish
