"""The columns of the table of cases: `canalis.cases/1`.

Ranges are wide enough for every patient and narrow enough to stop a slip of the pen; they are this
project's choice. Groups are shown in the order in which a column lists its values. Words of the paper
that the project follows are among the synonyms: "isolated" is localized, "segmented" segmental,
"hybrid" mixed, "double shadow sign" the double-layer sign.
"""

import re
from typing import Final

from canalis.cohort.schema import Column, normal_header

OPLL_TYPES: Final = {
    "continuous": ("cont", "continuous type"),
    "segmental": ("segmented", "seg", "segmental type", "segmented type"),
    "mixed": ("hybrid", "combined type", "mixed type"),
    "localized": ("isolated", "localised", "circumscribed", "focal", "local", "other", "isolated type"),
}
APPROACHES: Final = {
    "anterior": ("front", "ventral", "front approach", "anterior approach", "acdf", "accf"),
    "posterior": ("back", "dorsal", "back approach", "posterior approach", "laminoplasty", "laminectomy"),
    "combined": ("anterior posterior", "front and back", "both", "circumferential", "360"),
}
CAUSES: Final = {
    "fall": ("accidental fall", "fall on level ground", "ground level fall", "slip", "tripping"),
    "fall from height": ("falling down", "high fall", "fall from a height"),
    "traffic": (
        "car accident",
        "traffic accident",
        "motor vehicle accident",
        "mva",
        "rta",
        "road traffic accident",
    ),
    "sport": ("sports", "diving"),
    "assault": ("violence by others",),
    "other": ("other cause",),
    "no injury": ("no trauma", "none", "degenerative"),
}
COMPLICATIONS: Final = {
    "none": ("no", "nil", "0"),
    "c5 palsy": ("c5 nerve root paralysis", "c5 paralysis", "c5"),
    "csf leak": ("cerebrospinal fluid leakage", "csf leakage", "dural tear", "durotomy"),
    "dyspnea": ("dyspnoea", "respiratory distress", "airway"),
    "haematoma": ("hematoma", "epidural haematoma", "epidural hematoma"),
    "infection": ("surgical site infection", "ssi", "wound infection"),
    "dysphagia": ("hoarseness",),
    "worse deficit": ("neurological deterioration", "deterioration", "cord injury"),
    "hardware failure": ("implant failure", "screw loosening", "graft dislodgement", "cage subsidence"),
    "axial pain": ("neck pain",),
    "kyphosis": ("loss of lordosis",),
    "death": ("died",),
    "other": (),
}

COLUMNS: Final = (
    Column(
        "case",
        "code",
        "Case id: a code, no name, no hospital number",
        aliases=("case_id", "id", "number", "no", "numbering", "record_id", "study_id", "patient_code"),
    ),
    Column("age_years", "number", "Age at operation", "years", 0, 120, aliases=("age",), baseline=True),
    Column(
        "sex",
        "choice",
        "Sex",
        values={"male": ("m", "man", "men"), "female": ("f", "w", "woman", "women")},
        aliases=("gender",),
        baseline=True,
        grouping=True,
    ),
    Column(
        "cause_of_injury",
        "choice",
        "Cause of injury",
        values=CAUSES,
        aliases=("cause", "injury_cause", "mechanism"),
        baseline=True,
    ),
    Column(
        "hours_since_injury",
        "number",
        "From injury to admission",
        "hours",
        0,
        8760,
        aliases=("injury_time", "injury_hours", "hours_from_injury"),
        baseline=True,
    ),
    Column(
        "violence",
        "choice",
        "Violence of the injury",
        values={
            "slight": ("minor", "mild", "low", "low energy", "slight violence"),
            "severe": ("major", "high", "high energy", "severe violence"),
        },
        aliases=("injury_violence", "energy"),
        baseline=True,
        grouping=True,
    ),
    Column(
        "opll_type",
        "choice",
        "OPLL type",
        values=OPLL_TYPES,
        aliases=("type", "bone_type", "ossification_type"),
        baseline=True,
        grouping=True,
    ),
    Column("opll_levels", "levels", "Levels with OPLL", aliases=("levels", "ossified_levels", "segments")),
    Column(
        "opll_level_count",
        "integer",
        "Number of levels with OPLL",
        "levels",
        0,
        9,
        aliases=("level_count", "number_of_segments", "n_levels"),
        baseline=True,
    ),
    Column(
        "thickness_mm",
        "number",
        "Greatest thickness of the ossification",
        "mm",
        0,
        25,
        aliases=("thickness", "bone_thickness", "max_thickness_mm"),
        baseline=True,
    ),
    Column(
        "stenosis_rate_percent",
        "number",
        "Stenosis rate: the share of the canal's AP diameter taken",
        "%",
        0,
        100,
        aliases=("stenosis", "stenosis_rate", "spinal_stenosis_rate", "spinal_stenosis_rate_percent"),
        baseline=True,
    ),
    Column(
        "occupying_ratio_percent",
        "number",
        "Occupying ratio measured on CT",
        "%",
        0,
        100,
        aliases=("occupying_ratio", "max_occupying_ratio_percent", "ratio"),
        baseline=True,
    ),
    Column(
        "residual_ap_mm",
        "number",
        "Narrowest residual AP gap on CT",
        "mm",
        0,
        30,
        aliases=("residual_ap", "narrowest_residual_ap_mm", "sac_mm"),
        baseline=True,
    ),
    Column(
        "k_line",
        "choice",
        "K-line",
        values={
            "positive": ("+", "(+)", "k line positive", "k line (+)"),
            "negative": ("-", "(-)", "k line negative", "k line (-)"),
            "borderline": ("0",),
        },
        aliases=("kline", "k_line_sign"),
        baseline=True,
        grouping=True,
    ),
    Column("reaches_c2", "yes/no", "OPLL reaches C2", aliases=("c2_involved",), baseline=True, grouping=True),
    Column(
        "t2_high_signal",
        "yes/no",
        "High signal in the cord on T2",
        aliases=("t2", "high_signal", "cord_high_signal", "mri_high_signal"),
        baseline=True,
        grouping=True,
    ),
    Column(
        "double_layer_sign",
        "yes/no",
        "Double-layer sign on CT",
        aliases=("double_shadow_sign", "double_layer", "double_shadow"),
        baseline=True,
        grouping=True,
    ),
    Column(
        "diabetes", "yes/no", "Diabetes", aliases=("dm", "diabetes_mellitus"), baseline=True, grouping=True
    ),
    Column("bmi_kg_m2", "number", "Body mass index", "kg/m²", 10, 80, aliases=("bmi",), baseline=True),
    Column(
        "symptom_duration_months",
        "number",
        "Symptoms before operation",
        "months",
        0,
        720,
        aliases=("symptom_duration", "duration_of_symptoms_months"),
        baseline=True,
    ),
    Column(
        "prior_surgery", "yes/no", "Cervical surgery before", aliases=("previous_surgery",), baseline=True
    ),
    Column(
        "respiratory_limitation",
        "yes/no",
        "Respiratory limitation on admission",
        aliases=("respiratory_limitation_on_admission",),
        baseline=True,
    ),
    Column(
        "ais_grade",
        "choice",
        "AIS grade on admission",
        values={g: (f"ais {g.lower()}",) for g in "ABCDE"},
        aliases=("ais", "asia_grade", "asia_impairment_scale"),
        baseline=True,
    ),
    Column(
        "asia_motor_score",
        "integer",
        "ASIA motor score on admission",
        "points",
        0,
        100,
        aliases=("asia_motor", "motor_score"),
        baseline=True,
    ),
    Column(
        "hours_to_surgery",
        "number",
        "From injury to operation",
        "hours",
        0,
        87600,
        aliases=("time_to_surgery_hours",),
        baseline=True,
    ),
    Column(
        "approach", "choice", "Approach", values=APPROACHES, aliases=("surgical_approach",), grouping=True
    ),
    Column("operation", "text", "Operation, in your own words", aliases=("procedure", "surgery")),
    Column("operated_levels", "levels", "Levels operated", aliases=("levels_operated",)),
    Column(
        "opening_side",
        "choice",
        "Side opened in laminoplasty",
        values={
            "left": ("l",),
            "right": ("r",),
            "double door": ("both", "midline", "french door"),
            "none": ("no",),
        },
        aliases=("hinge_open_side",),
    ),
    Column(
        "scale",
        "choice",
        "Name of the score's scale, the same in every row",
        values={
            "JOA17": ("joa", "joa 17", "japanese orthopaedic association"),
            "JOA17 revised": ("joa revised", "revised joa", "joa 17 revised"),
            "mJOA18": ("mjoa", "mjoa 18", "modified joa", "benzel"),
        },
        aliases=("score_scale", "joa_scale"),
    ),
    Column(
        "preoperative_joa",
        "number",
        "Total score before operation",
        "points",
        -2,
        18,
        aliases=(
            "joa_pre",
            "pre_joa",
            "preop_joa",
            "joa_preop",
            "joa_preoperative",
            "pre_operative_joa",
            "baseline_joa",
            "preoperative_joa_score",
            "preoperative_mjoa",
            "mjoa_pre",
        ),
    ),
    Column(
        "postoperative_joa",
        "number",
        "Total score at the last follow-up",
        "points",
        -2,
        18,
        aliases=(
            "joa_post",
            "post_joa",
            "postop_joa",
            "joa_postop",
            "joa_postoperative",
            "post_operative_joa",
            "final_joa",
            "postoperative_joa_score",
            "postoperative_mjoa",
            "mjoa_post",
        ),
    ),
    Column(
        "improvement_rate_percent",
        "number",
        "Improvement rate; computed where empty",
        "%",
        -3600,
        100,
        aliases=(
            "improvement_rate",
            "joa_improvement_rate",
            "recovery_rate",
            "recovery_rate_percent",
            "joa_improvement_rate_percent",
        ),
    ),
    Column(
        "follow_up_months",
        "number",
        "From operation to the postoperative score",
        "months",
        0,
        600,
        aliases=("follow_up", "followup_months", "followup", "follow_up_time"),
    ),
    Column("complications", "list", "Complications", values=COMPLICATIONS, aliases=("complication",)),
    Column("reoperation", "yes/no", "Operated again", aliases=("revision_surgery", "revision")),
    Column("source", "text", "Where the row comes from", aliases=("note", "notes", "comment", "remarks")),
)

ITEM_COLUMN: Final = re.compile(
    r"^(pre|post)operative_(mjoa_)?(upper_motor|lower_motor|upper_sensory|lower_sensory|trunk_sensory|bladder|shoulder_elbow|sensory|sphincter)$"
)
"""An item of a score. `canalis.cohort.joa` knows which items a scale has and how far they go."""

TIME_COLUMN: Final = re.compile(r"^joa_at_(\d+(?:_\d+)?)_months?$")
"""A total at a further time: joa_at_3_months, joa_at_1_5_months."""

BY_NAME: Final = {column.name: column for column in COLUMNS}
BY_HEADER: Final = {normal_header(alias): c for c in COLUMNS for alias in (c.name, *c.aliases)}


def find_column(header: str) -> Column | None:
    """Return the column that a header of a file means, or None.

    Parameters
    ----------
    header : str
        As written in the file.

    Returns
    -------
    Column or None
        Items and scores at further times give a column of their own name.

    Examples
    --------
    >>> find_column("Double shadow sign").name
    'double_layer_sign'
    >>> find_column("JOA at 3 months").name
    'joa_at_3_months'
    """
    name = normal_header(header)
    if name in BY_HEADER:
        return BY_HEADER[name]
    if ITEM_COLUMN.match(name):
        return Column(name, "number", "One item of the score", "points", -2, 7)
    match = TIME_COLUMN.match(name)
    if match:
        return Column(f"joa_at_{match[1]}_months", "number", "Total score at that time", "points", -2, 18)
    return None


def months_of(name: str) -> float:
    """Return the months in the name of a column of scores at a further time.

    Examples
    --------
    >>> months_of("joa_at_1_5_months")
    1.5
    """
    match = TIME_COLUMN.match(name)
    return float(match[1].replace("_", ".")) if match else float("nan")
