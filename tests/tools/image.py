#!/usr/bin/env python3
"""image.py ROOTFS.tar NAME OUT.tar [LAYERS [COMMAND...]]: a docker-archive, as `docker load` and `ctr image import` take it.

One layer, the tar. With LAYERS that many: each further one, N, holds the files /layers/N and /layers/top with the text N."""
import hashlib
import io
import json
import os
import sys
import tarfile


def small_layer(number):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as layer:
        folder = tarfile.TarInfo("layers")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        layer.addfile(folder)
        text = b"%d\n" % number
        for name in ("layers/%d" % number, "layers/top"):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            layer.addfile(info, io.BytesIO(text))
    return data.getvalue()


rootfs, name, out = sys.argv[1:4]
count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
with open(rootfs, "rb") as file:
    layers = [file.read()] + [small_layer(number) for number in range(1, count)]
digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
config = json.dumps({
    "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
    "os": "linux",
    "config": {"Cmd": sys.argv[5:] or ["/bin/sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest for digest in digests]},
    "history": [{"created_by": "test"} for _ in layers],
}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": config_name, "RepoTags": [name],
                        "Layers": [digest + "/layer.tar" for digest in digests]}]).encode()
with tarfile.open(out, "w") as archive:
    parts = [(config_name, config), ("manifest.json", manifest)]
    parts += [(digest + "/layer.tar", layer) for digest, layer in zip(digests, layers)]
    for path, data in parts:
        info = tarfile.TarInfo(path)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
