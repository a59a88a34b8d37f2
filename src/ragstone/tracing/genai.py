"""The names of OpenTelemetry's conventions for generative AI, which are still in development: one place to follow them.

Source: opentelemetry.io/docs/specs/semconv/gen-ai
"""

from __future__ import annotations

__all__ = [
    "CACHED_TOKENS",
    "CHAT",
    "EMBEDDINGS",
    "ERROR",
    "EXECUTE_TOOL",
    "INPUT",
    "INPUT_TOKENS",
    "INVOKE",
    "OPERATION",
    "OUTPUT",
    "OUTPUT_TOKENS",
    "PROMPT",
    "PROMPT_VERSION",
    "PROVIDER",
    "REQUEST_MODEL",
    "RESPONSE_MODEL",
    "RETRIEVAL",
    "TOOL",
]

OPERATION, PROVIDER = "gen_ai.operation.name", "gen_ai.provider.name"
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
INPUT_TOKENS, OUTPUT_TOKENS = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
PROMPT, PROMPT_VERSION = "gen_ai.prompt.name", "gen_ai.prompt.version"
TOOL, ERROR = "gen_ai.tool.name", "error.type"
INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
"""What was asked and answered: only where the project sends content."""

CHAT, EMBEDDINGS, RETRIEVAL = "chat", "embeddings", "retrieval"
EXECUTE_TOOL, INVOKE = "execute_tool", "invoke_agent"
