"""A real scheduler and two workers, each a process on 127.0.0.1; one is killed on the way."""

import json
import logging
import signal
import socket
import subprocess
import sys
import time

import pytest

from canalis.chain import Options, measure_to_folder

distributed = pytest.importorskip("distributed", reason="dask.distributed is in the cluster extra")

PATIENCE_S = 240


def wait_for(what):
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)


def done_in(out):
    return [p.name for p in out.iterdir() if p.is_dir() and p.name != ".working"] if out.exists() else []


def is_there(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def cluster(free_port, tmp_path_factory):
    """Address, and the two workers' processes."""
    folder = tmp_path_factory.mktemp("dask")
    address = f"tcp://127.0.0.1:{free_port}"
    started = []

    def start(part, *words):
        command = [sys.executable, "-m", f"distributed.cli.{part}", *words]
        with (folder / f"{part}{len(started)}.log").open("w") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
        return started[-1]

    start("dask_scheduler", "--host", "127.0.0.1", "--port", str(free_port), "--no-dashboard")
    wait_for(lambda: is_there(free_port))
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    workers = [start("dask_worker", address, *options, "--local-directory", str(folder)) for _ in range(2)]
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE_S)
    yield address, workers
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_a_killed_worker_loses_no_case_and_doubles_none(cluster, studies, start, table, tmp_path):
    address, workers = cluster
    cases = studies.cases[:8]
    listed, out = studies.list_in(tmp_path, cases), tmp_path / "out"
    process = start(listed, out, "--dask", address)
    wait_for(lambda: len(done_in(out)) >= 3 or process.poll() is not None)
    workers[0].send_signal(signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (0, "")
    assert stdout == f"8 measured: {out / 'cases.csv'}\n"
    assert sorted(path.name for path in out.iterdir()) == sorted((*cases, "cases.csv", "batch.json"))
    assert list(table(out)) == list(cases)
    assert workers[1].poll() is None

    for case in cases[:2]:
        alone = tmp_path / "alone" / case
        measure_to_folder(studies.ct(case), alone, Options(label_map=studies.labels(case)))
        assert (out / case / "measurements.json").read_bytes() == (alone / "measurements.json").read_bytes()
    record = json.loads((out / "batch.json").read_text())
    assert record["command"] == ["canalis", "batch", "STUDIES", "--out", "DIR", "--dask", "ADDRESS"]
    assert address not in (out / "batch.json").read_text()


def test_no_scheduler_is_said_in_one_line(monkeypatch):
    from canalis.batch import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(cluster.ClusterError, match=r"Expected a dask scheduler at tcp://127\.0\.0\.1:9"):
        cluster._connect("tcp://127.0.0.1:9")


def test_warnings_of_dask_are_quiet_during_a_batch_only():
    from canalis.batch.cluster import _quiet_dask

    client, others = logging.getLogger("distributed.client"), logging.getLogger("canalis")
    before = client.level, others.level
    assert client.isEnabledFor(logging.WARNING)
    with _quiet_dask():
        assert not client.isEnabledFor(logging.WARNING)
        assert client.isEnabledFor(logging.ERROR)
        assert others.level == before[1]
    assert (client.level, others.level) == before
