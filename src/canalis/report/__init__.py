"""Measurements to files: JSON, CSV, label map, pictures, page."""

from canalis.report.files import write_report
from canalis.report.record import Software, read_measurements

__all__ = ["Software", "read_measurements", "write_report"]
