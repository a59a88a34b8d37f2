"""What every layer's entry in a prompt file has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings", "Switch", "as_list", "once"]


class Settings(BaseModel):
    """Knows its keys and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Switch(Settings):
    """A layer that is named is on, unless `on: false` keeps its settings for another day."""

    on: bool = True


def as_list(value: object) -> object:
    """One name stands for a list of it."""
    return [value] if isinstance(value, str) else value


def once(names: list[str] | None) -> list[str] | None:
    """Raises ValueError for a list that is empty, or that names something twice."""
    if names is not None and not names:
        raise ValueError("names nothing")
    if names is not None and len(set(names)) < len(names):
        raise ValueError("the same name stands here twice")
    return names
