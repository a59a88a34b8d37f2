"""`python -m rows.gateways.over_http ragstone|litellm` prints what a server adds to a call, and how many it serves.

One light client asks the mock and the server in turns: one request after the other, and then many at once.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.side import QUICK, quantile, report
from uvloop import run

from rows.gateways.asking import MESSAGES
from rows.gateways.load import asked
from rows.gateways.scene import mock, serving

WARM, ROUNDS, CALLS, MANY = (100, 3, 100, 400) if QUICK else (200, 5, 300, 1000)
AT_ONCE = 64


def main(name: str) -> None:
    bare, own, slow, served = list[float](), list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder, mock(Path(folder)) as upstream:
        direct = f"{upstream}/chat/completions"
        with serving(name, Path(folder), upstream) as (url, _):
            _load(url, WARM, AT_ONCE)
            _load(direct, WARM, AT_ONCE)
            for _ in range(ROUNDS):
                bare.append(quantile(_load(direct, CALLS, 1)[0], 0.5))
                took, _ = _load(url, CALLS, 1)
                own.append(quantile(took, 0.5))
                slow.append(quantile(took, 0.99))
                served.append(MANY / _load(url, MANY, AT_ONCE)[1])
    added = median(each - base for each, base in zip(own, bare, strict=True))
    report({"added": 1000 * added, "served": median(served), "p50": 1000 * median(own), "p99": 1000 * median(slow)})


def _load(url: str, times: int, at_once: int) -> tuple[list[float], float]:
    return run(asked(url, {"model": "route/answer", "messages": MESSAGES}, times=times, at_once=at_once))


if __name__ == "__main__":
    main(sys.argv[1])
