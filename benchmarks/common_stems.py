"""Writes text/common_stems.txt: the English stems that are no names, by how many texts they stand in.

    python benchmarks/common_stems.py [--dry-run]

They are counted in the questions of GSM8K, the corpora of chunking_evaluation, the e-mails of BIPIA and the
statements of the ML paraphrases (all MIT). A word counts where it is written in small letters, so that there are no
names among them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from extractive import data_folder

from ragstone.text import rarity
from ragstone.text.analyzer import terms

MOST, PIECE = 2_500, 400  # stems; characters that count as one text
LINE = 110
WORD = re.compile(r"(?<![\w'’.-])[a-z]+(?![\w'’-])")
TARGET = Path(rarity.__file__).with_name("common_stems.txt")


def texts(data: Path) -> Iterator[str]:
    for name, key in (
        ("reasoning/gsm8k_train", "question"),
        ("injection/bipia/email", "context"),
        ("paraphrase/ml_paraphrases", "text_a"),
    ):
        for line in (data / f"{name}.jsonl").read_text(encoding="utf-8").strip().split("\n"):
            yield str(json.loads(line)[key])
    for path in sorted((data / "retrieval/chunking_eval/corpora").glob("*.md")):
        whole = path.read_text(encoding="utf-8")
        yield from (whole[at : at + PIECE] for at in range(0, len(whole), PIECE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the list and write nothing")
    counted = Counter(
        stem for text in texts(data_folder()) for stem in set(terms(" ".join(WORD.findall(text)), language="en"))
    )
    chosen = [stem for stem, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:MOST]]
    lines = [""]
    for stem in sorted(chosen):
        if len(lines[-1]) + len(stem) > LINE:
            lines.append("")
        lines[-1] += f"{stem} "
    found = "".join(f"{line.rstrip()}\n" for line in lines)
    print(found)
    if not parser.parse_args().dry_run:
        TARGET.write_text(found, encoding="utf-8")
        print(f"Wrote {TARGET.name}.")


if __name__ == "__main__":
    main()
