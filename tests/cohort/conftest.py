import csv
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def example():
    """The analysis of the paper's 27 patients."""
    from canalis.cohort.analysis import analyse
    from canalis.cohort.example import example_cohort

    return analyse(example_cohort())


@pytest.fixture(scope="session")
def from_r():
    """What R printed: name to value. The script and its session are beside the file."""
    with (HERE / "r" / "expected.csv").open() as file:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(file)}


@pytest.fixture
def write_table(tmp_path):
    """Write a table of cases and return its path."""

    def write(text: str | bytes, name: str = "cases.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
