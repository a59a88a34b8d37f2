"""Writes the transcript of `make demo` into the README, from a real run in a copy of this repository.

    python docs/readme.py          writes it
    python docs/readme.py --check  exits with 1 when the README shows something else

Seconds differ from run to run and are not compared.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- transcript: written by `make readme`, checked by tests/test_readme.py -->"
END = "<!-- end of transcript -->"
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


def block(transcript: str) -> str:
    """The README's block for a transcript."""
    return f"{BEGIN}\n```text\n{transcript}\n```\n{END}"


def shown() -> str:
    """The transcript that the README shows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    inside = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    return inside.strip().removeprefix("```text\n").removesuffix("\n```")


def comparable(transcript: str) -> str:
    """The same without what differs from run to run."""
    return SECONDS.sub("… s", transcript)


def main() -> None:
    transcript = run()
    if "--check" in sys.argv:
        if comparable(transcript) != comparable(shown()):
            raise SystemExit("The README shows another transcript. Run: make readme")
        return
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    path.write_text(text[:start] + block(transcript) + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
