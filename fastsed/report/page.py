"""The page of a report: its contents as plain data in; one self-contained HTML text out."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Any

from fastsed.arrays import Floats
from fastsed.verdict.finding import Finding


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes
    ----------
    png : bytes
    caption : str
    anchor : str
        Its name in links; empty without any.
    width : int
        In which it is shown [CSS pixel].
    """

    png: bytes
    caption: str
    anchor: str = ""
    width: int = 500


@dataclass(frozen=True)
class TableColumn:
    """A column of the table of sources.

    Attributes
    ----------
    name, unit, meaning : str
    values : list of str, or float64 (nsource,)
    digits : int
        After the decimal point; negative: as few as tell the values apart.
    """

    name: str
    unit: str
    meaning: str
    values: Sequence[str] | Floats
    digits: int = -1


@dataclass
class Page:
    """Contents of a report.

    Attributes
    ----------
    title, lead : str
        Heading, and one line below it.
    cards : list of (str, str)
        Numbers of the catalogue: value, what it is.
    verdict : list of Finding or None
        None where it is not known.
    overview : list of Picture
    sources : list of (str, str, list of Picture)
        Groups of figures of sources: heading, why these, figures.
    notes : list of str
        What the page does not have, and why.
    columns : list of TableColumn
        Of the table of sources; the first one is the id.
    links : dict of int to str
        Rows that have figures, and their anchors.
    settings : list of (str, str)
    provenance : list of str
    bibtex : str
    """

    title: str
    lead: str
    cards: list[tuple[str, str]] = field(default_factory=list)
    verdict: list[Finding] | None = None
    overview: list[Picture] = field(default_factory=list)
    sources: list[tuple[str, str, list[Picture]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: list[TableColumn] = field(default_factory=list)
    links: dict[int, str] = field(default_factory=dict)
    settings: list[tuple[str, str]] = field(default_factory=list)
    provenance: list[str] = field(default_factory=list)
    bibtex: str = ""


def html_of(page: Page) -> str:
    """The page as HTML, with its pictures, style and script in it: nothing is fetched."""
    sections = [
        ("verdict", "Verdict", _verdict(page)),
        ("overview", "Overview", "".join(map(_figure, page.overview))),
        ("table", "Sources", _table()),
        ("spectra", "Single sources", _sources(page)),
        ("settings", "Settings", _settings(page)),
        (
            "provenance",
            "Provenance",
            f"<pre>{escape(chr(10).join(page.provenance))}</pre>" if page.provenance else "",
        ),
        ("citations", "Citations", _citations(page)),
    ]
    sections = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in sections)
    body = "".join(
        f'<section id="{name}"><h2>{title}</h2>{content}</section>\n' for name, title, content in sections
    )
    folder = files("fastsed.report")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    cards = "".join(f'<div class="card"><b>{escape(v)}</b>{escape(what)}</div>' for v, what in page.cards)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="fastsed">
<title>{escape(page.title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<h1>{escape(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p>
<nav>{links}</nav>
<div class="cards">{cards}</div>
{"".join(f'<p class="note">{escape(note)}</p>' for note in page.notes)}
{body}<script type="application/json" id="data">{_data(page)}</script>
<script>
{script}</script>
</body>
</html>
"""


def _verdict(page: Page) -> str:
    if page.verdict is None:
        return ""
    ordered = sorted(page.verdict, key=lambda finding: not finding.unusual)
    items = "".join(f"<li{' class=unusual' * one.unusual}>{escape(one.text)}</li>" for one in ordered)
    count = sum(one.unusual for one in ordered)
    heading = f"{count} unusual finding{'s' * (count > 1)}" if count else "nothing unusual"
    return f'<p><b>{heading}</b></p><ul class="verdict">{items}</ul>'


def _figure(picture: Picture) -> str:
    name = f' id="{escape(picture.anchor)}"' if picture.anchor else ""
    source = base64.b64encode(picture.png).decode("ascii")
    caption = escape(picture.caption)
    return (
        f'<figure{name}><img src="data:image/png;base64,{source}" alt="{caption}" width="{picture.width}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table() -> str:
    return """<p class="note">A click on a name sorts; a second one turns the order.
Filters of numbers: <code>&gt; 10</code>, <code>&lt;= 1</code>, <code>9..10</code>, <code>!= 0</code>;
of ids: a part of them. Ids with figures are links.</p>
<noscript><p>The table needs JavaScript.</p></noscript>
<div class="tools"><span id="count"></span>
<button type="button" id="previous">previous</button>
<span id="page"></span>
<button type="button" id="next">next</button>
<label><input type="checkbox" id="with-figures"> with figures only</label>
<button type="button" id="clear">clear filters</button>
<button type="button" id="csv">save as CSV</button></div>
<div class="scroll"><table id="sources"><thead></thead><tbody></tbody></table></div>"""


def _sources(page: Page) -> str:
    return "".join(
        f'<h3>{escape(heading)}</h3><p class="note">{escape(why)}</p>'
        f'<div class="gallery">{"".join(map(_figure, pictures))}</div>'
        for heading, why, pictures in page.sources
        if pictures
    )


def _settings(page: Page) -> str:
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>" for key, value in page.settings)
    return f'<div class="scroll"><table>{rows}</table></div>' if rows else ""


def _citations(page: Page) -> str:
    if not page.bibtex:
        return ""
    return (
        "<p>What a publication that uses these results should cite, as BibTeX.</p>"
        f'<button type="button" id="copy" class="copy">copy</button><pre id="bibtex">{escape(page.bibtex)}</pre>'
    )


def _data(page: Page) -> str:
    """The table as JSON, which no value can end before its time."""
    columns = [
        {
            "name": column.name,
            "unit": column.unit,
            "meaning": column.meaning,
            "digits": column.digits,
            "text": k == 0,
            "values": [_plain(value, column.digits) for value in column.values],
        }
        for k, column in enumerate(page.columns)
    ]
    text = json.dumps(
        {"name": page.title, "columns": columns, "figures": page.links},
        separators=(",", ":"),
        allow_nan=False,
    )
    return text.replace("<", "\\u003c")


def _plain(value: Any, digits: int) -> Any:
    if isinstance(value, str):
        return value
    number = float(value)
    if not math.isfinite(number):
        return None
    return round(number, digits) if digits >= 0 else float(f"{number:.6g}")
