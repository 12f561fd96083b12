"""When a case counts as done."""

import json

from canalis.batch.results import CASE_NAME, KEPT_NAMES, Settings, case_record, state_of
from canalis.batch.studies import Study


def test_a_case_without_one_of_its_records_is_not_done(tmp_path):
    study, settings = Study("A", tmp_path / "ct.nii.gz"), Settings.of_this_program(())
    assert state_of(study, tmp_path, settings) == "absent"
    folder = tmp_path / "A"
    folder.mkdir()
    (folder / CASE_NAME).write_text(json.dumps(case_record(study, settings)))
    for name in KEPT_NAMES:
        assert state_of(study, tmp_path, settings) == "other"
        (folder / name).write_text("{}")
    assert state_of(study, tmp_path, settings) == "done"
