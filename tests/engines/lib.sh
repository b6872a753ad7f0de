# Sourced by the tests that run real engines, after tests/lib.sh. Each engine is started with folders, sockets and
# configuration of the test's own, in the test's namespaces; the machine's engines and their images are not touched.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
CASE_TIMEOUT=${ENGINE_CASE_TIMEOUT:-120}
E=$T/engine
mkdir -p "$E" "$RUNB_TEST_CACHE" /run/lock
engine_name=$(basename "$RUNB")

# The engine's folders and helpers that stay until the end of the test are not the runtime's.
engine_leaves() { printf '%s\n' "$@" >> "$T/engine-leaves"; }

# A tar of a busybox rootfs, made once a test run.
busybox_tar()
{
        if [ ! -s "$RUNB_TEST_CACHE/busybox.tar" ]; then
                busybox_rootfs "$T/bb-image"
                # Something of the base image that builds remove, replace and chown.
                mkdir -p "$T/bb-image/usr/share/doc"
                echo base > "$T/bb-image/usr/share/doc/base.txt"
                tar -C "$T/bb-image" -cf "$RUNB_TEST_CACHE/busybox.tar.$$" .
                mv "$RUNB_TEST_CACHE/busybox.tar.$$" "$RUNB_TEST_CACHE/busybox.tar"
        fi
        echo "$RUNB_TEST_CACHE/busybox.tar"
}

# A Debian root with what a build needs, made once by tests/engines/make-debian.sh from the ordinary mirror.
debian_tar()
{
        [ -s "$RUNB_TEST_CACHE/debian.tar" ] || skip_all "no Debian root in $RUNB_TEST_CACHE; tests/engines/make-debian.sh makes it"
        echo "$RUNB_TEST_CACHE/debian.tar"
}

# ------------------------------------------------------------------------------------------------- podman, buildah
# podman_start [RUNTIME]: a podman of our own; afterwards `pod ...` is podman. PODMAN_OPTIONS adds global options.
containers_conf()
{
        cat > "$1" << EOC
[containers]
default_ulimits = []
pids_limit = 0
[network]
network_backend = "netavark"
network_config_dir = "$E/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$engine_name"
runtime_supports_json = ["crun", "runc", "$engine_name"]
runtime_supports_nocgroup = ["crun", "$engine_name"]
[engine.runtimes]
$engine_name = ["$RUNB"]
EOC
        # CNI where netavark is not installed.
        [ -x /usr/lib/podman/netavark ] || [ -x /usr/libexec/podman/netavark ] || sed -i '/^network_backend/d' "$1"
}
podman_start()
{
        need podman conmon
        mkdir -p "$E"
        containers_conf "$E/containers.conf"
        export CONTAINERS_CONF=$E/containers.conf
        export PODMAN_IGNORE_CGROUPSV1_WARNING=1        # podman 5 has one on each call's stderr
        export CONTAINERS_STORAGE_CONF=$E/storage.conf
        printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$E/root" "$E/runroot" > "$E/storage.conf"
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$E/policy.json"
        mkdir -p "$HOME/.config/containers"
        cp "$E/policy.json" "$HOME/.config/containers/policy.json"
        engine_leaves "$E/root/overlay" "^$E/root" '/libpod_parent(/conmon|/[0-9a-f]{64})?$' 'libpod_parent/conmon' \
                '/sys/fs/cgroup/(hugetlb|net_cls|net_prio|perf_event)' '/run/netns ' '^/run/netns' "^$E/runroot/"
        pod import -q --change CMD=/bin/sh --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
                "$(busybox_tar)" localhost/bb:latest > "$T/podman.log" 2>&1 ||
                { sed 's/^/# /' "$T/podman.log"; skip_all "podman cannot import an image here"; }
}
pod() { podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" --storage-driver overlay \
                --cgroup-manager cgroupfs --runtime "$RUNB" ${PODMAN_OPTIONS-} "$@"; }
podman_end()
{
        pod pod rm -fa -t 0 > /dev/null 2>&1
        pod rm -fa -t 0 > /dev/null 2>&1
        pod network prune -f > /dev/null 2>&1
        umount "$E/root/overlay" 2>/dev/null
        return 0
}

# Newer podman and buildah ask for more in their builds than a caller without CAP_SYS_RESOURCE may have.
build_ulimits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
# buildah_quirk TAR: what the buildah in a builder's root wants in its environment. 1.39.1 to 1.39.3 (Debian 13's) remounts the
# root without nodev before it leaves it, which the kernel denies where the flag is locked, and does not find back; 1.39.4 does
# not, and without pivot_root those do not either.
buildah_quirk()
{
        case $(tar -xOf "$1" ./var/lib/dpkg/status | sed -n '/^Package: buildah$/,/^$/s/^Version: //p') in
        1.39.[123]+*) echo BUILDAH_NOPIVOT=1;;
        esac
}

bud() { buildah --root "$E/root" --runroot "$E/runroot" --storage-driver overlay "$@"; }

# reports_hold FOLDER: `runb report` of each container whose state lies below it finds all as it was made
reports_hold()
{
        local file id root n=0

        is_runb || skip_case "only runb promises this"
        for file in $(find "$1" -name state.json); do
                id=$(basename "$(dirname "$file")") root=$(dirname "$(dirname "$file")")
                [ "$("$RUNB" --root "$root" state "$id" | jq -r .status)" = running ] || continue
                run "$RUNB" --root "$root" report --format json "$id"
                echo "$out" | jq -c '.checks[] | select(.verdict != "holds")'
                want_rc 0
                n=$((n + 1))
        done
        [ $n -gt 0 ] || fail "no container runs"
}

# ------------------------------------------------------------------------------------------------------ containerd
containerd_start()
{
        need containerd ctr
        mkdir -p "$E/ctrd"
        cat > "$E/ctrd/config.toml" << EOC
version = 2
root = "$E/ctrd/root"
state = "$E/ctrd/state"
disabled_plugins = [$1]
[grpc]
address = "$E/ctrd/c.sock"
[ttrpc]
address = "$E/ctrd/c.ttrpc"
[plugins."io.containerd.runtime.v1.linux"]
no_shim = false
[plugins."io.containerd.grpc.v1.cri"]
disable_tcp_service = true
stream_server_port = "0"
sandbox_image = "localhost/pause:latest"
# Without the right to lower it (CAP_SYS_RESOURCE) a pod keeps containerd's own.
restrict_oom_score_adj = true
disable_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "tested"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested.options]
BinaryName = "$RUNB"
${CONTAINERD_OPTIONS-}
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$E/cni-conf"
EOC
        # Runtimes of a test's own.
        [ ! -s "$E/runtimes.toml" ] || cat "$E/runtimes.toml" >> "$E/ctrd/config.toml"
        containerd --config "$E/ctrd/config.toml" > "$E/ctrd/log" 2>&1 < /dev/null &
        containerd_pid=$!
        wait_for 20 ctr -a "$E/ctrd/c.sock" version ||
                { tail -n 5 "$E/ctrd/log" | sed 's/^/# /'; skip_all "containerd does not start here"; }
}
c() { ctr -a "$E/ctrd/c.sock" "$@"; }
containerd_image() # a docker-archive of the busybox rootfs
{
        python3 "$lib_dir/tools/image.py" "$(busybox_tar)" localhost/bb:latest "$T/bb-image.tar"
        c image import "$T/bb-image.tar" > "$T/import.log" 2>&1 || { cat "$T/import.log"; return 1; }
}
containerd_end()
{
        local try
        kill "$containerd_pid" 2>/dev/null
        for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                kill -0 "$containerd_pid" 2>/dev/null || break
                sleep 0.2
        done
        kill -KILL "$containerd_pid" 2>/dev/null
        wait "$containerd_pid" 2>/dev/null
}

# ------------------------------------------------------------------------------------------- pods, by containerd's CRI
# A veth pair a pod: no bridge, no firewall of the host's.
cri_start()
{
        [ -x /usr/lib/cni/ptp ] || skip_all "containernetworking-plugins is not installed"
        mkdir -p "$E/cni-conf"
        cat > "$E/cni-conf/10-test.conflist" << EOC
{"cniVersion": "0.4.0", "name": "test", "plugins": [
 {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "$E/cni-data", "routes": [{"dst": "0.0.0.0/0"}],
  "ranges": [[{"subnet": "10.77.0.0/24", "gateway": "10.77.0.1"}]]}}]}
EOC
        # An address that stays, whatever pods there are.
        ip addr add 10.77.0.1/32 dev lo
        containerd_start ""
        engine_leaves '/k8s.io$' "^$E/ctrd" '^/run/netns'
        wait_for 20 cri Version {} || { cat "$T/cri.err" | sed 's/^/# /'; skip_all "containerd's CRI plugin does not start here"; }
        mkdir -p "$T/pause-image/bin"
        cp "$(command -v catatonit)" "$T/pause-image/bin/pause" || skip_all "catatonit is not installed"
        tar -C "$T/pause-image" -cf "$T/pause.tar" .
        python3 "$lib_dir/tools/image.py" "$T/pause.tar" localhost/pause:latest "$T/pause-image.tar" 1 /bin/pause -P
        python3 "$lib_dir/tools/image.py" "$(busybox_tar)" localhost/bb:latest "$T/bb-image.tar"
        c -n k8s.io image import "$T/pause-image.tar" > "$T/import.log" 2>&1 &&
                c -n k8s.io image import "$T/bb-image.tar" >> "$T/import.log" 2>&1 ||
                { cat "$T/import.log"; skip_all "containerd cannot import an image here"; }
}
cri_end()
{
        containerd_end
        ip addr del 10.77.0.1/32 dev lo
}

# The arguments as a JSON list: jq 1.6 takes "-c" after --args for an option.
words() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@"; }
# cri METHOD JQ-EXPRESSION [JQ-OPTION]...: the expression makes the request.
cri()
{
        local method=$1 request=$2
        shift 2
        jq -n "$@" "$request" > "$T/request.json" &&
                "$lib_dir/tools/cri.py" "$E/ctrd/c.sock" "$method" "$T/request.json" 2> "$T/cri.err" ||
                { cat "$T/cri.err" >&2; return 1; }
}
make_pod() # NAME: its id is in $T/NAME.pod; $POD is a filter over its configuration, $HANDLER the runtime's name
{
        mkdir -p "$T/$1.log"
        jq -n --arg n "$1" --arg t "$T" '{metadata: {name: $n, namespace: "test", uid: ("uid-" + $n)}, hostname: $n,
                log_directory: ($t + "/" + $n + ".log"), linux: {security_context: {namespace_options: {pid: 1}}}}
                | '"${POD:-.}" > "$T/$1.json"
        cri RunPodSandbox '{config: $c[0], runtime_handler: $h}' --arg h "${HANDLER-}" --slurpfile c "$T/$1.json" > "$T/pod.out" && jq -r .pod_sandbox_id "$T/pod.out" > "$T/$1.pod"
}
make_container() # POD NAME COMMAND...: created and started, its id is in $T/NAME.ctr; $CONTAINER is a filter
{
        local pod=$1 name=$2
        shift 2
        jq -n --arg n "$name" --arg t "$T" --argjson w "$(words "$@")" '{metadata: {name: $n},
                image: {image: "localhost/bb:latest"}, command: $w, log_path: ($n + ".log"), linux: {security_context: {namespace_options: {pid: 1}}}}
                | '"${CONTAINER:-.}" > "$T/$name.json"
        cri CreateContainer '{pod_sandbox_id: $p, config: $c[0], sandbox_config: $s[0]}' --arg p "$(cat "$T/$pod.pod")" \
                --slurpfile c "$T/$name.json" --slurpfile s "$T/$pod.json" > "$T/ctr.out" || return 1
        jq -r .container_id "$T/ctr.out" > "$T/$name.ctr"
        cri StartContainer '{container_id: $c}' --arg c "$(cat "$T/$name.ctr")"
}
container_info() { cri ContainerStatus '{container_id: $c, verbose: 1}' --arg c "$(cat "$T/$1.ctr")"; }
container_state() { container_info "$1" | jq .status.state; }
container_pid() { container_info "$1" | jq -r '.info.info | fromjson | .pid'; }
pod_pid() { cri PodSandboxStatus '{pod_sandbox_id: $p, verbose: 1}' --arg p "$(cat "$T/$1.pod")" | jq -r '.info.info | fromjson | .pid'; }
exec_in() # NAME COMMAND...: as run, the answer's JSON in $out
{
        local name=$1
        shift
        run cri ExecSync '{container_id: $c, cmd: $w, timeout: 30}' --arg c "$(cat "$T/$name.ctr")" --argjson w "$(words "$@")"
}
end_container()
{
        cri StopContainer '{container_id: $c, timeout: 0}' --arg c "$(cat "$T/$1.ctr")"
        cri RemoveContainer '{container_id: $c}' --arg c "$(cat "$T/$1.ctr")"
}
end_pod()
{
        cri StopPodSandbox '{pod_sandbox_id: $p}' --arg p "$(cat "$T/$1.pod")" &&
                cri RemovePodSandbox '{pod_sandbox_id: $p}' --arg p "$(cat "$T/$1.pod")"
}

# ---------------------------------------------------------------------------------------------------------- docker
docker_start()
{
        need dockerd containerd
        # Debian's client: another one may lie earlier in PATH.
        docker_client=/usr/bin/docker
        [ -x $docker_client ] || docker_client=$(command -v docker) || skip_all "docker's client is not installed"
        mkdir -p "$E/docker-bin" "$E/dk"
        # BuildKit inside dockerd runs `runc` from PATH, whatever the default runtime is.
        ln -sfn "$RUNB" "$E/docker-bin/runc"
        containerd_start '"io.containerd.grpc.v1.cri"'
        printf '{"runtimes":{"tested":{"path":"%s"}},"default-runtime":"tested","features":{"buildkit":true}}\n' "$RUNB" > "$E/dk/daemon.json"
        [ ! -s "$E/runtimes.json" ] || jq -s '.[0] * .[1]' "$E/dk/daemon.json" "$E/runtimes.json" > "$T/daemon.json"
        [ ! -s "$T/daemon.json" ] || cp "$T/daemon.json" "$E/dk/daemon.json"
        PATH=$E/docker-bin:$PATH dockerd --config-file "$E/dk/daemon.json" --data-root "$E/dk/data" --exec-root "$E/dk/exec" \
                -H "unix://$E/dk/d.sock" -p "$E/dk/pid" ${DOCKER_NETWORK:---iptables=false --ip6tables=false --bridge=none} \
                --storage-driver=overlay2 --containerd "$E/ctrd/c.sock" --exec-opt native.cgroupdriver=cgroupfs \
                > "$E/dk/log" 2>&1 < /dev/null &
        dockerd_pid=$!
        export DOCKER_HOST=unix://$E/dk/d.sock DOCKER_CONFIG=$E/dk/config
        wait_for 30 $docker_client version ||
                { tail -n 5 "$E/dk/log" | sed 's/^/# /'; containerd_end; skip_all "dockerd does not start here"; }
        engine_leaves '/(docker|docker/buildkit)$' "^$E/dk" '^/run/docker'
}
d() { $docker_client "$@"; }
docker_end()
{
        local try
        kill "$dockerd_pid" 2>/dev/null
        for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
                kill -0 "$dockerd_pid" 2>/dev/null || break
                sleep 0.2
        done
        kill -KILL "$dockerd_pid" 2>/dev/null
        wait "$dockerd_pid" 2>/dev/null
        containerd_end
}

# -------------------------------------------------------------------------------------------------- rootless engines
# A plain user with a range of subordinate ids, in copies of the account files that only this test sees.
user_start()
{
        local file
        need newuidmap newgidmap setpriv
        user_uid=4711
        for file in passwd group subuid subgid; do
                cp "/etc/$file" "$T/etc-$file"
                case $file in
                passwd) echo "runbtest:x:$user_uid:$user_uid::$T/user:/bin/sh" >> "$T/etc-$file";;
                group) echo "runbtest:x:$user_uid:" >> "$T/etc-$file";;
                *) echo "runbtest:1700000000:65536" >> "$T/etc-$file";;
                esac
                mount --bind "$T/etc-$file" "/etc/$file"
        done
        mkdir -p "$T/user/tmp" /run/user/$user_uid
        chown -R $user_uid:$user_uid "$T/user" /run/user/$user_uid
        chmod 700 /run/user/$user_uid
        # The runtime and the images where the user can read them, whatever folder they were built in.
        mkdir -p "$T/bin"
        install -m 755 "$RUNB" "$T/bin/$engine_name"
        cp "$(busybox_tar)" "$T/bb.tar" && chmod 644 "$T/bb.tar"
}
as_user()
{
        (cd "$T/user" && exec setpriv --reuid $user_uid --regid $user_uid --init-groups --inh-caps=-all \
                env -i HOME="$T/user" USER=runbtest LOGNAME=runbtest PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                XDG_RUNTIME_DIR=/run/user/$user_uid TMPDIR="$T/user/tmp" TERM=xterm \
                CONTAINERS_CONF="$T/user/containers.conf" "$@")
}
user_end()
{
        umount /etc/passwd /etc/group /etc/subuid /etc/subgid
        return 0
}
