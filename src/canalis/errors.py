"""Every error that Canalis raises on purpose.

A message says what was expected, what was found with its unit, where, and what to do. It never
holds a patient's name, identifier or birth date.
"""


class CanalisError(Exception):
    """Something the user can act on. The command line prints it as one line and exits with 1."""


class ReadError(CanalisError):
    """Input that cannot be read: not an image, truncated, undecodable, or not a CT."""


class GeometryError(CanalisError, ValueError):
    """Slices or affines that do not describe one place in the patient."""


class RefusedError(CanalisError):
    """A CT that can be read but holds nothing to measure, such as a head without a neck."""


class ModelError(CanalisError):
    """A model file that is missing, has the wrong hash, or cannot be run."""


class MeasurementError(CanalisError, ValueError):
    """A measurement that is not defined for the shapes it was given."""


class CohortError(CanalisError, ValueError):
    """A table of patients that cannot be analysed as it stands."""


class OutputError(CanalisError):
    """A folder or file that cannot be written."""


class MissingExtraError(CanalisError, ImportError):
    """An optional part of the program that is not installed; the message names the extra."""
