"""Writes what real runs have shown into the README.

That is `make demo` in a copy of this repository, an explained prompt, and the overview of BENCHMARKS.json.

    python docs/readme.py          writes it
    python docs/readme.py --check  exits with 1 when the README shows something else

Seconds differ from run to run and are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
EXPLAIN = ("prompt", "explain", "--set", "question=When does the halibut project ship?")
SECONDS = re.compile(r"\d+\.\d\s+s\b")  # the line may break there


def run() -> str:
    """What a person sees who types `make demo` in a fresh clone whose packages are installed."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ragstone"
        for name in subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines():
            if (ROOT / name).is_file():
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, clone / name)  # with its time: make compares the locks' with the stamps'
        (clone / ".venv").symlink_to(ROOT / ".venv")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "80",
            "PYTHONUNBUFFERED": "1",  # keeps what goes to stdout and to stderr in its order
        }
        # -o: the copy uses this environment as it is, and must not install itself into it.
        shown = subprocess.run(
            ["make", "--no-print-directory", "-o", ".venv/.locked", "-o", ".venv/.run", "demo"],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if shown.returncode:
        raise SystemExit(f"make demo failed:\n{shown.stdout}")
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


def explained() -> str:
    """What `ragstone prompt explain` prints in a new project with one document."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "mydocs"
        _ragstone("init", "mydocs", within=Path(folder))
        (project / "documents" / "halibut.md").write_text(HALIBUT, encoding="utf-8")
        _ragstone("ingest", within=project)
        said = _ragstone(*EXPLAIN, within=project)
    return f"$ {shlex.join(['ragstone', *EXPLAIN])}\n{said}"


def _ragstone(*words: str, within: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(within),
        "LANG": "C.UTF-8",
        "COLUMNS": "80",
        "PYTHONUNBUFFERED": "1",
    }
    command = [ROOT / ".venv/bin/ragstone", *words]
    shown = subprocess.run(
        command, cwd=within, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if shown.returncode:
        raise SystemExit(f"{shlex.join(words)} failed:\n{shown.stdout}")
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


def beside() -> str:
    """Ragstone beside the best peer of each row, as BENCHMARKS.md has it."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from bench import markdown, results

    return markdown.overview(results.read(ROOT / results.FILE))


BLOCKS: dict[str, Callable[[], str]] = {"transcript": run, "explain": explained, "benchmarks": beside}
TABLES = ("benchmarks",)
"""Blocks that are Markdown; the others are text that a terminal has shown."""


def marks(name: str) -> tuple[str, str]:
    """The comments around a generated block."""
    return f"<!-- {name}: written by `make readme`, checked by tests/test_readme.py -->", f"<!-- end of {name} -->"


def shown(name: str) -> str:
    """The block that the README shows."""
    text = README.read_text(encoding="utf-8")
    begin, end = marks(name)
    inside = text[text.index(begin) + len(begin) : text.index(end)]
    return inside.strip().removeprefix("```text\n").removesuffix("\n```")


def comparable(block: str) -> str:
    """The same without what differs from run to run."""
    return SECONDS.sub("… s", block)


def main() -> None:
    for name, make in BLOCKS.items():
        made = make()
        if "--check" in sys.argv:
            if comparable(made) != comparable(shown(name)):
                raise SystemExit(f"The README shows another {name}. Run: make readme")
            continue
        begin, end = marks(name)
        text = README.read_text(encoding="utf-8")
        before, after = text[: text.index(begin)], text[text.index(end) + len(end) :]
        block = made if name in TABLES else f"```text\n{made}\n```"
        README.write_text(f"{before}{begin}\n{block}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
