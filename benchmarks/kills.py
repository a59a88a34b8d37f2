"""Kills a real ingestion with SIGKILL at random moments, and compares what is left with an ingestion left in peace.

Run it as `python benchmarks/kills.py --times 100`. Between kills documents are edited, added and removed. After the
last kill one run ends; then project.db, the vectors and the BM25 index must be those of a project never killed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ragstone.cli.init import Default, write

COMMAND = [sys.executable, "-m", "ragstone"]
DOCUMENTS = 120
WORDS = [
    "the",
    "sea",
    "its",
    "birds",
    "a",
    "wind",
    "grass",
    "keeper",
    "key",
    "lighthouse",
    "harbour",
    "fog",
    "bell",
    "rope",
    "salt",
    "cliff",
    "stair",
    "lamp",
    "oil",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        killed, plain = Path(name) / "killed", Path(name) / "plain"
        write(killed, model=Default.extractive)
        for number in range(DOCUMENTS):
            edit(killed, number, chance)
        whole = ingest(killed)
        print(f"a whole run takes {whole:.1f} s")
        hit = runs = 0
        while hit < asked.times:
            for _ in range(chance.randint(1, 40)):
                edit(killed, chance.randrange(DOCUMENTS), chance)
            runs += 1
            hit += kill(killed, chance.uniform(0.3, whole / 2))
            if hit % 10 == 9:
                print(f"{runs} runs, {hit} of them killed", flush=True)
        ingest(killed)
        write(plain, model=Default.extractive)
        shutil.rmtree(plain / "documents")
        shutil.copytree(killed / "documents", plain / "documents")
        ingest(plain)
        for project in (killed, plain):
            found = json.loads(run(project, "index", "verify", "--json").stdout)
            assert found == {"differences": []}, found
        assert contents(killed) == contents(plain), "the two indexes differ"
        print(f"the same index: {len(contents(plain))} chunks, after {hit} kills")


def edit(project: Path, number: int, chance: random.Random) -> None:
    path = project / "documents" / f"{number:03}.md"
    if path.exists() and chance.random() < 0.1:
        path.unlink()
        return
    parts = (" ".join(chance.choices(WORDS, k=60)) for _ in range(chance.randint(1, 6)))
    path.write_text(f"# Lighthouse {number}\n\n" + "\n\n".join(f"## Part\n\n{part}." for part in parts))


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=project, capture_output=True, text=True)


def ingest(project: Path) -> float:
    begun = time.perf_counter()
    done = run(project, "ingest")
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - begun


def kill(project: Path, after: float) -> bool:
    with subprocess.Popen([*COMMAND, "ingest"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
    return False


def contents(project: Path) -> list[tuple[str, ...]]:
    db = sqlite3.connect(project / ".ragstone" / "project.db")
    rows = db.execute(
        "SELECT c.id, d.uri, d.state, d.acl, d.content_hash, c.text FROM chunks c"
        " JOIN documents d ON d.id = c.document_id AND d.pipeline = c.pipeline ORDER BY c.id"
    ).fetchall()
    assert not db.execute("SELECT 1 FROM orphans").fetchall()
    db.close()
    return rows


if __name__ == "__main__":
    main()
