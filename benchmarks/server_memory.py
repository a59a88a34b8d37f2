"""What `ragstone serve` holds in memory after many requests: `python benchmarks/server_memory.py [--quick]`."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from rows.gateways.asking import MESSAGES
from rows.gateways.load import asked
from rows.gateways.scene import mock, serving
from uvloop import run

AT_ONCE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 requests instead of 200,000")
    last = 20_000 if parser.parse_args().quick else 200_000
    first = last // 10
    with (
        tempfile.TemporaryDirectory() as name,
        mock(Path(name)) as upstream,
        serving("ragstone", Path(name), upstream) as (url, pid),
    ):
        early = _after(url, first, pid)
        late = _after(url, last - first, pid)
    print(f"{early:.0f} MB after {first:,} requests, {late:.0f} MB after {last:,}: {late / early - 1:+.1%}")


def _after(url: str, times: int, pid: int) -> float:
    """MB that the process holds after so many more requests."""
    run(asked(url, {"model": "route/answer", "messages": MESSAGES}, times=times, at_once=AT_ONCE))
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
