#!/usr/bin/env python3
"""console.py SOCKET CREATE... -- START...: an engine's end of a console socket.

Listens on SOCKET, runs CREATE, checks that the message had arrived when it ended, runs START and copies what the
terminal says. Prints "messages N fds N" first.
"""
import array
import os
import select
import socket
import subprocess
import sys

path, command = sys.argv[1], sys.argv[2:]
cut = command.index("--")
create, start = command[:cut], command[cut + 1:]

os.chdir(os.path.dirname(path))         # a path longer than 108 bytes
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(os.path.basename(path))
listener.listen(4)
done = subprocess.run(create, stdin=subprocess.DEVNULL)
if done.returncode:
    sys.exit(done.returncode)
messages, fds = 0, array.array("i")
listener.settimeout(0)                  # it must be there already
try:
    connection, _ = listener.accept()
    connection.setblocking(False)       # init may hold its end until it is started
    while True:
        data, ancillary, flags, _ = connection.recvmsg(4096, 1024)
        if not data:
            break
        messages += 1
        assert 1 <= len(data) <= 4095, len(data)
        for level, kind, payload in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
except BlockingIOError:
    pass
print("messages", messages, "fds", len(fds), flush=True)
if not fds:
    sys.exit("no terminal arrived")
started = subprocess.Popen(start, stdin=subprocess.DEVNULL)
while True:
    ready, _, _ = select.select([fds[0]], [], [], 10)
    if not ready:
        break
    try:
        data = os.read(fds[0], 4096)
    except OSError:                     # EIO: the last slave was closed
        break
    if not data:
        break
    sys.stdout.write(data.decode(errors="replace").replace("\r", ""))
sys.exit(started.wait())
