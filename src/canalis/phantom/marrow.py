"""How dense bone is from place to place: trabeculae, uneven patches, veins, ridges, and rims."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from canalis.phantom.canal import CanalSection
from canalis.phantom.neck import C2, C7, Vertebra

Array = NDArray[np.float32]

BLOCK = (40, 64, 64)  # voxels after which a texture repeats
PATCHES_MM = (2.0, 4.5)  # blur of the uneven patches
LARGEST_BLUR = (10.0, 16.0, 16.0)  # of them in voxels, so that a block holds several
MOST_UNEVEN = 0.3  # SD of the patches, as a share of the mean
VEINED_SHARE = 0.7  # of necks: marrow thinned where the basivertebral veins gather behind the cortex
BRIDGE_EDGE_MM = 0.4  # over which the shell over a vein's mouth gives way to it
ROOTED_HU = 90.0  # of what a rim holds where it lacks bone: fibres of the ligament and the disc
RIDGE_DEEP_MM = 4.0  # outside the canal, to where a ridge's shell is as dense as elsewhere
BELOW_C7 = 0.78  # density of thoracic bodies to cervical ones


@dataclass(frozen=True, slots=True)
class Veins:
    """Where the marrow of a body is thinned: a soft ellipsoid behind its posterior cortex, mm.

    Attributes
    ----------
    share : float
        Of its density that marrow loses in the middle.
    ahead : float
        Of that middle, before the posterior wall.
    deep, wide, high : float
        To the front, to each side, up and down, where the loss has fallen to 1/e.
    """

    share: float
    ahead: float
    deep: float
    wide: float
    high: float

    def kept(self, v: Vertebra, canal: CanalSection, x: Array, y: Array, s: Array) -> Array:
        """Return the share of its density that marrow keeps at places about a body."""
        if v.index < C2 or self.share == 0:
            return np.ones_like(s)
        q = ((canal.front(x) - y - self.ahead) / self.deep) ** 2
        q = q + (x / self.wide) ** 2 + ((s - v.s_mm) / self.high) ** 2
        return np.asarray(1 - self.share * np.exp(-q), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Marrow:
    """The marrow of one neck.

    Attributes
    ----------
    mean_hu, grain_hu : float
        Density of cervical marrow, and SD of its trabeculae.
    grain, patches : ndarray of shape (40, 64, 64)
        Trabeculae, SD 1, and patches as a share of the mean; repeated in every direction.
    veins : Veins
        Of every body.
    """

    mean_hu: float
    grain_hu: float
    grain: Array
    patches: Array
    veins: Veins

    def density(
        self,
        v: Vertebra,
        canal: CanalSection,
        x: Array,
        y: Array,
        s: Array,
        voxels: tuple[NDArray[np.intp], ...],
    ) -> Array:
        """Return the density at places about a vertebra, HU.

        Parameters
        ----------
        v : Vertebra
            Which.
        canal : CanalSection
            At the places.
        x, y, s : ndarray of shape (n,)
            Spine coordinates of the places, mm.
        voxels : tuple of ndarray of shape (n,)
            Their slices, rows and columns.
        """
        at = tuple(k % n for k, n in zip(voxels, BLOCK, strict=True))
        mean = self.mean_hu * (BELOW_C7 if v.index >= C7 else 1.0)
        kept = self.veins.kept(v, canal, x, y, s)
        return np.asarray(mean * (1 + self.patches[at]) * kept + self.grain_hu * self.grain[at])


def vein_share(v: Vertebra, canal: CanalSection, x: Array, y: Array, s: Array) -> Array:
    """Return how much of each place is the channel of a body's basivertebral vein, 0 to 0.7.

    Parameters
    ----------
    v : Vertebra
        Which.
    canal : CanalSection
        At the places.
    x, y, s : ndarray of shape (n,)
        Spine coordinates of the places, mm.
    """
    if v.index < C2:
        return np.zeros_like(s)
    behind = y - canal.front(x)
    q = np.sqrt(
        ((np.abs(x) - v.vein.apart) / v.vein.wide) ** 2
        + ((s - v.s_mm) / v.vein.high) ** 2
        + (behind / (v.depth * v.vein.deep)) ** 2
    )
    under = np.clip(0.5 - (behind + v.vein.bridge) / BRIDGE_EDGE_MM, 0, 1) if v.vein.bridge else 1.0
    return np.asarray(np.clip((1 - q) * 2, 0, 0.7) * under, dtype=np.float32)


def left_of_ridge(v: Vertebra, x: Array, from_canal: Array) -> Array:
    """Return the share of the shell's density that is left where the posterior wall swells."""
    if not v.ridge.sparse:
        return np.ones_like(x)
    behind = np.clip(1 - from_canal / RIDGE_DEEP_MM, 0, 1)
    return np.asarray(1 - v.ridge.sparse * behind * np.exp(-((x / v.ridge.half) ** 2)))


def rooted_share(v: Vertebra, canal: CanalSection, x: Array, y: Array, rim: Array) -> Array:
    """Return the share of their density that a body's rims lack toward the posterior wall."""
    ahead = np.maximum(canal.front(x) - y, 0)
    return np.asarray(v.rim.faded * rim * np.exp(-((ahead / v.rim.faded_mm) ** 2)), dtype=np.float32)


def draw_marrow(
    rng: np.random.Generator, *, mean_hu: float, grain_hu: float, step_mm: float, pixel_mm: float
) -> Marrow:
    """Draw the marrow of one neck for voxels of ``step_mm`` and ``pixel_mm``."""
    size = float(rng.uniform(*PATCHES_MM))
    blur = tuple(
        min(size / mm, most) for mm, most in zip((step_mm, pixel_mm, pixel_mm), LARGEST_BLUR, strict=True)
    )
    return Marrow(
        mean_hu=mean_hu,
        grain_hu=grain_hu,
        grain=_noise(rng, (0.8, 1.4, 1.4)),
        patches=_noise(rng, blur) * np.float32(rng.uniform(0, MOST_UNEVEN)),
        veins=Veins(
            share=float(rng.uniform(0, 0.65)) if rng.random() < VEINED_SHARE else 0.0,
            ahead=float(rng.uniform(1.0, 4.0)),
            deep=float(rng.uniform(1.0, 3.0)),
            wide=float(rng.uniform(4.0, 10.0)),
            high=float(rng.uniform(2.0, 6.5)),
        ),
    )


def _noise(rng: np.random.Generator, blur: tuple[float, ...]) -> Array:
    noise = gaussian_filter(rng.standard_normal(BLOCK).astype(np.float32), blur, mode="wrap")
    return np.asarray(noise / noise.std(), dtype=np.float32)
