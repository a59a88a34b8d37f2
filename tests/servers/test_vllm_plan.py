"""The commands that `ragstone model plan` prints, read by vLLM's own parser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from model_files import QWEN_8B, decoder, write_model
from ragstone.cli.app import app
from ragstone.inference.serving.adapters import RANKS
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.gpus import find_gpu
from ragstone.inference.serving.memory import UTILIZATION, Load, cache_bytes
from ragstone.inference.serving.quantization import KV_CACHE, METHODS, SERVED
from ragstone.inference.serving.weights import read_weights
from servers import missing
from vllm_here import VLLM_ENVIRONMENT, VLLM_PYTHON

pytestmark = pytest.mark.vllm

PARSE = Path(__file__).with_name("parse_vllm_flags.py")


@pytest.fixture(scope="module")
def offered() -> dict[str, Any]:
    """What the installed vLLM takes, and a way to have it read command lines."""
    return parsed([])


def parsed(lines: list[list[str]]) -> dict[str, Any]:
    """What vLLM's parser makes of command lines, all in one process: it takes seconds to import."""
    if not VLLM_PYTHON.exists():
        missing("vLLM", "Run: make test-vllm")
    done = subprocess.run(
        [VLLM_PYTHON, PARSE],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **VLLM_ENVIRONMENT},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def printed(*arguments: str | Path) -> list[str]:
    """The words of the command that is printed, as a shell takes them."""
    shown = CliRunner().invoke(app, ["model", "plan", *map(str, arguments)])
    assert shown.exit_code == 0, shown.output
    script = """vllm() { printf '%s\\0' vllm "$@"; }\n""" + shown.stdout[shown.stdout.index("vllm serve") :]
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


def test_every_command_that_is_printed_is_one_that_vllm_takes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", QWEN_8B, decoder({**QWEN_8B, "num_hidden_layers": 1}))
    head = {**QWEN_8B, "num_hidden_layers": 1}
    draft = write_model(tmp_path / "draft", head, decoder(head))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 24, "target_modules": ["q_proj"]}')
    asked: list[list[str | Path]] = [
        [],
        ["--gpus", "2", "--gpu", "t4", "--context", "2k", "--concurrency", "1"],
        *(["--quantization", name] for name, method in METHODS.items() if method.flag),
        *(["--kv-cache", name] for name in KV_CACHE),
        ["--speculative", "ngram"],
        ["--speculative", f"eagle3:{draft}"],
        ["--speculative", f"draft:{draft}"],
        ["--lora", f"legal={adapter}", "--lora", f"plain={adapter}", "--utilization", "0.8"],
    ]
    commands = [printed(model, "--gpu", "h200", "--context", "4k", "--concurrency", "2", *more) for more in asked]
    assert all(words[:3] == ["vllm", "serve", str(model)] for words in commands)
    read = parsed([words[2:] for words in commands])["read"]
    assert [one["model"] for one in read] == [str(model)] * len(read)
    assert {one["max_model_len"] for one in read} == {4096, 2048}
    assert all(one["enable_prompt_tokens_details"] and one["enable_prefix_caching"] for one in read)
    assert (read[1]["tensor_parallel_size"], read[1]["dtype"], read[1]["max_num_seqs"]) == (2, "float16", 1)
    assert [one["quantization"] for one in read[2:5]] == ["fp8", "mxfp8", "mxfp4"]
    methods = [one["speculative_config"]["method"] for one in read if one["speculative_config"]]
    assert methods == ["ngram", "eagle3", "draft_model"]
    assert read[-1]["lora_modules"] == [["legal", str(adapter)], ["plain", str(adapter)]]
    assert (read[-1]["max_lora_rank"], read[-1]["gpu_memory_utilization"]) == (32, 0.8)


def test_what_vllm_offers_is_what_we_name(offered: dict[str, Any]) -> None:
    assert {method.flag for method in METHODS.values() if method.flag} <= set(offered["quantization"])
    assert set(offered["quantization"]) >= SERVED
    assert set(offered["kv_cache_dtype"]) >= set(KV_CACHE)
    assert offered["max_lora_rank"] == list(RANKS)
    assert {"ngram", "eagle3", "draft_model"} <= set(offered["speculation"])
    assert offered["gpu_memory_utilization"] == UTILIZATION


def test_a_word_that_vllm_does_not_know_is_noticed(tmp_path: Path) -> None:
    """Or the tests above could not fail."""
    assert "--max-modell-len" in parsed([["model", "--max-modell-len", "5"]])["read"][0]["refused"]


def test_the_cache_holds_as_many_tokens_as_vllm_says(vllm) -> None:
    log = vllm.log.read_text(errors="replace")
    said = log.split("KV cache size: ")[1]
    tokens = int(said.split(" tokens")[0].replace(",", ""))
    requests = float(said.split("per request: ")[1].split("x")[0])
    shape = read_config(vllm.folder)
    weights = read_weights(vllm.folder, shape)
    assert weights is not None
    load = Load(shape=shape, weights=weights, gpu=find_gpu("2GiB"), context=8192, concurrency=1)
    space = int(VLLM_ENVIRONMENT["VLLM_CPU_KVCACHE_SPACE"]) * 1024**3
    assert tokens == space / (cache_bytes(load, 8192) / 8192)
    assert requests == space / cache_bytes(load, 8192)


def test_the_weights_are_as_many_as_vllm_loads(vllm) -> None:
    """The tiny model is stored in 16 bits, and served in them."""
    shape = read_config(vllm.folder)
    weights = read_weights(vllm.folder, shape)
    assert weights is not None
    assert weights.bytes("bfloat16") == sum(weights.stored.values())
    assert weights.parameters == 2 * 4096 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 256 + 2 * 64) + 64
