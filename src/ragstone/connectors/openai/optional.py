"""The fields of a request that a server may refuse without harm: it is asked again without, and not told again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["KEY", "LOGPROBS", "SALT", "SAMPLES", "Optional"]

KEY, SALT = "prompt_cache_key", "cache_salt"
LOGPROBS, SAMPLES = "logprobs", "n"

_NAMED = {KEY: re.compile(KEY), SALT: re.compile(SALT), LOGPROBS: re.compile("logprob"), SAMPLES: re.compile(r"\bn\b")}
_UNKNOWN = re.compile(
    r"(extra|unknown|unrecogni[sz]ed|unexpected|unsupported|additional) "
    r"(inputs?|fields?|keys?|parameters?|propert|arguments?|request arguments?)",
    re.IGNORECASE,
)


class Optional:
    """What the server is known to refuse."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    def kept(self, body: Mapping[str, Any], *blamed: str) -> dict[str, Any]:
        """The request without what is refused, and without these."""
        return {name: value for name, value in body.items() if name not in self.refused and name not in blamed}

    def blamed(self, error: OpenAIError, body: Mapping[str, Any]) -> str | None:
        """The field of this request that an error may be about; None where it is about something else.

        A server that answers only once at a time rarely says so in words: without any other reason, `n` is tried.
        """
        status = getattr(error, "status_code", 0)
        if status not in (400, 403, 422):
            return None
        said = f"{error} {getattr(error, 'body', '')}"
        there = [name for name in _NAMED if name in body]
        named = next((name for name in there if _NAMED[name].search(said)), None)
        if named or status == 403:  # as OpenAI refuses log-probabilities; else it is about the key
            return named
        if there and _UNKNOWN.search(said):
            return there[0]
        return SAMPLES if SAMPLES in there else None
