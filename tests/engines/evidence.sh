#!/bin/bash
# A profile's evidence under the engines: each of their containers leaves a signed statement when it is deleted, about what it made,
# else about its image or its configuration; two programs that are not ours verify it.
. "$(dirname "$0")/lib.sh"
ENGINE_CASE_TIMEOUT=240 CASE_TIMEOUT=240
need jq openssl podman buildah containerd dockerd
is_runb || skip_all "other runtimes leave none"
/usr/bin/python3 -c 'import cryptography' 2> /dev/null || skip_all "python3-cryptography is not installed"
look="/usr/bin/python3 $lib_dir/cli/evidence.py"
F=/run/evidence         # root's alone, as the signer
mkdir -m 755 $F $F/of
install -m 755 "$lib_dir/../contrib/sign-with-file.sh" $F/sign-with-file.sh
openssl genpkey -algorithm ed25519 -out $F/key 2> /dev/null
openssl pkey -in $F/key -pubout -out $F/pub
keyid=$(openssl pkey -in $F/key -pubout -outform DER | sha256sum | cut -d' ' -f1)
# Engines call without our environment.
printf '#!/bin/sh\nRUNB_EVIDENCE_KEY=%s exec %s\n' $F/key $F/sign-with-file.sh > $F/sign
chmod 755 $F/sign

cp -a /etc "$T/etc"
rm -rf "$T/etc/runb"
mkdir -m 755 "$T/etc/runb"
chmod 755 "$T/etc"
jq -n '{version: 1, revision: "engines", audit: {path: "/run/evidence/audit"},
        profiles: {untrusted: {egress: {allow: [{cidr: "203.0.113.9/32", ports: [9]}]},
                               evidence: {folder: "/run/evidence/of", outputs: ["/out", "/vol/made"], signer: "/run/evidence/sign"}}}}' \
        > "$T/etc/runb/policy.json"
chmod 600 "$T/etc/runb/policy.json"
mount --bind "$T/etc" /etc
trap 'umount /etc' EXIT

sum() { printf '%s\n' "$1" | sha256sum | cut -d' ' -f1; }
begin() { rm -f $F/of/* $F/audit*; : > "$T/statements"; }
# All that were left, each verified, in $T/statements, one a line; their number is wanted.
collect() # NUMBER
{
        local file
        wait_for 20 eval "[ \$(ls $F/of | grep -c json$) -ge $1 ]"
        for file in $F/of/*.json; do
                run $look envelope "$file" $F/pub "$keyid"
                want_rc 0
                echo "$out" >> "$T/statements"
                run openssl pkeyutl -verify -rawin -pubin -inkey $F/pub -in "$file.pae" -sigfile "$file.sig"
                want_rc 0
                # And the audit log has that very file.
                want_same "$(jq -r --arg f "$file" 'select(.event == "evidence" and .file == $f) | .sha256' $F/audit)" "$(sha256sum < "$file" | cut -d' ' -f1)"
        done
        want_same "$(wc -l < "$T/statements")" "$1"
        # They ended, in the sandbox that was made, and nothing is left out.
        want_same "$(jq -c '.predicate | [.completeness.ended, .completeness.execs, .completeness.mounts, .completeness.network, .environment.noNewPrivileges]' "$T/statements" | sort -u)" \
                '[true,true,true,true,true]'
        want_same "$(jq -c '.predicate.monitor | [.tracePolicy.profile, .tracePolicy.policy, .tracePolicy.egressRules.allow[0].cidr]' "$T/statements" | sort -u)" \
                '["untrusted","engines","203.0.113.9/32"]'
}
about() { jq -r '.predicate.completeness.subject' "$T/statements" | sort | uniq -c | xargs; }
has() { want_same "$(jq -r '.subject[] | .name + " " + .digest.sha256' "$T/statements" | grep -c "^$1 $(sum "$2")\$")" 1; }
MAKE='mkdir -p /out/deep; echo one > /out/app; echo two > /out/deep/lib; ln -s /etc/passwd /out/link'

# ---- podman, buildah

podman_start

podman_run()
{
        begin
        mkdir -p -m 700 "$T/mine" && mkdir "$T/mine/vol"
        run pod run --rm --network none -v "$T/mine/vol:/vol" localhost/bb sh -c "$MAKE; echo three > /vol/made"
        want_rc 0
        collect 1
        want_same "$(jq -r '[.subject[].name] | join(" ")' "$T/statements")" "/out/app /out/deep/lib /vol/made"
        has /out/app one
        has /out/deep/lib two
        has /vol/made three
        # An image whose maker wrote in its annotations that it is another one.
        begin
        printf 'FROM localhost/bb:latest\nRUN true\n' > "$T/Dockerfile"
        pod build -q --format oci --annotation "io.kubernetes.cri.image-name=good@sha256:$(sum x)" --annotation io.container.manager=cri-o \
                "${build_ulimits[@]}" --isolation oci --network none -t localhost/liar -f "$T/Dockerfile" "$T" > /dev/null
        begin
        run pod run --rm --network none localhost/liar true
        want_rc 0
        collect 1
        want_same "$(about)" "1 configuration"
        want_same "$(jq -c '.predicate.completeness.outputsMissing' "$T/statements")" '["/out","/vol/made"]'
}
check "podman run: a signed statement about what it made, on a volume too; no image's annotation is believed" podman_run

podman_exec()
{
        begin
        pod run -d --name e --network none localhost/bb sleep 1000 > /dev/null
        pod exec e true MARKER-ARGUMENT
        pod exec -u 1000 e sh -c 'exit 3' || true
        pod rm -f -t 0 e > /dev/null
        collect 1
        want_same "$(jq -c '[.predicate.monitorLog.process[] | [.eventType, .uid, .argCount]]' "$T/statements")" '[["start",0,2],["exec",0,2],["exec",1000,3]]'
        [ "$(grep -c MARKER "$T/statements")" = 0 ] || fail "an argument is in it"
}
check "podman exec: each program that was let in is in it" podman_exec

mkdir "$T/context"
printf 'FROM localhost/bb:latest\nENV PATH=/bin\nRUN %s\nRUN rm -r /out/deep\n' "$MAKE" > "$T/context/Dockerfile"
podman_build()
{
        begin
        run pod build -q --no-cache "${build_ulimits[@]}" --isolation oci --network none -t localhost/made "$T/context"
        want_rc 0
        collect 2
        want_same "$(about)" "2 outputs"
        want_same "$(jq -r '[.subject[].name] | join(" ")' "$T/statements" | sort | xargs)" "/out/app /out/app /out/deep/lib"
        # Of the image that came out, by its own digest.
        run pod run --rm --network none localhost/made cat /out/app
        want_out one
}
check "podman build: a statement of each step" podman_build
podman_end

# ---- containerd

containerd_start '"io.containerd.grpc.v1.cri"'
containerd_image
ctr_run()
{
        begin
        run c run --rm --runc-binary "$RUNB" localhost/bb:latest evidence sh -c "$MAKE"
        want_rc 0
        collect 1
        want_same "$(about)" "1 outputs"
        has /out/app one
        begin
        run c run --rm --runc-binary "$RUNB" localhost/bb:latest evidence true
        want_rc 0
        collect 1
        want_same "$(about)" "1 configuration"
}
check "ctr run: a statement about what it made, or else about its configuration" ctr_run
engine_leaves '/default$'
containerd_end
rm -rf "$E/ctrd"

# containerd knows it by its digest alone as soon as it has heard of that.
pinned() { CONTAINER=".image.image = \"localhost/bb@$digest\"" make_container one a sleep 1000 || return 1
        grep -q "image-name\":\"localhost/bb@$digest" "$E"/ctrd/state/io.containerd.runtime.v2.task/k8s.io/"$(cat "$T/a.ctr")"/config.json || { end_container a; return 1; }; }
pods()
{
        digest=$(c -n k8s.io image ls | awk '$1 == "localhost/bb:latest" {print $3}')
        make_pod one
        begin
        make_container one b sh -c "$MAKE; sleep 1000"
        wait_for 20 eval 'exec_in b test -L /out/link && jq -e ".exit_code == null or .exit_code == 0" "$T/out"'
        end_container b
        collect 1
        want_same "$(about)" "1 outputs"
        has /out/app one
        want_match "$(jq '[.predicate.monitorLog.process[] | select(.eventType == "exec")] | length' "$T/statements")" '^[1-9]'
        # By a tag it is none that will stay the same.
        begin
        make_container one b sleep 1000
        end_container b
        collect 1
        want_same "$(about)" "1 configuration"
        c -n k8s.io image tag localhost/bb:latest "localhost/bb@$digest"
        c -n k8s.io image rm localhost/bb:latest
        wait_for 30 pinned
        begin
        end_container a
        collect 1
        want_same "$(about)" "1 image"
        want_same "$(jq -r '.subject[0] | .name + " " + .digest.sha256' "$T/statements")" "localhost/bb@$digest ${digest#sha256:}"
        end_pod one
}
cri_start
check "a pod's containers: about what they made, or the image where its digest is told" pods
cri_end
rm -rf "$E/ctrd"

# ---- docker

docker_start
d import - localhost/bb:latest < "$(busybox_tar)" > "$T/import.log" 2>&1 || skip_all "docker cannot import an image: $(tail -n 1 "$T/import.log")"

docker_run()
{
        begin
        run d run --rm --network none -v vol:/vol localhost/bb sh -c "$MAKE; echo three > /vol/made"
        want_rc 0
        collect 1
        want_same "$(about)" "1 outputs"
        has /out/deep/lib two
        has /vol/made three
        d volume rm vol > /dev/null
}
check "docker run: a statement about what it made, on a volume too" docker_run

docker_build() # 0|1
{
        begin
        DOCKER_BUILDKIT=$1 run $docker_client build --network none --no-cache -t localhost/made "$T/context"
        want_rc 0
        collect 2
        want_same "$(about)" "2 outputs"
        has /out/deep/lib two
}
check "docker build, classic builder: a statement of each step" docker_build 0
check "docker build, BuildKit: a statement of each step" docker_build 1
docker_end
umount /etc
trap - EXIT
finish
