"""A worker with a parser that does what the file says: for the tests of what a hostile file can do."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import ClassVar

from ragstone import registry
from ragstone.ingestion import worker
from ragstone.protocols import Connector, Parser
from ragstone.types import Parsed

COMMAND = (sys.executable, str(Path(__file__)))


class OddParser(Parser):
    """Does what it is told."""

    media_types: ClassVar[tuple[str, ...]] = ("application/x-elf",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        told = data[5:].decode()
        if told == "sleep":
            time.sleep(600)
        elif told == "grow":
            return Parsed(text=str(len(bytearray(50_000_000_000))), media_type="x")
        elif told == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif told == "print":
            sys.stdout.write("in the way\n")
            os.write(1, b"in the way\n")
        elif told == "connect":
            socket.create_connection(("127.0.0.1", 9))
        return Parsed(text=f"did {told} in {os.getpid()}", media_type="application/x-elf")


if __name__ == "__main__":
    find, names = registry.find, registry.names

    def found(kind: str, name: str) -> type[Connector]:
        return OddParser if name == "odd" else find(kind, name)

    registry.find, registry.names = found, lambda kind: [*names(kind), "odd"]
    worker.main()
