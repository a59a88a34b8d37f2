"""Validators of our own, registered on this machine, as a package would hold them. Needs Guardrails."""

from __future__ import annotations

import re
import time
from typing import Any

from guardrails import Guard
from guardrails.validator_base import (
    ErrorSpan,
    FailResult,
    PassResult,
    Validator,
    register_validator,
)

PHONE = re.compile(r"\+?\d[\d -]{6,}\d")


@register_validator("ours/pattern", data_type="string")
class Pattern(Validator):
    """Fails what a regular expression finds nothing in, and fixes nothing."""

    def __init__(self, regex: str, on_fail: Any = None) -> None:
        super().__init__(on_fail=on_fail, regex=regex)
        self._regex = re.compile(regex)

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        if self._regex.search(value):
            return PassResult()
        return FailResult(error_message=f"nothing in it is {self._regex.pattern}")


@register_validator("ours/short", data_type="string")
class Short(Validator):
    """A text of at most so many characters; the fix cuts it."""

    def __init__(self, most: int, on_fail: Any = None) -> None:
        super().__init__(on_fail=on_fail, most=most)
        self._most = most

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        if len(value) <= self._most:
            return PassResult()
        return FailResult(error_message=f"it has more than {self._most} characters", fix_value=value[: self._most])


@register_validator("ours/no_phone", data_type="string")
class NoPhone(Validator):
    """Finds telephone numbers, says where, and puts a word in their place."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        spans = [
            ErrorSpan(start=found.start(), end=found.end(), reason="a telephone number")
            for found in PHONE.finditer(value)
        ]
        if not spans:
            return PassResult()
        return FailResult(
            error_message="it holds a telephone number", fix_value=PHONE.sub("[phone]", value), error_spans=spans
        )


@register_validator("ours/lower", data_type="string")
class Lower(Validator):
    """Passes everything, and makes it lower case."""

    override_value_on_pass = True

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return PassResult(value_override=value.lower())


@register_validator("ours/awaited", data_type="string")
class Awaited(Validator):
    """Can only be awaited."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return FailResult(error_message="it is bad") if "bad" in value else PassResult()


@register_validator("ours/odd", data_type="string")
class Odd(Validator):
    """Gives what it was made with, raises it, or hangs."""

    def __init__(self, deed: Any = None, on_fail: Any = None) -> None:
        super().__init__(on_fail=on_fail)
        self.deed = deed

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        if isinstance(self.deed, BaseException):
            raise self.deed
        if isinstance(self.deed, float):
            time.sleep(self.deed)
            return PassResult()
        return self.deed(value) if callable(self.deed) else self.deed


@register_validator("ours/keyed", data_type="string")
class Keyed(Validator):
    """Needs a key, and asks a server that nobody can reach."""

    def __init__(self, api_key: str = "", on_fail: Any = None) -> None:
        super().__init__(on_fail=on_fail, api_key=api_key)
        if not api_key:
            raise ValueError("An API key is required.")
        self._key = api_key

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        raise ConnectionError(f"https://toxic.example refused the key {self._key}")


@register_validator("ours/noting", data_type="string")
class Noting(Validator):
    """Writes each text into its metadata, and fails where it sees that it was asked before."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        if metadata.get("seen"):
            return FailResult(error_message=f"it has seen {metadata['seen']}")
        metadata["seen"] = [value]
        return PassResult(metadata=metadata)


@register_validator("ours/needing", data_type="string")
class Needing(Validator):
    """Needs to be told the sources of a text."""

    required_metadata_keys = ["sources"]  # noqa: RUF012 - as Guardrails has it

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return PassResult() if value in metadata["sources"] else FailResult(error_message="it is in no source")


@register_validator("ours/plain", data_type="string")
def plain(value: Any, metadata: dict[str, Any]) -> Any:
    """A validator that is a function."""
    return FailResult(error_message="it is bad") if "bad" in value else PassResult()


NOT_A_VALIDATOR = 3


def guard() -> Guard:
    """A Guard that asks two of them."""
    return Guard().use(NoPhone(on_fail="exception"), Short(most=60, on_fail="fix"))
