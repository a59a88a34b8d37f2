"""How a server is asked for an answer of a fixed form, and how it is found out whether it obeys.

Servers leave out what they do not know without a word. So each is asked once for an object that holds a code which no
message names: only who is bound by the schema can say it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from ragstone.output import Output

__all__ = ["JSON_MODE", "PROBE_TOKENS", "is_object", "json_probe", "obeys", "probe", "response_format", "signature"]

PROBE_TOKENS = 1024  # some models reason before they say anything
JSON_MODE: dict[str, Any] = {"type": "json_object"}

_CODE = "q7f3-x81k-0d52"
_PROBE: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string", "enum": [_CODE]}},
    "required": ["code"],
    "additionalProperties": False,
}


def response_format(output: Output) -> dict[str, Any]:
    """What is added to a request for a completion that is bound by the output's schema."""
    return _format(output.name, output.strict)


def signature(output: Output) -> str:
    """The same for outputs of the same schema."""
    return json.dumps(output.strict)


def probe() -> dict[str, Any]:
    """The messages and the schema of the request that finds out whether schemas are obeyed."""
    return {"messages": [{"role": "user", "content": "?"}], "response_format": _format("probe", _PROBE)}


def json_probe() -> dict[str, Any]:
    """Those of the one that finds out whether an answer can be bound to JSON alone. OpenAI wants that word in it."""
    return {"messages": [{"role": "user", "content": "JSON?"}], "response_format": JSON_MODE}


def obeys(text: str) -> bool:
    """Whether the reply to the probe is what its schema allows, and nothing more."""
    return _read(text) == {"code": _CODE}


def is_object(text: str) -> bool:
    """Whether the reply to the second probe is a JSON object, and nothing more."""
    return isinstance(_read(text), dict)


def _read(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
