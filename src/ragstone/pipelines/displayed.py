"""The last look at an answer, as it is shown.

    checked texts ─ cited, or put into one object ─▸ what is shown ─ the checks that come last ─▸ Answer

A marker that is taken out may end what was code, and the texts of an object stand in one text where marks of one meet
those of another. So where what is shown is no longer what was checked, it is checked as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ragstone.pipelines.checking import shown
from ragstone.pipelines.finishing import Said, changed
from ragstone.pipelines.guards import Guards
from ragstone.types import Answer, Context, Verdict
from ragstone.validation.screening import Screened

__all__ = ["displayed"]

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_MARK = re.compile(r'\\.|[^A-Za-z0-9\s"]')


async def displayed(
    answer: Answer, told: Said, guards: Guards, *, words: str, question: str, context: Context
) -> Answer:
    """The answer with a text that may be shown; an abstention in these `words` where none may. Raises CheckFailed."""
    guards = guards.at_last
    json = told.form is not None and told.form.value is not None
    if not guards.all or answer.abstained or (not json and answer.text == told.texts[0]):
        return answer

    async def looked(text: str) -> Screened:
        screening = guards.screening(answer.prompt, shown(answer.prompt), question=question, context=context)
        await screening.feed(text)
        return await screening.finish()

    found = await looked(answer.text)
    if found.text == answer.text:
        return answer
    text = found.text
    if json:
        text = _inert(answer.text)
        if (await looked(text)).text != text:
            text = ""
    verdicts = _after(answer.verdicts, found.verdicts)
    notices = tuple(dict.fromkeys((*answer.notices, *changed(found.verdicts))))
    answer = replace(answer, verdicts=verdicts, notices=notices)
    if found.refrained or not text.strip():
        return replace(answer, text=words, parsed=None, abstained=True, citations=())
    return replace(answer, text=text)


def _inert(text: str) -> str:
    r"""The same JSON with the marks in its texts written as `\u005b`: no reader of Markdown makes anything of it."""
    return _TEXT.sub(lambda found: '"' + _MARK.sub(_escaped, found[0][1:-1]) + '"', text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0][0] == "\\" or not found[0].isascii() else f"\\u{ord(found[0]):04x}"


def _after(verdicts: Sequence[Verdict], last: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts, with those of the last look in place of others of the same checks that passed."""
    failed = {one.check: one for one in last if not one.passed}
    kept = [one for one in verdicts if not (one.stage == "output" and one.passed and one.check in failed)]
    return (*kept, *failed.values())
