"""A model that plays the Game of 24: it knows the moves by heart, and sees no further than the prompt shows.

Four numbers, each used once, make 24 by +, -, * and /. What it says is a function of what it is asked, so a tree of
thoughts over it can be reckoned by hand. A move is written as in Yao et al. 2023: `4 + 8 = 12 (left: 6 6 12)`.
"""

from __future__ import annotations

import ast
import json
import operator
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import permutations
from pathlib import Path

from layer_files import layered_file
from ragstone.prompts.file import PromptFile
from ragstone.types import Prompt

OPERATORS = {"+": operator.add, "*": operator.mul, "-": operator.sub, "/": operator.truediv}

RULES = """\
system:
You play the Game of 24: make 24 of four numbers by +, -, * and /, each number used once. Answer with the expression.

user:
Numbers: {{ question }}
"""

_MOVE = re.compile(r"(?P<first>\S+) (?P<sign>[-+*/]) (?P<second>\S+) = (?P<made>\S+) \(left: (?P<left>[^)]*)\)")


def game_file(root: Path, tree: str, *, own: str = "", outputs: str = "") -> PromptFile:
    """The prompt file of the game, with these settings of the tree; none leaves it off."""
    layers = f"{{tree_of_thoughts: {{{tree}}}}}" if tree else "{}"
    return layered_file(root, layers, own=own, outputs=outputs, body=RULES)


def moves(left: tuple[Fraction, ...]) -> Iterator[str]:
    """Every move, in this order: sums, products, differences, quotients, each from the first numbers to the last."""
    for sign, made in OPERATORS.items():
        for one, other in permutations(range(len(left)), 2):
            first, second = left[one], left[other]
            if (sign in "+*" and one > other) or (sign == "/" and second == 0) or (sign == "-" and first < second):
                continue
            rest = [number for place, number in enumerate(left) if place not in (one, other)]
            value = Fraction(made(first, second))
            yield f"{first} {sign} {second} = {value} (left: {' '.join(map(str, sorted([*rest, value])))})"


@cache
def reaches(left: tuple[Fraction, ...]) -> bool:
    """Whether 24 can be made of these."""
    if len(left) == 1:
        return left[0] == 24
    return any(reaches(left_after(move)) for move in moves(left))


def left_after(move: str) -> tuple[Fraction, ...]:
    """The numbers that a move leaves, from the smallest."""
    found = _MOVE.search(move)
    assert found is not None, move
    return tuple(sorted(Fraction(number) for number in found["left"].split()))


def is_solution(said: str, numbers: str) -> bool:
    """Whether an expression makes 24 of exactly these numbers; a check that knows nothing of the player."""
    used: list[Fraction] = []

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int() as number):
                used.append(Fraction(number))
                return used[-1]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return value(left) - value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return value(left) / value(right)
            case _:
                raise ValueError(said)

    try:
        made = value(ast.parse(said, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return False
    return made == 24 and sorted(used) == sorted(map(Fraction, numbers.split()))


@dataclass
class Player:
    """Says the next moves, judges a position, writes the expression. Asked at once, it takes the first move it sees.

    Of its judgements where it must look ahead, of three numbers, the share `errs` is wrong: always the same ones for a
    `seed`.
    """

    errs: float = 0.0
    seed: int = 0

    def __call__(self, prompt: Prompt) -> str:
        asked = prompt.messages[-1].content
        numbers = next(line for line in asked.splitlines() if line.startswith("Numbers: ")).removeprefix("Numbers: ")
        steps = [found[0] for found in _MOVE.finditer(asked)]
        start = tuple(sorted(Fraction(number) for number in numbers.split()))
        left = left_after(steps[-1]) if steps else start
        match prompt.output.name if prompt.output is not None else "":
            case "propose":
                thoughts = [{"thought": move, "done": len(left) == 2} for move in moves(left)]
                return json.dumps({"thoughts": thoughts})
            case "value":
                return json.dumps({"reason": "As far as I see.", "value": self.judged(left)})
            case "vote":
                return json.dumps({"reason": "As far as I see.", "best": self.best(asked)})
            case _:
                return expression(steps or first_moves(start))

    def judged(self, left: tuple[Fraction, ...]) -> str:
        good = reaches(left)
        if len(left) > 2 and random.Random(f"{self.seed} {left}").random() < self.errs:
            good = not good
        return ("sure" if len(left) <= 2 else "likely") if good else "impossible"

    def best(self, asked: str) -> list[int]:
        """Those that reach 24, then the others."""
        ways = [part.splitlines() for part in re.split(r"^Way \d+:\n", asked, flags=re.MULTILINE)[1:]]
        ends = [left_after([line for line in way if _MOVE.search(line)][-1]) for way in ways]
        return sorted(range(1, len(ends) + 1), key=lambda number: self.judged(ends[number - 1]) == "impossible")


def first_moves(left: tuple[Fraction, ...]) -> list[str]:
    """A game without a look ahead."""
    found: list[str] = []
    while len(left) > 1:
        found.append(next(moves(left)))
        left = left_after(found[-1])
    return found


def expression(steps: list[str]) -> str:
    """The moves as one expression: `(6 - 4) * (4 + 8)`; the numbers as they are where these make no whole game."""
    made: list[tuple[str, str]] = []
    said = ""
    for move in steps:
        found = _MOVE.search(move)
        assert found is not None, move
        parts = [_taken(made, found[name]) for name in ("first", "second")]
        said = f"{parts[0]} {found['sign']} {parts[1]}"
        made.append((found["made"], f"({said})"))
    return said


def _taken(made: list[tuple[str, str]], number: str) -> str:
    """How a number came to be, which is then used up."""
    for place, (value, how) in enumerate(made):
        if value == number:
            del made[place]
            return how
    return number
