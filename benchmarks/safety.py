"""How safe an answer is, and what is made of what comes in: injections, egress, personal data, grounding.

    RAGSTONE_DATA=... python benchmarks/safety.py injection [--seeds 5] [--vectors FILE] [--json]
    RAGSTONE_DATA=... python benchmarks/safety.py egress [--attempts 15000] [--answers 20000]
    RAGSTONE_DATA=... python benchmarks/safety.py personal [--part judge|fit|all] [--exact]
    RAGSTONE_DATA=... python benchmarks/safety.py grounding [--limit 600] [--plot confidence.png]

`injection` trains both detectors on a part of the shared data and judges them on the rest: attacks of categories, and
contexts of clusters, that the training has not seen. The last tables are those of the weights that are shipped.
`egress` makes attempts to carry something out in an answer, and counts those that succeed and the honest answers that
are changed. `personal` stands beside plain Presidio. `grounding` changes sentences and counts what is flagged. Each
part has options of its own: `python benchmarks/safety.py PART --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PARTS = ("injection", "egress", "personal", "grounding")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    part = parser.parse_args(arguments[:1]).part
    if part == "injection":
        return injection(arguments[1:])
    if part == "egress" and find_spec("linkify_it") is None:
        parser.error("the judge of leaks needs one more package: pip install linkify-it-py")
    return import_module(f"safeguards.{part}").main(arguments[1:])  # each needs packages that the others do not


def injection(arguments: Sequence[str]) -> int:
    from injections import report

    parser = argparse.ArgumentParser("safety.py injection")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vectors", type=Path, help="keeps the vectors for the next run")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    tables = asyncio.run(report.tables(options.seeds, options.vectors))
    if options.json:
        print(json.dumps([table.as_dict() for table in tables], ensure_ascii=False, indent=2))
    else:
        print("\n".join(table.as_text() for table in tables))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
