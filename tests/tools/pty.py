#!/usr/bin/env python3
"""pty.py ROWSxCOLS [--resize ROWSxCOLS] COMMAND...: runs it on a terminal of that size, types "typed" and Enter when it
falls silent, resizes the terminal once it said "ready", and ends with its exit code."""
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time


def set_size(fd, text):
    rows, cols = text.split("x")
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(cols), 0, 0))


size, command, resize = sys.argv[1], sys.argv[2:], None
if command[0] == "--resize":
    resize, command = command[1], command[2:]
master, slave = os.openpty()
set_size(slave, size)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 64)
    os.execvp(command[0], command)
os.close(slave)
seen, typed, end = b"", False, time.time() + 25
while time.time() < end:
    ready, _, _ = select.select([master], [], [], 1.0)
    if ready:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
        if resize and b"ready" in seen:
            set_size(master, resize)
            resize = None
    elif not typed:
        os.write(master, b"typed\n")
        typed = True
sys.stdout.write(seen.decode(errors="replace").replace("\r", ""))
sys.stdout.flush()
if time.time() >= end:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
