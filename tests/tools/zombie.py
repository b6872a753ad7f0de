#!/usr/bin/env python3
"""zombie.py RUNTIME ROOT BUNDLE ID: is the init's subreaper and does not reap it, as an engine that is busy."""
import ctypes
import json
import os
import subprocess
import sys
import time

runtime, root, bundle, name = sys.argv[1:]
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0     # PR_SET_CHILD_SUBREAPER


def call(*args):
    return subprocess.run([runtime, "--root", root, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


subprocess.run([runtime, "--root", root, "create", "--bundle", bundle, name], stdin=subprocess.DEVNULL,
               stdout=subprocess.DEVNULL, check=True)
subprocess.run([runtime, "--root", root, "start", name], check=True)
pid = json.loads(call("state", name).stdout)["pid"]
os.kill(pid, 9)
for _ in range(100):
    if open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] == "Z":
        break
    time.sleep(0.02)
state = json.loads(call("state", name).stdout)
print("state:", state["status"], "pid", state["pid"])
killed = call("kill", name, "KILL")
print("kill:", killed.returncode, "container not running" in killed.stdout)
print("delete:", call("delete", name).returncode)
