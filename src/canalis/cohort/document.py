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
from docx.shared import Cm, Length, Pt

from canalis.cohort.tables import Table

ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The same tables give the same bytes."""

PAGE_CM: Final = (29.7, 21.0)
MARGIN_CM: Final = 1.8
FONT: Final = "Arial"
"""Every office program has it, or a font of the same widths."""

SHORTEST_CELL, LONGEST_CELL, CELL_MARGINS, CM_A_LETTER = 5, 24, 3, 0.2
"""Columns are as wide as their longest cell, in letters, within these bounds, and the cell's two margins."""

MOST_ROWS_WHOLE: Final = 24
"""A table of up to so many rows stays on one page."""


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
    for style in ("Normal", "Heading 1", "Heading 2"):
        _set_font(document.styles[style])


def _set_font(style: Any) -> None:
    style.font.name = FONT
    fonts = style.element.rPr.rFonts
    for place in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{place}"), None)


def _add_table(document: Any, table: Table) -> None:
    heading = document.add_heading(table.title, level=2)
    heading.paragraph_format.keep_with_next = True
    made = document.add_table(rows=0, cols=len(table.headers))
    made.autofit = False
    widths = _widths(table)
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    size = Pt(7.5) if len(table.headers) > 9 else Pt(9)
    headed = any(table.headers)
    whole = len(table.rows) <= MOST_ROWS_WHOLE
    for place, row in enumerate((table.headers, *table.rows) if headed else table.rows):
        row_made, is_header = made.add_row(), headed and not place
        _mark(row_made, "cantSplit")
        if is_header:
            _mark(row_made, "tblHeader")
        _fill(row_made.cells, row, widths, size, bold=is_header)
        if place < 2 or (whole and place < len(table.rows) - (not headed)):
            row_made.cells[0].paragraphs[0].paragraph_format.keep_with_next = True
    _rule(made.rows[0].cells, top=12, **({"bottom": 6} if headed else {}))
    _rule(made.rows[-1].cells, bottom=12)
    for note in table.notes:
        paragraph = document.add_paragraph()
        paragraph.add_run(note).font.size = Pt(8)
        paragraph.paragraph_format.space_after = Pt(2)


def _fill(
    cells: Any, texts: Sequence[str], widths: Sequence[Length], size: Length, *, bold: bool = False
) -> None:
    for place, (cell, text, width) in enumerate(zip(cells, texts, widths, strict=True)):
        cell.width = width
        paragraph = cell.paragraphs[0]
        run = paragraph.add_run(text.strip())
        run.font.size, run.bold = size, bold or None
        paragraph.paragraph_format.space_after = Pt(0)
        if text.startswith("  "):
            paragraph.paragraph_format.left_indent = Cm(0.4)
        if place:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _widths(table: Table) -> list[Length]:
    lengths = [max(len(row[i]) for row in (table.headers, *table.rows)) for i in range(len(table.headers))]
    weights = [min(max(length, SHORTEST_CELL), LONGEST_CELL) + CELL_MARGINS for length in lengths]
    room = min(PAGE_CM[0] - 2 * MARGIN_CM, CM_A_LETTER * sum(weights))
    return [Cm(room * weight / sum(weights)) for weight in weights]


def _mark(row: Any, name: str) -> None:
    mark = OxmlElement(f"w:{name}")
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
