"""Pieces of a page: one HTML file that needs no network, with charts as inline SVG. The same input, the same bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape

DOI = re.compile(r"doi (10\.\d+/(?:[^\s,;()]|\([^\s()]*\))*[^\s,;().])")


def document(title: str, style: str, body: Iterable[str]) -> str:
    """The whole file; body: HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Escaped, with a link at every DOI."""
    return DOI.sub(r'doi <a href="https://doi.org/\1">\1</a>', escape(words))


def number(value: float | None, digits: int = 1, sign: bool = False, none: str = "none") -> str:
    """A number with a true minus sign, never a negative zero; `none` for what is undefined."""
    if value is None or not math.isfinite(value):
        return none
    written = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if float(written) == 0.0:
        written = written.lstrip("+-")
    return written.replace("-", "\N{MINUS SIGN}")


def bullets(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def table(head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], style: str = "") -> str:
    """head: words and whether the column is of numbers; cells are HTML already."""
    kind = ['<{0} class="n">' if number else "<{0}>" for _, number in head]
    top = "".join(k.format("th") + escape(words) + "</th>" for k, (words, _) in zip(kind, head, strict=True))
    lines = (
        "<tr>" + "".join(k.format("td") + cell + "</td>" for k, cell in zip(kind, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table{style}><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def svg(width: float, height: float, title: str, items: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{escape(title)}</title>{"".join(items)}</svg>'
    )


def label(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" height="{height:.0f}" fill="{colour}"/>'
