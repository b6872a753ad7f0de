#!/usr/bin/env python3
"""notify.py SOCKET COMMAND...: runs it with NOTIFY_SOCKET set to a datagram socket; prints what arrived there."""
import os
import socket
import subprocess
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
code = subprocess.run(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1])).returncode
listener.settimeout(0.2)
try:
    while True:
        print("notified:", listener.recv(4096).decode().strip())
except OSError:
    pass
sys.exit(code)
