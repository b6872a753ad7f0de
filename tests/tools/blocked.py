#!/usr/bin/env python3
"""blocked.py COMMAND...: executes it with SIGUSR1 and SIGTERM blocked and SIGPIPE and SIGHUP ignored."""
import os
import signal
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
