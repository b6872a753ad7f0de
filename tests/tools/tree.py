#!/usr/bin/env python3
"""Lists a tree, one line a file, so that two trees can be compared by diff(1).

    tree.py ROOT SINCE

Path, type, mode, owner, group, size, digest or link target or device, which files are one (hard links), all extended attributes
(ACLs and file capabilities are such), and the time of change for what was last changed before SINCE (seconds since the
epoch); "new" for the others, since two builds do not run at the same second."""
import hashlib
import os
import stat
import sys


def text(name):
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace("\n", "\\n")


def attributes(path):
    found = []
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if name.startswith("trusted.overlay."):
            continue                        # how a layer is stored, not what is in it
        found.append("%s=%s" % (name, os.getxattr(path, name, follow_symlinks=False).hex()))
    return ",".join(found) or "-"


def what(path, info):
    kind = stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFREG:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return "%d %s" % (info.st_size, digest.hexdigest()[:16])
    if kind == stat.S_IFLNK:
        return "-> " + text(os.readlink(path))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return "%d:%d" % (os.major(info.st_rdev), os.minor(info.st_rdev))
    return "-"


def main(root, since):
    paths = [root]
    for folder, folders, files in os.walk(root):
        paths += [os.path.join(folder, name) for name in folders + files]
    first = {}
    for path in sorted(paths):
        info = os.lstat(path)
        name = text(os.path.relpath(path, root))
        link = "-"
        if not stat.S_ISDIR(info.st_mode) and info.st_nlink > 1:
            link = "%d=%s" % (info.st_nlink, first.setdefault((info.st_dev, info.st_ino), name))
        time = "new" if info.st_mtime >= since else "%.9f" % info.st_mtime
        print(name, stat.filemode(info.st_mode), "%d:%d" % (info.st_uid, info.st_gid), what(path, info), link,
              attributes(path), time)


main(sys.argv[1], float(sys.argv[2]))
