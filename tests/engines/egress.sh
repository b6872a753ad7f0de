#!/bin/bash
# The networks of engines with an egress list: what it lists is reached, as with any runtime, and nothing else; by the bridges
# of podman, buildah, docker and its builders, and a CNI plugin of containerd's. The same attempts by runc all get through.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/egress_lib.sh"
need jq
is_runb || skip_all "asks for egress rules"
egress_start
plain=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v runc) || skip_all "runc is not installed, to compare with"

egress_etc

podman_start
pod import -q --change CMD=/bin/sh --change 'ENV PATH=/bin:/sbin' "$egress_tar" localhost/knock:latest > "$T/import.log" 2>&1 ||
        skip_all "podman cannot import an image here: $(tail -n 1 "$T/import.log")"

with() { local RUNB=$1; shift; "$@"; }
# through COMMAND...: with runc all of it, with runb what is listed; the last word is the script
through()
{
        run with "$plain" "$@" "$egress_script"
        [ "$rc" = 0 ] || skip_case "this network does not work here with runc: $err"
        open_out
        run "$@" "$egress_script"
        listed_out
        told_of
}

bridge()
{
        pod network create inner > /dev/null || skip_case "no bridge networks here"
        through pod run --rm --network inner localhost/knock sh -c
}
check "podman's bridge" bridge

in_pod()
{
        pod pod create --network inner --infra-image localhost/knock --infra-command 'sleep 1000' team > /dev/null 2> "$T/pod.err" ||
                skip_case "no pods here: $(tail -n 1 "$T/pod.err")"
        run pod run --rm --pod team localhost/knock sh -c "$egress_script"
        listed_out
        run pod run --rm --pod team localhost/knock sh -c "$egress_script"
        pod pod rm -f -t 0 team > /dev/null
        listed_out
}
check "a pod of podman's: its containers, one after the other" in_pod

buildah_run()
{
        bud from "${build_ulimits[@]}" --name work localhost/knock > /dev/null
        through bud_run
        bud rm work > /dev/null
}
bud_run() { bud run --isolation oci --runtime "$RUNB" --network inner work sh -c "$@"; }
check "buildah run" buildah_run

build_steps()
{
        mkdir -p "$T/context"
        printf 'FROM localhost/knock\nRUN (%s) > /first\nRUN (%s) > /second\nCMD cat /first /second\n' "$egress_script" "$egress_script" > "$T/context/Dockerfile"
        run with "$plain" pod build -q "${build_ulimits[@]}" --isolation oci --no-cache --network inner -t localhost/open "$T/context"
        [ "$rc" = 0 ] || skip_case "podman build in this network does not work here with runc: $(tail -n 1 <<< "$err")"
        run pod run --rm --network none localhost/open sh -c 'cat /first'
        open_out
        run pod build -q "${build_ulimits[@]}" --isolation oci --no-cache --network inner -t localhost/steps "$T/context"
        want_rc 0
        run pod run --rm --network none localhost/steps sh -c 'cat /first'
        listed_out
        run pod run --rm --network none localhost/steps sh -c 'cat /second'
        listed_out
}
check "the steps of podman build" build_steps
podman_end

# ---- docker: a bridge of its own, and its resolver behind 127.0.0.11
DOCKER_NETWORK='--ip-masq=false --iptables=false --ip6tables=false --bip=10.88.7.1/24'
docker_start
d import - localhost/knock:latest < "$egress_tar" > "$T/import.log" 2>&1 || skip_all "docker cannot import an image: $(tail -n 1 "$T/import.log")"

docker_bridge() { run d run --rm localhost/knock sh -c "$egress_script"; listed_out; told_of; }
check "docker's bridge" docker_bridge

resolver()
{
        d network create side > /dev/null || skip_case "no networks of one's own here"
        # The names of the network's containers are asked of the resolver.
        local ask='nslookup me 127.0.0.11'
        if d info -f '{{json .Runtimes}}' | jq -e '.runc' > /dev/null; then
                ln -sfn "$plain" "$E/docker-bin/runc"
                run d run --rm --runtime runc --network side --name me --hostname other localhost/knock sh -c "$ask"
                ln -sfn "$RUNB" "$E/docker-bin/runc"
                want_rc 0
        fi
        run d run --rm --network side --name me --hostname other localhost/knock sh -c "$ask"
        want_failure
        run d run --rm --network side localhost/knock sh -c "$egress_script; t udp 127.0.0.11 53"
        want_same "${out##*$'\n'}" 'udp 127.0.0.11 53: EPERM'
        out=${out%$'\n'*}
        listed_out
        d network rm side > /dev/null
}
check "docker's own resolver is out of reach, and what is listed is not" resolver

docker_build() # 0|1: DOCKER_BUILDKIT
{
        mkdir -p "$T/context"
        printf 'FROM localhost/knock\nENV PATH=/bin:/sbin\nRUN (%s) > /first\nRUN (%s) > /second\n' "$egress_script" "$egress_script" > "$T/context/Dockerfile"
        DOCKER_BUILDKIT=$1 run $docker_client build --no-cache -t localhost/steps "$T/context"
        want_rc 0
        run d run --rm --network none localhost/steps cat /first
        listed_out
        run d run --rm --network none localhost/steps cat /second
        listed_out
}
check "the steps of docker build, classic builder" docker_build 0
check "the steps of docker build, BuildKit" docker_build 1
docker_end

# ---- pods by containerd's CRI socket, with a CNI plugin
pods()
{
        make_pod p1 || skip_case "containerd makes no pod here: $(head -n 1 "$T/cri.err")"
        CONTAINER='.image.image = "localhost/knock:latest"' make_container p1 a sleep 1000
        CONTAINER='.image.image = "localhost/knock:latest"' make_container p1 b sleep 1000
        for name in a b; do
                exec_in $name sh -c "$egress_script"
                out=$(jq -r .stdout "$T/out")
                listed_out
        done
        end_container a
        end_container b
        end_pod p1
        told_of
}
if /usr/bin/python3 -c 'import grpc' 2>/dev/null; then
        rm -rf "$E/ctrd"
        cri_start
        python3 "$lib_dir/tools/image.py" "$egress_tar" localhost/knock:latest "$T/knock-image.tar"
        c -n k8s.io image import "$T/knock-image.tar" > "$T/import.log" 2>&1 || skip_all "containerd cannot import an image here"
        check "the containers of a pod, in a network of CNI's" pods
        cri_end
else
        say_skip "the containers of a pod, in a network of CNI's" "python3-grpcio is not installed"
fi
egress_end
finish
