"""`canalis batch` from start to end: the numbers of single runs, resumed, whatever is killed."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from canalis.batch.local import measure_here
from canalis.batch.results import Settings, alone_in, case_folder
from canalis.batch.run import run_batch
from canalis.batch.studies import Study
from canalis.batch.worker import Outcome
from canalis.chain import Options, measure_to_folder
from canalis.cohort.imaging import read_imaging
from canalis.errors import OutputError

PATIENCE_S = 240  # on a machine that does much else


def folders(out):
    return sorted(path.name for path in out.iterdir() if path.is_dir()) if out.exists() else []


def wait_for(what):
    """Wait until something is true."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def done_in(out):
    return [name for name in folders(out) if not name.startswith(".")]


def ended(process):
    """What a process printed until it ended."""
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return stdout, stderr


def test_thirty_studies_killed_halfway_and_resumed_give_what_each_gives_alone(
    studies, start, batch, table, tmp_path
):
    listed, out = studies.list_in(tmp_path), tmp_path / "out"
    killed = start(listed, out, "--workers", 2)
    wait_for(lambda: len(done_in(out)) >= 15 or killed.poll() is not None)
    os.kill(killed.pid, signal.SIGKILL)
    ended(killed)  # returns when the last worker has closed the pipes too
    before = {case: (out / case / "run.json").stat().st_mtime_ns for case in done_in(out)}
    assert 15 <= len(before) < 30

    again = batch(listed, out, "--workers", 2)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(f"30 measured ({len(before)} by an earlier run): ")
    assert folders(out) == sorted(studies.cases)
    rows = table(out)
    assert list(rows) == list(studies.cases)
    assert {case: (out / case / "run.json").stat().st_mtime_ns for case in before} == before
    for case in studies.cases:
        alone = tmp_path / "alone" / case
        measure_to_folder(studies.ct(case), alone, Options(label_map=studies.labels(case)))
        measured = (out / case / "measurements.json").read_bytes()
        assert measured == (alone / "measurements.json").read_bytes()
        narrowest = json.loads(measured)["narrowest"]["residual_ap_mm"]
        assert float(rows[case]["narrowest_residual_ap_mm"]) == narrowest
    assert len({row["narrowest_residual_ap_mm"] for row in rows.values()}) == 30
    assert read_imaging(out)["residual_ap_mm"].notna().all()


@pytest.fixture(scope="module")
def mixed(studies, batch, tmp_path_factory):
    """A batch of one good study, one that is missing, one of air and one that is no image."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "DOE_JOHN").write_text("no image")
    air = folder / "air.nii.gz"
    code = (
        "import sys, numpy as np; from pathlib import Path; from canalis.volume import Volume;"
        "from canalis.phantom.files import write_nifti;"
        "write_nifti(Path(sys.argv[1]), Volume(np.full((9, 9, 9), -1000, np.int16), np.eye(4)))"
    )
    subprocess.run([sys.executable, "-c", code, str(air)], check=True)
    listed = folder / "list.csv"
    good = f"good,{studies.ct('P03')},{studies.labels('P03')}"
    listed.write_text(f"case,path,segmentation\nmissing,nowhere,\ntext,DOE_JOHN,\nair,air.nii.gz,\n{good}\n")
    out = folder / "out"
    return batch(listed, out, "--workers", 1), out, listed


def test_bad_studies_are_told_by_code_and_stop_nothing(mixed, table):
    ran, out, _ = mixed
    assert ran.returncode == 3
    assert ran.stdout == f"1 measured, 1 refused, 2 failed: {out / 'cases.csv'}\n"
    assert folders(out) == ["air", "good"]
    lines = ran.stderr.splitlines()
    assert (
        lines[0]
        == "canalis: missing: read-error: Expected a CT at INPUT, found nothing there. Check the path."
    )
    assert lines[1].startswith("canalis: text: read-error: Expected a CT in INPUT, found no DICOM or NIfTI")
    assert len(lines) == 2
    rows = table(out)
    assert [row["status"] for row in rows.values()] == ["failed", "failed", "refused", "measured"]
    assert rows["air"]["error_code"] == "one-value"
    assert rows["missing"]["error_code"] == "read-error"
    assert rows["missing"]["narrowest_residual_ap_mm"] == ""
    assert rows["good"]["ossification_present"] == "yes"


def test_no_file_of_a_batch_holds_a_path(mixed):
    ran, out, listed = mixed
    written = [
        path for path in out.rglob("*") if path.is_file() and path.suffix in (".csv", ".json", ".html")
    ]
    assert len(written) > 5
    for text in (ran.stderr, *(path.read_text() for path in written)):
        assert "DOE" not in text
        assert str(listed.parent) not in text


def test_what_was_refused_stays_and_what_failed_is_tried_again(mixed, batch, studies, tmp_path):
    _, first, listed = mixed
    out = shutil.copytree(first, tmp_path / "out")
    later = listed.with_name("later.csv")
    before = (out / "air" / "run.json").stat().st_mtime_ns
    later.write_text(listed.read_text().replace("nowhere,", f"{studies.ct('P04')},{studies.labels('P04')}"))
    again = batch(later, out)
    assert again.stdout == f"2 measured, 1 refused, 1 failed (2 by an earlier run): {out / 'cases.csv'}\n"
    assert (out / "air" / "run.json").stat().st_mtime_ns == before


def test_other_inputs_are_refused_or_measured_again_when_told(studies, batch, tmp_path):
    out, cases = tmp_path / "out", ("P00", "P01")
    assert batch(studies.list_in(tmp_path, cases), out, "--workers", 1).returncode == 0
    first = (out / "P00" / "measurements.json").read_bytes()
    kept = (out / "P01" / "run.json").stat().st_mtime_ns
    (tmp_path / "other.nii.gz").write_bytes(studies.ct("P00").read_bytes())
    changed = studies.list_in(tmp_path, cases, P00=tmp_path / "other.nii.gz")
    refused = batch(changed, out)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "1 of 2 cases in" in refused.stderr
    assert refused.stderr.endswith(
        "P00. Give another folder with --out, or measure those again with --overwrite.\n"
    )
    record = json.loads((out / "batch.json").read_text())
    assert record["counts"] == {"measured": 2}
    told = batch(changed, out, "--overwrite")
    assert told.stdout.startswith("2 measured (1 by an earlier run)")
    assert (out / "P01" / "run.json").stat().st_mtime_ns == kept
    assert (out / "P00" / "measurements.json").read_bytes() == first
    assert folders(out) == ["P00", "P01"]


def refused_by_hand(study, out, settings):
    with case_folder(study, out, settings) as beside:
        beside.mkdir()
        record = {"status": "refused", "warnings": [{"code": "all-air", "message": "Nothing but air."}]}
        (beside / "measurements.json").write_text(json.dumps(record))
        (beside / "run.json").write_text(json.dumps({"input_hash": settings.version}))


def test_overwriting_that_is_stopped_gives_no_row_to_what_another_version_measured(table, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    studies = [Study(case, tmp_path / f"{case}.nii.gz") for case in ("A", "B", "C")]
    for study in studies:
        refused_by_hand(study, out, Settings(version="0.0.1"))

    def stopped(todo, out, settings):
        refused_by_hand(todo[0], out, settings)
        yield Outcome(todo[0].case, "done")
        yield Outcome(todo[1].case, "failed", "read-error", "Gone.")
        raise KeyboardInterrupt

    summary = run_batch(studies, out, Settings(version="0.0.2"), stopped, overwrite=True)
    assert (summary.counts, summary.interrupted) == ({"refused": 1, "failed": 1, "waiting": 1}, True)
    rows = table(out)
    assert [rows[case]["status"] for case in "ABC"] == ["refused", "failed", "waiting"]
    assert [rows[case]["input_hash"] for case in "ABC"] == ["0.0.2", "", ""]
    assert done_in(out) == ["A", "B", "C"]


def test_ctrl_c_keeps_what_is_done_and_leaves_no_half(studies, start, table, tmp_path):
    listed, out = studies.list_in(tmp_path, studies.cases), tmp_path / "out"
    process = start(listed, out, "--workers", 1)
    wait_for(lambda: len(done_in(out)) >= 2 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers too
    stdout, stderr = ended(process)
    assert process.returncode == 130
    assert stderr == "canalis: Stopped. The same command goes on where it was.\n"
    done = done_in(out)
    assert 2 <= len(done) < len(studies.cases)
    assert folders(out) == done
    assert stdout.startswith(f"{len(done)} measured, {len(studies.cases) - len(done)} waiting: ")
    assert [row["status"] for row in table(out).values()].count("waiting") == len(studies.cases) - len(done)


def test_a_case_that_kills_its_worker_twice_has_failed_and_the_next_is_measured(studies, tmp_path):
    """A pipe that nobody writes to stands for a scan that fills the memory: the worker hangs in it."""
    pipe, out = tmp_path / "ct.nii", tmp_path / "out"
    os.mkfifo(pipe)
    out.mkdir()
    deaths = []

    def kill_who_reads():
        while len(deaths) < 2:
            try:
                held = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads
                time.sleep(0.02)
                continue
            worker = _child_that_has_open(pipe)
            os.kill(worker, signal.SIGKILL)
            deaths.append(worker)
            os.close(held)
            while os.path.exists(f"/proc/{worker}/fd/0"):
                time.sleep(0.02)

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("who reads a pipe is seen in /proc alone")
    killer = threading.Thread(target=kill_who_reads)
    killer.start()
    good = Study("good", studies.ct("P00"), label_map=studies.labels("P00"))
    settings = Settings.of_this_program()
    outcomes = list(measure_here([Study("bad", pipe), good], out, settings, workers=1))
    killer.join()
    assert [(o.case, o.status, o.code) for o in outcomes] == [
        ("good", "done", ""),
        ("bad", "failed", "worker-killed"),
    ]
    assert "by signal 9, as when memory runs out, 2 times" in outcomes[1].message
    assert done_in(out) == ["good"]


def _child_that_has_open(pipe):
    """Return the id of the child process that has a pipe open; waits until there is one."""
    found = []

    def look():
        for child in multiprocessing.active_children():
            try:
                files = [
                    os.readlink(f"/proc/{child.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{child.pid}/fd")
                ]
            except OSError:
                continue
            if str(pipe) in files:
                found.append(child.pid)
        return bool(found)

    wait_for(look)
    return found[0]


def test_two_batches_cannot_work_in_one_folder(tmp_path):
    with alone_in(tmp_path), pytest.raises(OutputError, match="Another batch works in"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_a_worker_of_another_version_refuses(studies, tmp_path):
    from canalis.batch.worker import measure_case

    study = Study("P00", studies.ct("P00"), label_map=studies.labels("P00"))
    outcome = measure_case(study, tmp_path, Settings(version="0.0.0"))
    assert (outcome.status, outcome.code) == ("failed", "worker-error")
    assert "the batch 0.0.0" in outcome.message
    assert done_in(tmp_path) == []


def test_a_bug_is_told_by_its_place_and_not_by_its_words(studies, tmp_path, monkeypatch):
    from canalis.batch.worker import measure_case

    def broken(*_):
        raise KeyError("DOE^JOHN")

    monkeypatch.setattr("canalis.chain.measure_to_folder", broken)
    outcome = measure_case(Study("P00", studies.ct("P00")), tmp_path, Settings.of_this_program())
    assert outcome.code == "unexpected"
    assert outcome.message.startswith("KeyError at batch/test_batch.py:")
    assert "DOE" not in outcome.message


def test_workers_and_dask_together_are_wrong_usage(studies, batch, tmp_path):
    ran = batch(studies.folder, tmp_path / "out", "--workers", 2, "--dask", "tcp://127.0.0.1:1")
    assert ran.returncode == 2
    assert not (tmp_path / "out").exists()
