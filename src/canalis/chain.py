"""The stages joined: a CT in, measurements and a folder of results out.

Read, segment, refine, measure, report. Each stage also stands on its own; nothing here measures.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from canalis import __version__
from canalis.errors import MissingExtraError, ReadError, RefusedError
from canalis.labels import ANATOMICAL_CANAL, OUTSIDE, VERTEBRA_LABELS, VERTEBRA_WITHOUT_LEVEL
from canalis.measurement.measurements import Measurements
from canalis.read import read_volume
from canalis.result_folder import check_free, result_folder
from canalis.run_record import Stopwatch, make_run_record, write_run_record
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import (
    INCOMPLETE_SCAN_CODES,
    LARGEST_GAP_MM,
    LARGEST_PIXEL_MM,
    Mask,
    Progress,
    ScanWarning,
    Volume,
)

if TYPE_CHECKING:
    from canalis.measurement.refined import Refinement

AIR_BELOW_HU: Final = -300  # no tissue, and no foam of a head rest either, is less dense
LEAST_TISSUE: Final = 1e-3  # share of voxels; less is a table, a wire, or noise
EMPTY_CODES: Final = {"all-air", "one-value", "not-hounsfield", "pixel-noise", "slices-unordered"}
"""Refused before a network looked."""

EXIT_CODES: Final = {"measured": 0, "partial": 3, "refused": 1}
ROUNDING_MM: Final = 0.01  # to which both sides of a pixel agree
CONTRAST_REASON: Final = "Contrast in the canal may be taken for ossification, and hides what is as dense."
HIDDEN_REASON: Final = "Metal or streaks hide a part of the canal, where ossification would not be seen."
KNOWN_LABELS: Final = frozenset(
    (OUTSIDE, *ANATOMICAL_CANAL, VERTEBRA_WITHOUT_LEVEL, *VERTEBRA_LABELS.values())
)
NOT_NAMED: Final = LevelNaming(False, None, "The scan was refused before levels were looked for.")


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left, and what to tell the user.

    Attributes
    ----------
    measurements : Measurements
        As written to ``measurements.json``.
    seconds : mapping of str to float
        Time by stage: read, segment, refine, measure, report.
    folder : Path or None
        Where the files are.
    """

    measurements: Measurements
    seconds: Mapping[str, float]
    folder: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 measured, 3 partial, 1 refused."""
        return EXIT_CODES[self.measurements.status]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may ask of one measurement.

    Attributes
    ----------
    series : str or None
        Series instance UID, or its hash, where the input holds several.
    hint : tuple of str and float, or None
        A level and the height of its middle, LPS mm, from which the others are counted.
    label_map : Path or None
        A corrected ``segmentation.nii.gz`` to measure instead of the network's.
    overwrite : bool
        Whether results that are there may be replaced.
    also : tuple of {"pdf", "dicom"}
        What else to write: ``report.pdf``; DICOM SEG and SR.
    command : tuple of str
        The command for ``run.json``, without paths.
    """

    series: str | None = None
    hint: tuple[str, float] | None = None
    label_map: Path | None = None
    overwrite: bool = False
    also: tuple[Literal["pdf", "dicom"], ...] = ()
    command: tuple[str, ...] = field(default=())


def measure(
    volume: Volume, *, hint: tuple[str, float] | None = None, progress: Progress | None = None
) -> Measurements:
    """Measure the spinal canal and its ossification on a CT.

    Parameters
    ----------
    volume : Volume
        From `canalis.read_volume`, or made of an array and an affine.
    hint : tuple of str and float, optional
        A level and the height of its middle, such as ``("C2", 1079.0)``, LPS mm.
    progress : callable, optional
        Called with what is being done, steps done and steps in all.

    Returns
    -------
    Measurements
        Lengths in mm, points in LPS+ mm. Status "refused", with a warning that says why, where there is
        no neck to measure.

    Examples
    --------
    >>> import canalis
    >>> volume = canalis.read_volume("CT_NECK")  # doctest: +SKIP
    >>> canalis.measure(volume).narrowest.residual_ap_mm  # doctest: +SKIP
    9.4
    """
    measurements, _ = measure_with_outlines(volume, hint=hint, progress=progress)
    return measurements


def measure_to_folder(
    source: Path, folder: Path, options: Options = Options(), *, progress: Progress | None = None
) -> Result:
    """Read one CT, measure it, and write every file of the result.

    Parameters
    ----------
    source : Path
        A folder, zip or file.
    folder : Path
        Made by this; it is there whole or not at all.
    options : Options
        What the user asked for.
    progress : callable, optional
        Called as the work goes on.

    Returns
    -------
    Result
        A refused CT leaves ``measurements.json`` and ``run.json`` alone.

    Raises
    ------
    ReadError, GeometryError
        If the input cannot be read; nothing is written.
    OutputError
        If the folder holds results already, or cannot be written.
    ModelError
        If the networks are missing or cannot be run.
    """
    check_free(folder, overwrite=options.overwrite)
    check_extras(options)
    watch = Stopwatch()
    with watch.stage("read"):
        volume = read_volume(source, options.series, progress=progress)
        if "dicom" in options.also:
            from canalis.report.dicom_source import check_source

            check_source(volume.acquisition)
        drawn = None if options.label_map is None else read_drawn(options.label_map, volume)
    measurements, segmentation = measure_with_outlines(
        volume, drawn=drawn, hint=options.hint, progress=progress, watch=watch
    )
    with result_folder(folder) as beside:
        _write(beside, measurements, segmentation, volume, options, watch)
    return Result(measurements, dict(watch.seconds), folder)


def check_extras(options: Options) -> None:
    """Refuse what an extra is missing for before any work is done.

    Raises
    ------
    MissingExtraError
        Naming the extra.
    """
    for wanted, package, extra in (("pdf", "weasyprint", "pdf"), ("dicom", "highdicom", "dicom-out")):
        if wanted in options.also and find_spec(package) is None:
            raise MissingExtraError(
                f"--{wanted} needs {package}, which is not installed. Run pip install 'canalis[{extra}]'."
            )


def read_drawn(path: Path, volume: Volume) -> Segmentation:
    """Return a segmentation from a label map that a person corrected.

    Parameters
    ----------
    path : Path
        NIfTI, labels as in ``segmentation.nii.gz``, on the voxels of the CT in any axis order.
    volume : Volume
        The CT.

    Raises
    ------
    ReadError
        If it is no label map.
    GeometryError
        If it does not lie on the CT's voxels.
    """
    from canalis.read.nifti import read_label_map

    mask = read_label_map(path).on_grid_of(volume)
    present = np.bincount(mask.labels.reshape(-1), minlength=256) > 0
    if unknown := [label for label in np.flatnonzero(present).tolist() if label not in KNOWN_LABELS]:
        raise ReadError(
            f"Expected the labels of segmentation.nii.gz, 0 to 4 and 11 to 19, in {path.name}, found "
            f"{', '.join(map(str, unknown))}. Relabel or erase them."
        )
    _check_order(mask, present, path)
    return Segmentation(mask=mask, levels=_levels_of(present))


def _check_order(mask: Mask, present: NDArray[np.bool_], path: Path) -> None:
    """Refuse a label map whose vertebrae do not follow each other from head to foot."""
    middles = {}
    for level, label in VERTEBRA_LABELS.items():
        if present[label]:
            middles[level] = float(mask.to_lps(np.argwhere(mask.labels == label).astype(float))[:, 2].mean())
    for (upper, higher), (lower, deeper) in pairwise(middles.items()):
        if higher <= deeper:
            raise ReadError(
                f"Expected vertebrae head to foot in {path.name}, found {lower} above {upper}. "
                "Check their labels."
            )


def _levels_of(present: NDArray[np.bool_]) -> LevelNaming:
    named = [level for level, label in VERTEBRA_LABELS.items() if present[label]]
    if not named:
        return LevelNaming(False, None, "The label map names no vertebra.")
    return LevelNaming(True, "hint", f"Levels as named in the label map: {named[0]} to {named[-1]}.")


def measure_with_outlines(
    volume: Volume,
    *,
    drawn: Segmentation | None = None,
    hint: tuple[str, float] | None = None,
    progress: Progress | None = None,
    watch: Stopwatch | None = None,
) -> tuple[Measurements, Segmentation | None]:
    """Return the measurements of a CT, and the outlines that they were taken on.

    Parameters
    ----------
    volume : Volume
        The CT.
    drawn : Segmentation, optional
        What a person drew, measured in place of the networks' outlines.
    hint : tuple of str and float, optional
        As for :func:`measure`.
    progress : callable, optional
        Called as the work goes on.
    watch : Stopwatch, optional
        Told the time of each stage.

    Returns
    -------
    Measurements, Segmentation or None
        None where the scan was refused.
    """
    from canalis.measurement import measure_segmentation
    from canalis.measurement.refined import refine_segmentation
    from canalis.measurement.withheld import without_absence, without_ossification_sizes
    from canalis.segment.guard import (
        contrast_in_canal,
        inner_canal,
        metal_at_canal,
        metal_in_canal,
        slice_jumps,
        streaks_at_canal,
        streaks_in_canal,
        why_no_ct,
    )

    watch = watch or Stopwatch()
    empty = why_empty(volume) or (why_no_ct(volume) if drawn is None else None)
    if empty is not None:
        return _refused(volume, empty), None
    segmentation, refinement = drawn, None
    if segmentation is None:
        from canalis.segment import segment

        try:
            with watch.stage("segment"):
                segmentation = segment(volume, hint=hint, progress=progress)
        except RefusedError as error:
            return _refused(volume, ScanWarning("no-neck", str(error))), None
        with watch.stage("refine"):
            segmentation, refinement = refine_segmentation(segmentation, volume, progress=progress)
    if drawn is not None:  # a person has looked
        with watch.stage("measure"):
            measurements = measure_segmentation(segmentation, volume, progress=progress)
        return with_scan_warnings(measurements, volume), segmentation
    with watch.stage("measure"):
        metal = metal_at_canal(segmentation.mask, volume)
        index, hu = inner_canal(segmentation.mask, volume)
        contrast = contrast_in_canal(hu)
        streaks = np.zeros((0, 3)) if contrast else streaks_at_canal(index, hu, volume)
        hidden = np.concatenate([metal, streaks])
        measurements = measure_segmentation(segmentation, volume, hidden_lps=hidden, progress=progress)
    if refinement is not None:
        measurements = with_refinement(measurements, refinement)
    measurements = with_scan_warnings(measurements, volume)
    if contrast:
        measurements = without_ossification_sizes(measurements, CONTRAST_REASON)
    elif len(hidden):
        measurements = without_absence(measurements, HIDDEN_REASON)
    beyond = (*slice_jumps(volume), *metal_in_canal(metal), *streaks_in_canal(streaks), *contrast)
    return _partial_with(measurements, beyond), segmentation


def why_empty(volume: Volume) -> ScanWarning | None:
    """Return why a CT holds nothing to look at, or None.

    Parameters
    ----------
    volume : Volume
        Any CT.

    Returns
    -------
    ScanWarning or None
        ``all-air``, or ``one-value`` where every voxel is the same.
    """
    thin = tuple(slice(None, None, max(1, n // 128)) for n in volume.shape)
    sample = volume.hu[thin]
    if sample.min() == sample.max():
        return ScanWarning("one-value", f"Expected a CT, found {sample.min()} HU in every voxel.")
    if float(np.mean(sample > AIR_BELOW_HU)) < LEAST_TISSUE:
        message = "Expected a CT of a neck, found nothing but air. Check which series was exported."
        return ScanWarning("all-air", message)
    return None


def _refused(volume: Volume, why: ScanWarning) -> Measurements:
    refused = Measurements(status="refused", levels=NOT_NAMED, warnings=(why,))
    return with_scan_warnings(refused, volume)


def with_refinement(measurements: Measurements, refinement: "Refinement") -> Measurements:
    """Return measurements with the network's outline beside each refined one, and where it failed."""
    planes = tuple(refinement.with_network(plane) for plane in measurements.planes)
    return replace(measurements, planes=planes, warnings=(*measurements.warnings, *refinement.warnings))


def with_scan_warnings(measurements: Measurements, volume: Volume) -> Measurements:
    """Return measurements with the reader's warnings first, partial where slices are missing."""
    said = (*(volume.acquisition.warnings if volume.acquisition else ()), *_coarseness(volume))
    status = measurements.status
    if status == "measured" and any(warning.code in INCOMPLETE_SCAN_CODES for warning in said):
        status = "partial"
    return replace(measurements, status=status, warnings=(*said, *measurements.warnings))


def _partial_with(measurements: Measurements, beyond: tuple[ScanWarning, ...]) -> Measurements:
    """Return measurements that are partial at best where a scan holds what the networks never saw."""
    if not beyond:
        return measurements
    status = "partial" if measurements.status == "measured" else measurements.status
    return replace(measurements, status=status, warnings=(*beyond, *measurements.warnings))


def _coarseness(volume: Volume) -> list[ScanWarning]:
    """Return what the size of the voxels rules out."""
    _, pixel, gap = sorted(volume.spacing_mm)
    said = []
    if pixel > LARGEST_PIXEL_MM:
        message = (
            f"Pixels of {pixel:.2f} mm: over {LARGEST_PIXEL_MM} mm no lengths, areas or volumes are given, "
            "and neither that OPLL is seen nor that none is can be relied on: rims of bodies look like it, "
            "and a mass thinner than a pixel is lost."
        )
        said.append(ScanWarning("coarse-pixels", message))
    if gap > LARGEST_GAP_MM and gap > pixel + ROUNDING_MM:  # else it is the side of a large pixel
        message = (
            f"Slices {gap:.2f} mm apart: where they are over {LARGEST_GAP_MM:g} mm apart "
            "no lengths are given."
        )
        said.append(ScanWarning("wide-gaps", message))
    return said


def _write(
    beside: Path,
    measurements: Measurements,
    segmentation: Segmentation | None,
    volume: Volume,
    options: Options,
    watch: Stopwatch,
) -> None:
    from canalis.read.headers import quiet_pydicom
    from canalis.report import Software, write_report
    from canalis.report.files import write_record

    models, inference = _networks(options.label_map, measurements)
    software = Software(version=__version__, models=models)
    # SEG and SR read the patient's module, and pydicom's warnings would quote it
    quiet = quiet_pydicom() if "dicom" in options.also else nullcontext()
    with watch.stage("report"), quiet:
        if segmentation is None:
            write_record(beside, measurements=measurements, volume=volume, software=software)
        else:
            write_report(
                beside,
                measurements=measurements,
                segmentation=segmentation,
                volume=volume,
                software=software,
                also=options.also,
            )
    record = make_run_record(
        command=options.command,
        volume=volume,
        warnings=measurements.warnings,
        seconds=watch.seconds,
        models=models,
        inference=inference,
    )
    write_run_record(beside, record)


def _networks(
    label_map: Path | None, measurements: Measurements
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Return the hashes of the networks that looked at the scan, and how they were run."""
    codes = {warning.code for warning in measurements.warnings}
    if label_map is not None or codes & EMPTY_CODES:
        return {}, None
    from canalis.segment import describe_inference
    from canalis.segment.models import model_hashes

    return model_hashes(), dict(describe_inference())


def why_refused(measurements: Measurements) -> str:
    """Return in one line why a scan was refused: the message of the warning added last."""
    return measurements.warnings[-1].message if measurements.warnings else "The scan was refused."
