"""Fixtures that more than one folder of tests uses: real scans, and synthetic DICOM series."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
REPOSITORY = Path(__file__).resolve().parents[1]


def find_real_data(name: str) -> Path:
    """Return a folder or file of real data, or skip; on CI its absence is a failure."""
    folder = Path(os.environ.get("CANALIS_DATA", REPOSITORY.parent / "shared" / "data"))
    path = folder / name
    if not path.exists():
        reason = f"real data {name} is not in {folder}; name its folder in CANALIS_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    return find_real_data


def uid(*words: str) -> str:
    """A UID that is the same in every run."""
    return generate_uid(prefix="1.2.826.0.1.3680043.8.498.", entropy_srcs=["canalis tests", *words])


@dataclass(frozen=True)
class SyntheticSeries:
    """A small CT series; every stored value is unique, no axis is like another."""

    slices: int = 12
    rows: int = 20
    columns: int = 24
    row_spacing_mm: float = 0.75
    column_spacing_mm: float = 0.625
    gap_mm: float = 1.25
    heights_mm: Sequence[float] | None = None
    origin: tuple[float, float, float] = (-31.5, 17.25, 912.5)
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    stack_direction: tuple[float, ...] | None = None
    slope: float = 1.0
    intercept: float = -1024.0
    intercept_step: float = 0.0
    signed: bool = False
    bits_stored: int = 16
    sop_class: str = CT
    modality: str = "CT"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    patient: str = "P1"
    study: str = "study"
    series: str = "series"
    frame_of_reference: str = "frame"
    offset: int = 3

    @property
    def directions(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Unit vectors of growing column index, growing row index, and from slice to slice."""
        column, row = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        along = np.cross(column, row) if self.stack_direction is None else np.array(self.stack_direction)
        return column, row, along

    @property
    def positions(self) -> NDArray[np.float64]:
        """Image Position (Patient) of each slice."""
        heights = np.arange(self.slices) * self.gap_mm if self.heights_mm is None else self.heights_mm
        return np.array(self.origin) + np.outer(heights, self.directions[2])

    @property
    def stored(self) -> NDArray[np.int64]:
        """Stored values, each used once."""
        return np.arange(self.slices * self.rows * self.columns).reshape(-1, self.rows, self.columns) + (
            self.offset
        )

    def hu(self) -> NDArray[np.float64]:
        """What the stored values stand for."""
        steps = np.arange(self.slices)[:, None, None] * self.intercept_step
        return self.stored * self.slope + self.intercept + steps

    def places(self) -> NDArray[np.float64]:
        """LPS mm of every voxel by the equation of PS3.3 C.7.6.2.1.1, (slices, rows, columns, 3)."""
        column, row, _ = self.directions
        j = np.arange(self.columns)[:, None] * self.column_spacing_mm * column
        i = np.arange(self.rows)[:, None] * self.row_spacing_mm * row
        return self.positions[:, None, None, :] + i[None, :, None, :] + j[None, None, :, :]

    def dataset(self, index: int) -> FileDataset:
        """One slice as a DICOM file."""
        ds = self._header(uid(self.patient, self.study, self.series, str(index)))
        ds.InstanceNumber = self.slices - index
        ds.ImagePositionPatient = [f"{x:.10g}"[:16] for x in self.positions[index]]
        ds.ImageOrientationPatient = [f"{x:.10g}"[:16] for x in self.orientation]
        ds.PixelSpacing = [self.row_spacing_mm, self.column_spacing_mm]
        ds.SliceThickness = self.gap_mm
        ds.RescaleSlope, ds.RescaleIntercept = self.slope, self.intercept + index * self.intercept_step
        self._set_pixels(ds, self.stored[index])
        return ds

    def _header(self, instance: str) -> FileDataset:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = self.sop_class
        meta.MediaStorageSOPInstanceUID = instance
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = self.sop_class, instance
        ds.Modality, ds.ImageType = self.modality, list(self.image_type)
        ds.PatientName, ds.PatientID = f"Name^{self.patient}", self.patient
        for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"):
            setattr(ds, name, "")
        ds.AccessionNumber = ds.ReferringPhysicianName = ds.Manufacturer = ""
        ds.StudyInstanceUID = uid(self.patient, self.study)
        ds.SeriesInstanceUID = self.series_uid
        ds.FrameOfReferenceUID = uid(self.patient, self.study, self.frame_of_reference)
        return ds

    @property
    def series_uid(self) -> str:
        return uid(self.patient, self.study, self.series)

    def _set_pixels(self, ds: Dataset, values: NDArray[np.int64]) -> None:
        ds.Rows, ds.Columns, ds.SamplesPerPixel = self.rows, self.columns, 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, self.bits_stored, self.bits_stored - 1
        ds.PixelRepresentation = int(self.signed)
        ds.PixelData = values.astype("<i2" if self.signed else "<u2").tobytes()

    def enhanced(self, order: Sequence[int]) -> FileDataset:
        """All slices in one Enhanced CT file, its frames in some order."""
        ds = self._header(uid(self.patient, self.study, self.series, "enhanced"))
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = ENHANCED_CT
        shared, ds.NumberOfFrames = Dataset(), self.slices
        shared.PixelMeasuresSequence = [Dataset()]
        shared.PixelMeasuresSequence[0].PixelSpacing = [self.row_spacing_mm, self.column_spacing_mm]
        shared.PlaneOrientationSequence = [Dataset()]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = list(self.orientation)
        ds.SharedFunctionalGroupsSequence = [shared]
        ds.PerFrameFunctionalGroupsSequence = [self._frame_groups(index) for index in order]
        self._set_pixels(ds, self.stored[list(order)])
        return ds

    def _frame_groups(self, index: int) -> Dataset:
        groups = Dataset()
        groups.PlanePositionSequence = [Dataset()]
        groups.PlanePositionSequence[0].ImagePositionPatient = list(self.positions[index])
        groups.PixelValueTransformationSequence = [Dataset()]
        transformation = groups.PixelValueTransformationSequence[0]
        transformation.RescaleSlope = self.slope
        transformation.RescaleIntercept = self.intercept + index * self.intercept_step
        return groups

    def write(self, folder: Path, *, skip: Sequence[int] = ()) -> Path:
        """Write the slices, named so that their order in the folder is not their order in the body."""
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(self.slices):
            if index not in skip:
                name = f"{self.series}_{(index * 7) % self.slices:03d}_{index}.dcm"
                pydicom.dcmwrite(folder / name, self.dataset(index), enforce_file_format=True)
        return folder


@pytest.fixture(scope="session")
def synthetic_series() -> type[SyntheticSeries]:
    return SyntheticSeries
