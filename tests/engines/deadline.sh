#!/bin/bash
# limits.wall under real engines: a build that takes no notice of SIGTERM ends in time, the engine sees it end, and no guard
# stays. Nothing is measured: each call has a minute, and without the deadline it would take ten.
real=${RUNB:?} P=/run/policy
mkdir -p $P "$T/wrap"
echo '{"version": 1, "revision": "t", "profiles": {"untrusted": {"limits": {"wall": "3s", "grace": "1s"}}}}' > $P/policy.json
# Engines that know a path only: containerd, BuildKit.
printf '#!/bin/sh\nexec %s --policy %s "$@"\n' "$real" $P/policy.json > "$T/wrap/runb"
chmod 755 "$T/wrap/runb"
export RUNB=$T/wrap/runb
. "$(dirname "$0")/lib.sh"
is_runb || skip_all "only runb promises this"
need jq

stubborn='trap "" TERM; (sleep 600 &); while :; do sleep 600; done'
n_named() { cat /proc/[0-9]*/comm 2> /dev/null | grep -cx "$1"; }
nothing_runs() { [ "$(n_named runb-guard)" = 0 ] && [ "$(n_named sleep)" = 0 ]; }

podman_start

podman_run()
{
        run timeout 60 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                --cgroup-manager cgroupfs --runtime "$RUNB" run --rm --net none localhost/bb sh -c "$stubborn"
        want_rc 137
        want_same "$(pod ps -aq)" ""
        wait_for 10 nothing_runs
}
check "podman run: the status is 137, and the container is gone" podman_run

podman_detached()
{
        pod run -d --name long --net none localhost/bb sh -c "$stubborn"
        want_same "$(n_named runb-guard)" 1
        (pod exec long sleep 600 || echo "exec ended with $?" > "$T/exec.rc") &
        wait_for 60 test "$(timeout 60 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                --cgroup-manager cgroupfs --runtime "$RUNB" wait long)" = 137
        want_same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' long)" "exited 137"
        wait
        want_same "$(cat "$T/exec.rc")" "exec ended with 137"
        pod rm long
        wait_for 10 nothing_runs
        pod run -d --name forced --net none localhost/bb sh -c "$stubborn"
        pod rm -f -t 0 forced
        wait_for 10 nothing_runs
}
check "podman run -d: podman sees it exit, exec too; rm -f leaves no guard" podman_detached

podman_build()
{
        mkdir -p "$T/ctx"
        printf 'FROM localhost/bb\nRUN %s\n' "$stubborn" > "$T/ctx/Dockerfile"
        run timeout 60 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                --cgroup-manager cgroupfs --runtime "$RUNB" build --isolation oci -t never "$T/ctx"
        want_failure
        want_other $rc 124
        wait_for 10 nothing_runs
}
check "podman build: the step fails" podman_build
podman_end

if [ $n_failed = 0 ] && command -v dockerd > /dev/null; then
docker_start
else
containerd_start '"io.containerd.grpc.v1.cri"'
fi
engine_leaves '/default$' "^$E/ctrd"
containerd_image || skip_all "containerd cannot import an image here"

ctr_run()
{
        run timeout 60 ctr -a "$E/ctrd/c.sock" run --runc-binary "$RUNB" localhost/bb:latest long sh -c "$stubborn"
        want_rc 137
        c task delete long || :
        c container delete long
        wait_for 10 nothing_runs
}
check "ctr run: the status is 137" ctr_run

ctr_detached()
{
        c run -d --runc-binary "$RUNB" localhost/bb:latest det sh -c "$stubborn"
        want_same "$(n_named runb-guard)" 1
        stopped() { c task ls | grep -q '^det .*STOPPED'; }
        wait_for 60 stopped
        c task delete det || :
        c container delete det
        wait_for 10 nothing_runs
}
check "ctr run -d: the task is stopped" ctr_detached

if [ -n "${dockerd_pid-}" ]; then
docker_run()
{
        d import - localhost/bb:latest < "$(busybox_tar)" > /dev/null
        run timeout 60 $docker_client run --rm --network none localhost/bb sh -c "$stubborn"
        want_rc 137
        wait_for 10 nothing_runs
}
check "docker run: the status is 137" docker_run
docker_build()
{
        mkdir -p "$T/ctx"
        printf 'FROM localhost/bb\nRUN %s\n' "$stubborn" > "$T/ctx/Dockerfile"
        DOCKER_BUILDKIT=0 run timeout 60 $docker_client build --network none "$T/ctx"
        want_failure
        want_other $rc 124
        wait_for 10 nothing_runs
        DOCKER_BUILDKIT=1 run timeout 60 $docker_client build --network none "$T/ctx"
        want_failure
        want_other $rc 124
        want_err_has 137
        wait_for 10 nothing_runs
}
check "docker build: the step fails, with both builders" docker_build
docker_end
else
containerd_end
fi
finish
