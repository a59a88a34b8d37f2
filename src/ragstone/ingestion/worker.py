"""The process in which files are parsed: `python -m ragstone.ingestion.worker BYTES`.

It reads requests from standard input and answers on standard output. It may not reach the network, and `BYTES` is what
it may use of memory beyond what it has at its start. It ends with its parent, however that ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from typing import IO, Any

from ragstone.errors import ParseError
from ragstone.ingestion import frames
from ragstone.ingestion.read import read

SAMPLE = b"# A sample\n\nIt has a heading and a sentence.\n"
WATCH = 1.0  # seconds between two looks at the parent


def main() -> None:
    """Answers requests until there are no more."""
    requests, answers = _pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse_network)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    read(SAMPLE, "sample.md")  # imports the parsers, and reads the languages' profiles, while nobody waits
    _limit_memory(limit)
    while True:
        try:
            header, data = frames.receive(requests)
        except EOFError:
            return
        frames.send(answers, _answered(header, data, limit))


def _answered(header: dict[str, Any], data: bytes, limit: int) -> dict[str, Any]:
    uri = header["uri"]
    try:
        parts = read(data, uri, media_type=header["media_type"], settings=header["settings"])
        return {"parts": frames.parts_to(parts)}
    except ParseError as error:
        return {"error": frames.error_to(error)}
    except MemoryError:
        message = f"needed more than {limit / 1e9:.1f} GB of memory to be read"
        return {"error": frames.error_to(ParseError(message, where=uri, hint="Raise `memory` under `parse:`."))}
    except RecursionError:
        return {"error": frames.error_to(ParseError("is nested too deeply to be read", where=uri))}


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Requests and answers on descriptors of their own: what a library prints must not stand between answers."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return requests, answers


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        raise PermissionError("a file may not reach the network while it is read")


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)


def _limit_memory(limit: int) -> None:
    if not limit or sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))


if __name__ == "__main__":
    main()
