"""Rules about all prompts of a folder together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

from ragstone.prompts.canary import PART as CANARY
from ragstone.prompts.lint.finding import Fault, Folder
from ragstone.prompts.marks import PARTS as MARKS
from ragstone.prompts.outputs import PART as OUTPUTS

__all__ = ["PARTS", "missing_tests", "near_duplicate", "unused_part"]

PARTS = "parts"
"""The folder of what prompts include."""

PSEUDONYMS = "parts/pseudonyms.md"
"""Ships for those whose route sends names in place of personal data; most projects do not need it."""

ALIKE = 0.97  # of the words, in order

_INCLUDED = re.compile(r"""include\s+["']([^"']+)["']""")


def unused_part(folder: Folder) -> Iterator[Fault]:
    """A file to be included that nothing includes; a prompt that does not load counts as well."""
    root, named = folder.root, {OUTPUTS, CANARY, PSEUDONYMS, *MARKS.values()}
    for path in [*root.rglob("*.prompty"), *(root / PARTS).rglob("*")]:
        if path.is_file():
            named |= set(_INCLUDED.findall(path.read_text(encoding="utf-8", errors="replace")))
    for path in sorted((root / PARTS).rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name not in named:
            fix = f'Write {{% include "{name}" %}} where it belongs, or delete the file.'
            yield Fault(f"{path}:1:1", "no prompt includes this file", fix)


def near_duplicate(folder: Folder) -> Iterator[Fault]:
    """Two prompts that say the same but for a few words. A shipped one may stand beside the copy made of it."""
    readings = [reading for reading in folder.readings if reading.file.path not in folder.shipped]
    words = [" ".join(said.text for said in reading.messages).split() for reading in readings]
    for first, second in combinations(range(len(readings)), 2):
        matcher = SequenceMatcher(None, words[first], words[second], autojunk=False)
        if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE:
            other = readings[first].file.path
            yield Fault(
                f"{readings[second].file.path}:1:1",
                f"says almost the same as {other.name}",
                "Delete one of the two, or put what they share into a file in parts/ that both include.",
            )


def missing_tests(folder: Folder) -> Iterator[Fault]:
    """A prompt that nothing tests. A new one is looked at alone at first, so it is told of this with all the others."""
    for reading in folder.readings:
        if not reading.file.tests:
            name = f"tests/{reading.file.path.stem}.yaml"
            yield Fault(
                reading.key("metadata", "ragstone"),
                "the prompt has no tests",
                f"Write {name} in the folder of prompts, and under metadata.ragstone: tests: {name}",
            )
