"""A prompt file whose words are written anew: its settings stay, and the whole is checked before it is written.

original = read_original(path)
rewrite = rewritten(original, words, target=path)
rewrite.faults     # why it cannot be used: as the loader says of any file
rewrite.lost       # the placeholders that the original has and this lacks
"""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.home import FOLDER, home
from ragstone.prompts.lint.finding import Finding
from ragstone.prompts.lint.loading import REFUSED
from ragstone.prompts.lint.run import lint
from ragstone.prompts.syntax import read

__all__ = ["Original", "Rewrite", "read_original", "rewritten"]

AROUND = 3  # lines that a comparison shows before and after a change
UNUSED = "unused-input"  # what lint says of a lost placeholder, which is told here by its name

_FENCE = re.compile(r"(```+|~~~+)[^\n]*\n(.*)\n\1[ \t]*", re.DOTALL)
_OWN_NAME = re.compile(r"^name:.*$", re.MULTILINE)
_DISPLAY_NAME = re.compile(r"^displayName:.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A prompt file that loads: its settings with the lines `---` around them, and its words."""

    file: PromptFile
    data: bytes
    front: str
    words: str

    @property
    def placeholders(self) -> list[str]:
        """The placeholders that its words may hold, each with what is put there."""
        given = {one.name: one.description for one in self.file.inputs}
        if "passages" in self.file.body.uses:
            given["passages"] = ""
        return [f"{_slot(name)}: {said}" if said else _slot(name) for name, said in given.items()]

    @property
    def tags(self) -> dict[str, None]:
        """The placeholders that it uses and the files that it includes, as they are written in a prompt."""
        return _tags(self.file)

    @property
    def needed(self) -> dict[str, bytes]:
        """The files that it includes and the examples that it names, below the folder of prompts."""
        names = [*self.file.body.includes, *([self.file.few_shot.file] if self.file.few_shot is not None else [])]
        return {name: (self.file.root / name).read_bytes() for name in names}

    def text(self, words: str, *, name: str | None = None) -> str:
        """The whole file with other words; `name` is that of a copy."""
        front = self.front
        if name is not None:
            front = _DISPLAY_NAME.sub("", front)
            line = f"name: {name}"
            front = _OWN_NAME.sub(line, front, count=1) if _OWN_NAME.search(front) else f"---\n{line}\n{front[4:]}"
        return front + words

    def encoded(self, text: str) -> bytes:
        """A text as this file is saved: with its line ends, and with its mark at the beginning where it has one."""
        mark = b"\xef\xbb\xbf"
        data = text.replace("\n", "\r\n") if b"\r\n" in self.data else text
        return (mark if self.data.startswith(mark) else b"") + data.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Other words for a prompt file, checked.

    With `faults` it cannot be used. `lost` and `invented` are placeholders and includes that only one of the two has;
    `remarks` is what lint says of this one and not of the original.
    """

    original: Original
    words: str
    text: str
    parts: Mapping[str, bytes]  # files that it needs and the folder that it goes to lacks
    faults: tuple[Finding, ...] = ()
    lost: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    remarks: tuple[Finding, ...] = ()

    @property
    def same(self) -> bool:
        """Whether it says what the original says."""
        return self.words == self.original.words

    @property
    def doubtful(self) -> bool:
        """Whether a person has to look before it is used."""
        return bool(self.lost or self.invented or any(one.severity == "error" for one in self.remarks))

    @property
    def diff(self) -> list[str]:
        """What differs from the original, line by line, as `diff -u` writes it."""
        lines = (self.original.words.split("\n"), self.words.split("\n"))
        return list(difflib.unified_diff(*lines, lineterm="", n=AROUND))[2:]


def read_original(path: Path) -> Original:
    """Reads a prompt file in order to rewrite it. Raises PromptError for one that does not load."""
    file = load(path)
    lines = read(path, file.root).split("\n")
    end = lines.index("---", 1) + 1
    words = "\n".join(lines[end:])
    return Original(file=file, data=path.read_bytes(), front="\n".join(lines[:end]) + "\n", words=words)


def rewritten(original: Original, words: str, *, target: Path, name: str | None = None) -> Rewrite:
    """The prompt with these words, checked as if it stood at `target`; nothing is written there.

    `name` is that of a copy. A code fence around all of the words is taken off.
    """
    words = _plain(words)
    text = original.text(words, name=name)
    root = home(target)
    parts = {part: held for part, held in original.needed.items() if not (root / part).exists()}
    with TemporaryDirectory() as folder:
        copy = Path(folder) / FOLDER
        if root.is_dir():
            shutil.copytree(root, copy, symlinks=True)
        path = copy / target.relative_to(root)
        for place, held in {path: text.encode(), **{copy / part: held for part, held in parts.items()}}.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(held)
        found = [replace(one, path=one.path.replace(str(copy), str(root))) for one in lint([path])]
        faults = tuple(one for one in found if one.code in REFUSED)
        tags = {} if faults else _tags(load(path))
    return Rewrite(
        original=original,
        words=words,
        text=text,
        parts=parts,
        faults=faults,
        lost=() if faults else _without(original.tags, tags),
        invented=_without(tags, original.tags),
        remarks=() if faults else _new(found, lint([original.file.path])),
    )


def _plain(words: str) -> str:
    """The words as a file has them: one line end for all, none of half a character, no fence around the whole."""
    words = words.replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace").decode().strip("\n")
    fenced = _FENCE.fullmatch(words.strip())
    return (fenced[2] if fenced else words).strip("\n") + "\n"


def _new(found: Iterable[Finding], before: Sequence[Finding]) -> tuple[Finding, ...]:
    known = {(one.code, one.message) for one in before}
    return tuple(one for one in found if (one.code, one.message) not in known and one.code != UNUSED)


def _tags(file: PromptFile) -> dict[str, None]:
    slots = [_slot(name) for name in sorted(file.body.uses)]
    return dict.fromkeys([*slots, *(f'{{% include "{name}" %}}' for name in file.body.includes)])


def _slot(name: str) -> str:
    return f"{{{{ {name} }}}}"


def _without(these: Iterable[str], those: Mapping[str, None]) -> tuple[str, ...]:
    return tuple(one for one in these if one not in those)
