"""Codes for DICOM: SNOMED CT and DICOM's own where they mean the same, the project's where none does.

Every SNOMED code here stands in DICOM's tables (PS3.16) with this meaning; a test looks each one up. A
thing that has no code there, such as an occupying ratio, gets one of the scheme ``99CANALIS`` whose value
is the contract's name, cut to the 16 characters that DICOM allows.
"""

from dataclasses import dataclass
from typing import Final

from canalis.labels import (
    OSSIFICATION,
    OTHER_NARROWING,
    RESIDUAL_CANAL,
    VERTEBRA_LABELS,
    VERTEBRA_WITHOUT_LEVEL,
)

SCHEME: Final = "99CANALIS"


@dataclass(frozen=True, slots=True)
class Coded:
    """A code's value, its scheme and what it means."""

    value: str
    scheme: str
    meaning: str


def _own(value: str, meaning: str) -> Coded:
    return Coded(value, SCHEME, meaning)


ANATOMICAL_STRUCTURE: Final = Coded("91723000", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE: Final = Coded("49755003", "SCT", "Morphologically Abnormal Structure")
VERTEBRAL_CANAL: Final = Coded("61853006", "SCT", "Vertebral canal")
OSSIFIED: Final = Coded("83323007", "SCT", "Ossification")
VERTEBRA: Final = Coded("51282000", "SCT", "Vertebra")

VERTEBRAE: Final = {
    "C1": Coded("14806007", "SCT", "C1 vertebra"),
    "C2": Coded("39976000", "SCT", "C2 vertebra"),
    "C3": Coded("113205007", "SCT", "C3 vertebra"),
    "C4": Coded("5329002", "SCT", "C4 vertebra"),
    "C5": Coded("36978003", "SCT", "C5 vertebra"),
    "C6": Coded("36054005", "SCT", "C6 vertebra"),
    "C7": Coded("87391001", "SCT", "C7 vertebra"),
    "T1": Coded("64864005", "SCT", "T1 vertebra"),
    "T2": Coded("53733008", "SCT", "T2 vertebra"),
}
DISCS: Final = {
    "C2/3": Coded("243902007", "SCT", "Level of C2/C3 intervertebral disc"),
    "C3/4": Coded("243903002", "SCT", "Level of C3/C4 intervertebral disc"),
    "C4/5": Coded("243904008", "SCT", "Level of C4/C5 intervertebral disc"),
    "C5/6": Coded("243905009", "SCT", "Level of C5/C6 intervertebral disc"),
    "C6/7": Coded("243906005", "SCT", "Level of C6/C7 intervertebral disc"),
    "C7/T1": Coded("243925008", "SCT", "Level of C7/T1 intervertebral disc"),
    "T1/2": Coded("243908006", "SCT", "Level of T1/T2 intervertebral disc"),
}

OTHER_BONE: Final = _own("other_narrowing", "Ossified flavum or spur inside the vertebral canal")
PLANE: Final = _own("measuring_plane", "Plane across the vertebral canal")


@dataclass(frozen=True, slots=True)
class Segment:
    """What one label of the label map becomes in a DICOM SEG."""

    label: int
    name: str
    category: Coded
    type: Coded


SEGMENTS: Final = (
    Segment(RESIDUAL_CANAL, "Residual canal", ANATOMICAL_STRUCTURE, VERTEBRAL_CANAL),
    Segment(OSSIFICATION, "OPLL", ABNORMAL_STRUCTURE, OSSIFIED),
    Segment(OTHER_NARROWING, "Other narrowing", ABNORMAL_STRUCTURE, OTHER_BONE),
    Segment(VERTEBRA_WITHOUT_LEVEL, "Vertebra without a level", ANATOMICAL_STRUCTURE, VERTEBRA),
    *(
        Segment(label, level, ANATOMICAL_STRUCTURE, VERTEBRAE[level])
        for level, label in VERTEBRA_LABELS.items()
    ),
)
"""Every label, in the order of the segments."""

MILLIMETRE: Final = Coded("mm", "UCUM", "mm")
SQUARE_MILLIMETRE: Final = Coded("mm2", "UCUM", "square millimeter")
CUBIC_MILLIMETRE: Final = Coded("mm3", "UCUM", "cubic millimeter")
PERCENT: Final = Coded("%", "UCUM", "percent")
DEGREE: Final = Coded("deg", "UCUM", "degree")
ONE: Final = Coded("1", "UCUM", "no units")

PLANE_MEASURES: Final = {
    "canal_ap_mm": (_own("canal_ap", "Anatomical canal AP on the midline"), MILLIMETRE),
    "canal_lr_mm": (_own("canal_lr", "Anatomical canal LR"), MILLIMETRE),
    "canal_area_mm2": (_own("canal_area", "Anatomical canal area"), SQUARE_MILLIMETRE),
    "ossification_thickness_mm": (_own("thickness", "OPLL thickness, any gap included"), MILLIMETRE),
    "thickness_offset_mm": (_own("offset", "Offset from the midline, + to the left"), MILLIMETRE),
    "thickness_canal_ap_mm": (_own("canal_ap_on_line", "Anatomical canal AP on that line"), MILLIMETRE),
    "ossification_bone_thickness_mm": (_own("bone_thickness", "OPLL thickness, bone only"), MILLIMETRE),
    "ossification_width_mm": (_own("opll_width", "OPLL width"), MILLIMETRE),
    "ossification_area_mm2": (_own("opll_area", "OPLL area"), SQUARE_MILLIMETRE),
    "occupying_ratio_percent": (_own("ratio", "Occupying ratio on the thickest line"), PERCENT),
    "occupying_ratio_midline_percent": (_own("ratio_midline", "Occupying ratio on the midline"), PERCENT),
    "area_occupying_ratio_percent": (_own("ratio_area", "Area occupying ratio"), PERCENT),
    "residual_ap_mm": (_own("residual_ap", "Residual AP of the bony canal"), MILLIMETRE),
    "torg_pavlov_ratio": (_own("torg_pavlov", "Torg-Pavlov ratio, CT analogue"), ONE),
}
"""A plane's fields: their code and unit."""

NECK_MEASURES: Final = {
    "max_thickness_mm": (_own("max_thickness", "Greatest OPLL thickness"), MILLIMETRE),
    "max_occupying_ratio_percent": (_own("max_ratio", "Greatest occupying ratio"), PERCENT),
    "length_mm": (Coded("410668003", "SCT", "Length"), MILLIMETRE),
    "width_mm": (Coded("103355008", "SCT", "Width"), MILLIMETRE),
    "volume_mm3": (Coded("118565006", "SCT", "Volume"), CUBIC_MILLIMETRE),
    "compression_angle_deg": (_own("compression_ang", "Compression angle, supine CT"), DEGREE),
    "op_index": (_own("op_index", "OP-index"), ONE),
}
"""Fields of the ossification of the whole neck."""

ALIGNMENT_MEASURES: Final = {
    "k_line_distance_mm": (_own("k_line_distance", "Distance to the K-line, supine CT"), MILLIMETRE),
    "c2_c7_cobb_deg": (Coded("285285000", "SCT", "Cobb angle"), DEGREE),
}

ANSWERS: Final = {
    "type": _own("opll_type", "OPLL type"),
    "near_type": _own("opll_near_type", "OPLL type that it is near"),
    "side": _own("opll_side", "OPLL side"),
    "k_line": _own("k_line", "K-line on supine CT"),
    "levels_sure": _own("levels_sure", "Levels are sure"),
}
"""Questions with a word for an answer; the answers are of the same scheme."""


def answer(word: str) -> Coded:
    """Return the code of a word: "continuous", "negative", "yes"."""
    return _own(word[:16], word)
