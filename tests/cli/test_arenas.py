"""How many arenas a process has whose threads all want memory at once."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys

import pytest

CODE = """
import ctypes, sys, threading
from ragstone.cli.arenas import keep_few
if sys.argv[1] == "few":
    keep_few()
together = threading.Barrier(16)
def work():
    together.wait()
    kept = [ctypes.create_string_buffer(5000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def arenas(how: str, **environment: str) -> int:
    given = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], env=given | environment, capture_output=True, text=True, check=True
    )
    return len(re.findall("<heap nr=", done.stdout))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_there_are_few_unless_somebody_says_otherwise():
    assert arenas("as it is") > 2
    assert arenas("few") == 2
    assert arenas("few", MALLOC_ARENA_MAX="5") == 5
