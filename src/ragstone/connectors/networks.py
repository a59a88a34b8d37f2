"""Keeps requests to the public internet: addresses of this machine and of private networks are refused.

A name is looked up once, what it stands for is checked, and the connection goes to the address that was checked, so no
name can mean another place a moment later.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator

import httpx

__all__ = ["Checked", "CheckedAsync"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Checked(httpx.BaseTransport):
    """Looks a name up once, refuses private addresses, and connects to the address that it has checked."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request. Raises httpx.ConnectError for a name that is unknown or private."""
        return self._inner.handle_request(_directed(request))

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()


class CheckedAsync(httpx.AsyncBaseTransport):
    """The same on an event loop; the name is looked up in a thread."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request. Raises httpx.ConnectError for a name that is unknown or private."""
        return await self._inner.handle_async_request(await asyncio.to_thread(_directed, request))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


def _directed(request: httpx.Request) -> httpx.Request:
    """The request, to the address that its name stands for."""
    host, url = request.url.host, request.url
    try:
        found = socket.getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError(f"the name {host!r} is not known") from error
    addresses = [ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found]
    for address in addresses:
        if _private(address):
            raise httpx.ConnectError(
                f"{host} is {address}, an address of a private network (`allow_private: true` permits it)"
            )
    request.extensions = {**request.extensions, "sni_hostname": host}
    request.url = url.copy_with(host=str(addresses[0]))
    return request


def _private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not all(one.is_global and not one.is_multicast for one in (address, *_inside(address)))


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv6Address):
        yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
