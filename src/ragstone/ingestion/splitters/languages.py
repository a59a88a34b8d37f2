"""The language of a source file, by the end of its name."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["LANGUAGES", "language_of"]

_ENDS = {
    "bash": "sh bash",
    "c": "c h",
    "cpp": "cc cpp cxx hh hpp hxx ino",
    "csharp": "cs",
    "dart": "dart",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "hcl": "hcl tf",
    "java": "java",
    "javascript": "js jsx mjs cjs",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "objc": "m mm",
    "ocaml": "ml",
    "perl": "pl pm",
    "php": "php",
    "powershell": "ps1 psm1",
    "python": "py pyi pyw",
    "r": "r",
    "ruby": "rb rake",
    "rust": "rs",
    "scala": "scala sc",
    "solidity": "sol",
    "sql": "sql",
    "swift": "swift",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "zig": "zig",
}
LANGUAGES = frozenset(_ENDS)
"""All of them, by the names of their grammars."""

_BY_END = {end: language for language, ends in _ENDS.items() for end in ends.split()}


def language_of(uri: str) -> str | None:
    """The name of the language's grammar; None for a name that is not known.

    >>> language_of("src/fish/cod.py")
    'python'
    """
    return _BY_END.get(PurePosixPath(uri).suffix.lower().removeprefix("."))
