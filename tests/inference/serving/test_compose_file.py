"""docker-compose.yml serves the default model with the command that the plan prints, and the app finds it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_files import QWEN_8B, decoder, write_model
from ragstone.inference.serving import command
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.gpus import GPUS
from ragstone.inference.serving.memory import Load, activations, plan
from ragstone.inference.serving.weights import read_weights

ROOT = Path(__file__).parents[3]


def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_the_gpu_profile_is_what_the_plan_prints(tmp_path: Path) -> None:
    shape = read_config(write_model(tmp_path / "Qwen3-8B", QWEN_8B, decoder(QWEN_8B)))
    weights = read_weights(tmp_path / "Qwen3-8B", shape)
    assert weights is not None
    window = yaml.safe_load((ROOT / "connectors" / "local.yaml").read_text())["context"]
    load = Load(shape=shape, weights=weights, gpu=GPUS["h100"], context=window, concurrency=12)
    assert plan(load).fits
    printed = yaml.safe_load(command.compose(load, "Qwen/Qwen3-8B", variable="RAGSTONE_LOCAL_MODEL"))
    assert services()["vllm"] == {**printed["vllm"], "profiles": ["gpu"]}


def test_a_gpu_of_32_gib_holds_one_request_of_it_at_least(tmp_path: Path) -> None:
    """Or vLLM would not start there, as it does not on 24 GiB."""
    shape = read_config(write_model(tmp_path / "Qwen3-8B", QWEN_8B, decoder(QWEN_8B)))
    weights = read_weights(tmp_path / "Qwen3-8B", shape)
    assert weights is not None
    steps = activations(Load(shape=shape, weights=weights, gpu=GPUS["h100"], context=32768, concurrency=12))
    left = {}
    for gpu in ("rtx4090", "rtx5090"):
        found = plan(Load(shape=shape, weights=weights, gpu=GPUS[gpu], context=32768, concurrency=12))
        left[gpu] = found.room + found.activations - steps >= found.request
    assert left == {"rtx4090": False, "rtx5090": True}


@pytest.mark.parametrize(
    ("found", "given", "expected"),
    [
        pytest.param(True, "", "http://vllm:8000/v1", id="with the profile"),
        pytest.param(False, "", "", id="without it"),
        pytest.param(True, "http://mine:1/v1", "http://mine:1/v1", id="a server of one's own"),
    ],
)
def test_the_app_finds_the_model_by_the_services_name(tmp_path: Path, found: bool, given: str, expected: str) -> None:
    """The app's own shell lines, where `getent` is a name server that knows the other services or does not."""
    programs = {
        "getent": f'[ "$*" = "hosts vllm." ] && exit {0 if found else 2}',
        "ragstone": '[ "$1" = serve ] && printf "%s" "$RAGSTONE_LOCAL_URL"; exit 0',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    shell, option, lines = services()["app"]["command"]
    done = subprocess.run(
        [shell, option, lines.replace("$$", "$")],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "RAGSTONE_LOCAL_URL": given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (expected, "")
