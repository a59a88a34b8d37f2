"""Whether a prompt knows the questions that it is measured with: words that cases share with prompts and examples.

    for finding in found(cases, project):
        print(finding.case, finding.field, finding.place, finding.words)

A figure is worth little where the answer, or the question with its answer, stood in front of the model. So each case's
question, right answers and rubric are compared with what the project's prompt files say to a model, by n-grams of
words: the check that Brown et al. 2020 (arXiv 2005.14165, appendix C) made of GPT-3's data sets with 13 words. Here it
is 8, as in Radford et al. 2019 (section 4) and Chowdhery et al. 2022 (arXiv 2204.02311, section 8): most questions
have fewer than 13 words, and a folder of prompts is too small for eight to come together by chance.

- Words are compared without case, punctuation and English articles. Chinese, Japanese and Korean are compared by 16
  characters, two for a word; Thai, Lao, Khmer and Burmese by 32.
- A text that is shorter than that counts where it stands as a whole among other words, from 4 words on. A question
  counts at any length where it is the whole of a value in an example.
- What more than a twentieth of the cases have, and five at least, is boilerplate of theirs and says nothing of one.
- What a case expects that `abstains` is the prompt's own sentence, and is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from ragstone.evaluation.cases import Case
from ragstone.project import Project
from ragstone.text.answers import plain_words

__all__ = ["Finding", "found"]

WORDS = 8
LEAST = 4  # words from which a shorter text counts where it stands among others
SHARE, CASES = 0.05, 5  # of the cases, and how many at least, above which an n-gram is boilerplate
ALIKE = 0.8  # of all n-grams of two questions (Broder 1997) that they share at least where they are the same
HASHES = 6  # least ones that find such a pair: one of 0.8 is missed with a probability of 0.2 ** 6

UNREAD = ("tests", "starters")  # folders of prompts that no model is shown
NOTES = ("about", "gold", "id", "uri")  # keys of an example that no model is shown
_CODE = re.compile(r"\{[{%#].*?[}%#]\}")
_ROLE = re.compile(r"(system|user|assistant):\s*")
_OUTPUTS = re.compile(r"^outputs:.*\n(?:[ \t-].*\n|\n)*", re.MULTILINE)

Kind = Literal["example", "prompt", "case"]
Field = Literal["question", "expected", "rubric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case's text that shares words with another one, at `place` (file and line).

    `words` is the longest stretch that both have, normalised; `share` is that of the n-grams of the case's text, from
    0 to 1, that the other one has. `places` counts the places of that file that share any. Of kind `case` it is another
    case with the same question, whose id is `other`.
    """

    case: str
    where: str
    field: Field
    kind: Kind
    place: str
    words: str
    share: float
    places: int = 1
    other: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as a run keeps it and `--json` prints it."""
        return {
            "case": self.case,
            "where": self.where,
            "field": self.field,
            "kind": self.kind,
            "place": self.place,
            "words": self.words,
            "share": round(self.share, 4),
            "places": self.places,
            "other": self.other,
        }


def found(cases: Sequence[Case], project: Project) -> list[Finding]:
    """What the cases share with the project's prompts and examples, and with each other; by case, the largest first.

    It takes time in proportion to the words: 10,000 cases against 1,000 examples are a matter of seconds. It blocks.
    """
    texts = list(_texts(cases))
    index = _Index(texts, len(cases))
    order = {case.id: number for number, case in enumerate(cases)}
    findings = [*_best(index.overlaps(_shown(project.root))), *_repeated(cases, index, texts)]
    return sorted(findings, key=lambda one: (order[one.case], -one.share, one.place))


# ── What cases say ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a case, in words; `size` is that of its n-grams, and its own length where it is shorter."""

    case: Case
    field: Field
    words: Sequence[str]
    size: int

    def grams(self) -> Iterator[tuple[int, str]]:
        """Each n-gram with its place."""
        for at in range(len(self.words) - self.size + 1):
            yield at, " ".join(self.words[at : at + self.size])


def _texts(cases: Iterable[Case]) -> Iterator[_Text]:
    for case in cases:
        right = () if case.abstains else case.expected
        given: Sequence[tuple[Field, str]] = [
            ("question", case.question),
            *(("expected", one) for one in right),
            ("rubric", case.rubric),
        ]
        for field, text in given:
            if words := plain_words(text):
                yield _Text(case, field, words, min(len(words), WORDS * _characters(words)))


def _characters(words: Sequence[str]) -> int:
    """How many of the parts into which a text falls make a word: 1 where blanks stand between them."""
    alone = [word for word in words if len(word) == 1 and word >= "\u0e00"]
    if 2 * len(alone) <= len(words):
        return 1
    return 2 if max(alone) >= "\u2e80" else 4


# ── What a model is shown ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Shown:
    """Words that stand one behind the other in a file, each with its line."""

    kind: Kind
    file: str
    words: Sequence[str]
    lines: Sequence[int]


def _shown(root: Path) -> Iterator[_Shown]:
    """What stands in the files of `prompts/`, but for tests, starters and notes. A file that is no text has none."""
    for path in sorted((root / "prompts").rglob("*")):
        inside, file = path.relative_to(root / "prompts"), path.relative_to(root).as_posix()
        if inside.parts[0] in UNREAD or path.name == "README.md" or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        if path.suffix == ".jsonl":
            yield from _examples(text, file)
        elif path.suffix in (".prompty", ".md", ".txt"):
            yield from _prose(_said(text) if path.suffix == ".prompty" else text, file)


def _said(text: str) -> str:
    """A prompt file without its front matter, of which a model is shown the outputs alone; lines keep their numbers."""
    head, mark, body = text.partition("\n---")
    if not mark:
        return text
    outputs = _OUTPUTS.search(f"{head}\n")
    first, last = outputs.span() if outputs else (0, 0)
    blank = [line if first <= at < last else "" for at, line in _lines(head)]
    return "\n".join(blank) + "\n" + body


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with the place where it begins."""
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def _prose(text: str, file: str) -> Iterator[_Shown]:
    words, lines = list[str](), list[int]()
    for number, line in enumerate(text.split("\n"), 1):
        for part, piece in enumerate(_CODE.split(line)):
            if words and (part or _ROLE.fullmatch(piece)):  # what stands there is not known, or another one speaks
                yield _Shown("prompt", file, words, lines)
                words, lines = [], []
            new = plain_words(piece)
            words += new
            lines += [number] * len(new)
    if words:
        yield _Shown("prompt", file, words, lines)


def _examples(text: str, file: str) -> Iterator[_Shown]:
    for number, line in enumerate(text.split("\n"), 1):
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError):
            row = line  # its fault is for `ragstone check` to tell
        for value in _values(row):
            if words := plain_words(value):
                yield _Shown("example", file, words, [number] * len(words))


def _values(row: object) -> Iterator[str]:
    """The texts in an example, however deep."""
    if isinstance(row, str):
        yield row
    elif isinstance(row, dict):
        for key, value in cast("dict[str, object]", row).items():
            if key not in NOTES:
                yield from _values(value)
    elif isinstance(row, list):
        for value in cast("list[object]", row):
            yield from _values(value)


# ── What both have ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Overlap:
    """Places of a text's n-grams that a file has too, each with the line where it stands there."""

    text: _Text
    shown: _Shown
    total: int
    at: dict[int, int]

    @property
    def share(self) -> float:
        return len(self.at) / self.total

    def finding(self, places: int) -> Finding:
        first, last = _longest(sorted(self.at))
        return Finding(
            case=self.text.case.id,
            where=self.text.case.where,
            field=self.text.field,
            kind=self.shown.kind,
            place=f"{self.shown.file}:{self.at[first]}",
            words=" ".join(self.text.words[first : last + self.text.size]),
            share=self.share,
            places=places,
        )


def _longest(places: Sequence[int]) -> tuple[int, int]:
    """The first and the last of the most places that follow each other."""
    best = first = last = places[0]
    length = 0
    for at in places:
        first = at if at > last + 1 else first
        last = at
        if at - first > length:
            best, length = first, at - first
    return best, best + length


class _Index:
    """The n-grams of the cases' texts. `begins` says for the first words of each how long the n-grams are."""

    def __init__(self, texts: Sequence[_Text], cases: int) -> None:
        self.grams: dict[str, list[tuple[int, int]]] = {}
        self.begins: dict[str, set[int]] = {}
        self.wholes: dict[str, list[int]] = {}
        self.totals = [0] * len(texts)
        self._texts = texts
        for number, text in enumerate(texts):
            if text.field == "question":
                self.wholes.setdefault(" ".join(text.words), []).append(number)
            if text.size >= LEAST * _characters(text.words):
                self.totals[number] = len(text.words) - text.size + 1
                for at, gram in text.grams():
                    self.grams.setdefault(gram, []).append((number, at))
                    self.begins.setdefault(" ".join(text.words[at : at + LEAST]), set()).add(text.size)
        self._leave_out_boilerplate(max(SHARE * cases, CASES - 1))

    def _leave_out_boilerplate(self, most: float) -> None:
        common = {gram: places for gram, places in self.grams.items() if len(places) > most}
        for gram, places in common.items():
            if self._cases(places) > most:
                del self.grams[gram]
                for number, _ in places:
                    self.totals[number] -= 1

    def _cases(self, places: Iterable[tuple[int, int]]) -> int:
        return len({id(self._texts[number].case) for number, _ in places})

    def overlaps(self, shown: Iterable[_Shown]) -> Iterator[_Overlap]:
        """What each text shares with each stretch of words."""
        for one in shown:
            at: dict[int, dict[int, int]] = {}
            for place in range(len(one.words) - LEAST + 1):
                for size in self.begins.get(" ".join(one.words[place : place + LEAST]), ()):
                    for number, own in self.grams.get(" ".join(one.words[place : place + size]), ()):
                        at.setdefault(number, {}).setdefault(own, one.lines[place])
            if one.kind == "example":  # a question that an example asks in the same words, however few they are
                for number in self.wholes.get(" ".join(one.words), ()):
                    if not self.totals[number]:
                        yield _Overlap(self._texts[number], one, 1, {0: one.lines[0]})
            for number, places in at.items():
                yield _Overlap(self._texts[number], one, self.totals[number], places)


def _best(overlaps: Iterable[_Overlap]) -> Iterator[Finding]:
    """Of each field of a case and each file the largest overlap."""
    best: dict[tuple[str, str, str], _Overlap] = {}
    places: dict[tuple[str, str, str], set[int]] = {}
    for one in overlaps:
        key = one.text.case.id, one.text.field, one.shown.file
        places.setdefault(key, set()).update(one.at.values())
        if key not in best or one.share > best[key].share:
            best[key] = one
    for key, one in best.items():
        yield one.finding(len(places[key]))


# ── Cases that ask the same ─────────────────────────────────────────────────────────────────────────────────────────


def _repeated(cases: Sequence[Case], index: _Index, texts: Sequence[_Text]) -> Iterator[Finding]:
    """Cases whose question an earlier one asks, in the same words or in nearly all of them, of the same reader.

    One that differs in its inputs, its filter or its principals is another case: so permissions are measured.
    """
    same: dict[object, Case] = {}
    near: dict[object, tuple[Case, frozenset[str]]] = {}
    questions = {id(text.case): text for text in texts if text.field == "question"}
    for case in cases:
        text = questions.get(id(case))
        if text is None:
            continue
        asked_of = json.dumps([case.inputs, case.filters, sorted(case.principals)], sort_keys=True, default=str)
        first = same.setdefault((asked_of, *sorted(text.words)), case)
        if first is not case:
            yield _again(case, first, text, 1.0)
            continue
        grams = frozenset(gram for _, gram in text.grams() if gram in index.grams)
        keys = [(asked_of, *least) for least in _least(grams)]
        known = [near[key] for key in keys if key in near]
        shares = ((_resemblance(grams, other), earlier) for earlier, other in known)
        share, earlier = max(shares, key=lambda pair: pair[0], default=(0.0, case))
        if share >= ALIKE:
            yield _again(case, earlier, text, share)
        for key in keys:
            near.setdefault(key, (case, grams))


def _again(case: Case, first: Case, text: _Text, share: float) -> Finding:
    return Finding(
        case=case.id,
        where=case.where,
        field="question",
        kind="case",
        place=first.where,
        words=" ".join(text.words),
        share=share,
        other=first.id,
    )


def _least(grams: frozenset[str]) -> list[tuple[int, bytes]]:
    """The least hash of a set by each of several functions: two sets share one as often as they are alike.

    Broder, On the resemblance and containment of documents, 1997.
    """
    if not grams:
        return []
    hashes = [hashlib.blake2b(gram.encode(), digest_size=4 * HASHES).digest() for gram in grams]
    return [(n, min(each[4 * n : 4 * n + 4] for each in hashes)) for n in range(HASHES)]


def _resemblance(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
