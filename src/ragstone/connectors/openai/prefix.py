"""What a request tells a server of the prompt's stable beginning, so that its prefix cache serves one tenant alone.

OpenAI routes requests of one `prompt_cache_key` to the machine that has the beginning in its cache. vLLM puts
`cache_salt` into the hash of each cached block, so that nobody can tell from the speed of an answer what another tenant
has asked. Servers that know neither ignore it or refuse it.
"""

from __future__ import annotations

import hashlib
import json

from ragstone.connectors.openai.hosts import Host
from ragstone.connectors.openai.optional import KEY, SALT
from ragstone.types import Context, Prompt

__all__ = ["Prefix"]


class Prefix:
    """What the server at a host is told, and what its cache keeps."""

    def __init__(self, host: Host) -> None:
        self.name = KEY if host.openai else SALT
        self.block, self.least = (128, 1024) if host.openai else (16, 0)  # as OpenAI documents, and vLLM on GPUs

    def field(self, prompt: Prompt, context: Context) -> dict[str, str]:
        """What is added to a request for a completion."""
        return {self.name: value(prompt, context)}


def value(prompt: Prompt, context: Context) -> str:
    """One word for a tenant and a version of a prompt: the tenant's name is not sent, and no other tenant has it."""
    made = hashlib.blake2b(json.dumps([context.tenant, prompt.name, prompt.version]).encode(), digest_size=16)
    return made.hexdigest()
