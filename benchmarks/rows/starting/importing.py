"""`python -m rows.starting.importing MODULE …` prints how long a new process takes to import these modules."""

from __future__ import annotations

import subprocess
import sys

from bench.side import KEPT, report

_CODE = """
import time
begun = time.perf_counter()
import {modules}
print(1000 * (time.perf_counter() - begun))
"""


def main(modules: list[str]) -> None:
    command = [sys.executable, "-c", _CODE.format(modules=", ".join(modules))]
    seen = KEPT / f"imported-{modules[0]}"
    if not seen.exists():
        _lasted(command)  # brings the files into memory
        seen.touch()
    report({"import": _lasted(command)})


def _lasted(command: list[str]) -> float:
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
