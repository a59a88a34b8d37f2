"""How long a person waits: import, and the first answer of a new process, with its peak memory."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCUMENT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
ASK = ["ask", "When does the halibut project ship?"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="how often each is measured; the median is printed")
    runs = parser.parse_args().runs
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, median of {runs}")
    print(f"import ragstone       {statistics.median(imported() for _ in range(runs)):8.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "halibut"
        ragstone("init", str(project))
        (project / "documents" / "halibut.md").write_text(DOCUMENT)
        first = timed("ingest", cwd=project)[0]
        print(f"first ingest          {first:8.2f} s")
        again = statistics.median(timed("ingest", cwd=project)[0] for _ in range(runs))
        print(f"ingest again          {again:8.2f} s   (nothing changed)")
        answers = [timed(*ASK, cwd=project) for _ in range(runs)]
        print(f"ask in a new process  {statistics.median(seconds for seconds, _ in answers):8.2f} s")
        print(f"peak memory of ask    {max(peak for _, peak in answers):8.0f} MB")


def imported() -> float:
    """Milliseconds of `import ragstone`, as `-X importtime` counts them."""
    command = [sys.executable, "-X", "importtime", "-c", "import ragstone"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"\|\s*(\d+) \| ragstone$", shown, re.MULTILINE)
    assert found is not None
    return int(found.group(1)) / 1000


def timed(*arguments: str, cwd: Path) -> tuple[float, float]:
    """Seconds of a command in a process of its own, and the peak of its memory in MB."""
    begun = time.perf_counter()
    peak = ragstone(*arguments, cwd=cwd)
    return time.perf_counter() - begun, peak


def ragstone(*arguments: str, cwd: Path | None = None) -> float:
    """Runs a command and returns the peak of its memory in MB."""
    code = (
        "import resource, sys; from ragstone.cli import main\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise SystemExit(f"ragstone {' '.join(arguments)} failed:\n{process.stderr}")
    kilobytes = int(process.stderr.strip().splitlines()[-1])
    return kilobytes / (1024 * 1024 if sys.platform == "darwin" else 1024)  # macOS counts bytes


if __name__ == "__main__":
    main()
