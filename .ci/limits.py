"""Holds the code to its sizes: small files, short functions, one-page folder READMEs, few core dependencies."""

from __future__ import annotations

import ast
import fnmatch
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = (".ci", "app", "benchmarks", "connectors", "deploy", "docs", "src", "tests")

FILE_LINES = 500
FUNCTION_LINES = 60
README_LINES = 30
DEPENDENCIES = 15
NAMELESS = {"base2", "common", "helpers", "manager", "misc", "utils"}  # names that say nothing of what is inside


def faults() -> Iterator[str]:
    """Every limit that is broken, one line each."""
    for folder in CODE:
        for path in _found(ROOT / folder, "*.py"):
            yield from _faults_of_code(path)
        for path in _found(ROOT / folder, "README.md"):
            yield from _too_long(path, len(path.read_text(encoding="utf-8").splitlines()), README_LINES)
    core = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    if len(core) > DEPENDENCIES:
        yield f"pyproject.toml: {len(core)} core dependencies, at most {DEPENDENCIES}"


def _found(folder: Path, name: str) -> list[Path]:
    """The files of this name, without those of an environment such as benchmarks/.venv-peers."""
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        found += [Path(where, each) for each in fnmatch.filter(files, name)]
    return sorted(found)


def _faults_of_code(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    yield from _too_long(path, len(source.splitlines()), FILE_LINES)
    if path.stem in NAMELESS:
        yield f"{path.relative_to(ROOT)}: a name that says nothing; call it by what it holds"
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"


def _too_long(path: Path, lines: int, limit: int) -> Iterator[str]:
    if lines > limit:
        yield f"{path.relative_to(ROOT)}: {lines} lines, at most {limit}"


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found) or "Sizes: all within their limits.")
    sys.exit(bool(found))
