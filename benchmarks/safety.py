"""How well what comes in is checked, on real data that no one on this project wrote.

    RAGSTONE_DATA=... python benchmarks/safety.py injection [--seeds 5] [--vectors FILE] [--json]

`injection` trains both detectors on a part of the shared data and judges them on the rest: attacks of categories, and
contexts of clusters, that the training has not seen. The last tables are those of the weights that are shipped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from injections import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["injection"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vectors", type=Path, help="keeps the vectors for the next run")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables = asyncio.run(report.tables(options.seeds, options.vectors))
    if options.json:
        print(json.dumps([table.as_dict() for table in tables], ensure_ascii=False, indent=2))
    else:
        print("\n".join(table.as_text() for table in tables))


if __name__ == "__main__":
    main()
