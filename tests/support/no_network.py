"""Refuses every connection and look-up that would leave this machine. Loopback and Unix sockets stay open.

An audit hook sees every socket call of the interpreter, whichever library makes it, and cannot be taken off again. This
file needs the standard library alone, so that a test may put it into another environment and start it from a `.pth`.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any

LOCAL_NAMES = {"", "localhost", "ip6-localhost", "ip6-loopback"}
LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
SENDS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine. Not an OSError: code that expects a network failure must not swallow it."""


def refuse() -> None:
    """Starts refusing, in this process and until it ends."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOK_UPS:
        _demand_local(event, arguments[0])
    elif event in SENDS:
        connection, address = arguments[0], arguments[1]
        if connection.family in (socket.AF_INET, socket.AF_INET6) and address is not None:
            _demand_local(event, address[0])


def _demand_local(event: str, host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name.lower() in LOCAL_NAMES:
        return
    try:
        if ipaddress.ip_address(name).is_loopback:
            return
    except ValueError:
        pass  # a host name
    raise NetworkRefused(f"{event} to {name!r}: tests reach nothing but this machine. Start a server on 127.0.0.1.")
