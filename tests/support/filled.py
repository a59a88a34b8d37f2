"""Values of a JSON Schema, for models that say what a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["filled"]


def filled(schema: Mapping[str, Any], word: str) -> Any:
    """A value of a schema, with a word in each text."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: filled(part, word) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [filled(schema.get("items", {}), f"{word} {number}") for number in (1, 2)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return word
