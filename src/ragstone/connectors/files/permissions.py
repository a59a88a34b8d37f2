"""Who may see a file: what its sidecar or its front matter says. What cannot be understood allows nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ragstone.config import parse_yaml, validate
from ragstone.errors import ConfigError, ParseError
from ragstone.types import PUBLIC

__all__ = [
    "Access",
    "FrontMatter",
    "Readers",
    "Sidecar",
    "everyone_or_nobody",
    "in_front_matter",
    "in_sidecar",
    "refuse",
]

HEAD = 65_536  # bytes of a file in which its front matter must end

_FRONT = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_MARKDOWN = (".md", ".markdown", ".mdx", ".qmd")


class Sidecar(BaseModel):
    """`acl: {from: sidecar}`: each file's readers stand beside it, those of `report.pdf` in `report.pdf.acl.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Literal["sidecar"] = Field(alias="from")


class FrontMatter(BaseModel):
    """`acl: {from: front-matter}`: a Markdown file's readers stand in its front matter, as `allow: [group:hr]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Literal["front-matter"] = Field(alias="from")


Access: TypeAlias = Literal["public", "private"] | Sidecar | FrontMatter
Readers: TypeAlias = tuple[tuple[str, ...], ConfigError | None]
"""Who may see a file, and the fault of what should say so; with a fault nobody may."""


class _Rules(BaseModel):
    """What a sidecar holds: `allow: [group:hr]`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    allow: list[str]


class _Front(BaseModel):
    """What of a file's front matter counts here. Without `allow` nobody may see the file."""

    model_config = ConfigDict(extra="ignore", strict=True)

    allow: list[str] = []


def everyone_or_nobody(access: Access) -> Readers:
    """The readers where they do not stand with each file."""
    return (PUBLIC if access == "public" else ()), None


def in_sidecar(data: Callable[[], bytes], path: str | PurePath) -> Readers:
    """What a sidecar says."""
    try:
        return tuple(validate(_Rules, parse_yaml(_text(data(), path), Path(path))).allow), None
    except ConfigError as error:
        return (), error
    except OSError as error:
        return (), ConfigError(f"cannot be read: {error.strerror or error}", where=str(path))
    except RecursionError:
        return (), ConfigError("is nested too deeply", where=str(path))


def in_front_matter(head: Callable[[int], bytes], path: str | PurePath) -> Readers:
    """What the front matter of a Markdown file says; `head` reads so many of its first bytes."""
    if not str(path).lower().endswith(_MARKDOWN):
        return (), None
    try:
        found = _FRONT.match(head(HEAD))
        if found is None:
            return (), None
        return tuple(validate(_Front, parse_yaml(_text(found[1], path), Path(path), first_line=2)).allow), None
    except ConfigError as error:
        return (), error
    except OSError as error:
        return (), ConfigError(f"cannot be read: {error.strerror or error}", where=str(path))
    except RecursionError:
        return (), ConfigError("is nested too deeply", where=str(path))


def refuse(fault: ConfigError, origin: str, uri: str) -> bytes:
    """Stands in for reading a file whose rules are faulty."""
    raise ParseError(f"nobody may see it, since its {origin} is faulty: {fault}", where=uri) from fault


def _text(data: bytes, path: str | PurePath) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8", where=str(path)) from error
