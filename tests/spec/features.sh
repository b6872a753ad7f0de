#!/bin/bash
# `features` as features.md and features-linux.md of the runtime-spec lay it out: the shape, and that it is true.
set -u
. "$(dirname "$0")/../lib.sh"
need jq
rt features > "$T/features.json" || skip_all "no features"

shape()
{
        jq -e '
                def strings: type == "array" and length > 0 and all(.[]; type == "string") and (unique | length) == length;
                def all_true(f): [f] | all;
                def bool: type == "boolean";
                .ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0" and
                (.hooks | sort) == (["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] | sort) and
                (.mountOptions | strings) and (.annotations | type == "object" and all(.[]; type == "string")) and
                (.potentiallyUnsafeConfigAnnotations | strings) and
                (.linux |
                        (.namespaces | sort) == (["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"] | sort) and
                        (.capabilities | strings and all(.[]; test("^CAP_[A-Z_]+$"))) and
                        (.cgroup | (.v1 | bool) and (.v2 | bool) and (.systemd | bool) and (.systemdUser | bool) and (.rdma | bool)) and
                        (.seccomp | (.enabled | bool) and (.actions | strings) and (.operators | strings) and (.archs | strings) and
                                (.knownFlags | strings) and (.supportedFlags | strings) and
                                (.supportedFlags - .knownFlags) == [] and
                                all(.actions[]; test("^SCMP_ACT_")) and all(.operators[]; test("^SCMP_CMP_")) and
                                all(.archs[]; test("^SCMP_ARCH_")) and all(.knownFlags[]; test("^SECCOMP_FILTER_FLAG_"))) and
                        (.apparmor.enabled | bool) and (.selinux.enabled | bool) and
                        (.intelRdt | (.enabled | bool) and (.schemata | bool) and (.monitoring | bool)) and
                        (.memoryPolicy | (.modes | strings) and (.flags | strings)) and
                        (.mountExtensions.idmap.enabled | bool) and (.netDevices.enabled | bool))' "$T/features.json"
}
check "the document has the shape of features.md" shape

options()
{
        jq -e '(["rro", "rrw", "rnosuid", "rnodev", "rnoexec", "ro", "bind", "rbind", "idmap", "ridmap", "tmpcopyup", "private", "nosymfollow"]
                - .mountOptions) == []' "$T/features.json"
}
check "mount options have the recursive ones, by which engines decide" options

# Each of these is refused as unknown where a create does not know it: what is announced is read.
read_by_create()
{
        local name
        for name in $(jq -r '.linux.memoryPolicy.modes[]' "$T/features.json"); do
                bundle f '.process.args = ["/bin/true"] | .linux.memoryPolicy = {mode: $m, nodes: "0"} |
                        if ["MPOL_DEFAULT", "MPOL_LOCAL"] | index($m) then del(.linux.memoryPolicy.nodes) else . end' --arg m "$name"
                run rt run --bundle "$B" f
                case $err in *"not a mode"*) fail "$name";; esac
        done
        for name in $(jq -r '.linux.capabilities[]' "$T/features.json"); do printf '%s\n' "$name"; done | jq -R . | jq -s . > "$T/caps"
        bundle f '.process.args = ["/bin/true"] | .process.capabilities.bounding = $c[0]' --slurpfile c "$T/caps"
        run rt run --bundle "$B" f
        want_rc 0
        bundle f '.process.args = ["/bin/true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: $f[0].linux.seccomp.supportedFlags, syscalls: [$f[0].linux.seccomp.operators[] |
                {names: ["getpriority"], action: "SCMP_ACT_LOG", args: [{index: 0, value: 77, valueTwo: 77, op: .}]}]}' --slurpfile f "$T/features.json"
        run rt run --bundle "$B" f
        want_rc 0
        for name in $(jq -r '.linux.seccomp.actions[] | select(. != "SCMP_ACT_NOTIFY")' "$T/features.json"); do
                bundle f '.process.args = ["/bin/true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
                        syscalls: [{names: ["getpriority"], action: $a}]}' --arg a "$name"
                run rt run --bundle "$B" f
                want_rc 0
        done
}
check "what it lists is taken by a create" read_by_create

# Under a pod's id the container shares the ids of its pod, and an annotation that is not listed changes nothing.
annotations()
{
        local base other
        start_sleeper f1 '.annotations = {"io.kubernetes.cri.sandbox-id": "pod"}'
        start_sleeper f2 '.annotations = {"io.kubernetes.cri.sandbox-id": "pod"} |
                (.linux.namespaces[] | select(.type == "network")).path = "/proc/'"$(cat "$T/f1.pid")"'/ns/net"' ||
                { rt delete --force f1; return 1; }
        base=$(jq .leaseBase "$T/state/f1/state.json")
        other=$(jq .leaseBase "$T/state/f2/state.json")
        rt delete --force f1
        rt delete --force f2
        want_same "$base" "$other"
        jq -e '.potentiallyUnsafeConfigAnnotations | index("io.kubernetes.cri.sandbox-id")' "$T/features.json"
}
check "annotations that change something are listed" annotations

finish
