"""`ragstone guard pii`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ragstone.cli.app import app

TEXT = "Mail jane@example.com or call (415) 555-0132.\nMail JANE@example.com again.\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    return path


def run(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["guard", "pii", *map(str, arguments)], input=given)


def test_each_place_is_listed_and_it_says_that_no_names_were_looked_for(file: Path):
    result = run(file)
    assert result.exit_code == 0
    assert "1:5-21" in result.stdout
    assert "EMAIL_ADDRESS" in result.stdout
    assert "Found: 2 EMAIL_ADDRESS, 1 PHONE_NUMBER." in result.stderr
    assert "Names of people, places and companies were not looked for" in " ".join(result.stderr.split())


def test_as_json_it_is_one_line_for_a_file(file: Path):
    result = run(file, "--json")
    found = json.loads(result.stdout)
    assert [one["type"] for one in found["spans"]] == ["EMAIL_ADDRESS", "PHONE_NUMBER", "EMAIL_ADDRESS"]
    assert found["found"] is True
    assert TEXT[found["spans"][0]["start"] : found["spans"][0]["end"]] == "jane@example.com"


def test_masks_and_pseudonyms_print_the_text(file: Path):
    assert run(file, "--mask").stdout == "Mail <EMAIL_ADDRESS> or call <PHONE_NUMBER>.\nMail <EMAIL_ADDRESS> again.\n"
    said = "Mail <EMAIL_ADDRESS_1> or call <PHONE_NUMBER_1>.\nMail <EMAIL_ADDRESS_1> again.\n"
    assert run("-", "--pseudonyms", given=TEXT).stdout == said
    assert run(file, "--mask", "--pseudonyms").exit_code == 2


def test_lines_of_json_stay_in_order():
    lines = [json.dumps({"body": text}) for text in ("nothing", "a@example.com", "b@example.com and a@example.com")]
    result = run("-", "--jsonl", "--field", "body", "--json", "--pseudonyms", given="\n".join(lines))
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["found"] for one in found] == [False, True, True]
    assert found[2]["text"] == "<EMAIL_ADDRESS_2> and <EMAIL_ADDRESS_1>"
    masks = run("-", "--jsonl", "--field", "body", "--mask", given="\n".join(lines)).stdout.splitlines()
    assert masks[1] == '"<EMAIL_ADDRESS>"'


def test_a_line_ends_where_json_lines_end():
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("a@example.com\u2028b", "c\x85d")]
    result = run("-", "--jsonl", "--json", given="\ufeff" + "\r\n".join(lines))
    assert [json.loads(line)["found"] for line in result.stdout.split("\n") if line] == [True, False]


def test_a_line_without_a_text_is_told_in_its_place_and_the_others_go_on():
    given = 'x\n{"body": 1}\n\n{"text": "a@example.com"}\n'
    told = run("-", "--jsonl", "--json", given=given)
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert [one["found"] for one in found] == [None, None, None, True]
    assert [bool(one.get("error")) for one in found] == [True, True, True, False]
    assert (told.exit_code, told.stderr) == (0, "No text in 3 lines: see `error` there.\n")
    masks = run("-", "--jsonl", "--mask", given=given)
    assert masks.stdout.splitlines() == ["null", "null", "null", '"<EMAIL_ADDRESS>"']
    assert "line 2: not read: no text in the field 'text'" in masks.stderr
    listed = run("-", "--jsonl", given=given)
    assert "line 1: not read: no JSON: 'x'" in listed.stdout
    assert "4:0-13" in listed.stdout


def test_only_the_types_that_are_asked_for(file: Path):
    found = json.loads(run(file, "--json", "--type", "PHONE_NUMBER").stdout)
    assert [one["type"] for one in found["spans"]] == ["PHONE_NUMBER"]


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["nowhere.txt"], None, "nowhere.txt: there is no such file"),
        (["."], None, ".: is a folder"),
        (["-", "--field", "body"], "x", "--jsonl beside it"),
        (["-", "--type", "EMAIL"], "x", "unknown type 'EMAIL'"),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], given: str | None, said: str):
    result = run(*arguments, given=given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
