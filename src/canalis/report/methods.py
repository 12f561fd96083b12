"""How the numbers came to be and where they end, as printed on every page.

Every rule that the field leaves open and this project chose is here, with the value of the constant that
holds it in the code. The definitions themselves are in docs/measurements.md.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from canalis.measurement import plane_measures, shape, summary, types
from canalis.report.words import SURGICAL_RATIOS_PERCENT

NARROW_CANAL_MM: Final = 10.0  # canal AP below which a canal is called narrow, on CT as on film

LIMITS: Final = (
    "Measured on CT taken lying down. Alignment and K-line differ from the standing film: in 5 of 65 "
    "patients the K-line changed its sign (Ijima, J Spine Surg).",
    "The thoracic spine is not covered. Fractures, tumours, infection, the cord and other soft tissue are "
    "not assessed. The residual AP is a bony gap: the cord is not seen.",
    "The networks were made on synthetic necks and looked at on real ones without ossification, since no CT "
    "with ossification is public: not tested on patients with OPLL.",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as printed."""

    name: str
    text: str


def chosen_rules() -> list[Rule]:
    """Return the rules that the field leaves open, as this project chose them."""
    return [*_walls(), *_ossification(), *_type(), *_alignment(), *_missing()]


def _walls() -> list[Rule]:
    return [
        Rule(
            "Posterior wall",
            "The front of the anatomical canal: a smooth surface along the uncovered mid-bodies that runs on "
            "under ossification, fused or not, and is interpolated at discs. Estimated where it is covered.",
        ),
        Rule(
            "Back wall",
            "Front edges of the laminae and of the spinous processes' roots, interpolated where there is "
            "only ligament between them.",
        ),
        Rule("Edges", "Half-way between inside and outside along the profile, not at one fixed HU."),
        Rule(
            "Canal size",
            f"A canal AP below {NARROW_CANAL_MM:g} mm is narrow. Film values do not hold on CT: healthy C4 "
            "averages 12.8 ± 1.5 mm on CT (Parihar).",
        ),
    ]


def _ossification() -> list[Rule]:
    fifty, sixty = SURGICAL_RATIOS_PERCENT
    return [
        Rule(
            "Involved",
            f"A body or disc where the ossification is at least {types.INVOLVED_THICKNESS_MM:g} mm thick "
            f"over at least {types.INVOLVED_HEIGHT_MM:g} mm of height.",
        ),
        Rule(
            "Occupying ratio",
            "Thickness over the anatomical canal's AP on the same line, the line of greatest thickness. "
            f"An interval that holds {fifty:g} or {sixty:g} % says so.",
        ),
        Rule(
            "Side",
            f"Central where its centre lies within {Fraction(summary.CENTRAL_SHARE).limit_denominator(9)} of "
            "the canal's half-width.",
        ),
        Rule(
            "Compression angle",
            f"Between the cranial and caudal surface at the worst place, each followed for "
            f"{shape.SURFACE_MM:g} mm; a plateau keeps {shape.PLATEAU_SHARE:.0%} of its greatest thickness "
            f"over {shape.PLATEAU_LENGTH_SHARE:.0%} of its length.",
        ),
        Rule(
            "Double-layer sign",
            "An anterior and a posterior dense rim with a less dense band between. Alone it is unsure: 10 "
            "of 12 (Hida) and 1 of 4 (Epstein) had no dural plane.",
        ),
    ]


def _type() -> list[Rule]:
    return [
        Rule(
            "Type of a mass",
            "Continuous: covers two bodies or more. Segmental: covers one. Localized: covers none. A body is "
            f"covered where the mass reaches more than {types.COVER_REACH_MM:g} mm from the endplate it "
            "comes from, or lies wholly behind it. Made for films (Tsuyama 1984).",
        ),
        Rule(
            "Type in the patient",
            "Continuous or segmental with or without localized masses; mixed with both; localized with "
            "localized masses only. A near type is one that moving an end by "
            f"{types.NEAR_TYPE_MM:g} mm would give.",
        ),
        Rule(
            "OP-index",
            "Bodies and discs involved on the midsagittal image from C1 to C7; grade 1 below "
            f"{summary.GRADE_2_FROM}, 2 below {summary.GRADE_3_FROM}, 3 from there.",
        ),
    ]


def _alignment() -> list[Rule]:
    return [
        Rule(
            "K-line",
            "Straight in space between the middles of the anatomical canal at mid-body of C2 and C7. "
            "Positive when the mass stays before it, negative when it crosses, borderline when the "
            "interval holds 0.",
        ),
        Rule("Cobb angle", "Lower endplate of C2 to lower endplate of C7, lordosis positive."),
    ]


def _missing() -> list[Rule]:
    return [
        Rule(
            "Left out",
            f"Planes where slices are more than {plane_measures.LARGEST_GAP_MM:g} mm apart; lengths, areas "
            f"and volumes on pixels over {plane_measures.LARGEST_PIXEL_MM:g} mm; the ratio of a thickness "
            f"below {plane_measures.LEAST_RATIO_PIXELS:g} pixels.",
        ),
        Rule(
            "Intervals",
            "95 %, from voxel size, slice gap and the outline's own uncertainty; their coverage was checked "
            "on synthetic necks.",
        ),
    ]
