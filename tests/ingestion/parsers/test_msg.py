from __future__ import annotations

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.msg import MsgParser

pytest.importorskip("oxmsg")


@pytest.mark.parametrize("data", [b"", b"cod", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000)])
def test_a_damaged_message_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError, match=r"a\.msg: is a damaged Outlook message"):
        MsgParser().parse(data, uri="a.msg")
