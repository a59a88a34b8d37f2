"""Every piece of a prompt file stands where it is said to stand."""

from __future__ import annotations

from pathlib import Path

from ragstone.prompts.reading import Reading, read_prompt

FRONT = "---\nname: short\ninputs:\n  - {name: question, required: true}\n  - {name: names, kind: array}\n---\n"
SHIPPED = Path(__file__).parents[2] / "prompts"


def reading(folder: Path, body: str) -> Reading:
    path = folder / "short.prompty"
    path.write_text(FRONT + body, encoding="utf-8")
    return read_prompt(path, root=folder)


def test_pieces_stand_where_they_say(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "tone.md").write_text("Be kind to\n  {{ question }} and all.\n")
    loop = "{% for name in names %}{{ name }}{% endfor %}"
    first = 'system:\nBe brief. {% include "parts/tone.md" %} Go.\n\nuser:\n\n'
    read = reading(tmp_path, f"{first}{loop}\n  {{{{ question | trim }}}}?\n")
    for piece in read.pieces:
        path, line, column = piece.where.rsplit(":", 2)
        assert Path(path).read_text().split("\n")[int(line) - 1][int(column) - 1 :].startswith(piece.text)
    assert [piece.text.strip() for piece in read.words] == ["Be brief.", "Be kind to", "and all.", "Go.", "?"]
    assert [piece.names for piece in read.pieces if piece.kind == "slot"] == [("question",), ("names",), ("question",)]
    assert [said.role for said in read.messages] == ["system", "user"]
    assert read.messages[0].text == "Be brief. Be kind to\n  {{ question }} and all. Go."


def test_what_is_commented_out_or_shown_as_it_is_counts_for_nothing(tmp_path: Path) -> None:
    tags = '{# {% include "parts/none.md" %} {{ question }} #}{% raw %}{% include "no.md" %}{{ names }}{% endraw %}'
    read = reading(tmp_path, f"user:\n{tags} {{{{ question }}}}\n")
    assert read.messages[0].text == f"{tags} {{{{ question }}}}"
    assert [piece.names for piece in read.pieces if piece.kind == "slot"] == [("question",)]
