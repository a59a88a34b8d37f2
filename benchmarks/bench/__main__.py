"""Runs rows of the benchmarks, prints each beside its peers, and writes BENCHMARKS.json and BENCHMARKS.md.

make bench                          every row
make bench ROW=import               one of them; ROW="import query" two
make bench QUICK=1                  smaller, all in less than ten minutes; writes nothing unless --write is given
PYTHONPATH=benchmarks .venv/bin/python -m bench --list
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import rows

from bench import markdown, results, running
from bench.row import Row
from bench.side import ROOT

__all__ = ["main"]


def main(arguments: Sequence[str], *, known: dict[str, Row] | None = None, folder: Path = ROOT) -> int:
    """0 where every side of every row has its figures, 1 where one has failed, 2 for a row that there is not."""
    known = rows.all_rows() if known is None else known
    given = _parser().parse_args(arguments)
    if given.list:
        print("\n".join(f"{row.name:16} {row.title}" for row in known.values()))
        return 0
    if strange := [name for name in given.rows if name not in known]:
        print(_unknown(strange[0], known), file=sys.stderr)
        return 2
    if given.page:
        _write(folder, {}, known)
        return 0
    failed = False
    new: dict[str, dict[str, Any]] = {}
    for row in [known[name] for name in given.rows or known]:
        new[row.name] = result = _ran(row, given)
        failed |= any(side["failed"] for side in result.get("sides", ()))
        if given.write or not given.quick:
            _write(folder, new, known)
    _close(new, known)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="the rows to run; all of them where none is named")
    parser.add_argument("--quick", action="store_true", help="smaller corpora, and fewer repeats")
    parser.add_argument("--repeats", type=_positive, help="how often each side runs; otherwise as the row says")
    parser.add_argument("--write", action="store_true", help="write BENCHMARKS.json and .md after a quick run, too")
    parser.add_argument(
        "--page", action="store_true", help="run nothing: only write the page again, with the rows' words"
    )
    parser.add_argument("--list", action="store_true", help="list the rows")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _unknown(name: str, known: dict[str, Row]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.3)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no row {name!r}.{meant} The rows: {', '.join(known)}."


def _ran(row: Row, given: argparse.Namespace) -> dict[str, Any]:
    print(f"\n── {row.name}: {row.title}", flush=True)
    if reason := running.lacking(row):
        print(f"Not run: {reason}.", flush=True)
        return {"not_run": reason}
    if given.quick and not (row.quick or given.repeats):
        reason = "a quick run leaves it out"
        print(f"Not run: {reason}.", flush=True)
        return {"not_run": reason}
    begun = time.perf_counter()
    repeats = given.repeats or (row.quick if given.quick else row.repeats)
    result = running.run(row, repeats=repeats, quick=given.quick, say=lambda line: print(line, file=sys.stderr))
    print(markdown.table(result))
    print(f"({time.perf_counter() - begun:.0f} s)", flush=True)
    return result


def _write(folder: Path, new: dict[str, dict[str, Any]], known: dict[str, Row]) -> None:
    """After each row, so that a run that is cut short loses one row at most."""
    path = folder / results.FILE
    texts = {name: {"title": row.title, "what": row.what, "behind": row.behind} for name, row in known.items()}
    whole = results.merged(results.read(path), new, rows=texts)
    results.write(path, whole)
    (folder / markdown.FILE).write_text(markdown.page(whole), encoding="utf-8")


def _close(new: dict[str, dict[str, Any]], known: dict[str, Row]) -> None:
    """Says last what a person should look at."""
    print()
    for name, result in new.items():
        if "sides" not in result:
            print(f"{name}: not run, {result['not_run']}")
            continue
        for side in result["sides"]:
            if side["failed"]:
                print(f"{name}: {side['name']} failed: {side['failed']}")
        if results.lost(result):
            print(f"{name}: behind. {known[name].behind or 'Nothing explains why.'}")


def _ended(*_: object) -> None:
    """Ends as Ctrl-C does, which ends the side that is running, too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _ended)
    sys.exit(main(sys.argv[1:]))
