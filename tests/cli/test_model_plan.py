"""`ragstone model plan` and `serve`, without a GPU and without vLLM."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
import yaml

from model_files import QWEN_8B, decoder, write_model
from ragstone.inference.serving.gpus import gpu_here

STATED = ["--params", "8.19b", "--layers", 36, "--kv-heads", 8, "--head-dim", 128]
NVIDIA_SMI = "#!/bin/sh\necho 'NVIDIA H200, 143771, 9.0'\n"


@pytest.fixture
def qwen(tmp_path: Path) -> Path:
    """A folder with the headers of Qwen3 8B; its weights are a hole in the file."""
    return write_model(tmp_path / "Qwen3-8B", QWEN_8B, decoder(QWEN_8B))


def test_what_fits_is_said_with_the_command(run, qwen: Path) -> None:
    shown = run("model", "plan", qwen, "--gpu", "h200", "--context", "32k", "--concurrency", 24)
    assert shown.exit_code == 0
    assert "It fits: 3.5 GiB are free." in shown.stdout
    assert f"vllm serve {qwen} --max-model-len 32768" in shown.stdout.replace(" \\\n    ", " ")
    assert all(len(line) <= 80 for line in shown.stdout.splitlines() if str(qwen) not in line)


def test_what_does_not_fit_is_said_with_what_would(run, qwen: Path) -> None:
    shown = run("model", "plan", qwen, "--gpu", "h200", "--context", "32k", "--concurrency", 64)
    assert shown.exit_code == 1
    assert "It does not fit: 176.6 GiB too much. At 32,768 tokens, 24 fit at once; 64 at" in shown.stdout
    advice = shown.stdout.partition("the cheapest first:\n")[2].split()
    assert advice[:2] == ["--concurrency", "24"]
    assert "vllm serve" not in shown.stdout


def test_the_arithmetic_is_shown_with_its_numbers(run, qwen: Path) -> None:
    shown = run("model", "plan", qwen, "--gpu", "h200", "--context", "32k", "--concurrency", 24, "--explain").stdout
    assert "2 × 36 layers × 8 KV heads × 128 numbers × 2 bytes" in shown
    assert "= 144.0 KiB a token" in shown
    assert "6,945,767,424 in matrices × 2 bytes (bfloat16) = 12.9 GiB" in shown
    assert "counted by the headers of 1 file" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if str(qwen) not in line)


def test_json_has_every_figure(run, qwen: Path) -> None:
    shown = run("model", "plan", qwen, "--gpu", "h200", "--context", "32k", "--concurrency", 64, "--json")
    found = json.loads(shown.stdout)
    assert (found["fits"], found["command"], found["fitting"]["concurrency"]) == (False, None, 24)
    assert found["bytes"]["request"] == 32768 * 144 * 1024
    assert found["bytes"]["cache"] - found["bytes"]["missing"] + sum(
        found["bytes"][part] for part in ("weights", "lora", "draft", "activations", "graphs")
    ) == pytest.approx(found["bytes"]["budget"], abs=5)
    assert found["remedies"][0] == {
        "change": "--concurrency 24",
        "means": "the other requests wait their turn",
        "enough": True,
        "concurrency": 24,
    }


def test_stated_figures_do_where_there_is_no_folder(run) -> None:
    shown = run("model", "plan", "Qwen/Qwen3-8B", *STATED, "--gpu", "h200", "--context", "32k", "--json")
    found = json.loads(shown.stdout)
    assert found["bytes"]["weights"] == 2 * 8_190_000_000
    assert found["command"][:3] == ["vllm", "serve", "Qwen/Qwen3-8B"]


def test_32_bits_take_twice_the_memory(run, qwen: Path) -> None:
    def found(dtype: str) -> dict[str, int]:
        shown = run("model", "plan", qwen, "--gpu", "h200", "--context", "4k", "--dtype", dtype, "--json")
        return json.loads(shown.stdout)["bytes"]

    assert found("float32")["weights"] == 2 * found("auto")["weights"] == 4 * 8_190_726_144
    assert found("float32")["request"] == 2 * found("bfloat16")["request"]


def test_a_service_for_compose_mounts_the_folders(run, qwen: Path, tmp_path: Path) -> None:
    draft = write_model(tmp_path / "draft", QWEN_8B, decoder({**QWEN_8B, "num_hidden_layers": 1}))
    shown = run(
        "model", "plan", qwen, "--gpu", "h200", "--context", "4k", "--speculative", f"draft:{draft}", "--compose"
    )
    service = yaml.safe_load(shown.stdout[shown.stdout.index("  vllm:") :])["vllm"]
    assert service["volumes"] == [f"{qwen}:/models/0:ro", f"{draft}:/models/1:ro"]
    assert service["command"][0] == "/models/0"
    assert '"model": "/models/1"' in " ".join(service["command"])


def test_weights_in_four_bits_are_not_made_by_vllm(run, qwen: Path) -> None:
    shown = run("model", "plan", qwen, "--gpu", "l4", "--quantization", "int4", "--concurrency", 1)
    assert shown.exit_code == 0
    assert "not int4: serve a checkpoint that was quantised so" in shown.stdout
    assert "vllm serve" not in shown.stdout


def test_the_gpu_of_this_machine_is_taken_unless_another_is_named(
    run, qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    shown = run("model", "plan", qwen)
    assert shown.exit_code == 2
    assert "Name one: --gpu h100" in shown.stderr
    (programs / "nvidia-smi").write_text(NVIDIA_SMI)
    (programs / "nvidia-smi").chmod(0o755)
    found = gpu_here()
    assert found is not None
    assert (found.name, found.capability, found.batch) == ("NVIDIA H200", 9.0, 8192)
    assert "on 1 × NVIDIA H200" in run("model", "plan", qwen, "--context", "4k").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "h20"], "no GPU 'h20' is known"),
        (["--gpu", "h2000"], "Did you mean 'h200'?"),
        (["--gpu", "0.5GiB"], "less than 1 GiB"),
        (["--context", "32x"], "--context: it cannot be read: expected a number of tokens, such as 32768 or 32k"),
        (["--context", "0"], "--context: it cannot be read"),
        (["--context", "64k"], "made for shorter contexts: expected at most 40,960 tokens, found 65,536"),
        (["--gpus", "0"], "--gpus: a plan is for the GPUs of one machine: expected 1 to 8, found 0"),
        (["--gpus", "3"], "the 32 heads of Qwen3-8B cannot be shared out among 3 GPUs: expected one of 1, 2, 4, 8"),
        (["--dtype", "bf16"], "'bf16' is no type to compute in: expected one of auto, float32, bfloat16, float16"),
        (["--concurrency", "0"], "--concurrency: it is too low"),
        (["--quantization", "fp9"], "'fp9' is no quantisation: expected one of fp8"),
        (["--kv-cache", "fp4"], "'fp4' is no type of the KV cache: expected one of auto, fp8"),
        (["--speculative", "medusa"], "vLLM offers Medusa no longer"),
        (["--lora", "legal"], "it names no adapter: expected NAME=DIR"),
        (["--lora", "legal=/no/such"], "there is no such folder"),
        (["--utilization", "1.5"], "--utilization: it is no share"),
        (["--params", "many"], "--params: it cannot be read: expected a number of parameters"),
        (["--layers", "0"], "--layers: it is too low"),
    ],
)
def test_what_is_wrong_is_one_line_and_code_2(run, qwen: Path, arguments: list[str], message: str) -> None:
    given = arguments if "--gpu" in arguments else ["--gpu", "h200", *arguments]
    shown = run("model", "plan", qwen, *given)
    assert shown.exit_code == 2
    (line,) = shown.stderr.strip().splitlines()
    assert message in line


def test_a_folder_without_a_model_is_refused(run, tmp_path: Path) -> None:
    shown = run("model", "plan", tmp_path, "--gpu", "h200")
    assert shown.exit_code == 2
    assert "there is no config.json" in shown.stderr


# ── serve ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_vllm_the_way_to_it_is_said(run, qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSTONE_VLLM_PYTHON", sys.executable)
    shown = run("model", "serve", qwen, "--gpu", "h200", "--context", "4k")
    assert shown.exit_code == 2
    assert "docker run --rm --gpus all" in shown.stderr
    assert f"{qwen}:/models/0:ro" in shown.stderr
    assert "pip install vllm" in shown.stderr.splitlines()[-1]


def test_what_does_not_fit_is_not_started(run, qwen: Path) -> None:
    shown = run("model", "serve", qwen, "--gpu", "l4", "--python", "/no/such/python")
    assert shown.exit_code == 1
    assert "do not fit" in shown.stderr
    assert "They would with" in shown.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_loaded(run, qwen: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 0\n")  # whatever it is asked, it has vLLM
    python.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = run("model", "serve", qwen, "--gpu", "h200", "--python", python, "--port", port)
    assert shown.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in shown.stderr


def test_a_model_that_is_not_here_is_not_served(run) -> None:
    shown = run("model", "serve", "Qwen/Qwen3-8B-nowhere", "--gpu", "h200")
    assert shown.exit_code == 2
    assert "Nothing is downloaded here. Name its folder, or fetch it first: hf download" in shown.stderr
    assert "--params" not in shown.stderr  # no figures stand in for weights
