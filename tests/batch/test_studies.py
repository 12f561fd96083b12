"""What is a study, what it is called, and what is refused."""

import zipfile
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from canalis.batch.studies import Study, check_names, find_studies, number_studies
from canalis.errors import CohortError, OutputError, ReadError
from canalis.phantom.files import write_nifti
from canalis.volume import Volume


def a_ct(path):
    write_nifti(path, Volume(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4)))


@pytest.fixture
def folder(tmp_path):
    """A folder with a study of each kind, what is none, and the results of an earlier batch."""
    root = tmp_path / "studies"
    (root / "P2" / "dicom").mkdir(parents=True)
    (root / "phantom").mkdir()
    a_ct(root / "phantom" / "ct.nii.gz")
    a_ct(root / "phantom" / "truth.nii.gz")
    a_ct(root / "P1.nii.gz")
    with zipfile.ZipFile(root / "P3.zip", "w") as archive:
        archive.writestr("slice", b"")
    (root / "notes.txt").write_text("not a study")
    (root / ".hidden").mkdir()
    (root / "out").mkdir()
    return root


def test_folders_zips_and_nifti_files_are_studies_named_as_they_are(folder):
    found = find_studies(folder, out=folder / "out")
    assert [study.case for study in found.studies] == ["P1", "P2", "P3", "phantom"]
    assert [study.source.name for study in found.studies] == ["P1.nii.gz", "P2", "P3.zip", "ct.nii.gz"]
    assert found.left_out == 1


def a_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "text")


def test_documents_are_passed_over(folder):
    a_zip(folder / "list.xlsx", "[Content_Types].xml", "xl/workbook.xml")
    a_zip(folder / "letter.docx", "[Content_Types].xml", "word/document.xml")
    a_zip(folder / "letter.odt", "mimetype", "content.xml")
    (folder / "report.pdf").write_bytes(b"%PDF-1.4\n" + bytes(1000))
    found = find_studies(folder, out=folder / "out")
    assert [study.case for study in found.studies] == ["P1", "P2", "P3", "phantom"]
    assert found.left_out == 5


def test_a_damaged_zip_stays_a_study_that_is_told_of(folder):
    a_zip(folder / "P4.zip", "slice")
    path = folder / "P4.zip"
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"\xff\xff\xff\xff"))
    assert "P4" in [study.case for study in find_studies(folder, out=folder / "out").studies]


def test_a_dicomdir_is_passed_over_and_the_folder_beside_it_is_the_study(synthetic_series, tmp_path):
    synthetic_series().write(tmp_path / "disc" / "PT000000")
    directory = synthetic_series().dataset(0)
    directory.file_meta.MediaStorageSOPClassUID = directory.SOPClassUID = MediaStorageDirectoryStorage
    for name in ("Rows", "Columns", "PixelData"):
        del directory[name]
    directory.DirectoryRecordSequence = [Dataset()]
    pydicom.dcmwrite(tmp_path / "disc" / "DICOMDIR", directory, enforce_file_format=True)
    found = find_studies(tmp_path / "disc", out=tmp_path / "out")
    assert [study.source.name for study in found.studies] == ["PT000000"]
    assert found.left_out == 1


@pytest.mark.parametrize("start", [0, 132], ids=["whole", "without a preamble"])
def test_an_enhanced_file_is_a_study(synthetic_series, tmp_path, start):
    path = tmp_path / "studies" / "P1.dcm"
    path.parent.mkdir()
    pydicom.dcmwrite(path, synthetic_series().enhanced(range(12)), enforce_file_format=True)
    path.write_bytes(path.read_bytes()[start:])
    assert [study.case for study in find_studies(path.parent, out=tmp_path / "out").studies] == ["P1"]


def test_a_folder_of_slices_is_no_folder_of_studies(synthetic_series, tmp_path):
    slices = synthetic_series().write(tmp_path / "neck")
    with pytest.raises(ReadError, match=r"single DICOM slice, entry 1 of 12\. Give the folder that holds"):
        find_studies(slices, out=tmp_path / "out")


def test_an_empty_folder_or_another_file_is_refused(tmp_path):
    with pytest.raises(ReadError, match="found none among 0 entries"):
        find_studies(tmp_path, out=tmp_path / "out")
    a_ct(tmp_path / "one.nii.gz")
    with pytest.raises(ReadError, match=r"found another file\. For one CT use `canalis measure`"):
        find_studies(tmp_path / "one.nii.gz", out=tmp_path / "out")
    with pytest.raises(ReadError, match="found nothing there"):
        find_studies(tmp_path / "nowhere", out=tmp_path / "out")


def test_two_studies_of_one_name_are_refused(folder):
    (folder / "p1").mkdir()
    with pytest.raises(ReadError, match=r"another name for each study, found 'P1' and 'p1'"):
        check_names(find_studies(folder, out=folder / "out").studies)
    check_names(number_studies(find_studies(folder, out=folder / "out").studies, folder / "out" / "key.csv"))


def test_a_list_gives_cases_their_names_and_options(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("case,path,segmentation,series,hint\nA,ct,labels.nii,1.2.3,C2=1079.5\nB,/abs/ct,,,\n")
    found = find_studies(path, out=tmp_path / "out")
    assert found.studies == (
        Study("A", tmp_path / "ct", "1.2.3", ("C2", 1079.5), tmp_path / "labels.nii"),
        Study("B", type(tmp_path)("/abs/ct")),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case,file\nA,ct\n", "Expected the columns case and path.*found case, file"),
        ("case,path\nA,\n", r"list\.csv, row 2, found an empty cell"),
        ("case,path,hint\nA,ct,C4=3\n", r"such as C2=1079\.0, found 'C4=3' in list\.csv, row 2"),
        ("case,path\nA,ct\nA,ct2\n", "found 'A' and 'A'"),
        ("case,path\n../A,ct\n", r"a folder can have, found '\.\./A'"),
        ("case,path\n.working,ct\n", r"a folder can have, found '\.working'"),
        ("case,path\ncases.csv,ct\n", r"a folder can have, found 'cases\.csv'"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_its_place(tmp_path, text, said):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises((CohortError, ReadError), match=said):
        check_names(find_studies(path, out=tmp_path / "out").studies)


@pytest.mark.parametrize("name", ["n" * 256, "頸" * 86], ids=["one byte a letter", "three bytes"])
def test_a_name_longer_than_a_folder_can_have_is_refused_in_a_line(tmp_path, name):
    with pytest.raises(
        ReadError, match=r"at most 255 bytes, found one of 25[68] that starts with"
    ) as refusal:
        check_names([Study(name, tmp_path)])
    assert len(str(refusal.value)) < 250
    longest = name[: 255 // len(name[0].encode())]
    check_names([Study(longest, tmp_path)])
    (tmp_path / longest).mkdir()


def test_paths_longer_than_the_system_allows_are_not_there(tmp_path):
    with pytest.raises(ReadError, match="found nothing there"):
        find_studies(tmp_path / ("n" * 300), out=tmp_path / "out")
    with pytest.raises(OutputError, match="cannot be written"):
        number_studies([Study("A", tmp_path / "A")], tmp_path / ("n" * 300 + ".csv"))


def test_a_key_may_have_the_longest_name(tmp_path):
    key = tmp_path / ("n" * 251 + ".csv")
    assert [study.case for study in number_studies([Study("A", tmp_path / "A")], key)] == ["case-0001"]
    assert list(tmp_path.iterdir()) == [key]


def test_a_key_numbers_cases_and_later_studies_get_the_next_numbers(tmp_path):
    key = tmp_path / "key.csv"
    john, jane, jack = (Study(name, tmp_path / name) for name in ("DOE^JOHN", "ROE^JANE", "POE^JACK"))
    first = number_studies([john, jane], key)
    assert [study.case for study in first] == ["case-0001", "case-0002"]
    later = number_studies([jack, jane], key)
    assert [study.case for study in later] == ["case-0003", "case-0002"]
    assert find_studies(key, out=tmp_path / "out").studies == (*first, later[0])


def test_a_key_that_holds_more_or_cannot_be_written_is_left_as_it_is(tmp_path):
    key = tmp_path / "key.csv"
    john = Study("A", tmp_path / "A")
    for text in ("case,path,hint\ncase-0007,x,C2=3.0\n", "case,path\ncase-0007,x\n"):
        key.write_text(text)
        odd = Study("B", tmp_path / "caf\udce9")  # as Python reads a name that is not UTF-8
        with pytest.raises((OutputError, ReadError)):
            number_studies([john, odd], key)
        assert key.read_text() == text
        assert list(tmp_path.iterdir()) == [key]
    with pytest.raises(OutputError, match="csv"):
        number_studies([john], tmp_path / "key.xlsx")
    with pytest.raises(ReadError, match="UTF-8"):
        check_names([replace(odd, case="caf\udce9")])
