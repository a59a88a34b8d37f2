"""What is known of servers by their address, as their makers document it; nothing is known of the others."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["OPENAI", "Host", "host_of"]

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Host:
    """One kind of server. `lacks` are the settings that it does not obey, by their names in `Options`.

    `length` is what it calls the most tokens of an answer. `samples`: it gives several answers of one request. `own`:
    it may be one's own server, so that it may be a vLLM, with gauges and a list of what it serves.
    """

    lacks: frozenset[str] = frozenset()
    length: str = "max_tokens"
    samples: bool = True
    own: bool = True
    openai: bool = False  # it takes OpenAI's own fields and headers


# OpenAI's newer models know the length by its newer name alone, other servers by the older one.
_OPENAI = Host(lacks=frozenset({"top_k"}), length="max_completion_tokens", own=False, openai=True)
# huggingface.co/docs/inference-providers/tasks/chat-completion lists neither `top_k` nor `n`.
_ROUTER = Host(lacks=frozenset({"top_k"}), samples=False, own=False)
# docs.ollama.com/api/openai-compatibility lists neither `top_k` nor `n`; what it does not know it leaves out.
_OLLAMA = Host(lacks=frozenset({"top_k"}), samples=False)

_BY_DOMAIN = {
    "openai.com": _OPENAI,
    "openai.azure.com": _OPENAI,
    "services.ai.azure.com": _OPENAI,
    "router.huggingface.co": _ROUTER,
    "api.together.ai": Host(own=False),
    "api.together.xyz": Host(own=False),
}
_BY_PORT = {11434: _OLLAMA}


def host_of(url: str) -> Host:
    """What is known of the server at an address.

    >>> host_of("https://house.openai.azure.com/openai/v1").lacks
    frozenset({'top_k'})
    """
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return Host()
    found = next((host for domain, host in _BY_DOMAIN.items() if name == domain or name.endswith(f".{domain}")), None)
    return found or _BY_PORT.get(port or 0, Host())
