"""A tree of thoughts plays the Game of 24: it solves what an answer at once does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from game_of_24 import Player, game_file, is_solution, left_after, moves, reaches
from layer_files import solved
from ragstone.testing import ScriptedModel
from thinking import kinds, last

WHOLE = "breadth: 5, depth: 3, propose: 20, max_calls: 300"
ROOMY = "max_calls: 300"
GAMES = ("4 5 6 10", "4 9 10 13", "1 4 8 8", "2 9 10 12", "4 4 6 8", "5 6 6 9")


@pytest.mark.parametrize(
    ("numbers", "steps"),
    [
        ("4 4 6 8", ["4 + 8 = 12 (left: 4 6 12)", "6 - 4 = 2 (left: 2 12)", "2 * 12 = 24 (left: 24)"]),
        ("2 9 10 12", ["2 * 12 = 24 (left: 9 10 24)", "10 - 9 = 1 (left: 1 24)", "1 * 24 = 24 (left: 24)"]),
        ("4 9 10 13", ["13 - 10 = 3 (left: 3 4 9)", "9 - 3 = 6 (left: 4 6)", "4 * 6 = 24 (left: 24)"]),
        ("1 4 8 8", ["8 / 4 = 2 (left: 1 2 8)", "1 + 2 = 3 (left: 3 8)", "3 * 8 = 24 (left: 24)"]),
        ("5 5 5 9", ["5 + 5 = 10 (left: 5 9 10)", "5 + 10 = 15 (left: 9 15)", "9 + 15 = 24 (left: 24)"]),
    ],
)
def test_the_player_knows_the_moves_of_games_that_people_solved(numbers: str, steps: list[str]) -> None:
    left = tuple(sorted(map(int, numbers.split())))
    for step in steps:
        assert step in moves(left)
        assert reaches(left)
        left = left_after(step)
    assert left == (24,)
    assert not reaches((1, 1, 1, 1))


@pytest.mark.parametrize("search", ["bfs", "dfs"])
@pytest.mark.parametrize("numbers", GAMES)
async def test_the_tree_solves_what_an_answer_at_once_does_not(tmp_path: Path, numbers: str, search: str) -> None:
    tree = game_file(tmp_path, f"{WHOLE}, search: {search}", own=ROOMY)
    found = (await solved(tree, ScriptedModel(Player()), numbers)).completion
    assert is_solution(found.text, numbers)
    assert found.notice is None
    at_once = (await solved(game_file(tmp_path, ""), ScriptedModel(Player()), numbers)).completion
    assert not is_solution(at_once.text, numbers)


@pytest.mark.parametrize("search", ["bfs", "dfs"])
async def test_what_has_no_solution_is_given_up_after_the_first_step(tmp_path: Path, search: str) -> None:
    model = ScriptedModel(Player())
    found = (await solved(game_file(tmp_path, f"{WHOLE}, search: {search}", own=ROOMY), model, "1 1 1 1")).completion
    # 1 + 1, 1 * 1, 1 - 1 and 1 / 1: every other move says the same.
    assert kinds(model) == ["propose", *["value"] * 4, "answer"]
    assert "No line of thought was found" in str(found.notice)
    assert "If there is no answer, say so." in last(model.prompts[-1])


async def test_a_vote_solves_it_with_a_call_for_each_level(tmp_path: Path) -> None:
    file = game_file(tmp_path, "breadth: 5, depth: 3, propose: 20, evaluate: vote")
    model = ScriptedModel(Player())
    found = (await solved(file, model, "4 9 10 13")).completion
    assert is_solution(found.text, "4 9 10 13")
    assert kinds(model) == ["propose", "vote", *["propose"] * 5, "vote", *["propose"] * 5, "vote", "answer"]
    assert found.calls == model.prompts[0].calls == 1 + 5 + 5 + 3 + 1


async def test_several_ways_bear_judgements_that_are_often_wrong(tmp_path: Path) -> None:
    right: dict[int, int] = {}
    for breadth in (1, 5):
        file = game_file(tmp_path, WHOLE.replace("breadth: 5", f"breadth: {breadth}"), own=ROOMY)
        players = [Player(errs=0.3, seed=seed) for seed in range(2)]
        said = [((await solved(file, ScriptedModel(player), game)).text, game) for player in players for game in GAMES]
        right[breadth] = sum(is_solution(*each) for each in said)
    assert right[1] <= 6 < 10 <= right[5]
