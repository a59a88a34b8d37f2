"""The copy as one file: a compressed tar archive, with a manifest before all else."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError

from ragstone.errors import StateError, UsageError
from ragstone.state.backups.contents import KEPT, databases, files
from ragstone.state.backups.snapshot import snapshot
from ragstone.state.faults import translated
from ragstone.state.lock import FileLock

__all__ = ["MANIFEST", "Backup", "back_up", "unpacked"]

FORMAT = 1
MANIFEST = "manifest.json"
LEVEL = 1  # of compression: the disk is slower
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """An archive, and what lies in it. `files` are the bytes of each by name; `made` is in UTC, ISO 8601."""

    path: Path
    made: str
    ragstone: str
    files: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self.path.stat().st_size

    def as_dict(self) -> dict[str, Any]:
        """The backup as `ragstone backup --json` prints it."""
        said = {"path": str(self.path), "made": self.made, "ragstone": self.ragstone, "size": self.size}
        return {**said, "files": dict(self.files)}


def _place(name: str) -> str:
    """A name that may stand in an archive: it leads to a place where precious files lie, and to nowhere else."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or not name.isprintable():
        raise ValueError(f"it names {name[:80]!r}")
    if parts[0] not in KEPT and (len(parts) > 1 or not name.endswith(".db")):
        raise ValueError(f"it names {name[:80]!r}")
    return name


class _Fact(BaseModel):
    bytes: int
    sha256: str


class _Manifest(BaseModel):
    format: int
    ragstone: str
    made: str
    files: dict[Annotated[str, AfterValidator(_place)], _Fact]


def back_up(folder: Path, target: Path) -> Backup:
    """Writes the precious files of a project's state into an archive, which appears when it is whole.

    The project may be in use. Raises UsageError where there is nothing to copy, or the target exists; IndexBusy where
    another backup is made; StorageFull.
    """
    if target.exists():
        raise UsageError("there is a file already", where=str(target), hint="Choose another name, or move it away.")
    if not target.absolute().parent.is_dir():
        raise UsageError("there is no such folder", where=str(target.absolute().parent), hint="Make it first.")
    if not folder.is_dir() or not (databases(folder) or files(folder)):
        raise UsageError("there is nothing to copy yet", where=str(folder), hint="Run: ragstone ingest")
    aside = target.absolute().with_name(f".{target.name}.part")
    with FileLock(folder / "backup.lock", purpose="ragstone backup"), translated(str(target)):
        shutil.rmtree(aside, ignore_errors=True)  # of one that was killed
        aside.mkdir(mode=0o700)
        try:
            return _written(folder, target, aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _written(folder: Path, target: Path, aside: Path) -> Backup:
    copies = aside / "copies"
    copies.mkdir()
    made = datetime.now(UTC).isoformat(timespec="seconds")
    snapshot(databases(folder), copies)
    for path in files(folder):
        copy = copies / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    listed = [path for path in sorted(copies.rglob("*")) if path.is_file()]
    named = {path.relative_to(copies).as_posix(): path for path in listed}
    facts = {name: _Fact(bytes=path.stat().st_size, sha256=_digest(path)) for name, path in named.items()}
    manifest = _Manifest(format=FORMAT, ragstone=version("ragstone"), made=made, files=facts)
    (aside / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    whole = aside / "archive"
    with tarfile.open(whole, "w:gz", compresslevel=LEVEL) as tar:
        for name, path in ((MANIFEST, aside / MANIFEST), *named.items()):
            tar.add(path, name, recursive=False, filter=_nobodys)
    whole.chmod(0o600)  # documents, and who may read them
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    whole.replace(target)
    return _backup(target, manifest)


def _nobodys(one: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of this machine's people."""
    one.uid = one.gid = 0
    one.uname = one.gname = ""
    one.mode = 0o600
    return one


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ── Reading one ─────────────────────────────────────────────────────────────────────────────────────────────────────


def unpacked(archive: Path, folder: Path) -> Backup:
    """Unpacks an archive into an empty folder, and checks each file against the manifest.

    Raises UsageError where there is no such file, StateError for one that is damaged, of another kind, or made by a
    newer version.
    """
    if not archive.is_file():
        raise UsageError("there is no such file", where=str(archive))
    with _damage(archive), gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        first = tar.next()
        manifest = _manifest(tar, first, archive)
        left = dict(manifest.files)
        for one in tar:
            if one.name == MANIFEST:
                continue
            fact = left.pop(one.name, None)
            if fact is None or not one.isfile():
                raise _damaged(archive, f"{one.name!r} is not named in its manifest")
            if _copied(tar, one, folder / one.name) != (fact.bytes, fact.sha256):
                raise _damaged(archive, f"{one.name!r} is not what was written")
        while stream.read(BLOCK):
            pass  # the sum of all stands at the end
        if left:
            raise _damaged(archive, f"{min(left)!r} is missing")
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return _backup(archive, manifest)


def _backup(path: Path, manifest: _Manifest) -> Backup:
    sizes = {name: fact.bytes for name, fact in manifest.files.items()}
    return Backup(path=path, made=manifest.made, ragstone=manifest.ragstone, files=sizes)


def _manifest(tar: tarfile.TarFile, first: tarfile.TarInfo | None, archive: Path) -> _Manifest:
    file = tar.extractfile(first) if first is not None and first.name == MANIFEST and first.isfile() else None
    if file is None:
        raise StateError("is no backup of Ragstone's", where=str(archive), expected=f"{MANIFEST} at its beginning")
    try:
        found = _Manifest.model_validate_json(file.read())
    except ValidationError as error:
        raise _damaged(archive, f"its manifest: {error.errors()[0]['msg']}") from error
    if found.format > FORMAT or _numbers(found.ragstone) > _numbers(version("ragstone")):
        hint = f"Install ragstone {found.ragstone[:20]} or a newer one."
        raise StateError("a newer version of Ragstone made this backup", where=str(archive), hint=hint)
    return found


def _copied(tar: tarfile.TarFile, one: tarfile.TarInfo, target: Path) -> tuple[int, str]:
    """Writes one file, and gives its bytes and digest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    source = tar.extractfile(one)
    assert source is not None, "it is a file"
    target.touch(mode=0o600, exist_ok=False)
    with target.open("wb") as file:
        while block := source.read(BLOCK):
            file.write(block)
            digest.update(block)
            count += len(block)
        file.flush()
        os.fsync(file.fileno())
    return count, digest.hexdigest()


def _numbers(said: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


@contextmanager
def _damage(archive: Path) -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _damaged(archive, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # the disk's; gzip's own have none
            with translated(str(archive)):
                raise
        raise _damaged(archive, str(error)) from error


def _damaged(archive: Path, why: str) -> StateError:
    return StateError(f"is damaged: {why}", where=str(archive), hint="Take another backup. Nothing was changed.")
