"""The form that the prompt file's `outputs` ask for, with a policy of its own.

    - output: {on_fail: reask, otherwise: raise}

An answer of a form is always read and judged by it; named among the checks, something is done where it misfits.
"""

from __future__ import annotations

import asyncio

from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.validation.outputs import read_form
from ragstone.verdicts import PASSED, Finding, Subject

__all__ = ["OutputCheck"]


class OutputCheck(Check):
    """An answer obeys the `outputs` of its prompt file, or the class that was asked for. Without these it passes.

    It sees the object as a whole; all other checks see its texts, one by one.
    """

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails an answer that is no such object, also when it was mended as far as that can be done."""
        if subject.prompt is None or subject.prompt.output is None:
            return PASSED
        remark, fault = await asyncio.to_thread(read_form, subject.text, subject.prompt.output)
        return Finding(passed=not fault, reason=fault, repaired=remark, told=fault and "it does not have its form")
