#!/bin/bash
# BuildKit by itself, with the tested runtime and each step in a network namespace of CNI's: a build of all kinds of steps,
# and its provenance. Debian has no package of it: buildkitd and buildctl (0.25 or later) are looked for in PATH and in the
# folder $RUNB_TEST_BUILDKIT.
. "$(dirname "$0")/lib.sh"
PATH=${RUNB_TEST_BUILDKIT:+$RUNB_TEST_BUILDKIT:}$PATH
need jq buildkitd buildctl
[ -x /usr/lib/cni/ptp ] || skip_all "containernetworking-plugins"

mkdir -p "$T/context" "$T/provenance" "$T/root"
tar -C "$T/root" -xf "$(busybox_tar)"
cp "$T/root/bin/busybox" "$T/context/"
cat > "$T/context/Dockerfile" <<'END'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /etc && mkdir -m 1777 /tmp && echo root:x:0: > /etc/group && echo root:x:0:0::/:/bin/sh > /etc/passwd
RUN cat /proc/self/uid_map; grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; ls /dev
RUN --network=none ip addr show lo && ! ip link show eth0
RUN nc -w 5 203.0.113.5 80; [ $? != 0 ]
RUN --mount=type=cache,target=/cache echo cached > /cache/file && cat /cache/file
RUN --mount=type=tmpfs,target=/t --mount=type=bind,target=/src [ -f /src/Dockerfile ] && touch /t/x
RUN --mount=type=secret,id=s,target=/s cat /s | wc -c
USER 1000
RUN id -u > /tmp/id && ! touch /etc/x/y
END
cat > "$T/cni.json" <<END
{"cniVersion": "0.4.0", "name": "steps", "type": "ptp", "ipMasq": false, "ipam": {"type": "host-local",
 "dataDir": "$T/ipam", "subnet": "10.123.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}}
END
buildkitd_start() # NETWORK-MODE
{
        cat > "$T/buildkitd.toml" <<END
root = "$T/buildkit"
provenanceEnvDir = "$T/provenance"
[worker.oci]
  enabled = true
  binary = "$RUNB"
  networkMode = "$1"
  cniConfigPath = "$T/cni.json"
  cniBinaryPath = "/usr/lib/cni"
[worker.containerd]
  enabled = false
[grpc]
  address = ["unix://$T/buildkit.sock"]
END
        buildkitd --config "$T/buildkitd.toml" > "$T/buildkitd.log" 2>&1 9>&- & daemon=$!
        wait_for 20 buildctl --addr "unix://$T/buildkit.sock" debug workers
        trap 'kill $daemon; wait $daemon || :' EXIT
}
engine_leaves '/buildkit$' "^$T/buildkit"
build() # OPTION...
{
        echo secret > "$T/secret"
        run buildctl --addr "unix://$T/buildkit.sock" build --progress plain --frontend dockerfile.v0 --no-cache \
                --local context="$T/context" --local dockerfile="$T/context" --secret id=s,src="$T/secret" "$@"
}

steps()
{
        local blob

        "$RUNB" evidence --builder --file "$T/provenance/runb.json"
        buildkitd_start cni
        build --opt attest:provenance=mode=max,version=v1 --output "type=oci,dest=$T/image.tar"
        want_rc 0
        want_err_has "NoNewPrivs:	1"
        want_err_has "Seccomp:	2"
        want_err_has "can't connect to remote host"
        want_err_has cached
        case $err in *otel-grpc.sock*) fail "the socket for traces is there";; esac
        mkdir "$T/image"
        tar -C "$T/image" -xf "$T/image.tar"
        for blob in "$T/image/blobs/sha256/"*; do
                jq -r '.predicate.buildDefinition.internalParameters.ProvenanceCustomEnv.runb.profile // empty' "$blob" 2> /dev/null
        done > "$T/profiles" || :
        want_same "$(cat "$T/profiles")" untrusted
}
check "every kind of step, and its provenance says what policy made true of it" steps

hosts_network()
{
        buildkitd_start host
        build --output "type=local,dest=$T/nothing"
        want_failure
        want_err_has "refused by profile \"untrusted\""
        want_err_has "network"
}
check "a worker that gives its steps the host's network is refused" hosts_network
finish
