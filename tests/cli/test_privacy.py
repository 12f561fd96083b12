"""No output, log or error names the patient, nor holds an identifier of the study."""

import base64
import gzip
import logging
import re
import struct
import warnings
import zlib

import pydicom
import pytest

NAME, IDENTIFIER = "Zyxwvut^Quentin", "QX-7731-000"
DATA_URI = re.compile(r"data:([\w/+.-]+);base64,([A-Za-z0-9+/=]+)")


def texts_of_png(data):
    """What the text chunks of a PNG say."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            found += body
            if kind == b"zTXt":
                found += zlib.decompress(body.split(b"\0", 1)[1][1:])
        at += length + 12
    return found


def said_by(path):
    """Everything in a file that a person or a program could read a name from."""
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    if path.suffix == ".png":
        return texts_of_png(data)
    text = data.decode("utf-8")
    pictures = [base64.b64decode(match[2]) for match in DATA_URI.finditer(text) if match[1] == "image/png"]
    return DATA_URI.sub("", text).encode() + b"".join(map(texts_of_png, pictures))


def assert_nowhere(secrets, ran):
    """None of the words is in a file, a file's name, stdout or stderr."""
    paths = list(ran.out.rglob("*")) if ran.out.exists() else []
    places = {str(path.relative_to(ran.out)): said_by(path) for path in paths if path.is_file()}
    places["stdout"], places["stderr"] = ran.stdout.encode(), ran.stderr.encode()
    places["names of files"] = " ".join(places).encode()
    found = [
        (place, word)
        for place, said in places.items()
        for word in secrets
        if word.lower().encode() in said.lower()
    ]
    assert found == []


def secrets_of(ds):
    """Words of a header that must not reach an output: each part of the name, identifiers, UIDs."""
    words = {part for part in re.split(r"[\^= ]", str(ds.PatientName)) if len(part) > 2}
    words |= {str(ds.get(name)) for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")}
    words |= {str(ds.get(name, "")) for name in ("FrameOfReferenceUID", "SOPInstanceUID")}
    return {word for word in words if word}


@pytest.fixture(scope="module")
def named_study(neck_series, tmp_path_factory):
    """The neck with a patient's name in every header and in the folder's name."""
    folder = tmp_path_factory.mktemp("named") / f"{NAME} {IDENTIFIER}"
    neck_series().write(folder)
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = NAME, IDENTIFIER, "19310714"
        ds.SeriesDescription = f"NECK {NAME}"
        ds.save_as(folder / f"{NAME}_{path.name}")
        path.unlink()
    return folder


def words_of(folder):
    return secrets_of(pydicom.dcmread(next(folder.iterdir()))) | {"19310714", "Zyxwvut", "Quentin"}


def test_a_result_names_no_patient(measure, named_study, caplog):
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ran = measure(named_study)
    assert ran.exit_code == 0
    assert len(ran.files) == 5
    assert_nowhere(words_of(named_study), ran)
    logged = caplog.text + " ".join(str(warning.message) for warning in caught)
    assert [word for word in words_of(named_study) if word in logged] == []


def test_errors_about_slices_name_no_patient(measure, named_study, tmp_path):
    """Doubled, truncated and cut-off files are named by number, not by path or header."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = sorted(named_study.iterdir())
    for path in paths:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / paths[5].name).write_bytes(paths[5].read_bytes()[:400])
    (folder / paths[9].name).write_bytes(paths[9].read_bytes()[:-2000])
    ran = measure(folder)
    assert ran.exit_code == 3
    assert_nowhere(words_of(named_study), ran)
    ds = pydicom.dcmread(paths[20])
    ds.PixelData = ds.PixelData[2:] + b"\1\0"
    ds.save_as(folder / "again.dcm")
    ran = measure(folder, labels=False)
    assert (ran.exit_code, ran.files) == (1, None)
    assert_nowhere(words_of(named_study), ran)


def test_what_is_searched_would_be_found(measured, tmp_path):
    """The search itself: a name put into each kind of file is seen."""
    page = measured.out / "report.html"
    assert b"Zyxwvut" not in said_by(page)
    (tmp_path / "report.html").write_text(page.read_text() + "Zyxwvut")
    assert b"Zyxwvut" in said_by(tmp_path / "report.html")
    image = gzip.decompress((measured.out / "segmentation.nii.gz").read_bytes())
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(image[:148] + b"Zyxwvut" + image[155:]))
    assert b"Zyxwvut" in said_by(tmp_path / "a.nii.gz")
    pictures = [base64.b64decode(match[2]) for match in DATA_URI.finditer(page.read_text())]
    assert len(pictures) >= 2
    chunk = b"tEXtTitle\0Zyxwvut"
    with_text = pictures[0][:33] + struct.pack(">I", len(chunk) - 4) + chunk + bytes(4) + pictures[0][33:]
    assert b"Zyxwvut" in texts_of_png(with_text)


@pytest.mark.real
def test_the_real_scans_patient_is_named_nowhere(real_result, real_data):
    first = next(real_data("vhm_head_dicom").iterdir())
    ds = pydicom.dcmread(first, stop_before_pixels=True)
    assert secrets_of(ds) >= {str(ds.PatientName), ds.PatientID}
    assert_nowhere(secrets_of(ds), real_result)
