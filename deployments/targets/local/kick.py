"""Tells the reconciler that something changed: it need not wait for its beat."""

import os
import socket
from pathlib import Path


def kick(path: Path) -> None:
    """Send a datagram; a reconciler that does not listen looks by itself later."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        try:
            sender.sendto(b"kick", os.fspath(path))
        except OSError:
            return
