#!/bin/bash
# An incident in a container of each engine: found without the engine's state folder, contained, looked at, kept whatever the engine
# tries, released; and the engine removes it then.
. "$(dirname "$0")/lib.sh"
is_runb || skip_all "only runb promises this"
need jq nsenter nft
ENGINE_LIMIT=60         # seconds: a command of an engine that takes longer hangs

writer='while :; do echo x >> /ticks; sleep 0.1; done'
found() { "$RUNB" top --all --format json | jq -r --arg i "$1" '.containers[] | select(.id | startswith($i)) | .root'; }
is_status() { [ "$("$RUNB" --root "$1" state "$2" | jq -r .status)" = "$3" ]; }
ticks() { wc -l < "/proc/$1/root/ticks"; }
ticks_more() { [ "$(ticks "$1")" -gt "$2" ]; }

# incident ID ENGINE-COMMAND...: those that an engine would use to stop or remove it are commands of one word, $engine_tries
incident()
{
        local id=$1 root pid before verb
        root=$(found "$id")
        [ -n "$root" ] || fail "top --all does not know $id"
        pid=$("$RUNB" --root "$root" state "$id" | jq .pid)
        wait_for 30 ticks_more "$pid" 2
        run nsenter -t "$pid" -n bash -c 'echo x > /dev/udp/127.0.0.1/9'
        want_rc 0
        run "$RUNB" contain --reason incident "${id:0:12}"
        want_rc 0
        is_status "$root" "$id" paused
        before=$(ticks "$pid")
        run "$RUNB" report --format json "${id:0:12}"
        echo "$out" | jq -c '.checks[] | select(.verdict != "holds")'
        want_rc 0
        want_same "$("$RUNB" top --all --format json | jq -r --arg i "$id" '.containers[] | select(.id | startswith($i)) | .contained')" true
        # Not a packet leaves, not even one of the host's root.
        run nsenter -t "$pid" -n bash -c 'echo x > /dev/udp/127.0.0.1/9'
        want_failure
        # A command may fail or succeed; it ends, and takes nothing away.
        for verb in "${engine_tries[@]}"; do
                rc=0
                timeout $ENGINE_LIMIT bash -c "$verb" < /dev/null > "$T/verb.log" 2>&1 || rc=$?
                echo "$verb -> $rc: $(tail -n 1 "$T/verb.log" | cut -c 1-200)"
                [ $rc != 124 ] || fail "$verb hangs"
                is_status "$root" "$id" paused || fail "after $verb it is no longer held"
                kill -0 "$pid" || fail "$verb ended it"
                want_same "$(ticks "$pid")" "$before"
        done
        want_match "$("$RUNB" --root "$root" state "$id" | jq -r '.annotations["dev.runb.contained"]')" '^20'
        [ -e "$root/$id/state.json" ] || fail "the record is gone"
        run "$RUNB" contain --release "${id:0:12}"
        want_rc 0
        wait_for 30 ticks_more "$pid" "$before"
}

# An engine of its own for each, which ends whatever became of its case.
failed=0
engine() # START END
{
        ( $1; "of_$1"; $2; finish )
        case $? in 0 | 77) ;; *) failed=1;; esac
}

podman_() { podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay --cgroup-manager cgroupfs --runtime "$RUNB" "$@"; }
c_() { ctr -a "$E/ctrd/c.sock" "$@"; }
d_() { $docker_client "$@"; }
export -f podman_ c_ d_
export E RUNB

podman_holds()
{
        local id root pid
        id=$(pod run -d --name held localhost/bb sh -c "$writer")
        engine_tries=("podman_ kill held" "podman_ exec held true" "podman_ pause held" "podman_ stop -t 1 held" "podman_ rm held" "podman_ ps -a")
        incident "$id"
        # By force podman 4 removes what is its own, whatever it is told, and podman 5 does not; the processes, their network and
        # the record stay.
        root=$(found "$id")
        pid=$("$RUNB" --root "$root" state "$id" | jq .pid)
        "$RUNB" contain "$id"
        rc=0
        timeout $ENGINE_LIMIT bash -c "podman_ rm -f -t 0 held" < /dev/null || rc=$?
        [ $rc != 124 ] || fail "podman rm -f hangs"
        is_status "$root" "$id" paused
        kill -0 "$pid"
        run "$RUNB" --root "$root" delete --force --contained "$id"
        want_rc 0
        ! kill -0 "$pid" 2> /dev/null || fail "it still runs"
}
of_podman_start() { check "podman's container is held; what podman tries ends, and takes nothing of runb's away" podman_holds; }

containerd_holds()
{
        c run --runc-binary "$RUNB" -d localhost/bb:latest incident sh -c "$writer"
        engine_tries=("c_ task kill -s KILL incident" "c_ task exec --exec-id x incident true" "c_ task pause incident" "c_ task resume incident"
                      "c_ task rm -f incident" "c_ container rm incident" "c_ task ls")
        incident incident
        c task kill -s KILL incident
        gone() { c task rm incident || ! c task ls -q | grep -qx incident; }
        wait_for 30 gone
        c container rm incident
}
ctrd_start()
{
        containerd_start '"io.containerd.grpc.v1.cri"'
        engine_leaves '/default$' "^$E/ctrd"
        containerd_image || skip_all "containerd cannot import an image here"
}
of_ctrd_start() { check "containerd's task is held; what ctr tries ends, and takes nothing away" containerd_holds; }

docker_holds()
{
        local id root verb
        id=$(d run -d --name held --network none localhost/bb sh -c "$writer")
        engine_tries=("d_ exec held true" "d_ pause held" "d_ unpause held" "d_ rm held" "d_ ps -a")
        incident "$id"
        # Where the runtime refuses, dockerd sends SIGKILL itself: cgroup v2 obeys at once, v1 when it is released. The files and the
        # record stay all the same.
        root=$(found "$id")
        "$RUNB" contain "$id"
        for verb in "d_ stop -t 1 held" "d_ kill held" "d_ rm -f held"; do
                rc=0
                timeout $ENGINE_LIMIT bash -c "$verb" < /dev/null > "$T/verb.log" 2>&1 || rc=$?
                echo "$verb -> $rc: $(tail -n 1 "$T/verb.log" | cut -c 1-200)"
                [ $rc != 124 ] || fail "$verb hangs"
                [ -e "$root/$id/state.json" ] || fail "the record is gone after $verb"
        done
        "$RUNB" contain --release "$id"
        gone() { d rm -f held || ! d inspect held > /dev/null 2>&1; }
        wait_for 60 gone
        # Whatever dockerd still counts as its own.
        "$RUNB" --root "$root" delete --force "$id"
}
dockerd_start()
{
        docker_start
        export docker_client
        d import - localhost/bb:latest < "$(busybox_tar)" > "$T/import.log" 2>&1 ||
                skip_all "docker cannot import an image: $(tail -n 1 "$T/import.log")"
}
of_dockerd_start() { check "docker's container is held; what docker tries ends, and takes nothing away" docker_holds; }

engine podman_start podman_end
engine ctrd_start containerd_end
engine dockerd_start docker_end
exit $failed
