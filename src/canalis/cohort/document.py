"""``tables.docx``: the same tables and figures for a manuscript."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from canalis.cohort.tables import Table

ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The same tables give the same bytes."""

PAGE_CM: Final = (29.7, 21.0)
MARGIN_CM: Final = 1.8
SHORTEST_CELL, LONGEST_CELL, CM_A_LETTER = 10, 26, 0.22
"""Columns are as wide as their longest cell, in letters, within these bounds."""


def write_document(
    path: Path,
    *,
    title: str,
    findings: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[tuple[Path, str]],
    methods: str,
) -> None:
    """Write the document: A4 across, tables with three rules as journals want them.

    Parameters
    ----------
    path : Path
        File to write.
    title : str
        Heading.
    findings : sequence of str
        Sentences, listed on top.
    tables : sequence of Table
        In order.
    figures : sequence of (Path, str)
        PNG file and caption.
    methods : str
        The methods paragraph.
    """
    document = Document()
    _set_page(document)
    document.add_heading(title, level=1)
    for sentence in findings:
        document.add_paragraph(sentence, style="List Bullet")
    for table in tables:
        _add_table(document, table)
    document.add_heading("Figures", level=2)
    for png, caption in figures:
        document.add_picture(str(png), width=Cm(13))
        document.paragraphs[-1].paragraph_format.keep_with_next = True
        document.add_paragraph(caption)
    document.add_heading("Methods", level=2)
    document.add_paragraph(methods)
    document.save(str(path))
    _fix_dates(path)


def _set_page(document: Any) -> None:
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(PAGE_CM[0]), Cm(PAGE_CM[1])
    section.left_margin = section.right_margin = Cm(MARGIN_CM)
    section.top_margin = section.bottom_margin = Cm(MARGIN_CM)
    document.styles["Normal"].font.size = Pt(10)


def _add_table(document: Any, table: Table) -> None:
    heading = document.add_heading(table.title, level=2)
    heading.paragraph_format.keep_with_next = True
    made = document.add_table(rows=1, cols=len(table.headers))
    made.autofit = False
    size = Pt(7.5) if len(table.headers) > 9 else Pt(9)
    _fill(made.rows[0].cells, table.headers, size, bold=True)
    _repeat_header(made.rows[0])
    for row in table.rows:
        _fill(made.add_row().cells, row, size)
    _set_widths(made, table)
    _rule(made.rows[0].cells, top=12, bottom=6)
    _rule(made.rows[-1].cells, bottom=12)
    for note in table.notes:
        document.add_paragraph().add_run(note).font.size = Pt(8)


def _fill(cells: Any, texts: Sequence[str], size: Any, *, bold: bool = False) -> None:
    for place, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        paragraph = cell.paragraphs[0]
        run = paragraph.add_run(text.strip())
        run.font.size, run.bold = size, bold
        paragraph.paragraph_format.space_after = Pt(0)
        if text.startswith("  "):
            paragraph.paragraph_format.left_indent = Cm(0.4)
        if place:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _set_widths(made: Any, table: Table) -> None:
    lengths = [max(len(row[i]) for row in (table.headers, *table.rows)) for i in range(len(table.headers))]
    weights = [min(max(length, SHORTEST_CELL), LONGEST_CELL) for length in lengths]
    room = min(PAGE_CM[0] - 2 * MARGIN_CM, CM_A_LETTER * sum(weights))
    for column, weight in zip(made.columns, weights, strict=True):
        column.width = Cm(room * weight / sum(weights))
        for cell in column.cells:
            cell.width = column.width


def _repeat_header(row: Any) -> None:
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _rule(cells: Any, **eighths: int) -> None:
    for cell in cells:
        borders = OxmlElement("w:tcBorders")
        for side, width in eighths.items():
            rule = OxmlElement(f"w:{side}")
            for name, value in (("val", "single"), ("sz", str(width)), ("color", "000000")):
                rule.set(qn(f"w:{name}"), value)
            borders.append(rule)
        cell._tc.get_or_add_tcPr().append(borders)


def _fix_dates(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
