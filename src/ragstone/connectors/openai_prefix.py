"""What a request tells a server of the prompt's stable beginning, so that its prefix cache serves one tenant alone.

OpenAI routes requests of one `prompt_cache_key` to the machine that has the beginning in its cache. vLLM puts
`cache_salt` into the hash of each cached block, so that nobody can tell from the speed of an answer what another tenant
has asked. Servers that know neither ignore it or refuse it; the latter are asked again without.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragstone.types import Context, Prompt

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["Prefix"]

KEY, SALT = "prompt_cache_key", "cache_salt"

_UNKNOWN = re.compile(
    r"(extra|unknown|unrecogni[sz]ed|unexpected|unsupported|additional) "
    r"(inputs?|fields?|keys?|parameters?|propert|arguments?|request arguments?)",
    re.IGNORECASE,
)


class Prefix:
    """What the server at a host is told. `taken` is so until it has refused to hear it."""

    def __init__(self, host: str) -> None:
        openai = host.endswith(("openai.com", "openai.azure.com"))
        self.name = KEY if openai else SALT
        self.block, self.least = (128, 1024) if openai else (16, 0)  # as OpenAI documents, and vLLM on GPUs
        self.taken = True

    def field(self, prompt: Prompt, context: Context) -> dict[str, str]:
        """What is added to a request for a completion."""
        return {self.name: value(prompt, context)} if self.taken else {}

    def without(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same request, for a server that refuses the field."""
        return {key: value for key, value in body.items() if key != self.name}

    def refused(self, error: OpenAIError, body: Mapping[str, Any]) -> bool:
        """Whether an error says that the server does not take the field of this request."""
        if self.name not in body or getattr(error, "status_code", 0) not in (400, 422):
            return False
        said = f"{error} {getattr(error, 'body', '')}"
        return KEY in said or SALT in said or _UNKNOWN.search(said) is not None


def value(prompt: Prompt, context: Context) -> str:
    """One word for a tenant and a version of a prompt: the tenant's name is not sent, and no other tenant has it."""
    made = hashlib.blake2b(json.dumps([context.tenant, prompt.name, prompt.version]).encode(), digest_size=16)
    return made.hexdigest()
