#!/usr/bin/env python3
"""subreaper.py COMMAND --pid-file F ...: runs a create as the shim and conmon do, as the subreaper of what it orphans."""
import ctypes
import os
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
command = sys.argv[1:]
pid_file = command[command.index("--pid-file") + 1]
code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
if code:
    sys.exit(code)
time.sleep(0.2)
pid = int(open(pid_file).read())
children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
if str(pid) in children:
    print("the init process is my child")
print("children:", len(children))
