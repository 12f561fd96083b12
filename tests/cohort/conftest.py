"""What the cohort's tests share, a PostgreSQL of their own included.

The server is Debian's, started on a free port of 127.0.0.1 with a data folder of its own, and ended by its
own process id.
"""

import csv
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
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


@pytest.fixture(scope="session")
def postgresql():
    """URL of a PostgreSQL that runs while the tests do; its absence fails, not skips, where CI is set."""
    reason = why_not()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cases.sqlite'}"
    import psycopg

    url = request.getfixturevalue("postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


def find_programs() -> Path | None:
    """Return the folder with initdb and postgres, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def why_not() -> str:
    """Return why PostgreSQL cannot be started here, or an empty string."""
    if find_programs() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


@contextmanager
def running_postgresql():
    """Start a server, give its URL, and end it by its own process id."""
    programs = find_programs()
    root = os.geteuid() == 0
    user = pwd.getpwnam("postgres") if root else None
    folder = Path(tempfile.mkdtemp(prefix="canalis-pg-"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    account = {"user": "postgres", "group": user.pw_gid, "extra_groups": []} if user else {}
    data = folder / "data"
    setup = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "canalis",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    ]
    subprocess.run(setup, check=True, capture_output=True, cwd=folder, **account)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
    }
    command = [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **account)
    try:
        _wait(server, port, folder / "log")
        yield f"postgresql://canalis@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: the data go with the folder
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: subprocess.Popen, port: int, log: Path) -> None:
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once: {log.read_text()[-500:]}")
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="canalis", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("PostgreSQL did not answer in 30 seconds")
