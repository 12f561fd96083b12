"""``tables.html``: findings, tables, figures and methods on one page that needs nothing else."""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import pandas as pd
from great_tables import GT

from canalis.cohort.tables import Table

CSS: Final = """
body { font: 16px/1.45 "Helvetica Neue", Arial, sans-serif; color: #111; margin: 2rem auto; }
body { max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; } .note { color: #444; font-size: .85rem; margin: .2rem 0; }
figure { display: inline-block; margin: 1rem 2rem 1rem 0; max-width: 100%; vertical-align: top; }
figcaption { font-size: .85rem; color: #444; max-width: 34rem; } figure svg { max-width: 100%; height: auto; }
td.indent { padding-left: 1.6em !important; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""

SHORT_CELL: Final = 16


def write_page(
    path: Path,
    *,
    title: str,
    findings: Sequence[str],
    warnings: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[tuple[Path, str]],
    methods: str,
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        File to write.
    title : str
        Heading.
    findings, warnings : sequence of str
        Sentences, listed on top.
    tables : sequence of Table
        In order.
    figures : sequence of (Path, str)
        SVG file and caption, drawn into the page.
    methods : str
        The methods paragraph.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        _sentences("Findings", findings),
        _sentences("Read with care", warnings),
    ]
    body += [_table(table) for table in tables]
    body.append("<h2>Figures</h2>" + "".join(_figure(svg, caption) for svg, caption in figures))
    body.append(f"<h2>Methods</h2><p>{escape(methods)}</p>")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    page = f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{CSS}</style></head><body>'
    path.write_text(page + "\n".join(body) + "</body></html>\n", encoding="utf-8")


def _sentences(heading: str, sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    return f"<h2>{heading}</h2><ul>" + "".join(f"<li>{escape(s)}</li>" for s in sentences) + "</ul>"


def _table(table: Table) -> str:
    names = [f"c{i}" for i in range(len(table.headers))]
    rows = [[_unbroken(_indented(cell)) for cell in row] for row in table.rows]
    frame = pd.DataFrame(rows, columns=names)
    made = GT(frame, id=table.key).cols_label(
        dict(zip(names, [h or " " for h in table.headers], strict=True))
    )
    made = made.cols_align("center", columns=names[1:]).cols_align("left", columns=names[:1])
    made = made.tab_options(
        table_font_size="14px", data_row_padding="3px", table_width="auto", table_margin_left="0"
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return f'<h2>{escape(table.title)}</h2><div class="wide">{made.as_raw_html()}</div>{notes}'


def _indented(cell: str) -> str:
    return "\u2003" + cell.lstrip() if cell.startswith("  ") else cell


def _unbroken(cell: str) -> str:
    """Keep a short cell, such as an interval, on one line."""
    return cell.replace(" ", "\u00a0") if len(cell) <= SHORT_CELL else cell


def _figure(svg: Path, caption: str) -> str:
    drawn = svg.read_text(encoding="utf-8")
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{svg.stem}-", drawn)
    label = escape(caption, quote=True)
    drawn = drawn.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return f"<figure>{drawn}<figcaption>{label}</figcaption></figure>"
