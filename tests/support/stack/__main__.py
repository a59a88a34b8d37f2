"""Starts the stack and prints where its parts are: `make stack`. Ctrl-C stops it.

make stack ARGS="--vllm 2"          with two vLLM on the CPU, else answers are quoted by the extractive model
make stack ARGS="--project DIR"     with a project folder of your own (its documents in docs/, or as --documents says)
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from stack import Stack, StackError
from stack.ours import opened

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """0 once it is stopped, 1 where a part did not start."""
    parser = argparse.ArgumentParser("stack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", type=int, default=0, choices=(0, 1, 2), help="how many vLLM on the CPU (3.5 GB)")
    parser.add_argument("--project", type=Path, help="a project folder; otherwise one with this handbook")
    parser.add_argument("--documents", default="docs", help="the folder of its documents")
    given = parser.parse_args(arguments)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    print("Starting the stack of docker-compose.yml as processes (a minute or two) …", file=sys.stderr)
    try:
        with opened(vllm=given.vllm, project=given.project, documents=given.documents) as stack:
            _table(stack)
            over.wait()
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0


def _table(stack: Stack) -> None:
    rows = [(name, stack.address(name), str(stack.folder / "logs" / f"{name}.log")) for name in stack.names]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for row in rows:
        print(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}")
    print(f"\nexport RAGSTONE_KEY={stack.key('stack', '--admin')}")
    print(f"curl {stack.url}/api/ask -H \"authorization: Bearer $RAGSTONE_KEY\" -H 'content-type: application/json' \\")
    print("""  -d '{"question": "What is a chunk?"}'""", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
