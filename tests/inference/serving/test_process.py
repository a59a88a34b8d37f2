from __future__ import annotations

import socket
import sys

import pytest

from ragstone.errors import MissingExtra, UsageError
from ragstone.inference.serving.process import Line, free, python_with_vllm, read_line


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("(APIServer pid=7) INFO 11-21 21:36:47 [model.py:733] Using it\n", Line("Using it", "INFO", "21:36:47")),
        ("(EngineCore pid=9) ERROR 11-21 21:36:47 [core.py:1] Bad", Line("Bad", "ERROR", "21:36:47")),
        ("WARNING 11-21 21:36:47 [a.py:1] ", Line("", "WARNING", "21:36:47")),
        ("(Worker pid=9) ValueError: no\n", Line("ValueError: no")),
        ("Loading shards: 100%\n", Line("Loading shards: 100%")),
    ],
)
def test_a_line_is_read_without_the_names_of_processes_and_files(raw: str, line: Line) -> None:
    assert read_line(raw) == line


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="Choose another --port"):
        free(taken.getsockname()[1])


def test_a_python_without_vllm_is_told_how_to_get_it() -> None:
    with pytest.raises(MissingExtra, match=r"this Python has no vLLM.*pip install vllm.*RAGSTONE_VLLM_PYTHON"):
        python_with_vllm(None, {})
    with pytest.raises(MissingExtra, match=f"{sys.executable} has no vLLM"):
        python_with_vllm(None, {"RAGSTONE_VLLM_PYTHON": sys.executable})
    with pytest.raises(UsageError, match="cannot be run"):
        python_with_vllm("/no/such/python", {})
