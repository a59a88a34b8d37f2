"""Makes the handbook's HTML page and its PDF from the Markdown in `docs/sources/`.

    python docs/build.py            # or: make docs

The same input gives the same bytes on every machine: nothing is dated, and the PDF is not compressed, since builds of
zlib differ in what they write.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from fpdf import FPDF, TextStyle
from markdown_it import MarkdownIt

DOCS = Path(__file__).parent

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 44rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }}
h3 {{ margin-bottom: 0; }}
h3 + p {{ margin-top: 0; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid; padding: 0.25rem 1rem 0.25rem 0; text-align: left; }}
</style>
</head>
<body>
<main>
{main}</main>
</body>
</html>
"""

MADE = datetime(2000, 1, 1, tzinfo=UTC)  # a PDF names the moment of its making; the real one would change the file
ACCENT = "#1f4e79"
STYLES = {
    "h1": TextStyle(font_style="B", font_size_pt=20, color=ACCENT, t_margin=0, b_margin=0.8),
    "h2": TextStyle(font_style="B", font_size_pt=13, color=ACCENT, t_margin=5, b_margin=0.4),
    "li": TextStyle(l_margin=4, t_margin=1),
}


def html_page(markdown: str) -> bytes:
    """A well-formed page with the text in `main`. Links of the source, one folder down, are brought up to `docs/`."""
    main = _rendered(markdown).replace('href="../', 'href="')
    return PAGE.format(title=escape(_title(markdown)), main=main).encode()


def pdf_pages(markdown: str) -> bytes:
    """A4 pages with real text, in a font that every reader has, and a bookmark for each heading."""
    pdf = FPDF(format="A4")
    pdf.set_compression(False)
    pdf.set_creation_date(MADE)
    pdf.set_producer("Ragstone")
    pdf.set_title(_title(markdown))
    pdf.set_lang("en")
    pdf.set_margin(20)
    pdf.set_font("helvetica", size=10.5)
    pdf.add_page()
    spaced = re.sub(r"<(p|ol|ul)>", r'<\1 line-height="1.35">', _rendered(markdown))
    pdf.write_html(spaced, font_family="helvetica", tag_styles=STYLES, li_prefix_color=ACCENT)
    return bytes(pdf.output())


MADE_FROM = {
    "glossary.html": ("glossary.md", html_page),
    "field-guide.pdf": ("field-guide.md", pdf_pages),
}
"""Each file that is made, with its source and what makes it."""


def build(target: str) -> bytes:
    """The bytes of one file of MADE_FROM, as its source is now."""
    source, make = MADE_FROM[target]
    return make((DOCS / "sources" / source).read_text(encoding="utf-8"))


def _rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable("table").render(markdown)


def _title(markdown: str) -> str:
    return markdown.split("\n", 1)[0].removeprefix("# ")


if __name__ == "__main__":
    for target in MADE_FROM:
        (DOCS / target).write_bytes(build(target))
        print(f"docs/{target}")
