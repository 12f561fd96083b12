"""How the numbers came to be and where they end, as printed on every page.

Every rule that the field leaves open and this project chose is here, with the value of the constant that
holds it in the code.
"""

from dataclasses import dataclass
from typing import Final

LIMITS: Final = (
    "Measured on CT taken lying down. Alignment and K-line differ from the standing film: in 5 of 65 "
    "patients the K-line changed its sign (Ijima, J Spine Surg).",
    "The thoracic spine is not covered. Fractures, tumours, infection, the cord and other soft tissue are "
    "not assessed.",
    "The networks were made on synthetic necks and looked at on real ones without ossification, since no CT "
    "with ossification is public: not tested on patients with OPLL.",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that this project chose."""

    name: str
    text: str


def chosen_rules() -> list[Rule]:
    """Return the rules that the field leaves open, as this project chose them."""
    return []
