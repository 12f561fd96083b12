"""How the numbers came to be and where they end, as printed on every page.

Every rule that the field leaves open and this project chose is here, with the value of the constant that
holds it in the code. The definitions themselves are in docs/measurements.md.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from canalis.measurement import (
    apart,
    centerline,
    double_layer,
    masses,
    opened,
    ossification,
    plane_measures,
    shape,
    summary,
    types,
    uncertainty,
    walls,
)
from canalis.measurement.low_masses import SEEN_FROM_MM
from canalis.report import words
from canalis.segment import guard, low_masses
from canalis.segment.fcn import OSSIFICATION_ODDS
from canalis.segment.walls import BEFORE_LINE_MM, LONGEST_OPEN_MM
from canalis.volume import LARGEST_GAP_MM, LARGEST_PIXEL_MM

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
    return [*_geometry(), *_walls(), *_thickness(), *_ossification(), *_type(), *_alignment(), *_missing()]


def _geometry() -> list[Rule]:
    return [
        Rule(
            "Planes",
            "Perpendicular to the canal's centreline, which is smoothed over waves shorter than "
            f"{centerline.SMOOTHING_WAVELENGTH_MM:g} mm, at each mid-body and disc; AP in the vertebra's own "
            "direction. C2's plane is midway from the dens's base, where the axis steps forward, to the "
            "lower endplate.",
        ),
        Rule(
            "Edges",
            "Half-way between inside and outside along the profile, not at one fixed HU. Where little bone "
            "is around the canal, as at many discs, the network's outline stays; on pixels over "
            f"{LARGEST_PIXEL_MM:g} mm the front wall alone is moved, as a whole.",
        ),
    ]


def _walls() -> list[Rule]:
    return [
        Rule(
            "Posterior wall",
            "Lengths start at the front of the anatomical canal, which is outlined on under ossification. "
            f"The dotted line is a smooth curve through the middle {walls.MID_BODY_SHARE:.0%} of the bodies "
            f"with less than {walls.FREE_MM:g} mm of ossification behind them. Between two bodies a "
            f"network's outline reaches no farther forward than {BEFORE_LINE_MM:g} mm before the line "
            "between their walls.",
        ),
        Rule(
            "Possible fused OPLL",
            f"Warned of where a body's own wall stands {walls.FUSED_STEP_MM:g} mm or more behind that of its "
            "neighbours. It is not measured.",
        ),
        Rule(
            "Back wall",
            "Front edges of the laminae and of the spinous processes' roots, interpolated where there is "
            "only ligament between them: where no bone shows it, a network's outline follows the line from "
            "the middle of one lamina to that of the next, if these are no more than "
            f"{LONGEST_OPEN_MM:g} mm apart. The ring is called post-operative with hardly any bone behind "
            f"{opened.REMOVED_MM:g} mm of it, or where {opened.LEAST_LEVELS} levels or more are cut at the "
            "same place and deeper than their neighbours.",
        ),
        Rule(
            "Canal size",
            f"A canal AP below {NARROW_CANAL_MM:g} mm is narrow. Film values do not hold on CT: healthy C4 "
            "averages 12.8 ± 1.5 mm on CT (Parihar).",
        ),
    ]


def _thickness() -> list[Rule]:
    fifty, sixty = ossification.SURGEONS_CUTS_PERCENT
    return [
        Rule(
            "Line of thickness",
            "The AP line on which the mass reaches farthest back from the wall, the middle one of "
            f"neighbours within {ossification.PLATEAU_MM:g} mm of the greatest. The headline tells its side "
            f"where it lies more than {words.OFF_MIDLINE_MM:g} mm from the midline.",
        ),
        Rule(
            "Greatest thickness, ratio and width",
            "Of the measuring planes: mid-bodies, discs and the worst place. Ossification ends in front at "
            "the canal's wall.",
        ),
        Rule(
            "Occupying ratio",
            "Thickness over the anatomical canal's AP on that same line. "
            f"An interval that holds {fifty:g} or {sixty:g} % says so.",
        ),
    ]


def _ossification() -> list[Rule]:
    return [
        Rule(
            "Involved",
            f"A body or disc where the ossification is at least {types.INVOLVED_THICKNESS_MM:g} mm thick "
            f"over at least {types.INVOLVED_HEIGHT_MM:g} mm of height; dips of up to "
            f"{masses.BRIDGING_GAP_MM:g} mm are closed.",
        ),
        Rule(
            "Side",
            f"Central where its centre lies within {Fraction(summary.CENTRAL_SHARE).limit_denominator(9)} of "
            "the canal's half-width.",
        ),
        Rule(
            "Compression angle",
            "Between the cranial and caudal surface at the worst place, each followed for "
            f"{shape.SURFACE_MM:g} mm; a plateau keeps {shape.PLATEAU_SHARE:.0%} of its greatest thickness "
            f"over {shape.PLATEAU_LENGTH_SHARE:.0%} of its length.",
        ),
        Rule(
            "Double-layer sign",
            "A dense plate, a band and a dense rim, fitted under the scan's blur: the band at most "
            f"{double_layer.WIDEST_BAND_MM:g} mm wide and lacking bone worth "
            f"{double_layer.LEAST_MISSING_MM:g} mm, over {double_layer.LEAST_RUN_MM:g} mm of the neck. A "
            "candidate only: alone, 10 of 12 (Hida) and 1 of 4 (Epstein) had no dural plane.",
        ),
        Rule(
            "Apart",
            "What narrows the canal from behind is listed as ossified ligamentum flavum, from the front as "
            f"osteophyte, or as calcified disc where {apart.DISC_SHARE:.0%} of it lies between endplates; "
            "so is a mass that involves no body or disc.",
        ),
        Rule(
            "Odds of ossification",
            f"Those that the network gives count {OSSIFICATION_ODDS:g} times: without, masses come out "
            "too thin on average.",
        ),
        Rule(
            "Low masses",
            f"Of a mass no higher than {low_masses.LOW_MM:g} mm the network must be sure: a mean "
            f"probability of {low_masses.LEAST_MEAN:g}, {low_masses.LEAST_MEAN_TALLER:g} over "
            f"{low_masses.TALLER_MM:g} mm. One no thicker than {low_masses.THIN_MM:g} mm or than a pixel "
            "never counts. They are listed apart and named in a warning.",
        ),
        Rule(
            "Thin masses",
            f"Where none that the network drew is {SEEN_FROM_MM:g} mm thick, none counts: they are listed "
            "apart and named in a warning. What a reader marked counts at any thickness.",
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
            f"{types.NEAR_TYPE_MM:g} mm would give; segmental is near continuous as well where a mass "
            "reaches over a disc.",
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
            "Distance along AP, as a lateral film shows it. Positive when the mass stays before it, "
            "negative when it crosses, borderline when the interval holds 0.",
        ),
        Rule(
            "Cobb angle",
            "Lower endplate of C2 to lower endplate of C7, lordosis positive. From a network's outline ± is "
            f"at least {summary.COBB_GAP_DEG_PER_MM2:g}° times the square of the slice gap in mm.",
        ),
    ]


def _missing() -> list[Rule]:
    return [
        Rule(
            "Left out",
            f"Planes where slices are more than {LARGEST_GAP_MM:g} mm apart, or where metal, "
            f"or streaks and noise of {guard.STREAK_HU:g} HU and more, hide the canal; lengths, areas "
            f"and volumes on pixels over {LARGEST_PIXEL_MM:g} mm; the ratio of a thickness "
            f"below {plane_measures.LEAST_RATIO_PIXELS:g} pixels.",
        ),
        Rule(
            "Intervals",
            "95 %, from voxel size, slice gap and the outline's own uncertainty, fitted and checked on "
            f"synthetic necks. Confidence is the chance that canal AP errs by less than "
            f"{uncertainty.HALF_MILLIMETRE:g} mm.",
        ),
    ]
