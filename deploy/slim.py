"""Removes from the image's environment what the service never loads: it makes up a third of the whole.

    /opt/ragstone/bin/python slim.py

Each removal says why. One that finds nothing is an error, so that a new version that moves its files is seen.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from shutil import rmtree
from sysconfig import get_path

from ragstone.ingestion.splitters.languages import LANGUAGES

PACKAGES = {
    "kubernetes": "Chroma asks it where the parts of a distributed server are; ours is one process",
    "onnxruntime": "Chroma's own embedder, which nothing here asks for",
    "hatchling": "builds packages",
    "setuptools": "builds packages",
    "trove-classifiers": "of hatchling",
    "pip": "installs packages, and goes last",
}
FILES = {
    "openvino/libs/libopenvino_intel_gpu_plugin.so": "the embedder runs on the processor",
    "openvino/libs/cache.json": "of the GPU",
    "openvino/libs/libopenvino_intel_npu_plugin.so": "the embedder runs on the processor",
    "openvino/libs/libopenvino_*_frontend.so.*": "the embedder is built in memory, and read from no other format",
    "openvino/include": "for compilers",
    "chromadb/test": "tests",
    "numpy/**/tests": "tests",
}


def main() -> None:
    """All of it. Raises FileNotFoundError for what is not there."""
    site = Path(get_path("purelib"))
    _remove(site, [found for pattern in FILES for found in _found(site, pattern)])
    grammars = _found(site, "tree_sitter_language_pack/bindings/*.so")
    _remove(site, [path for path in grammars if path.name.split(".")[0] not in LANGUAGES])
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *PACKAGES], check=True)


def _found(site: Path, pattern: str) -> list[Path]:
    found = [*site.glob(pattern)]
    if not found:
        raise FileNotFoundError(f"nothing is called {site / pattern}: see what the new version of the package brings")
    return found


def _remove(site: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            rmtree(path)
        else:
            path.unlink()
        print(f"removed {path.relative_to(site)}")


if __name__ == "__main__":
    main()
