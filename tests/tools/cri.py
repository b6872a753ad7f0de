#!/usr/bin/python3
"""cri.py SOCKET METHOD [REQUEST.json]: one call of the Kubernetes container runtime interface, as the kubelet makes it.

The request is JSON with the names of the interface; the answer is printed as JSON. Debian has no client of it (crictl)
and no protobuf description, so the messages that the tests need are described here: name: (number, type), by
cri-api, runtime/v1/api.proto. "map" is map<string, string>; fields with "*" are lists in the answer."""
import json
import sys

import grpc

MESSAGES = {
    "VersionRequest": {"version": (1, "string")},
    "VersionResponse": {"version": (1, "string"), "runtime_name": (2, "string"), "runtime_version": (3, "string")},
    "StatusRequest": {"verbose": (1, "int")},
    "StatusResponse": {"status": (1, "RuntimeStatus"), "info": (2, "map")},
    "RuntimeStatus": {"conditions": (1, "RuntimeCondition*")},
    "RuntimeCondition": {"type": (1, "string"), "status": (2, "int"), "reason": (3, "string"), "message": (4, "string")},
    "IDMapping": {"host_id": (1, "int"), "container_id": (2, "int"), "length": (3, "int")},
    "UserNamespace": {"mode": (1, "int"), "uids": (2, "IDMapping*"), "gids": (3, "IDMapping*")},
    "NamespaceOption": {"network": (1, "int"), "pid": (2, "int"), "ipc": (3, "int"), "target_id": (4, "string"),
                        "userns_options": (5, "UserNamespace")},
    "SandboxSecurity": {"namespace_options": (1, "NamespaceOption"), "privileged": (6, "int")},
    "LinuxSandbox": {"cgroup_parent": (1, "string"), "security_context": (2, "SandboxSecurity"), "sysctls": (3, "map")},
    "SandboxMetadata": {"name": (1, "string"), "uid": (2, "string"), "namespace": (3, "string"), "attempt": (4, "int")},
    "SandboxConfig": {"metadata": (1, "SandboxMetadata"), "hostname": (2, "string"), "log_directory": (3, "string"),
                      "labels": (6, "map"), "annotations": (7, "map"), "linux": (8, "LinuxSandbox")},
    "RunPodSandboxRequest": {"config": (1, "SandboxConfig"), "runtime_handler": (2, "string")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxResponse": {},
    "RemovePodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "RemovePodSandboxResponse": {},
    "PodSandboxStatusRequest": {"pod_sandbox_id": (1, "string"), "verbose": (2, "int")},
    "PodSandboxStatusResponse": {"status": (1, "SandboxStatus"), "info": (2, "map")},
    "SandboxStatus": {"id": (1, "string"), "state": (3, "int"), "network": (5, "SandboxNetwork")},
    "SandboxNetwork": {"ip": (1, "string")},
    "ListPodSandboxRequest": {},
    "ListPodSandboxResponse": {"items": (1, "SandboxItem*")},
    "SandboxItem": {"id": (1, "string"), "state": (3, "int")},
    "Image": {"image": (1, "string")},
    "KeyValue": {"key": (1, "string"), "value": (2, "string")},
    "Mount": {"container_path": (1, "string"), "host_path": (2, "string"), "readonly": (3, "int")},
    "Resources": {"cpu_period": (1, "int"), "cpu_quota": (2, "int"), "cpu_shares": (3, "int"), "memory_limit_in_bytes": (4, "int"), "unified": (9, "map")},
    "Capability": {"add_capabilities": (1, "string*"), "drop_capabilities": (2, "string*")},
    "Int64Value": {"value": (1, "int")},
    "ContainerSecurity": {"capabilities": (1, "Capability"), "privileged": (2, "int"),
                          "namespace_options": (3, "NamespaceOption"), "run_as_user": (5, "Int64Value"),
                          "run_as_username": (6, "string"), "readonly_rootfs": (7, "int"), "no_new_privs": (11, "int"),
                          "masked_paths": (13, "string*"), "readonly_paths": (14, "string*")},
    "LinuxContainer": {"resources": (1, "Resources"), "security_context": (2, "ContainerSecurity")},
    "ContainerMetadata": {"name": (1, "string"), "attempt": (2, "int")},
    "ContainerConfig": {"metadata": (1, "ContainerMetadata"), "image": (2, "Image"), "command": (3, "string*"),
                        "args": (4, "string*"), "working_dir": (5, "string"), "envs": (6, "KeyValue*"),
                        "mounts": (7, "Mount*"), "labels": (9, "map"), "annotations": (10, "map"),
                        "log_path": (11, "string"), "tty": (14, "int"), "linux": (15, "LinuxContainer")},
    "CreateContainerRequest": {"pod_sandbox_id": (1, "string"), "config": (2, "ContainerConfig"),
                               "sandbox_config": (3, "SandboxConfig")},
    "CreateContainerResponse": {"container_id": (1, "string")},
    "StartContainerRequest": {"container_id": (1, "string")},
    "StartContainerResponse": {},
    "StopContainerRequest": {"container_id": (1, "string"), "timeout": (2, "int")},
    "StopContainerResponse": {},
    "RemoveContainerRequest": {"container_id": (1, "string")},
    "RemoveContainerResponse": {},
    "UpdateContainerResourcesRequest": {"container_id": (1, "string"), "linux": (2, "Resources")},
    "UpdateContainerResourcesResponse": {},
    "ContainerStatusRequest": {"container_id": (1, "string"), "verbose": (2, "int")},
    "ContainerStatusResponse": {"status": (1, "ContainerStatus"), "info": (2, "map")},
    "ContainerStatus": {"id": (1, "string"), "state": (3, "int"), "exit_code": (7, "int"), "reason": (10, "string"),
                        "message": (11, "string"), "log_path": (15, "string")},
    "UInt64Value": {"value": (1, "int")},
    "CpuUsage": {"timestamp": (1, "int"), "usage_core_nano_seconds": (2, "UInt64Value")},
    "MemoryUsage": {"timestamp": (1, "int"), "working_set_bytes": (2, "UInt64Value")},
    "ContainerStats": {"cpu": (2, "CpuUsage"), "memory": (3, "MemoryUsage")},
    "ContainerStatsRequest": {"container_id": (1, "string")},
    "ContainerStatsResponse": {"stats": (1, "ContainerStats")},
    "ListContainersRequest": {},
    "ListContainersResponse": {"containers": (1, "ContainerItem*")},
    "ContainerItem": {"id": (1, "string"), "pod_sandbox_id": (2, "string"), "state": (6, "int")},
    "ExecSyncRequest": {"container_id": (1, "string"), "cmd": (2, "string*"), "timeout": (3, "int")},
    "ExecSyncResponse": {"stdout": (1, "string"), "stderr": (2, "string"), "exit_code": (3, "int")},
    "MapEntry": {"key": (1, "string"), "value": (2, "string")},
}


# The wire format: protobuf.dev, "Encoding".
def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_field(number, kind, value):
    if kind == "int":
        return varint(number << 3) + varint(int(value))
    data = value.encode() if kind == "string" else encode(kind, value)
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode(message, values):
    out = b""
    for name, value in values.items():
        number, kind = MESSAGES[message][name]
        if kind == "map":
            kind, value = "MapEntry", [{"key": k, "value": v} for k, v in value.items()]
        for item in value if isinstance(value, list) else [value]:
            out += encode_field(number, kind.rstrip("*"), item)
    return out


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def decode(message, data):
    fields = {number: (name, kind) for name, (number, kind) in MESSAGES[message].items()}
    # A number that is 0 is not sent.
    values = {name: 0 for name, (_, kind) in MESSAGES[message].items() if kind == "int"}
    values.update({name: [] for name, (_, kind) in MESSAGES[message].items() if kind.endswith("*")})
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        name, kind = fields.get(tag >> 3, (None, None))
        if tag & 7 == 0:
            value, at = read_varint(data, at)
            value -= (value >> 63) << 64
        elif tag & 7 == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            at += {1: 8, 5: 4}[tag & 7]
            continue
        if name is None:
            continue
        if kind == "map":
            entry = decode("MapEntry", value)
            values.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
            continue
        base = kind.rstrip("*")
        if base == "string":
            value = value.decode(errors="replace")
        elif base != "int":
            value = decode(base, value)
        if kind.endswith("*"):
            values[name].append(value)
        else:
            values[name] = value
    return values


def main():
    socket, method = sys.argv[1:3]
    request = {}
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as file:
            request = json.load(file)
    # An authority of its own: the path of the socket is none that Go's HTTP/2 accepts.
    with grpc.insecure_channel("unix://" + socket, options=[("grpc.default_authority", "localhost")]) as channel:
        call = channel.unary_unary("/runtime.v1.RuntimeService/" + method,
                                   request_serializer=lambda values: encode(method + "Request", values),
                                   response_deserializer=lambda data: decode(method + "Response", data))
        try:
            answer = call(request, timeout=60)
        except grpc.RpcError as error:
            print("%s: %s" % (error.code().name, error.details()), file=sys.stderr)
            return 1
    json.dump(answer, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
