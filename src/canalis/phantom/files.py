"""A scan with known truth to files: what a scanner would export, and the truth beside it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from canalis import __version__
from canalis.errors import GeometryError
from canalis.measurement.measurements import Measurements
from canalis.phantom.asked import check_asked
from canalis.phantom.ossification import Wanted
from canalis.phantom.phantom import make_phantom
from canalis.report.label_map import swap_lps_ras, write_label_map
from canalis.report.record import Software, measurements_to_json
from canalis.result_folder import check_free, result_folder
from canalis.volume import Mask, Progress, Volume, reorder_axes

Format = Literal["nifti", "dicom"]
FORMATS: Final[tuple[Format, ...]] = ("nifti", "dicom")
PHANTOM_NAMES: Final = ("ct.nii.gz", "dicom", "truth.json", "truth.nii.gz")

UID_ROOT: Final = "1.2.826.0.1.3680043.8.498."  # pydicom's, for UIDs made by hashing
BONE_WINDOW: Final = (400, 2000)  # centre and width, HU
INTERCEPT: Final = -1024
STUDY_DATE: Final = date(2000, 1, 1)  # of no patient; fixed, so that the same seed gives the same bytes


@dataclass(frozen=True, slots=True, eq=False)
class KnownScan:
    """A scan and the truth about it, to be written.

    Attributes
    ----------
    volume : Volume
        The CT.
    mask : Mask
        The labels of ``truth.nii.gz``.
    truth : Measurements
        What a perfect reader would measure.
    planting : mapping of str to object or None
        What ``truth.json`` says of planted masses; None for a phantom, which has none.
    """

    volume: Volume
    mask: Mask
    truth: Measurements
    planting: Mapping[str, object] | None = None


def write_phantoms(
    folders: Mapping[int, Path],
    *,
    wanted: Wanted,
    file_format: Format,
    voxel_mm: tuple[float, float] = (0.4, 1.0),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Make phantoms and write each to its folder.

    Parameters
    ----------
    folders : mapping of int to Path
        Seed of each phantom to its folder, which is there whole or not at all.
    wanted : Wanted
        What ossification each must have.
    file_format : {"nifti", "dicom"}
        Of the CT.
    voxel_mm : tuple of float
        Pixel size and slice spacing.
    overwrite : bool
        Whether phantoms that are there may be replaced.
    progress : callable, optional
        Called before each.

    Raises
    ------
    OutputError
        If a folder holds a phantom already, or cannot be written.
    MeasurementError
        If a seed's neck cannot have what is wanted.
    """

    def draw(seed: int) -> KnownScan:
        made = make_phantom(seed, wanted=wanted, pixel_mm=voxel_mm[0], slice_mm=voxel_mm[1])
        truth = made.truth
        check_asked(truth, wanted, seed)
        return KnownScan(made.volume, made.mask, truth)

    write_each(
        folders, draw, "Drawing phantoms", file_format=file_format, overwrite=overwrite, progress=progress
    )


def write_each(
    folders: Mapping[int, Path],
    draw: Callable[[int], KnownScan],
    what: str,
    *,
    file_format: Format,
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """Draw scans one after another and write each to its folder.

    Parameters
    ----------
    folders : mapping of int to Path
        Seed of each scan to its folder, which is there whole or not at all.
    draw : callable
        From a seed to a scan.
    what : str
        What ``progress`` is told.
    file_format : {"nifti", "dicom"}
        Of the CT.
    overwrite : bool
        Whether results that are there may be replaced.
    progress : callable or None
        Called before each.

    Raises
    ------
    OutputError
        If a folder holds a phantom already, or cannot be written; nothing is drawn where one holds one.
    """
    for folder in folders.values():
        check_free(folder, names=PHANTOM_NAMES, overwrite=overwrite)
    for done, (seed, folder) in enumerate(folders.items()):
        if progress is not None:
            progress(what, done, len(folders))
        scan = draw(seed)
        with result_folder(folder, names=PHANTOM_NAMES) as beside:
            _write_scan(beside, scan, seed=seed, file_format=file_format)


def _write_scan(folder: Path, scan: KnownScan, *, seed: int, file_format: Format) -> None:
    """Write a CT with ``truth.json`` and ``truth.nii.gz``; the seed names the synthetic patient."""
    if file_format == "nifti":
        write_nifti(folder / "ct.nii.gz", scan.volume)
    else:
        write_dicom_series(folder / "dicom", scan.volume, seed=seed)
    write_label_map(folder / "truth.nii.gz", scan.mask, acquisition=None)
    text = measurements_to_json(scan.truth, volume=scan.volume, software=Software(version=__version__))
    if scan.planting is not None:
        record = json.loads(text) | {"planting": scan.planting}
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8")


def write_nifti(path: Path, volume: Volume) -> None:
    """Write a CT as NIfTI: axes column, row, slice, the affine to RAS+ mm.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    volume : Volume
        Any CT.
    """
    import nibabel

    voxels, affine = reorder_axes(
        np.asarray(volume.hu), volume.affine, order=(2, 1, 0), flip=(False, False, False)
    )
    image = nibabel.Nifti1Image(voxels, swap_lps_ras(affine))
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    nibabel.save(image, str(path))


def write_dicom_series(folder: Path, volume: Volume, *, seed: int) -> list[Path]:
    """Write a CT as a DICOM series, a file a slice.

    Parameters
    ----------
    folder : Path
        Made by this.
    volume : Volume
        Whole Hounsfield units from -1024 to 31743; slices, rows and columns as they are to be stored.
    seed : int
        Names the synthetic patient and fixes every UID: the same seed gives the same bytes.

    Returns
    -------
    list of Path
        The files, in slice order.

    Raises
    ------
    GeometryError
        If Hounsfield units do not fit a CT image's 16 bits.
    """
    hu = np.rint(volume.hu)
    if hu.min() < INTERCEPT or hu.max() > np.iinfo(np.int16).max + INTERCEPT:
        raise GeometryError(
            f"Expected {INTERCEPT} to {np.iinfo(np.int16).max + INTERCEPT} HU, found {hu.min():.0f} to "
            f"{hu.max():.0f}. Clip the CT before writing DICOM."
        )
    folder.mkdir(parents=True, exist_ok=True)
    stored = (hu - INTERCEPT).astype("<i2")
    paths = []
    dataset = _series(volume, seed=seed)
    for index, pixels in enumerate(stored):
        path = folder / f"{index + 1:04d}.dcm"
        _set_slice(dataset, volume, index, pixels, seed=seed)
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _uid(seed: int, *words: object) -> str:
    sources = ["canalis phantom", str(seed), *map(str, words)]
    return str(generate_uid(prefix=UID_ROOT, entropy_srcs=sources))


def _series(volume: Volume, *, seed: int) -> FileDataset:
    """Return what all slices have in common."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    _set_patient_and_study(dataset, seed)
    _set_plane(dataset, volume)
    _set_pixel_format(dataset, volume)
    return dataset


def _set_slice(
    dataset: FileDataset, volume: Volume, index: int, pixels: NDArray[np.int16], *, seed: int
) -> None:
    """Write what one slice has for itself."""
    uid = _uid(seed, "slice", index)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = _decimals(volume.to_lps(np.array([index, 0, 0])))
    dataset.PixelData = pixels.tobytes()


def _set_patient_and_study(dataset: Dataset, seed: int) -> None:
    """Patient, General Study, General Series, Frame of Reference, General Equipment."""
    day, noon = STUDY_DATE.strftime("%Y%m%d"), "120000"
    dataset.PatientName, dataset.PatientID = f"Phantom^{seed}", f"canalis-phantom-{seed}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyInstanceUID, dataset.StudyID = _uid(seed, "study"), "1"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = day
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = noon
    dataset.ReferringPhysicianName, dataset.AccessionNumber = "", ""
    dataset.Modality, dataset.SeriesNumber = "CT", 1
    dataset.SeriesInstanceUID = _uid(seed, "series")
    dataset.StudyDescription = dataset.SeriesDescription = "Canalis phantom"
    dataset.BodyPartExamined, dataset.PatientPosition = "NECK", "HFS"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = _uid(seed, "frame"), ""
    dataset.Manufacturer, dataset.ManufacturerModelName = "Canalis", "phantom"
    dataset.SoftwareVersions = __version__


def _set_plane(dataset: Dataset, volume: Volume) -> None:
    """Image Plane, by the equation of PS3.3 C.7.6.2.1.1; positions of at most 16 characters."""
    slice_mm, row_mm, column_mm = volume.spacing_mm
    down, along = volume.affine[:3, 1] / row_mm, volume.affine[:3, 2] / column_mm
    dataset.AcquisitionNumber = 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImageOrientationPatient = _decimals([*along, *down])
    dataset.PixelSpacing = _decimals([row_mm, column_mm])
    dataset.SliceThickness = _decimals([slice_mm])[0]
    dataset.KVP = "120"


def _decimals(values: Iterable[float]) -> list[str]:
    """Write numbers as DICOM decimal strings: at most 16 characters."""
    return [f"{round(float(value), 6) + 0.0:.9g}" for value in values]


def _set_pixel_format(dataset: Dataset, volume: Volume) -> None:
    _, dataset.Rows, dataset.Columns = volume.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = INTERCEPT, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = BONE_WINDOW
