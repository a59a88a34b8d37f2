"""Secrets by their looks: keys of well-known services, private keys, passwords beside the word for one.

The shapes are those that the services document. A shape alone proves little, so a check follows wherever there is one:
the header of a token, the number of different characters, the words that examples put in place of a password.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["BEGINS_KEY", "ENDS_KEY", "SECRET", "Secret", "secrets"]

SECRET = "[secret removed]"  # noqa: S105 - it stands where one stood

BEGINS_KEY = re.compile(r"---\s?BEGIN (?:[A-Z0-9]++ ){0,4}PRIVATE KEY(?: BLOCK)?\s?-{3,}+", re.IGNORECASE)
ENDS_KEY = re.compile(r"---\s?END (?:[A-Z0-9]++ ){0,4}PRIVATE KEY(?: BLOCK)?\s?-{3,}+", re.IGNORECASE)

LEAST_BITS = 2.5  # of a character, after Shannon: words of a language that are repeated have fewer
_PLACEHOLDER = re.compile(
    r"example|changeme|change_me|placeholder|your[-_]|my[-_]|xxx|^\W+$|\.\.\.|…|dummy|redacted|sample|"
    r"12345678|abcdefgh|insert|todo|^(?:password|passwd|secret|token|test|none|null|true|false|pass|pwd|user)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands, and whose it seems to be."""

    start: int
    end: int
    what: str


def _mixed(text: str) -> bool:
    """Whether it looks drawn by lot: letters and digits, and few of them often."""
    kinds = any(map(str.isdigit, text)) + any(map(str.isalpha, text))
    return kinds == 2 and _drawn(text)


def _drawn(text: str) -> bool:
    return _bits(text) >= LEAST_BITS and not re.search(r"EXAMPLE|example|x{5}|X{5}|0{8}|\.{3}|…", text)


def _bits(text: str) -> float:
    """Shannon's entropy of its characters, in bits for each."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _chosen(text: str) -> bool:
    """Whether it looks like a password: no word of a sentence, no name of a variable, no place for a value."""
    signs = any(not one.isalnum() and one not in "._-/:()[]" for one in text)
    kinds = (any(map(str.isdigit, text)), any(map(str.isupper, text)), any(map(str.islower, text)), signs)
    several = sum(kinds) >= 2
    marked = any(map(str.isdigit, text)) or not text.isidentifier()
    ascii_only = text.isascii() and not re.fullmatch(r"[A-Za-z_.]+(?:\(.*\))?|[A-Za-z]+[-'][A-Za-z-']+", text)
    return several and marked and ascii_only and text[0] not in "$<{[(%" and not _PLACEHOLDER.search(text)


def _put(text: str) -> bool:
    return len(text) > 2 and text[0] not in "$<{[(%*" and not _PLACEHOLDER.search(text)


def _token(text: str) -> bool:
    """Whether the first part of a JSON Web Token is its header (RFC 7519)."""
    head = text.partition(".")[0]
    try:
        found: object = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(found, dict) and "alg" in found


_WORDS = (
    r"(?:[A-Za-z0-9]{0,20}[_.-])?(?:password|passwd|passphrase|pwd|passwort|kennwort|contraseña|senha|mot de passe|"
    r"пароль|密码|口令|密钥|パスワード|비밀번호|secret|"
    r"api[ _-]?key|access[ _-]?key|secret[ _-]?key|auth[ _-]?token|access[ _-]?token|"
    r"client[ _-]?secret|bearer|token)"
)
_KEYS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("an AWS key", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}\b", _drawn),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{40,255}\b", _drawn),
    ("a GitLab token", r"\bgl(?:pat|dt|rt|ptt|oas)-[A-Za-z0-9_-]{20,100}", _drawn),
    ("an Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,200}", _mixed),
    ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,250}", _mixed),
    ("a Slack token", r"\bx(?:ox[abcdeprs]|app)-[A-Za-z0-9-]{10,250}", _mixed),
    ("a Slack address", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,200}", _mixed),
    ("a Stripe key", r"\b(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,250}", _drawn),
    ("a Google key", r"\bAIza[A-Za-z0-9_-]{35}|\bGOCSPX-[A-Za-z0-9_-]{28}|\bya29\.[A-Za-z0-9_-]{20,250}", _drawn),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", _drawn),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b", _drawn),
    ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,250}", _drawn),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,40}\b", _drawn),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b", _mixed),
    ("a Telegram token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{32,34}", _drawn),
    ("an Azure key", r"\bAccountKey=[A-Za-z0-9+/]{60,100}={0,2}", _drawn),
    ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{8,2000}+\.[A-Za-z0-9_-]{8,4000}+\.[A-Za-z0-9_-]{8,1000}", _token),
    ("a password", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@`\"'<>]{0,64}:(?P<v>[^\s:/@`\"'<>]{3,200})@[\w.\[-]",
     _put),
    ("a password", rf"(?:{_WORDS})[\"'`*]{{0,3}}[ \t]{{0,3}}(?::=|=>|=|:|：)[ \t]{{0,3}}(?:Bearer )?[\"'`*]{{0,3}}"
     r"(?P<v>[^\s\"'`,;<>{}，。；]{6,200})", _chosen),
    ("a password", rf"(?:{_WORDS})(?: is| ist| est| es| é|是|为)(?: now| set to)?:?[ \t]{{0,3}}[\"'`*]{{0,3}}"
     r"(?P<v>[^\s\"'`,;<>{}，。；]{6,200})", _chosen),
)  # fmt: skip
_ALL = [(what, re.compile(shape, re.IGNORECASE if "(?P<v>" in shape else 0), sure) for what, shape, sure in _KEYS]
_HINT = re.compile(
    r"AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA|gh[pousr]_|github_pat|gl[pdro]|sk-|xox|xapp|slack|k_live|k_test|"
    r"whsec|AIza|GOCSPX|ya29|SG\.|npm_|pypi-|hf_|do[opr]_v1|:AA|AccountKey|eyJ|://|(?i:pass|pwd|kennwort|contrase|senha|"
    r"пароль|secret|key|token|bearer)|密|口令|パス|비밀"
)


def secrets(text: str, *, alone: bool = False) -> Iterator[Secret]:
    """The secrets in a text, in no order; they may overlap. `alone`: only those that need no word beside them."""
    if not _HINT.search(text):
        return
    for what, shape, sure in _ALL:
        group = "v" if "v" in shape.groupindex else 0
        if alone and group:
            continue
        for found in shape.finditer(text):
            said = found[group].rstrip(".)!?:*_~|") if group else found[0]
            if said and sure(said):
                yield Secret(found.start(group), found.start(group) + len(said), what)
