"""What a phantom's canal holds: cord, fluid and fat, and the ligament and veins along its front wall."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.canal import CanalSection
from canalis.phantom.neck import Vertebra

Array = NDArray[np.float32]

CORD_HU = 36.0
EDGE_MM = 0.8  # over which sac and ligament fade
VEINS_ENHANCED_SHARE = 0.1  # of necks: contrast given into a vein


@dataclass(frozen=True, slots=True)
class Contents:
    """What one neck's canal holds.

    Attributes
    ----------
    cord_ap, cord_lr, cord_y : float
        Diameters of the cord, and how far behind the canal's middle it lies, mm.
    sac : float
        AP of the sac as a share of the canal's.
    sac_hu, fat_hu : float
        Density of the fluid in it, and of what lies about it.
    ligament_hu : float
        Density of the posterior longitudinal ligament and the veins under it.
    ligament_mm, veins_mm : float
        How thick they are at discs, where the ligament is tied, and at mid-body, where veins fill the room
        under it.
    """

    cord_ap: float
    cord_lr: float
    cord_y: float
    sac: float
    sac_hu: float
    fat_hu: float
    ligament_hu: float
    ligament_mm: float
    veins_mm: float

    def density(self, v: Vertebra, canal: CanalSection, x: Array, y: Array, s: Array, inside: Array) -> Array:
        """Return the density at places in the canal beside a vertebra, HU.

        Parameters
        ----------
        v : Vertebra
            Which.
        canal : CanalSection
            At the places.
        x, y, s : ndarray of shape (n,)
            Spine coordinates of the places, mm.
        inside : ndarray of shape (n,)
            Their distance to the canal's wall, mm, below 0 in the canal.
        """
        q = np.sqrt(
            (x / (self.cord_lr / 2)) ** 2
            + ((y - self.cord_y) / (np.minimum(self.cord_ap, canal.ap * 0.75) / 2)) ** 2
        )
        cord = np.clip(0.5 - (q - 1) * 3.5 / EDGE_MM, 0, 1)
        sac = np.clip(0.5 - (inside + (1 - self.sac) * canal.ap / 2) / EDGE_MM, 0, 1)
        value = self.fat_hu + sac * (self.sac_hu - self.fat_hu)
        middle = np.clip(1 - (2 * (s - v.s_mm) / max(v.height, 1.0)) ** 2, 0, 1)
        thick = self.ligament_mm + middle * (self.veins_mm - self.ligament_mm)
        under = np.clip(0.5 - (y - canal.front(x) - thick) / EDGE_MM, 0, 1) * np.clip(thick / EDGE_MM, 0, 1)
        value = value + under * (np.float32(self.ligament_hu) - value)
        return np.asarray(value + cord * (CORD_HU - value), dtype=np.float32)


def draw_contents(rng: np.random.Generator, sac_hu: float) -> Contents:
    """Draw what one neck's canal holds, its fluid as dense as told, HU."""
    kept = {
        "cord_ap": float(rng.normal(7.8, 0.6)),
        "cord_lr": float(rng.normal(12.8, 1.0)),
        "sac": float(rng.uniform(0.7, 0.95)),
        "fat_hu": float(rng.uniform(-90, 20)),
        "cord_y": float(rng.uniform(-1.0, 1.5)),
    }
    rng = rng.spawn(1)[0]  # leaves what the neck draws after this as it was
    enhanced = rng.random() < VEINS_ENHANCED_SHARE
    return Contents(
        sac_hu=sac_hu,
        ligament_hu=float(rng.uniform(90, 170) if enhanced else rng.uniform(30, 110)),
        ligament_mm=float(rng.uniform(0.0, 1.2)),
        veins_mm=float(rng.uniform(0.0, 1.5)),
        **kept,
    )
