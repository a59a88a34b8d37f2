"""The sentence_transformers connector, in the environment with torch, beside the default embedder."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.weights import DEFAULT_MODEL, find_model
from ragstone.types import Context
from servers import missing

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("RAGSTONE_TORCH_PYTHON", ROOT / ".venv-vllm/bin/python"))
TEXTS = ["The halibut project ships in May.", "Cod", "Größe, 日本語 and 👩‍🚀 " * 9, "A longer text says more. " * 12]


def told() -> dict[str, Any]:
    if not PYTHON.exists():
        missing("the environment with torch", "make test-vllm makes it.")
    folder = find_model(DEFAULT_MODEL, Cache(None), path=None, download=False)
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("embed_with_torch.py"), str(folder), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


async def test_it_embeds_as_the_default_embedder_does():
    found, ours = told(), OpenVINOEmbedder()
    vectors = await ours.embed(TEXTS, context=Context())
    assert np.min(np.sum(np.array(found["vectors"]) * vectors, axis=1)) > 0.999
    assert np.min(np.sum(np.array(found["half"]) * vectors, axis=1)) > 0.98
    assert np.allclose(np.linalg.norm(found["half"], axis=1), 1, atol=1e-4)
    assert np.dot(found["query"], vectors[0]) > 0.999
    ids, ranges = ours.tokens(TEXTS[0])
    assert found["tokens"] == [list(ids), [list(one) for one in ranges]]
    assert (found["dimensions"], found["window"]) == (384, 256)
    assert found["prints"][0] != found["prints"][1], "another prefix makes other vectors"
    assert "longer than the embedder's window" in found["refused"]
    await ours.close()
