"""The results of measuring one scan: the fields of ``measurements.json``, as values.

Field names are the contract's. Lengths are millimetres, areas mm², volumes mm³, angles degrees,
points LPS+ mm. A value that could not be measured is None, with the reason under its field's name.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from canalis.segment.segmentation import LevelNaming
from canalis.volume import ScanWarning

Part = Literal["arch", "body", "disc", "worst"]
OssificationType = Literal["continuous", "segmental", "mixed", "localized"]
ApartKind = Literal[
    "osteophyte",
    "ligamentum flavum",
    "calcified disc",
    "retro-odontoid",
    "anterior ligament",
    "metal",
    "other",
]
Point = tuple[float, float, float]

PLANE_NUMBERS: Final = (
    "canal_ap_mm",
    "canal_lr_mm",
    "canal_area_mm2",
    "ossification_thickness_mm",
    "thickness_offset_mm",
    "thickness_canal_ap_mm",
    "ossification_bone_thickness_mm",
    "ossification_width_mm",
    "ossification_area_mm2",
    "occupying_ratio_percent",
    "occupying_ratio_midline_percent",
    "area_occupying_ratio_percent",
    "residual_ap_mm",
    "torg_pavlov_ratio",
    "confidence",
)
"""The fields of a plane that hold a number, in the order of the contract and of the CSV's columns."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """Where a plane's canal stands among the people of one CT study."""

    measure: Literal["canal_ap_mm", "canal_area_mm2"]
    group: Literal["adults", "men", "women"]
    percentile: float
    study: str


@dataclass(frozen=True, slots=True)
class PlaneMeasurement:
    """The canal and its ossification in one plane perpendicular to the centreline."""

    level: str | None
    part: Part
    center_lps_mm: Point
    normal_lps: Point
    anteroposterior_lps: Point
    """Unit vector in the plane along the vertebra's own AP direction, + to the back."""
    canal_ap_mm: float | None = None
    canal_lr_mm: float | None = None
    canal_area_mm2: float | None = None
    ossification_thickness_mm: float | None = None
    thickness_offset_mm: float | None = None
    thickness_canal_ap_mm: float | None = None
    ossification_bone_thickness_mm: float | None = None
    ossification_width_mm: float | None = None
    ossification_area_mm2: float | None = None
    occupying_ratio_percent: float | None = None
    occupying_ratio_midline_percent: float | None = None
    area_occupying_ratio_percent: float | None = None
    residual_ap_mm: float | None = None
    torg_pavlov_ratio: float | None = None
    percentiles: tuple[Percentile, ...] | None = None
    """One for each CT study that measured this level; None where none did."""
    confidence: float | None = None
    uncertainty: dict[str, float] = field(default_factory=dict)
    """Field to half of its 95 % interval."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Field to why it is None."""
    lines_lps_mm: dict[str, tuple[Point, Point]] = field(default_factory=dict)
    """The measured lines, by field: canal_ap_mm, canal_lr_mm, ossification_thickness_mm,
    thickness_canal_ap_mm, residual_ap_mm."""
    outlines_lps_mm: dict[str, tuple[tuple[Point, ...], ...]] = field(default_factory=dict)
    """Closed outlines by name: canal, ossification, other_narrowing, network."""
    refined: bool = False
    """True where the outline is the active contour's, False where it is the segmentation's own."""
    cut_by_scan: bool = False
    """True where nothing was measured because the scan ends within the body or the plane."""


@dataclass(frozen=True, slots=True)
class Narrowest:
    """The least residual AP in the scan."""

    residual_ap_mm: float | None
    uncertainty: float | None
    level: str | None
    part: Part | None


@dataclass(frozen=True, slots=True)
class Mass:
    """One connected ossification."""

    type: OssificationType
    levels: tuple[str, ...]
    discs: tuple[str, ...]
    max_thickness_mm: float
    length_mm: float
    volume_mm3: float
    uncertainty: dict[str, float] = field(default_factory=dict)
    """Field to half of its 95 % interval."""


@dataclass(frozen=True, slots=True)
class DoubleLayerSign:
    """A candidate for ossified dura, never a diagnosis."""

    candidate: bool | None
    planes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileSample:
    """The canal at one place along the centreline: what the type was decided from, to be drawn."""

    along_mm: float
    """Arc length from the upper end of the centreline."""
    center_lps_mm: Point
    thickness_mm: float
    canal_ap_mm: float
    residual_ap_mm: float
    level: str | None
    """The body or disc the sample lies at."""


@dataclass(frozen=True, slots=True)
class Ossification:
    """The ossification of the whole neck."""

    present: bool | None
    type: OssificationType | None = None
    near_type: OssificationType | None = None
    levels: tuple[str, ...] = ()
    discs: tuple[str, ...] = ()
    bridging: tuple[str, ...] = ()
    upper_end: str | None = None
    lower_end: str | None = None
    reaches_c2: bool | None = None
    at_scan_edge: bool | None = None
    peak_level: str | None = None
    op_index: int | None = None
    op_grade: int | None = None
    max_thickness_mm: float | None = None
    max_occupying_ratio_percent: float | None = None
    width_mm: float | None = None
    volume_mm3: float | None = None
    length_mm: float | None = None
    side: Literal["central", "left", "right"] | None = None
    compression_angle_deg: float | None = None
    shape: Literal["hill", "plateau"] | None = None
    double_layer_sign: DoubleLayerSign = DoubleLayerSign(candidate=None)
    masses: tuple[Mass, ...] = ()
    uncertainty: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Apart:
    """Something that is not OPLL, listed apart."""

    kind: ApartKind
    level: str | None
    thickness_mm: float | None


@dataclass(frozen=True, slots=True)
class Alignment:
    """Alignment of the neck on supine CT."""

    k_line: Literal["positive", "negative", "borderline"] | None = None
    k_line_distance_mm: float | None = None
    c2_c7_cobb_deg: float | None = None
    k_line_lps_mm: tuple[Point, Point] | None = None
    uncertainty: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything measured on one scan.

    Attributes
    ----------
    status : {"measured", "partial", "refused"}
        As in the contract: partial when a length is missing on a body or disc wholly inside the
        scan, or levels have no names.
    levels : LevelNaming
        How the vertebrae got their names.
    mode : {"unoperated", "post-operative"}
        Post-operative where laminae were opened or taken away: AP then runs to the new back wall.
    opened_levels : tuple of str
        Where, head to foot.
    planes : tuple of PlaneMeasurement
        Head to foot, the worst place last.
    centerline_lps_mm : tuple of Point
        The smoothed centreline of the anatomical canal, head to foot.
    profile : tuple of ProfileSample
        Along the centreline, head to foot.
    """

    status: Literal["measured", "partial", "refused"]
    levels: LevelNaming
    mode: Literal["unoperated", "post-operative"] = "unoperated"
    opened_levels: tuple[str, ...] = ()
    planes: tuple[PlaneMeasurement, ...] = ()
    narrowest: Narrowest = Narrowest(None, None, None, None)
    ossification: Ossification = Ossification(present=None)
    apart: tuple[Apart, ...] = ()
    alignment: Alignment = Alignment()
    warnings: tuple[ScanWarning, ...] = ()
    centerline_lps_mm: tuple[Point, ...] = ()
    centerline_posterior_lps: tuple[Point, ...] = ()
    """The vertebra's own direction to the back at each centreline point, unit vectors."""
    posterior_wall_lps_mm: tuple[Point, ...] = ()
    """The estimated posterior vertebral wall on the midsagittal surface, head to foot."""
    profile: tuple[ProfileSample, ...] = ()
