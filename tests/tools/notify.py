#!/usr/bin/env python3
"""notify.py SOCKET COMMAND...: runs it with NOTIFY_SOCKET set to a datagram socket, as a service manager; prints what arrived
there until half a second after its end, and what it was told while the command ran."""
import os
import socket
import subprocess
import sys
import time

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
listener.settimeout(0.05)
command = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1]))
end = None
while end is None or time.monotonic() < end:
    running = command.poll() is None
    if not running and end is None:
        end = time.monotonic() + 0.5
    try:
        # Without room for its fd: the kernel closes it, which is the answer to BARRIER=1 (sd_notify_barrier(3)).
        text = listener.recv(4096).decode().strip()
        print("notified:", text, "(while it ran)" if running else "(afterwards)", flush=True)
    except OSError:
        pass
sys.exit(command.returncode)
