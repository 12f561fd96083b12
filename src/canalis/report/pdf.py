"""``report.pdf``: the page on A4, by the extra ``pdf``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from canalis.errors import MissingExtraError, OutputError

PDF_NAME: Final = "report.pdf"


def write_pdf(page: str, path: Path) -> None:
    """Write a page as PDF.

    Parameters
    ----------
    page : str
        The HTML of ``report.html``; it needs nothing from outside itself.
    path : Path
        Where to.

    Raises
    ------
    MissingExtraError
        If WeasyPrint is not installed.
    OutputError
        If a picture cannot be drawn or the file cannot be written.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:  # OSError: installed, but Pango is not on this machine
        raise MissingExtraError(
            f"report.pdf needs the extra 'pdf' and the Pango library, found {type(error).__name__}. "
            "Install canalis[pdf] and Pango, or print report.html from a browser."
        ) from error
    try:
        with _errors_raised():
            HTML(string=page).write_pdf(path)
    except OSError as error:
        raise OutputError(f"Cannot write {path.name}: {error.strerror}. Give another folder.") from error


class _FirstError(logging.Handler):
    """Keeps the first error: WeasyPrint leaves out a picture that it cannot draw and goes on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.message: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.message = self.message or record.getMessage()


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Raise what WeasyPrint only logs, so that no page is without its pictures in silence."""
    logger, handler = logging.getLogger("weasyprint"), _FirstError()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if handler.message:
        raise OutputError(
            f"The PDF could not be drawn in full: {handler.message}. Print report.html instead."
        )
