"""Which paths of a folder are listed: globs to include and exclude, and the rules of a `.ragstoneignore`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

__all__ = ["IGNORE_FILE", "SIDECAR_SUFFIX", "Chosen", "Glob", "hidden"]

IGNORE_FILE = ".ragstoneignore"
SIDECAR_SUFFIX = ".acl.yaml"

Glob = tuple[str, ...]

_LEFTOVER = re.compile(r"~\$.*|.*~|.*\.sw[op]|thumbs\.db|desktop\.ini", re.IGNORECASE | re.DOTALL)


def hidden(name: str) -> bool:
    """Whether a file is hidden, a sidecar, or what an editor or a desktop left behind."""
    return name.startswith(".") or name.lower().endswith(SIDECAR_SUFFIX) or _LEFTOVER.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of an ignore file. `kept`: it begins with `!`, and takes back what an earlier one ignored."""

    glob: Glob
    kept: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which paths are listed, by globs in parts, upper and lower case alike."""

    include: tuple[Glob, ...]
    exclude: tuple[Glob, ...]
    rules: tuple[_Rule, ...] = ()

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> Chosen:
        """From the globs of a connector's file."""
        return cls(tuple(map(_parts, include)), tuple(map(_parts, exclude)))

    def ignoring(self, text: str) -> Chosen:
        """The same, less what an ignore file names. Its lines mean what they mean in a `.gitignore`."""
        return replace(self, rules=tuple(rule for line in text.splitlines() if (rule := _rule(line)) is not None))

    def file(self, path: str) -> bool:
        """Whether a file is chosen whose folders are."""
        names = _parts(path)
        included = any(_matches(glob, names) for glob in self.include)
        return included and not self._excluded(names) and not self._ignored(names, folder=False)

    def below(self, folder: str) -> bool:
        """Whether anything in a folder can be chosen; if not, it need not even be readable."""
        names = _parts(folder)
        reached = any(_reaches(glob, names) for glob in self.include)
        return reached and not self._excluded(names) and not self._ignored(names, folder=True)

    def _excluded(self, names: Glob) -> bool:
        return any(_matches(glob, names) or (glob[-1] == "**" and _matches(glob[:-1], names)) for glob in self.exclude)

    def _ignored(self, names: Glob, *, folder: bool) -> bool:
        for rule in reversed(self.rules):  # the last that matches counts
            if (folder or not rule.folders_only) and _matches(rule.glob, names):
                return not rule.kept
        return False


def _rule(line: str) -> _Rule | None:
    """The rule of a line; None for a blank one and a comment.

    >>> _rule("drafts/").glob, _rule("/notes.md").glob, _rule("!a/b").kept
    (('**', 'drafts'), ('notes.md',), True)
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    kept = line.startswith("!")
    pattern = line[1:] if kept else line.removeprefix("\\")
    anchored = "/" in pattern.rstrip("/")
    parts = _parts(pattern)
    return _Rule(parts if anchored else ("**", *parts), kept, pattern.endswith("/"))


def _parts(path: str) -> Glob:
    return tuple(path.casefold().removeprefix("./").strip("/").split("/"))


def _matches(glob: Glob, names: Glob) -> bool:
    """Whether a glob matches a whole path.

    >>> _matches(("**", "*.md"), ("a", "b.md")), _matches(("*.md",), ("a", "b.md"))
    (True, False)
    """
    if not glob or not names:
        return not glob and not names
    if glob[0] == "**":
        return len(glob) == 1 or _matches(glob[1:], names) or _matches(glob, names[1:])
    return fnmatchcase(names[0], glob[0]) and _matches(glob[1:], names[1:])


def _reaches(glob: Glob, folder: Glob) -> bool:
    """Whether a glob can match a path below a folder."""
    if not glob or not folder or glob[0] == "**":
        return bool(glob)
    return fnmatchcase(folder[0], glob[0]) and _reaches(glob[1:], folder[1:])
