"""Whether the prompt file that a check `judge` names can review an answer."""

from __future__ import annotations

from collections.abc import Callable

from ragstone.errors import ConfigError, PromptError, UsageError
from ragstone.prompts.file import PromptFile
from ragstone.validation.checks.judge import JudgeCheck

__all__ = ["reviews"]

TAKEN = ("question", "answer", "rubric", "sources")
"""The inputs of a prompt file that reviews an answer. It ends with the line `Grade: n`."""


def reviews(check: JudgeCheck, prompt: Callable[[str], PromptFile]) -> None:
    """Raises UsageError or PromptError for a check whose prompt file does not take what it is given."""
    try:
        file = prompt(check.prompt)
    except PromptError:
        raise
    except ConfigError as error:
        raise UsageError(f"the prompt {check.prompt!r} cannot be asked: {error}") from error
    given = {one.name for one in file.given}
    needed = {"question", "answer", *(("rubric",) if check.rubric else ())}
    strange = [one.name for one in file.given if one.required and one.name not in TAKEN]
    lacking = sorted(needed - given)
    if strange or lacking:
        raise UsageError(
            f"the prompt {check.prompt!r} reviews no answers",
            expected=f"the inputs {', '.join(TAKEN)}, and no other that is required",
            found=f"the inputs {', '.join(sorted(given)) or 'none'}",
        )
