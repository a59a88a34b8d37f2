"""A report as Markdown for a pull request, in the flavor of GitHub (https://github.github.com/gfm/)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from ragstone.evaluation.digits import bare, chance, interval, number, signed, span
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.reports.cases import words
from ragstone.evaluation.reports.shown import Flipped, Shown
from ragstone.evaluation.reports.wording import contaminated, counted, verdict

__all__ = ["LIMIT", "escaped", "table"]

LIMIT = 65_000  # characters; GitHub takes 65,536 in a comment
TAIL = 400  # of these, for the sentence that says what was left out
QUESTION, ANSWER, CELL = 300, 700, 300  # characters of a text that others wrote
_STRUCTURE = re.compile(r"([\\`*_\[\]#|~$]|^[+=-]|^\d{1,9}(?=[.)](?:\s|$)))")
_CALL = re.compile(r"(?<=[@#])|(?<=://)|(?<=www)(?=\.)", re.IGNORECASE)  # whom GitHub would tell, what it would link to
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
JOINER = "&#8288;"  # a word joiner: it is not seen, and no name or address goes on behind it
MARKS = {"better": "✅ better", "worse": "❌ worse", "": ""}


@dataclass(slots=True)
class _Sheet:
    """Lines up to a limit; what does not fit is counted by what it is."""

    left: int = LIMIT - TAIL
    lines: list[str] = field(default_factory=list[str])
    left_out: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, *lines: str) -> bool:
        """Adds lines all together, or none of them."""
        length = sum(len(line) + 1 for line in lines)
        if length > self.left:
            return False
        self.lines += lines
        self.left -= length
        return True

    def rows(self, noun: str, head: Sequence[str], rows: Sequence[Sequence[str]], tail: Sequence[str] = ()) -> None:
        """Adds a head, as many rows as there is room for, each of one or more lines, and a tail."""
        if not rows:
            return
        ends = sum(len(line) + 1 for line in tail)
        self.left -= ends
        count = 0
        if self.add(*head, *rows[0]):
            count = next((at for at, row in enumerate(rows) if at and not self.add(*row)), len(rows))
            self.lines += tail
        else:
            self.left += ends
        if count < len(rows):
            self.left_out[noun] = self.left_out.get(noun, 0) + len(rows) - count

    def text(self) -> str:
        """All of it, with a sentence for what is not there."""
        if self.left_out:
            said = ", ".join(counted(count, noun) for noun, count in self.left_out.items())
            self.lines += ["", f"Left out, since a comment has no more room: {said}."]
        return "\n".join(self.lines).strip() + "\n"


def table(shown: Shown) -> str:
    """The report in at most LIMIT characters, whatever the run. It blocks."""
    sheet = _Sheet()
    sheet.add(f"### {escaped(shown.title, CELL)}", "")
    first, *others = (escaped(sentence, 2 * CELL) for sentence in verdict(shown))
    sheet.add(f"**{first}**", "")
    sheet.rows("sentence", [], [[sentence, ""] for sentence in others])
    _figures(sheet, shown)
    _gates(sheet, shown)
    _missed(sheet, shown)
    _notes(sheet, shown)
    _flipped(sheet, shown)
    _tags(sheet, shown)
    return sheet.text()


def escaped(text: str, most: int) -> str:
    r"""Text as Markdown and HTML that shows just this text, on one line: no markup, no link, nobody is told.

    >>> escaped("a | *b*  <c>", 100)
    'a \\| \\*b\\* &lt;c&gt;'
    """
    return _STRUCTURE.sub(_literal, _html(text, most)).replace("\0", JOINER)


def _html(text: str, most: int) -> str:
    """The same as HTML, with NUL where something must not go on."""
    plain = words(" ".join(_CONTROL.sub(" ", text).split()), most)
    joined = f"{plain.text} …" if plain.more else plain.text
    return escape(_CALL.sub("\0", joined), quote=False)


def _literal(found: re.Match[str]) -> str:
    """A number that would begin a list is parted from its point, all else is marked as a character."""
    return f"{found[0]}\0" if found[0].isdigit() else f"\\{found[0]}"


def _summary(text: str) -> str:
    """A text in a `<summary>`, which GitHub reads as HTML."""
    return f"<summary>{_html(text, CELL)}</summary>".replace("\0", JOINER)


def _name(metric: Metric) -> str:
    """A metric's name as code, so that `@10` is nobody."""
    return escaped(metric.name, 60) if set("`|") & set(metric.name) else f"`{metric.name}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*cells: str, left: int = 1) -> list[str]:
    """A table's first two lines; its first columns are flush left."""
    rules = ["---" if at < left else "---:" for at in range(len(cells))]
    return [_row(*cells), _row(*rules)]


# ── Parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _figures(sheet: _Sheet, shown: Shown) -> None:
    labels = [escaped(side.label, 60) for side in shown.sides]
    compared = ["difference", "95 % interval", "p", "p by permutation", ""] if shown.comparison else []
    measured = [one for one in shown.metrics if any(one.name in side.figures for side in shown.sides)]
    rows = [[_row(_name(metric), *_cells(shown, metric))] for metric in measured]
    sheet.rows("metric", _head("metric", *labels, *compared), rows, [""])


def _cells(shown: Shown, metric: Metric) -> Iterator[str]:
    for side in shown.sides:
        one = side.figures.get(metric.name)
        if one is None:
            yield "–"
        else:
            missed = f", {one.missed} missed" if one.missed else ""
            yield f"**{number(one.value, metric)}** ({interval(one.interval, metric)}{missed})"
    change = shown.changes.get(metric.name)
    if change is not None:
        one = change.difference
        yield signed(one.mean, metric)
        yield span(one.interval, metric)
        yield chance(one.p)
        yield chance(one.permuted)
        yield MARKS[change.verdict]
    elif shown.comparison:
        yield from ["–", "", "", "", ""]


def _gates(sheet: _Sheet, shown: Shown) -> None:
    rows = [
        [
            _row(
                "✅ passed" if one.passed else "❌ failed",
                escaped(one.pipeline, 60),
                escaped(one.asked, CELL),
                escaped(one.found, CELL),
            )
        ]
        for one in sorted(shown.gates, key=lambda one: one.passed)
    ]
    sheet.rows("gate", _head("gate", "pipeline", "asked", "found", left=4), rows, [""])


def _missed(sheet: _Sheet, shown: Shown) -> None:
    rows = [
        [_row(escaped(one.label, 60), escaped(one.what, 60), escaped(one.reason, CELL), str(len(one.cases)))]
        for one in shown.missed
    ]
    sheet.rows("reason why something is missing", _head("missing", "what", "why", "cases", left=3), rows, [""])


def _notes(sheet: _Sheet, shown: Shown) -> None:
    for run in shown.runs:
        for note in run.facts.get("notes", ()):
            sheet.rows("note", [], [[escaped(note, 2 * CELL), ""]])
        if said := contaminated(run):
            sheet.rows("note", [], [[escaped(said, CELL), ""]])


def _flipped(sheet: _Sheet, shown: Shown) -> None:
    labels = [side.label for side in shown.sides]
    for gained in (True, False):
        turned = [one for one in shown.flipped if one.gained is gained]
        if turned:
            way = "right" if gained else "wrong"
            title = f"{counted(len(turned), 'question')} turned {way} in {labels[1]}"
            head = ["<details>", _summary(title), "", *_head("question", "by", *map(_label, labels), left=4)]
            rows = [[_row(*_turned(shown, one))] for one in turned]
            sheet.rows("flipped question", head, rows, ["", "</details>", ""])


def _label(label: str) -> str:
    return escaped(label, 60)


def _turned(shown: Shown, one: Flipped) -> Iterator[str]:
    named = {metric.name: metric for metric in shown.metrics}
    yield escaped(one.question, QUESTION)
    each = (
        f"{flip.metric} {bare(flip.before, named[flip.metric])} → {bare(flip.after, named[flip.metric])}"
        for flip in one.flips
    )
    yield escaped(", ".join(each), CELL)
    for outcome in (one.before, one.after):
        yield escaped(outcome.error or outcome.marked or "no answer", ANSWER)


def _tags(sheet: _Sheet, shown: Shown) -> None:
    metric = shown.main
    if metric is None or shown.comparison is None:
        return
    rows: list[list[str]] = []
    for tag in shown.tags:
        change = shown.comparison.tags.get(tag, {}).get(metric.name)
        if change is not None:
            one = change.difference
            cells = [str(one.questions), bare(change.before, metric), bare(change.after, metric)]
            cells += [f"{signed(one.mean, metric)} ({span(one.interval, metric)})", MARKS[change.verdict]]
            rows.append([_row(escaped(tag, 60), *cells)])
    labels = [escaped(side.label, 60) for side in shown.sides]
    head = ["<details>", _summary(f"{metric.name} by tag"), "", *_head("tag", "cases", *labels, "difference", "")]
    sheet.rows("tag", head, rows, ["", "</details>", ""])
