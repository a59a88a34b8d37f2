"""How a server is asked for an answer of a fixed form, and how it is found out whether it obeys.

Servers leave out what they do not know without a word. So each is asked once for an object that holds a code which no
message names: only who is bound by the schema can say it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ragstone.output import Output

__all__ = ["PROBE_TOKENS", "Obedience", "obeys", "probe", "response_format"]

PROBE_TOKENS = 1024  # some models reason before they say anything
_CODE = "q7f3-x81k-0d52"
_PROBE: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string", "enum": [_CODE]}},
    "required": ["code"],
    "additionalProperties": False,
}


@dataclass(slots=True)
class Obedience:
    """What is known of a server: whether it obeys schemas at all (None: not known yet), and which it has refused."""

    known: bool | None = None
    refused: set[str] = field(default_factory=set[str])

    def takes(self, output: Output) -> bool:
        """Whether this schema is worth sending."""
        return bool(self.known) and json.dumps(output.strict) not in self.refused

    def refuse(self, output: Output) -> None:
        """Notes that the server knows schemas, and not this one."""
        self.refused.add(json.dumps(output.strict))


def response_format(output: Output) -> dict[str, Any]:
    """What is added to a request for a completion."""
    return _format(output.name, output.strict)


def probe() -> dict[str, Any]:
    """The messages and the schema of the request that finds it out."""
    return {"messages": [{"role": "user", "content": "?"}], "response_format": _format("probe", _PROBE)}


def obeys(text: str) -> bool:
    """Whether the reply to the probe is what its schema allows, and nothing more."""
    try:
        return json.loads(text) == {"code": _CODE}
    except (ValueError, RecursionError):
        return False


def _format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
