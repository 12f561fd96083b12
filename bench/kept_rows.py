"""Rows of a long bench, kept as JSON lines as they come, so that it can be stopped and gone on with.

Not a benchmark itself. Each row is stamped with the networks that it was measured with; rows of other
networks are left in the file and measured anew.
"""

import json
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def measured_rows(
    keys: Iterable[Hashable], measure: Callable[[Any], Row], kept: Path | None, *, key: str, stamp: Any
) -> Iterable[Row]:
    """Yield a row a key, those kept in a file read from it and new ones added.

    ``key`` names the column that holds a row's key; ``stamp`` is what rows must have been measured with.
    """
    known: dict[Hashable, Row] = {}
    if kept is not None and kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("stamp") == stamp:
                known[row[key]] = row
    for one in keys:
        if one not in known:
            known[one] = json.loads(json.dumps(measure(one) | {key: one, "stamp": stamp}))
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[one]) + "\n")
        yield known[one]
