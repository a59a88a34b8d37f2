"""What is read of a data set, and with which words a wrong line is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import UsageError
from ragstone.evaluation.datasets.layouts import Question, Text, read_judged, read_passages, read_spans

Rows = list[Any]  # objects, or lines as they stand


def write(folder: Path, **files: Rows | str) -> Path:
    """JSON Lines and other files; `corpora__d` becomes `corpora/d.md`."""
    for name, held in files.items():
        if isinstance(held, str):
            path = folder / (name.replace("__", "/") + (".md" if name.startswith("corpora") else ".tsv"))
        else:
            path = folder / f"{name}.jsonl"
            held = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in held)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held.encode())
    return folder


def judged(folder: Path, **other: Rows | str) -> Path:
    files: dict[str, Rows | str] = {
        "corpus": [{"_id": "d1", "title": "Cod", "text": "It swims."}, {"_id": 2, "text": "Eel."}],
        "queries": [{"_id": "q1", "text": "what swims"}, {"_id": 7, "text": "what hides"}],
        "qrels": "query-id\tcorpus-id\tscore\nq1\td1\t2\n7\t2\t1\n",
    }
    return write(folder, **{**files, **other})


def spans(folder: Path, **other: Rows | str) -> Path:
    question = {"corpus_id": "cod", "question": "What swims?", "references": [{"start_index": 0, "end_index": 3}]}
    return write(folder, **{"corpora__cod": "Cod swims.", "questions": [question], **other})


def passages(folder: Path, **other: Rows | str) -> Path:
    files: dict[str, Rows | str] = {
        "passages": [
            {"id": "p1", "text": "Cod swims.", "lang": "en", "title": "Cod"},
            {"id": "p2", "text": "Kabeljau.", "lang": "de"},
        ],
        "questions": [
            {"id": "a", "question": "What swims?", "passage_id": "p1", "answers": [{"text": "Cod"}], "lang": "en"},
            {"question": "Was?", "passage_id": "p2", "answers": [{"text": "x"}, {"text": "y"}], "lang": "de"},
        ],
    }
    return write(folder, **{**files, **other})


# ── What is read ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_documents_with_judgements(tmp_path: Path):
    found = read_judged(judged(tmp_path / "sea"))
    assert found.name == "sea"
    assert found.texts == [Text("d1", "Cod\n\nIt swims.", "Cod"), Text("2", "Eel.")]
    assert found.questions == [
        Question("q1", "what swims", {"d1": 2}),
        Question("7", "what hides", {"2": 1}),
    ]


@pytest.mark.parametrize(
    "qrels",
    [
        "q1\td1\t2\n7\t2\t1",
        "q1 0 d1 2\n7 0 2 1\n",
        "query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\n\r\n7\t2\t1\r\n",
        "q1\t0\td1\t2.0\n7\t0\t2\t1.0\n",
        "\ufeffq1\td1\t2\n7\t2\t1\n",
    ],
    ids=["no header", "TREC", "CRLF", "TREC with tabs", "BOM"],
)
def test_judgements_are_read_in_every_common_form(tmp_path: Path, qrels: str):
    found = read_judged(judged(tmp_path, qrels=qrels))
    assert {question.id: question.relevant for question in found.questions} == {"q1": {"d1": 2}, "7": {"2": 1}}


def test_beirs_own_layout_keeps_judgements_in_a_folder(tmp_path: Path):
    judged(tmp_path)
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels.tsv").rename(tmp_path / "qrels" / "test.tsv")
    assert len(read_judged(tmp_path).questions) == 2


def test_a_question_without_a_relevant_document_is_left_out(tmp_path: Path):
    found = read_judged(judged(tmp_path, qrels="q1\td1\t0\nq1\t2\t-1\n7\t2\t1\n"))
    assert [question.id for question in found.questions] == ["7"]


def test_a_byte_order_mark_and_windows_lines_move_no_offset(tmp_path: Path):
    text = "# Cod\r\n\r\nCod swims.\r\nEel hides — 👩‍🚀.\r\n"
    start = text.index("Eel")
    question = {"corpus_id": "cod", "question": "?", "references": [{"start_index": start, "end_index": start + 3}]}
    spans(tmp_path, questions=[json.dumps(question) + "\r", "\r"])
    (tmp_path / "corpora" / "cod.md").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_spans(tmp_path)
    assert found.texts == [Text("cod", text, media_type="text/markdown")]
    (asked,) = found.questions
    ((first, last),) = asked.spans
    assert found.texts[0].text[first:last] == "Eel"
    assert (asked.id, asked.relevant) == ("0", {"cod": 1})


def test_passages_of_one_language(tmp_path: Path):
    passages(tmp_path)
    assert [text.id for text in read_passages(tmp_path).texts] == ["p1", "p2"]
    found = read_passages(tmp_path, lang="de")
    assert found.texts == [Text("p2", "Kabeljau.", lang="de")]
    (asked,) = found.questions
    assert (asked.id, asked.answers) == (f"{tmp_path / 'questions.jsonl'}:2", ("x", "y"))
    with pytest.raises(UsageError, match="no passage is in the language 'fr': expected one of de, en"):
        read_passages(tmp_path, lang="fr")


# ── What is refused ──────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {"_id": "d9", "text": "x"}
ROWS = {
    "{": "is not JSON",
    "[1]": "is no object",
    "1" * 5000: "is not JSON",
    "[" * 100_000: "is not JSON",
    '{"_id": "d9"}': "'text' is missing or no text: found None",
    '{"_id": "d9", "text": ["x"]}': "'text' is missing or no text",
    '{"_id": true, "text": "x"}': "'_id' is missing or no text: found True",
    '{"_id": "d9", "text": "half \\ud83d"}': "'text' holds half a character",
}


@pytest.mark.parametrize("line", ROWS, ids=range(len(ROWS)))
@pytest.mark.parametrize("name", ["corpus", "queries"])
def test_a_wrong_line_is_named(tmp_path: Path, name: str, line: str):
    qrels = "d9\td9\t1\nd1\td9\t1\n"
    rows = {"corpus": [GOOD], "queries": [GOOD], name: [GOOD, "", line]}
    with pytest.raises(UsageError, match=ROWS[line]) as caught:
        read_judged(judged(tmp_path, qrels=qrels, **rows))
    assert caught.value.where == f"{tmp_path / name}.jsonl:3"


@pytest.mark.parametrize(
    "line", ["q1\td1", "q1\td1\thigh", "q1\td1\t1.5", "q1\td1\tnan", "q1\td1\t1e999", "a\tb\tc\td\t1", "q1"]
)
def test_a_wrong_judgement_is_named(tmp_path: Path, line: str):
    with pytest.raises(UsageError, match="is no judgement: expected query-id, corpus-id, score") as caught:
        read_judged(judged(tmp_path, qrels=f"query-id\tcorpus-id\tscore\nq1\td1\t1\n{line}\n"))
    assert caught.value.where == f"{tmp_path / 'qrels.tsv'}:3"


def test_a_first_line_that_is_neither_header_nor_judgement_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="is no judgement") as caught:
        read_judged(judged(tmp_path, qrels="all is well\tbut this\nq1\td1\t1\n"))
    assert caught.value.where == f"{tmp_path / 'qrels.tsv'}:1"


REFERENCES: list[tuple[Any, str]] = [
    ([{"start_index": 3, "end_index": 3}], "no range of its corpus: expected 0 to 10, found 3, 3"),
    ([{"start_index": -1, "end_index": 3}], "no range"),
    ([{"start_index": 0, "end_index": 11}], "no range"),
    ([{"start_index": "0", "end_index": 3}], "no range"),
    ([{"start_index": False, "end_index": True}], "no range"),
    ([{"start_index": 0.0, "end_index": 3}], "no range"),
    ([{}], "no range"),
    ([3], "'references' is no list of objects"),
    ({}, "'references' is no list of objects"),
    (None, "'references' is no list of objects"),
    ([], "'references' is empty"),
]


@pytest.mark.parametrize(("references", "words"), REFERENCES, ids=range(len(REFERENCES)))
def test_a_reference_that_is_no_range_of_its_corpus_is_named(tmp_path: Path, references: Any, words: str):
    good = {"corpus_id": "cod", "question": "?", "references": [{"start_index": 0, "end_index": 10}]}
    with pytest.raises(UsageError, match=words) as caught:
        read_spans(spans(tmp_path, questions=[good, {**good, "references": references}]))
    assert caught.value.where == f"{tmp_path / 'questions.jsonl'}:2"


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path):
    wrong = {"corpus_id": "eel", "question": "?", "references": []}
    with pytest.raises(UsageError, match=r"questions.jsonl:1: there is no corpus 'eel': expected one of cod"):
        read_spans(spans(tmp_path, questions=[wrong]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answers": "Cod"}, "'answers' is no list of objects"),
        ({"answers": [{"words": "Cod"}]}, "'text' is missing or no text"),
        ({"question": None}, "'question' is missing or no text"),
        ({"passage_id": None}, "'passage_id' is missing"),
        ({"passage_id": "p9"}, "its passage is not there: expected an id of passages.jsonl, found p9"),
    ],
)
def test_a_wrong_question_is_named(tmp_path: Path, change: dict[str, Any], words: str):
    good = {"question": "?", "passage_id": "p1", "answers": [{"text": "Cod"}]}
    with pytest.raises(UsageError, match=words) as caught:
        read_passages(passages(tmp_path, questions=[good, {**good, **change}]))
    assert caught.value.where == f"{tmp_path / 'questions.jsonl'}:2"


ASKED = {"question": "?", "passage_id": "p1", "answers": []}
TWICE: list[tuple[Callable[..., Path], Callable[[Path], Any], str, Rows]] = [
    (judged, read_judged, "corpus", [GOOD, GOOD]),
    (judged, read_judged, "queries", [{"_id": "q1", "text": "x"}] * 2),
    (
        passages,
        read_passages,
        "passages",
        [{"id": "p1", "text": "x"}, {"id": 2, "text": "x"}, {"id": "2", "text": "y"}],
    ),
    (passages, read_passages, "questions", [{**ASKED, "id": "a"}] * 2),
    (spans, read_spans, "questions", []),
]


@pytest.mark.parametrize(("make", "read", "name", "rows"), TWICE, ids=lambda value: getattr(value, "__name__", None))
def test_an_id_that_stands_there_twice_is_named(tmp_path: Path, make: Any, read: Any, name: str, rows: Rows):
    if not rows:  # the second one's id is the number of the first
        one = {"corpus_id": "cod", "question": "?", "references": [{"start_index": 0, "end_index": 1}]}
        rows = [one, {**one, "id": "0"}]
    given = {name: rows} if name == "questions" or make is judged else {name: rows, "questions": [ASKED]}
    with pytest.raises(UsageError, match="stands there twice") as caught:
        read(make(tmp_path, **given))
    assert caught.value.where == f"{tmp_path / name}.jsonl:{len(rows)}"
    assert re.search(rf"See: .*{name}\.jsonl:{len(rows) - 1}$", str(caught.value))


def test_bytes_that_are_no_text_are_named(tmp_path: Path):
    judged(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(b'\xef\xbb\xbf{"_id": "d1", "text": "x"}\n{"_id": "d2", "text": "\xff"}\n')
    with pytest.raises(UsageError, match=r"corpus.jsonl:2: is not UTF-8"):
        read_judged(tmp_path)


@pytest.mark.parametrize(("make", "read"), [(judged, read_judged), (passages, read_passages)])
def test_a_missing_file_is_named(tmp_path: Path, make: Any, read: Any):
    for path in sorted(make(tmp_path).iterdir()):
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(UsageError, match="there is no such file"):
            read(tmp_path)
        path.write_bytes(kept)
    read(tmp_path)


def test_a_set_without_a_corpus_or_a_question_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no corpus"):
        read_spans(tmp_path)
    with pytest.raises(UsageError, match="there is no question with anything relevant"):
        read_judged(judged(tmp_path, qrels="q1\td1\t0\n"))
    with pytest.raises(UsageError, match="there is no question"):
        read_spans(spans(tmp_path, questions=[]))
