#!/bin/bash
# limits.wall under real engines: a build that takes no notice of SIGTERM ends in time, the engine sees it end, and no guard
# stays; the audit file calls each end a deadline. Nothing is measured: each call has two minutes, and without the deadline it
# would take ten. A deadline that came before the engine had started its container is tried again, later.
real=${RUNB:?} P=/run/policy
mkdir -p $P "$T/wrap"
AUDIT=/run/audit.jsonl
policy() # SECONDS
{
        echo '{"version": 1, "revision": "t", "audit": {"path": "'$AUDIT'"},
               "profiles": {"untrusted": {"limits": {"wall": "'$1's", "grace": "1s"}}}}' > $P/policy.json
        rm -f $AUDIT
}
policy 3
# Engines that know a path only: containerd, BuildKit.
printf '#!/bin/sh\nexec %s --policy %s "$@"\n' "$real" $P/policy.json > "$T/wrap/runb"
chmod 755 "$T/wrap/runb"
export RUNB=$T/wrap/runb
ENGINE_CASE_TIMEOUT=600
. "$(dirname "$0")/lib.sh"
is_runb || skip_all "only runb promises this"
need jq

stubborn='trap "" TERM; (sleep 600 &); while :; do sleep 600; done'
n_named() { cat /proc/[0-9]*/comm 2> /dev/null | grep -cx "$1"; }
# run_137 COMMAND...: an engine's `run`
run_137()
{
        local wall

        for wall in 3 30; do
                policy $wall
                run timeout 120 "$@"
                [ $rc = 137 ] && return
        done
        want_rc 137
}
# has_deadlines [N]: so many containers have ended since policy(), all of them at their deadline
n_ends() { jq -r 'select(.event == "exit") | .reason' $AUDIT | sort | uniq -c | tr -s ' '; }
has_deadlines() { [ "$(n_ends)" = " ${1-1} deadline" ]; }
nothing_runs() { [ "$(n_named runb-guard)" = 0 ] && [ "$(n_named sleep)" = 0 ]; }

podman_start
pod_t() { timeout 120 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                  --cgroup-manager cgroupfs --runtime "$RUNB" "$@"; }

podman_run()
{
        run_137 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                --cgroup-manager cgroupfs --runtime "$RUNB" run --rm --net none localhost/bb sh -c "$stubborn"
        want_same "$(pod ps -aq)" ""
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "podman run: the status is 137, and the container is gone" podman_run

podman_detached()
{
        local wall in_time=

        for wall in 5 40; do
                policy $wall
                rm -f "$T/exec.rc" "$T/exec.out"
                pod run -d --name long --net none localhost/bb sh -c "$stubborn" || { pod rm -f -t 0 long; continue; }
                (pod exec long sh -c 'echo in; exec sleep 600' > "$T/exec.out" || echo "exec ended with $?" > "$T/exec.rc") &
                until [ -s "$T/exec.out" ] || [ -s "$T/exec.rc" ]; do sleep 0.1; done
                [ -s "$T/exec.out" ] && in_time=1 && break
                pod rm -f -t 0 long
        done
        [ -n "$in_time" ] || fail "no exec was in time"
        want_same "$(pod_t wait long)" 137
        want_same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' long)" "exited 137"
        wait
        want_same "$(cat "$T/exec.rc")" "exec ended with 137"
        pod rm long
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
        policy 1000
        pod run -d --name forced --net none localhost/bb sh -c "$stubborn"
        one_guard() { [ "$(n_named runb-guard)" = 1 ]; }
        wait_for 60 one_guard
        pod rm -f -t 0 forced
        wait_for 60 nothing_runs
}
check "podman run -d: podman sees it exit, exec too; rm -f leaves no guard" podman_detached

podman_reaped()
{
        local guard state

        policy 1000
        pod run -d --name unwatched --net none localhost/bb sh -c "$stubborn"
        state=$(find /run/runb -name state.json)
        guard=$(cat "${state%/*}/guard")
        kill -KILL $guard
        guard_ended() { ! grep -q '[^ ]' /proc/$guard/cmdline; }
        wait_for 60 guard_ended
        jq '.deadlineMs = .createdMs + 1 | .graceMs = 1' $state > "$T/overdue.json" && cat "$T/overdue.json" > $state
        run "$RUNB" reap
        want_rc 0
        want_out_has "its deadline had passed; it is ended"
        want_same "$(pod_t wait unwatched)" 137
        pod rm unwatched
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "one whose guard was killed is ended by runb reap, and podman sees it exit" podman_reaped

podman_build()
{
        policy 3
        mkdir -p "$T/ctx"
        printf 'FROM localhost/bb\nRUN %s\n' "$stubborn" > "$T/ctx/Dockerfile"
        run pod_t build "${build_ulimits[@]}" --isolation oci -t never "$T/ctx"
        want_failure
        want_other $rc 124
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "podman build: the step fails" podman_build
podman_end

if command -v dockerd > /dev/null; then
docker_start
else
containerd_start '"io.containerd.grpc.v1.cri"'
fi
engine_leaves '/default$' "^$E/ctrd"
containerd_image || skip_all "containerd cannot import an image here"

ctr_run()
{
        gone() { c task delete --force long || :; c container delete long || :; }
        ctr_long() { timeout 120 ctr -a "$E/ctrd/c.sock" run --runc-binary "$RUNB" localhost/bb:latest long sh -c "$stubborn"; }
        for wall in 3 30; do
                policy $wall
                run ctr_long
                gone
                [ $rc = 137 ] && break
        done
        want_rc 137
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "ctr run: the status is 137" ctr_run

ctr_detached()
{
        for wall in 3 30; do
                policy $wall
                run c run -d --runc-binary "$RUNB" localhost/bb:latest det sh -c "$stubborn"
                [ $rc = 0 ] && break
                c task delete --force det || :
                c container delete det || :
        done
        want_rc 0
        stopped() { c task ls | grep -q '^det .*STOPPED'; }
        wait_for 120 stopped
        c task delete det || :
        c container delete det
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "ctr run -d: the task is stopped" ctr_detached

if [ -n "${dockerd_pid-}" ]; then
docker_run()
{
        d import - localhost/bb:latest < "$(busybox_tar)" > /dev/null
        run_137 $docker_client run --rm --network none localhost/bb sh -c "$stubborn"
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "docker run: the status is 137" docker_run
docker_build()
{
        policy 3
        mkdir -p "$T/ctx"
        printf 'FROM localhost/bb\nRUN %s\n' "$stubborn" > "$T/ctx/Dockerfile"
        DOCKER_BUILDKIT=0 run timeout 120 $docker_client build --network none "$T/ctx"
        want_failure
        want_other $rc 124
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
        policy 3
        DOCKER_BUILDKIT=1 run timeout 120 $docker_client build --network none "$T/ctx"
        want_failure
        want_other $rc 124
        want_err_has 137
        wait_for 60 nothing_runs
        wait_for 60 has_deadlines
}
check "docker build: the step fails, with both builders" docker_build
docker_end
else
containerd_end
fi
finish
