"""What a connector's file says of itself, and what of it an error speaks of."""

from __future__ import annotations

import re
from typing import Any, cast

from ragstone.config import Located
from ragstone.errors import ConfigError, nearest
from ragstone.registry import KINDS

__all__ = ["declared_kind", "key_of", "variable_of"]


def variable_of(located: Located, message: str) -> str | None:
    """The variable behind the key that a message names: `no base_url is set` in a file with `base_url: ${env:URL:}`."""
    for key, value in located.value.items():
        if re.search(rf"\b{re.escape(key)}\b", message) and isinstance(value, str):
            found = re.search(r"\$\{env:(\w+)", value)
            return found.group(1) if found else None
    return None


def key_of(located: Located, message: str) -> tuple[str, ...]:
    """The key of a file whose name a message begins with: `timeout is out of range`."""
    first = message.split(maxsplit=1)[0] if message else ""
    return (first,) if first in located.value else ()


def declared_kind(located: Located) -> str:
    """What `kind:` says. Raises ConfigError when it is missing or unknown."""
    value: Any = located.value
    if not isinstance(value, dict):
        raise ConfigError("holds no keys", where=located.where(), expected="kind, type and the connector's own keys")
    kind = cast("dict[str, Any]", value).get("kind")
    if kind not in KINDS:
        raise ConfigError(
            "the key 'kind' is missing" if kind is None else f"unknown kind {kind!r}",
            where=located.where(("kind",)),
            expected="one of " + ", ".join(sorted(KINDS)),
            hint=nearest(str(kind), KINDS) if kind else None,
        )
    return str(kind)
