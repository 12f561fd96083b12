import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from canalis.errors import MissingExtraError, OutputError
from canalis.report.page import make_page
from canalis.report.pdf import write_pdf
from canalis.volume import ScanWarning


@pytest.fixture(scope="module")
def page(neck):
    return make_page(
        measurements=neck.measurements,
        mask=neck.segmentation.mask,
        volume=neck.volume,
        software=neck.software,
    )


@pytest.fixture(scope="module")
def pages(page, tmp_path_factory, missing_here):
    """Return the PDF's pages as grey pictures and its words."""
    if shutil.which("pdftoppm") is None:
        missing_here("no pdftoppm: install poppler-utils")
    folder = tmp_path_factory.mktemp("pdf")
    write_pdf(page, folder / "report.pdf")
    subprocess.run(["pdftoppm", "-r", "40", "-gray", folder / "report.pdf", folder / "page"], check=True)
    words = subprocess.run(["pdftotext", folder / "report.pdf", "-"], check=True, capture_output=True).stdout
    return [read_pgm(path) for path in sorted(folder.glob("page*.pgm"))], words.decode()


def read_pgm(path):
    _, size, _, data = path.read_bytes().split(b"\n", 3)
    columns, rows = map(int, size.split())
    return np.frombuffer(data, np.uint8).reshape(rows, columns)


def test_the_pdf_has_the_words_of_the_page_on_few_pages(pages):
    pictures, words = pages
    assert 2 <= len(pictures) <= 4
    for mark in ("Supine CT. Research use. Not a medical device.", "Every plane", "Methods and limits"):
        assert mark in words


def test_the_first_page_shows_the_pictures(pages):
    first = pages[0][0]
    rows, columns = first.shape
    sagittal = first[int(rows * 0.3) : int(rows * 0.5), int(columns * 0.1) : int(columns * 0.5)]
    grey = ((sagittal > 60) & (sagittal < 230)).mean()
    assert grey > 0.2  # a picture that could not be drawn leaves one flat dark field


@pytest.mark.parametrize("lines", [0, 3, 5])
def test_profile_and_thumbnails_stay_on_the_first_page_under_up_to_five_warnings(
    neck, tmp_path, missing_here, lines
):
    if shutil.which("pdftotext") is None:
        missing_here("no pdftotext: install poppler-utils")
    warnings = tuple(
        ScanWarning("gantry-tilt", f"{k}. " + "The gantry is tilted. " * 4) for k in range(lines)
    )
    page = make_page(
        measurements=replace(neck.measurements, warnings=warnings),
        mask=neck.segmentation.mask,
        volume=neck.volume,
        software=neck.software,
    )
    write_pdf(page, tmp_path / "report.pdf")
    command = ["pdftotext", "-l", "1", tmp_path / "report.pdf", "-"]
    first = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    assert first.count("The gantry is tilted.") == 4 * lines
    assert "Below, each level at mid-body" in " ".join(first.split())


def test_a_picture_that_cannot_be_drawn_is_an_error_not_a_gap(page, tmp_path):
    pytest.importorskip("weasyprint")
    broken = page.replace("data:image/png;base64,iVBOR", "data:image/png;base64,AAAAA", 1)
    with pytest.raises(OutputError, match="could not be drawn in full"):
        write_pdf(broken, tmp_path / "report.pdf")


def test_without_the_extra_the_error_names_it(page, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(MissingExtraError, match=r"extra 'pdf'.*canalis\[pdf\]"):
        write_pdf(page, tmp_path / "report.pdf")


def test_a_folder_that_is_not_there_is_said_in_one_line(page, tmp_path):
    pytest.importorskip("weasyprint")
    with pytest.raises(OutputError, match=r"Cannot write report\.pdf"):
        write_pdf(page, tmp_path / "none" / "report.pdf")
