from __future__ import annotations

import asyncio
import socket

import pytest

from no_network import NetworkRefused

ELSEWHERE = "192.0.2.1"  # TEST-NET-1: nobody's address


@pytest.mark.parametrize("family", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_connection_to_another_machine_is_refused(family: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, family) as connection, pytest.raises(NetworkRefused, match=ELSEWHERE):
        connection.connect((ELSEWHERE, 80))


def test_a_datagram_to_another_machine_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection, pytest.raises(NetworkRefused):
        connection.sendto(b"hello", (ELSEWHERE, 53))


@pytest.mark.parametrize("look_up", [lambda name: socket.getaddrinfo(name, 443), socket.gethostbyname])
def test_a_look_up_of_a_name_is_refused(look_up) -> None:
    with pytest.raises(NetworkRefused, match=r"example\.org"):
        look_up("example.org")


async def test_asyncio_is_refused_as_well() -> None:
    with pytest.raises(NetworkRefused):
        await asyncio.open_connection("example.org", 443)


def test_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port)) as client, server.accept()[0] as accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


def test_unix_sockets_stay_open() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        ours.send(b"hello")
        assert theirs.recv(5) == b"hello"
