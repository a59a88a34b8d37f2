"""Fetches the default model: said aloud, and checked against what its files are known to be."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import urllib.request
from pathlib import Path

from ragstone.errors import EmbedderError

__all__ = ["download_model"]

log = logging.getLogger(__name__)

# The files of all-MiniLM-L6-v2 at the revision that every digest below belongs to.
_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_SHA256 = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    # The weights come last: once they stand in their place, the folder is whole.
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
_TIMEOUT = 10.0  # seconds without a byte
_PIECE = 1 << 20  # bytes


def download_model(model: str, folder: Path, *, otherwise: str) -> Path:
    """Fetches the files of all-MiniLM-L6-v2, 91 MB, into a folder, and returns it.

    Raises EmbedderError when one cannot be had, with `otherwise` as its hint, or is not the file that was published.
    """
    hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not hub.startswith("https://"):
        raise EmbedderError("weights are fetched over https alone", where="HF_ENDPOINT", found=hub)
    log.warning("Downloading %s (91 MB, once) from %s to %s", model, hub, folder)
    for name, digest in _SHA256.items():
        try:
            _fetch(f"{hub}/{model}/resolve/{_REVISION}/{name}", folder / name, digest)
        except OSError as error:
            raise EmbedderError(
                f"the weights of {model} are not on this machine, and cannot be downloaded: {error}", hint=otherwise
            ) from error
    return folder


def _fetch(url: str, path: Path, digest: str) -> None:
    """Puts a file in its place once all of it has come and is what it should be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seen = hashlib.sha256()
    handle, made = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310
            while piece := answer.read(_PIECE):
                seen.update(piece)
                file.write(piece)
        if seen.hexdigest() != digest:
            raise EmbedderError(
                "is not the file that was published", where=url, expected=digest, found=seen.hexdigest()
            )
        Path(made).replace(path)
    finally:
        Path(made).unlink(missing_ok=True)
