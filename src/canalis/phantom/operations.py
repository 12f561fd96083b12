"""Operations that open a phantom's canal from behind."""

from dataclasses import replace

import numpy as np

from canalis.phantom.neck import C2, C7, Neck, Operation, OperationKind
from canalis.phantom.wall_shifts import along_arches


def plan_operation(rng: np.random.Generator, kind: OperationKind) -> Operation:
    """Draw an operation of a kind: C3, sometimes C4, to C6 or C7.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    kind : {"laminectomy", "open door", "french door"}
        Which.

    Returns
    -------
    Operation
        Its gain from 3 to 6 mm.
    """
    return Operation(
        kind=kind,
        first=C2 + 1 + int(rng.random() < 0.15),
        last=C7 - int(rng.random() < 0.6),
        gain_mm=float(rng.uniform(3.0, 6.0)),
        open_side=int(rng.choice([-1, 1])),
        half_gap_mm=float(rng.uniform(8, 11) if kind == "laminectomy" else rng.uniform(1.5, 3)),
    )


def operated(neck: Neck, operation: Operation | None) -> Neck:
    """Return the same neck after an operation, or before any.

    Parameters
    ----------
    neck : Neck
        Operated on or not.
    operation : Operation or None
        None for the neck as it was before.

    Returns
    -------
    Neck
        All else is the same.
    """
    canal = {name: values for name, values in neck.canal.items() if name != "lift"}
    if operation is not None:
        gains = [operation.gain_mm if operation.opened(v) else 0.0 for v in neck.vertebrae]
        canal["lift"] = along_arches(neck.vertebrae, gains, neck.curve.s_mm)
    return replace(neck, canal=canal, operation=operation)
