"""Anomalies of a phantom's vertebrae: blocks, slips, fused facets, cervical ribs, an open ring of C1."""

from dataclasses import replace

import numpy as np

from canalis.phantom.neck import C1, C2, C7, T1, Vertebra

SLIPPED_SHARE, RETRO_SHARE, STEP_SD_MM = 0.15, 0.7, 0.3  # of necks; the last between any two bodies
BLOCK_SHARE, BLOCK_C2_SHARE, FUSED_FACETS_SHARE = 0.05, 0.55, 0.06  # of necks; the second of blocks
CERVICAL_RIB_SHARE, OPEN_RING_SHARE = 0.07, 0.05  # 1 and 4 % of people; more, to learn them


def plan_block(rng: np.random.Generator) -> int | None:
    """Draw a block of two vertebrae.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    int or None
        Index of its upper vertebra, C2 most often; None where there is none.
    """
    if rng.random() >= BLOCK_SHARE:
        return None
    return C2 if rng.random() < BLOCK_C2_SHARE else int(rng.integers(C2 + 1, C7))


def slipped(rng: np.random.Generator, vertebrae: tuple[Vertebra, ...]) -> tuple[Vertebra, ...]:
    """Return vertebrae that stand a little before or behind each other; sometimes one has slipped.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    vertebrae : tuple of Vertebra
        C1 to T8.

    Returns
    -------
    tuple of Vertebra
        With their ``shift``, mm.
    """
    shifts = np.zeros(len(vertebrae))
    shifts[C2 + 1 : T1] = rng.normal(0, STEP_SD_MM, T1 - C2 - 1)
    if rng.random() < SLIPPED_SHARE:
        i = int(rng.integers(C2 + 1, C7))
        slip = float(rng.uniform(1.0, 3.2)) * (1 if rng.random() < RETRO_SHARE else -1)
        shifts[C2 + 1 : i + 1] += slip * 0.5 ** np.arange(i - C2)[::-1]
    return tuple(replace(v, shift=float(d)) for v, d in zip(vertebrae, shifts, strict=True))


def with_anomalies(
    rng: np.random.Generator, vertebrae: tuple[Vertebra, ...], block: int | None
) -> tuple[Vertebra, ...]:
    """Return vertebrae with a block, thin or thick laminae, fused facets, cervical ribs, an open ring.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    vertebrae : tuple of Vertebra
        C1 to T8.
    block : int or None
        From `plan_block`: index of the upper vertebra of a block, whose disc is thin already.

    Returns
    -------
    tuple of Vertebra
        The same otherwise.
    """
    out = list(vertebrae)
    thick = float(rng.uniform(0.6, 1.6)) if rng.random() < 0.15 else 1.0
    out = [replace(v, lamina_thickness=v.lamina_thickness * thick) for v in out]
    if rng.random() < OPEN_RING_SHARE:
        out[C1] = replace(out[C1], cleft=float(rng.uniform(1.5, 9)))
    if rng.random() < CERVICAL_RIB_SHARE:
        lengths = rng.uniform(8, 30, 2)
        sides = ((1, 1), (1, 0), (0, 1))[int(rng.integers(3))]
        out[C7] = replace(out[C7], rib=(float(lengths[0] * sides[0]), float(lengths[1] * sides[1])))
    if rng.random() < FUSED_FACETS_SHARE:
        i = int(rng.integers(C2 + 1, C7))
        out[i], out[i + 1] = (replace(v, joint_gap=-1.0) for v in out[i : i + 2])
    if block is not None:
        upper, lower = out[block], out[block + 1]
        out[block], out[block + 1] = (
            replace(upper, block=True),
            replace(lower, block_above=True, shift=upper.shift),
        )
        if rng.random() < 0.5:  # arches joined too
            longer = float(rng.uniform(4, 8))
            out[block] = replace(
                out[block],
                joint_gap=-1.0,
                lamina_height=upper.lamina_height + longer,
                lamina_drop=upper.lamina_drop + longer / 2,
            )
            out[block + 1] = replace(out[block + 1], joint_gap=-1.0)
    return tuple(out)
