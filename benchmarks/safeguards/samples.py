"""Labelled sentences for the measurement of grounding, made from public questions with their passages and answers.

A claim is a question with its answer put in place of the word that asks, which is a paraphrase of what the passage
says; `verbatim` is the passage's own sentence. The rest is wrong in one known way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from extractive import Collection, question_answering, records

from ragstone.text.features import names, numbers
from ragstone.text.sentences import sentences

__all__ = ["FALSE", "TRUE", "Sample", "from_paraphrases", "from_questions", "from_rgb", "statement"]

TRUE = ("verbatim", "claim", "paraphrase")
FALSE = ("number", "date", "name", "negation", "answer", "wrong", "neighbour", "other", "far")

OFFSET = 10  # statements

_ASKS = {
    "en": re.compile(
        r"\b(?:(?:what|which)(?: (?:kind|type|sort|year|day|month|date|century|decade|percentage|percent)s?(?: of)?)?"
        r"|who(?:m|se)?|where|when|why|how (?:many|much|long|old|far|often)|how)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"什么时候|什么时间|什么地方|什么人|什么|哪里|哪儿|哪一?[年天个位些座支种家国部月日]?|何时|何地|何[年人处]"
        r"|多少|几|谁|多[大高长远久]"
    ),
    "de": re.compile(
        r"\b(?:was|welche[rsnm]?|we[rnm]|wessen|wo(?:her|hin)?|wann|warum|wie ?(?:viele?|lange|alt|weit|oft)|wie)\b",
        re.IGNORECASE,
    ),
}
_HELPS = {"en": re.compile(r"\b(?:did|does|do)\b ", re.IGNORECASE)}
_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-2][0-9])(?!\d)")
_NUMBER = re.compile(r"(?<![\d.,\w])\d+(?:[.,]\d+)*(?!\d)")
_VERBS = re.compile(r"\b(is|was|are|were|has|have|had|can|could|will|would)\b")
_NOT = (("不", ""), ("没有", "有"), ("是", "不是"), ("有", "没有"), ("被", "没有被"), ("在", "不在"))


@dataclass(frozen=True)
class Sample:
    """A sentence and the passage that it cites; `kind` says what it is, `article` is never split."""

    text: str
    passage: str
    kind: str
    article: str
    language: str

    @property
    def supported(self) -> bool:
        return self.kind in TRUE


def statement(question: str, answer: str, language: str) -> str:
    """The question as a sentence that says its answer."""
    bare = question.strip().rstrip("?？").strip()
    asks = _ASKS.get(language)
    said = asks.sub(lambda _: answer, bare, count=1) if asks else bare
    if said == bare:
        said = f"{bare}: {answer}"
    if language in _HELPS:
        said = _HELPS[language].sub("", said, count=1)
    said = said[:1].upper() + said[1:]
    return said + ("。" if language == "zh" else ".")


def from_questions(folder: Path, language: str, *, limit: int | None = None, seed: int = 0) -> Iterator[Sample]:
    """XQuAD, or CMRC by its folder's name: each question gives a few true and a few false sentences."""
    chance = random.Random(seed)
    found = question_answering(folder, folder.name, language if folder.name == "xquad" else None)
    by_article: dict[str, list[str]] = {}
    for question in found.questions:
        here = by_article.setdefault(question.group, [])
        here += [each for each in question.passages if each not in here]
    every = _names(found, language)
    step = max(1, len(found.questions) // limit) if limit else 1
    for question in found.questions[::step][:limit]:
        passage, answer = found.passages[question.passages[0]], question.answers[0]
        sentence = next((s for s in _sentences(passage) if answer in s), None)
        if sentence is None or len(answer) > 60:
            continue

        def sample(text: str, kind: str, against: str = passage, article: str = question.group) -> Sample:
            return Sample(text, against, kind, article, language)

        claim = statement(question.text, answer, language)
        yield sample(sentence, "verbatim")
        yield sample(claim, "claim")
        for base in (sentence, claim):
            for kind, text in _corrupted(base, passage, every, language, chance):
                yield sample(text, kind)
        same = [each for each in found.questions if each.passages == question.passages]
        others = [each.answers[0] for each in same if not _alike(each.answers[0], answer)]
        if others:
            yield sample(statement(question.text, chance.choice(others), language), "answer")
        near = [each for each in by_article[question.group] if each not in question.passages]
        near = [each for each in near if answer not in found.passages[each]]
        if near:
            yield sample(claim, "neighbour", found.passages[chance.choice(near)])
        far = chance.choice(found.questions)
        if far.group != question.group and answer not in found.passages[far.passages[0]]:
            yield sample(claim, "far", found.passages[far.passages[0]])


def from_rgb(path: Path, language: str) -> Iterator[Sample]:
    """Wrong answers against a snippet that holds the right one."""
    for record in records(path):
        answer = record["answer"][0] if isinstance(record["answer"], list) else record["answer"]
        answer = answer[0] if isinstance(answer, list) else answer
        right = [text for text in record["positive"] if str(answer) in text]
        if not right:
            continue
        wrong = str(record["fakeanswer"])
        if wrong not in right[0]:
            yield Sample(statement(record["query"], wrong, language), right[0], "wrong", record["query"], language)


def from_paraphrases(path: Path) -> Iterator[Sample]:
    """Statements said again in other words, and the same beside the next statement of the file: one topic, no support.

    Ten neighbours, which may repeat each other, count as one article.
    """
    every = list(records(path))
    for place, record in enumerate(every):
        other = every[(place + OFFSET) % len(every)]
        article = f"statements {place // OFFSET}"
        yield Sample(record["text_b"], record["text_a"], "paraphrase", article, "en")
        yield Sample(record["text_b"], other["text_a"], "other", article, "en")


def _names(found: Collection, language: str) -> list[str]:
    """Names of two words or more, to put in place of others."""
    if language == "zh":
        return []
    every = {name for text in list(found.passages.values())[::3] for name in names(text)}
    return sorted(name for name in every if 2 <= len(name.split()) <= 3)


def _corrupted(
    text: str, passage: str, every: Sequence[str], language: str, chance: random.Random
) -> Iterator[tuple[str, str]]:
    """The sentence with one thing changed, where there is such a thing."""
    known = set(numbers(passage, language=language))
    if year := _YEAR.search(text):
        years = (str(int(year[1]) + step) for step in chance.sample((-7, -3, 2, 4, 11), 5))
        other = next(each for each in years if each not in known)
        yield "date", text[: year.start()] + other + text[year.end() :]
    plain = [one for one in _NUMBER.finditer(text) if not _YEAR.fullmatch(one[0])]
    if plain:
        one = chance.choice(plain)
        digits = [at for at, letter in enumerate(one[0]) if letter.isdigit()]
        at = chance.choice(digits)
        changed = one[0][:at] + str((int(one[0][at]) + chance.randint(1, 8)) % 10 or 7) + one[0][at + 1 :]
        if changed != one[0] and not set(numbers(changed, language=language)) <= known:
            yield "number", text[: one.start()] + changed + text[one.end() :]
    if language == "en" and (found := [name for name in names(text) if not _has_digit(name)]):
        name, other = chance.choice(found), chance.choice(every)
        if not set(other.split()) & set(passage.split()):
            yield "name", text.replace(name, other, 1)
    if language == "en" and (verb := _VERBS.search(text)):
        yield "negation", f"{text[: verb.end()]} not{text[verb.end() :]}"
    if language == "zh":
        for plain_words, negated in _NOT:
            if plain_words in text:
                yield "negation", text.replace(plain_words, negated, 1)
                break


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def _alike(one: str, other: str) -> bool:
    return one in other or other in one or bool(set(one.casefold().split()) & set(other.casefold().split()))


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
