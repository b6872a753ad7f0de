#!/usr/bin/env python3
"""image.py ROOTFS.tar NAME OUT.tar: a docker-archive with one layer, as `docker load` and `ctr image import` take it."""
import hashlib
import io
import json
import sys
import tarfile

layer, name, out = sys.argv[1:]
digest = hashlib.sha256(open(layer, "rb").read()).hexdigest()
config = json.dumps({
    "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[__import__("os").uname().machine],
    "os": "linux",
    "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
    "history": [{"created_by": "test"}],
}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"]}]).encode()
with tarfile.open(out, "w") as archive:
    for path, data in ((config_name, config), ("manifest.json", manifest)):
        info = tarfile.TarInfo(path)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    archive.add(layer, digest + "/layer.tar")
