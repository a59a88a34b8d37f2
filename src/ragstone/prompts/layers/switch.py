"""What every layer's entry in a prompt file has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings", "Switch"]


class Settings(BaseModel):
    """Knows its keys and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Switch(Settings):
    """A layer that is named is on, unless `on: false` keeps its settings for another day."""

    on: bool = True
