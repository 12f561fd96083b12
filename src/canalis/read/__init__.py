"""Files to a Volume: DICOM, zip, NIfTI."""

from os import PathLike
from pathlib import Path

from canalis.errors import ReadError
from canalis.read.sources import ImageFile, Kind, UnopenedFileError, find_files, kind_of
from canalis.volume import Progress, Volume

__all__ = ["read_volume"]


def read_volume(
    path: str | PathLike[str], series: str | None = None, *, progress: Progress | None = None
) -> Volume:
    """Return one CT from DICOM or NIfTI files.

    Parameters
    ----------
    path : str or path
        A folder of DICOM slices (searched to any depth), a zip of one, an Enhanced multi-frame file,
        or a NIfTI file.
    series : str, optional
        Series instance UID, or its hash from ``measurements.json``, where the folder holds several.
    progress : callable, optional
        Called with what is being done, steps done and steps in all.

    Returns
    -------
    Volume
        Hounsfield units with their place in LPS mm, see ``docs/coordinates.md``. DICOM slices grow to
        the head; a NIfTI file keeps its voxel order. ``acquisition.warnings`` says what was noticed.

    Raises
    ------
    ReadError
        If there is no CT to read, or it is not clear which of several to read.
    GeometryError
        If the slices do not describe one place in the patient.

    Examples
    --------
    >>> volume = read_volume("CT_NECK")  # doctest: +SKIP
    >>> volume.spacing_mm  # doctest: +SKIP
    (1.0, 0.4, 0.4)
    """
    files = find_files(Path(path))
    kinds: dict[Kind, list[ImageFile]] = {"dicom": [], "nifti": [], "other": []}
    unopened: list[ImageFile] = []
    for file in files:
        try:
            kinds[kind_of(file)].append(file)
        except UnopenedFileError:
            if len(files) == 1:
                raise
            unopened.append(file)
    if kinds["dicom"]:
        from canalis.read.dicom import read_dicom

        return read_dicom(kinds["dicom"], series, progress, unopened=unopened)
    if unopened:
        raise ReadError(
            f"Expected a CT in {path}, found {len(unopened)} of {_counted(len(files))} that cannot be "
            f"opened, {unopened[0].place} first. Make them readable, or give one NIfTI file."
        )
    if kinds["nifti"]:
        from canalis.read.nifti import read_nifti

        return read_nifti(_only(kinds["nifti"]), progress)
    raise ReadError(f"Expected a CT in {path}, found no DICOM or NIfTI image in {_counted(len(files))}.")


def _only(files: list[ImageFile]) -> ImageFile:
    if len(files) > 1:
        listed = ", ".join(file.place for file in files[:5])
        raise ReadError(f"Expected one CT, found {len(files)} NIfTI files ({listed}). Give one of them.")
    return files[0]


def _counted(files: int) -> str:
    return "one file" if files == 1 else f"{files} files"
