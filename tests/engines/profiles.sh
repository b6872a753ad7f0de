#!/bin/bash
# contrib/profiles.md, run: its policy file, its runtimes of containerd and docker, and each profile as its recipe asks for it.
. "$(dirname "$0")/lib.sh"
ENGINE_CASE_TIMEOUT=240 CASE_TIMEOUT=240
need jq podman buildah containerd dockerd
is_runb || skip_all "other runtimes have no profiles"
doc=$lib_dir/../contrib/profiles.md
audit=/run/profiles-audit

# block N LANGUAGE: the n-th one of the page
block() { awk -v n="$1" -v language="$2" '$0 == "```" language {inside = ++seen == n; next} $0 == "```" {inside = 0} inside' "$doc"; }

# The policy file where engines look for it, in an /etc of the test's own; with an audit file, which tells what was chosen.
cp -a /etc "$T/etc"
rm -rf "$T/etc/runb"
mkdir -m 755 "$T/etc/runb"
chmod 755 "$T/etc"
block 1 json | jq --arg path $audit '.audit = {path: $path}' > "$T/etc/runb/policy.json" || skip_all "no policy file in $doc"
chmod 600 "$T/etc/runb/policy.json"
mount --bind "$T/etc" /etc
trap 'umount /etc' EXIT
mkdir -p "$E/bin"
for name in runb runb-branch runb-image runb-release; do ln -s "$RUNB" "$E/bin/$name"; done
block 1 toml | sed "s|/usr/bin/|$E/bin/|" > "$E/runtimes.toml"
# The test's dockerd is given the cgroup driver as an option, and the daemon takes it once.
block 2 json | sed "s|/usr/bin/|$E/bin/|" | jq 'del(."exec-opts")' > "$E/runtimes.json"

# What a container of each sees of its profile, and what the audit file says of its creation.
SEE='awk "/^CapBnd/ {print \$2}" /proc/self/status; touch /written 2> /dev/null && echo written; awk "NR == 1 {print (\$2 > 0)}" /proc/self/uid_map
mkdir -p /tmp/m && mount -t tmpfs t /tmp/m 2> /dev/null && echo mounted; true'
caps_of() { case $1 in image-build) echo 00000000802405fb;; release) echo 0000000000000003;; *) echo 00000000800405fb;; esac; }
sees() # PROFILE
{
        want_rc 0
        case $1 in
        release) want_out "$(caps_of release)
1";;
        image-build) want_out "$(caps_of image-build)
written
1
mounted";;
        *) want_out "$(caps_of "$1")
written
1";;
        esac
        chosen "$1"
}
chosen() { want_same "$(jq -rs 'map(select(.event == "create")) | last | .profile + " " + .outcome' $audit)" "$1 allowed"; }

# ---- podman, buildah

podman_start
tar=$RUNB_TEST_CACHE/builder.tar

podman_profiles()
{
        run pod run --rm --network none localhost/bb sh -c "$SEE"
        sees untrusted
        for profile in branch release; do
                PODMAN_OPTIONS="--runtime-flag profile=$profile" run pod run --rm --network none localhost/bb sh -c "$SEE"
                sees $profile
        done
        PODMAN_OPTIONS="--runtime-flag profile=image-build" run pod run --rm --network none --cap-add SYS_ADMIN localhost/bb sh -c "$SEE"
        sees image-build
}
check "podman run: each profile by --runtime-flag" podman_profiles

mkdir "$T/context"
printf 'FROM localhost/bb:latest\nRUN id -u > /made\nUSER 1000\nRUN id -u > /tmp/made\n' > "$T/context/Dockerfile"
buildah_profiles()
{
        for name in runb runb-branch; do
                run bud build -q --runtime "$E/bin/$name" "${build_ulimits[@]}" --isolation oci --network none -t localhost/by-$name "$T/context"
                want_rc 0
                case $name in runb) chosen untrusted;; *) chosen branch;; esac
        done
        run pod build -q --runtime-flag profile=branch "${build_ulimits[@]}" --isolation oci --network none -t localhost/by-podman "$T/context"
        want_rc 0
        chosen branch
        run pod run --rm --network none localhost/by-podman sh -c 'cat /made /tmp/made'
        want_out "0
1000"
}
check "buildah and podman build: the steps' profile by the binary's name and by --runtime-flag" buildah_profiles

# ---- containerd

containerd_profiles()
{
        containerd_image
        for profile in untrusted branch release; do
                name=runb-$profile
                run c run --rm --runc-binary "$E/bin/${name%-untrusted}" localhost/bb:latest c-$profile sh -c "$SEE"
                sees $profile
        done
        run c run --rm --runc-binary "$E/bin/runb-image" --cap-add CAP_SYS_ADMIN localhost/bb:latest c-image sh -c "$SEE"
        sees image-build
}

# ---- pods, as the kubelet asks for them: the RuntimeClass's handler

see_pod() # NAME HANDLER NAMESPACE PROFILE [CONTAINER-FILTER]
{
        POD=".metadata.namespace = \"$3\"" HANDLER=$2 make_pod "$1"
        chosen "$4"
        CONTAINER="${5:-.}" make_container "$1" "$1c" sh -c "($SEE) > /dev/shm/seen; touch /dev/shm/ended; sleep 1000"
        chosen "$4"
        wait_for 20 eval "exec_in $1c cat /dev/shm/ended && jq -e '.exit_code == null or .exit_code == 0' \"\$T/out\""
        exec_in "$1c" cat /dev/shm/seen
        out=$(jq -r .stdout "$T/out")
        sees "$4"
        end_container "$1c"
        end_pod "$1"
}
pods()
{
        see_pod plain "" default untrusted
        see_pod class runb default untrusted
        see_pod branch runb-branch default branch
        see_pod release runb-release default release
        see_pod image runb-image default image-build '.linux.security_context.capabilities = {add_capabilities: ["SYS_ADMIN"]}'
}
in_namespaces()
{
        # select.match: containerd says the namespace, and no class widens what it is.
        see_pod named runb ci-release release
        POD='.metadata.namespace = "ci-release"' HANDLER=runb-branch make_pod both
        want_same "$(jq -rs 'map(select(.event == "create")) | last | .profile' $audit)" "branch+release"
        end_pod both
        POD='.metadata.namespace = "ci-other"' HANDLER=runb-branch make_pod other
        chosen branch
        end_pod other
}
BUILD='set -e
[ -z "$QUIRK" ] || export "$QUIRK"
b="buildah --storage-driver overlay"
$b build -q --isolation chroot -t localhost/out /context > /tmp/id
$b images --format "committed:{{.Name}}"
w=$($b from localhost/out); cat $($b mount $w)/built'
[ ! -s "$tar" ] || BUILD="QUIRK=$(buildah_quirk "$tar"); $BUILD"
builder_context()
{
        mkdir -p "$T/builds"
        cp "$(busybox_tar)" "$T/builds/bb.tar"
        printf 'FROM scratch\nADD bb.tar /\nRUN echo built > /built; chown 1000:50 /built\n' > "$T/builds/Dockerfile"
        chmod 755 "$T/builds"; chmod 644 "$T/builds"/*
}
pod_builds()
{
        [ -s "$tar" ] || skip_case "no Debian root with buildah; tests/engines/make-builder.sh makes it"
        python3 "$lib_dir/tools/image.py" "$tar" localhost/builder:latest "$T/builder-image.tar"
        c -n k8s.io image import "$T/builder-image.tar" > "$T/import.log" 2>&1 || { cat "$T/import.log"; return 1; }
        rm -f "$T/builder-image.tar"
        builder_context
        mkdir -p -m 700 "$T/pods" && mkdir -p "$T/pods/storage"
        HANDLER=runb-image make_pod builds
        CONTAINER='.image.image = "localhost/builder:latest" | .linux.security_context.capabilities = {add_capabilities: ["SYS_ADMIN"]}
                | .mounts = [{container_path: "/context", host_path: ($t + "/builds"), readonly: 1},
                             {container_path: "/var/lib/containers", host_path: ($t + "/pods/storage")}]' \
                make_container builds builder sh -c "($BUILD) > /dev/shm/out 2>&1; echo \$? > /dev/shm/status; sleep 1000"
        wait_for 200 eval 'exec_in builder cat /dev/shm/status && jq -e ".exit_code == null or .exit_code == 0" "$T/out"'
        exec_in builder cat /dev/shm/out
        out=$(jq -r .stdout "$T/out")
        end_container builder
        end_pod builds
        want_out "committed:localhost/out
built"
}

# ---- docker, BuildKit

docker_profiles()
{
        d run --rm --network none localhost/bb sh -c "$SEE" > "$T/out" 2> "$T/err"; rc=$?; out=$(cat "$T/out")
        sees untrusted
        for profile in branch release; do
                run d run --rm --runtime runb-$profile --network none localhost/bb sh -c "$SEE"
                sees $profile
        done
        run d run --rm --runtime runb-image --cap-add SYS_ADMIN --network none localhost/bb sh -c "$SEE"
        sees image-build
}
docker_builds()
{
        [ -s "$tar" ] || skip_case "no Debian root with buildah; tests/engines/make-builder.sh makes it"
        builder_context
        d import - localhost/builder:latest < "$tar" > "$T/import.log" 2>&1 || { cat "$T/import.log"; return 1; }
        run d run --rm --runtime runb-image --cap-add SYS_ADMIN --network none -v storage:/var/lib/containers -v "$T/builds:/context:ro" \
                localhost/builder sh -c "$BUILD"
        d volume rm storage > /dev/null
        want_rc 0
        want_out "committed:localhost/out
built"
}
buildkit()
{
        printf 'FROM localhost/bb:latest\nENV PATH=/bin\nRUN awk "/^CapBnd/ {print \\$2}" /proc/self/status > /seen\n' > "$T/context/Dockerfile"
        DOCKER_BUILDKIT=1 run $docker_client build --network none --no-cache -t localhost/kit "$T/context"
        want_rc 0
        chosen branch
        run d run --rm --network none localhost/kit cat /seen
        want_out 00000000800405fb
}

podman_end
cri_start
engine_leaves '/default$'
check "ctr: each profile by the binary's name" containerd_profiles
check "pods: each profile by the runtime class's handler" pods
check "pods: a namespace of the cluster has its profile, and no class widens it" in_namespaces
check "a pod of image-build builds an image" pod_builds
cri_end
rm -rf "$E/ctrd"
docker_start
d import - localhost/bb:latest < "$(busybox_tar)" > "$T/import.log" 2>&1 || skip_all "docker cannot import an image: $(tail -n 1 "$T/import.log")"
check "docker: each profile by the runtime's name" docker_profiles
check "a container of image-build under docker builds an image" docker_builds
check "BuildKit: its steps have the profile of the name that it calls" buildkit
docker_end
umount /etc
trap - EXIT
finish
