"""Telling systemd how we are (sd_notify(3)): ready, stopping, and that decisions still flow (the watchdog)."""

import os
import socket


def notify(state: str) -> None:
    """Send one state line such as "READY=1"; do nothing when no service manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        sending.connect(address)
        sending.sendall(state.encode())


def watchdog_interval_s(default_s: float = 5.0) -> float:
    """Return how often to feed the watchdog: half of what the service manager allows (seconds)."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2_000_000 if allowed_us.isdigit() and int(allowed_us) else default_s
