"""The card of a model: what it is, every part of its training, and every figure measured with it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from canalis.errors import ModelError
from canalis.train.cache import PHANTOMS, VALIDATION_SEED
from canalis.train.checkpoint import hash_of_weights
from canalis.train.history import Part, versions
from canalis.train.nets import SLICE_OFFSETS, CoarseNet, FineNet

SCHEMA: Final = "canalis.model/2"
NOT_RECORDED: Final = "not recorded"
INTERVAL_ENDS: Final = 2

Card = dict[str, Any]


def make_card(
    name: str, net: FineNet | CoarseNet, parts: Sequence[Part], path: Path, *, difference_from_torch: float
) -> Card:
    """Return what a reader must know of a model.

    Parameters
    ----------
    name : str
        ``fine`` or ``coarse``.
    net : FineNet or CoarseNet
        The network that was exported.
    parts : sequence of Part
        Records of its training, first to last.
    path : Path
        The exported file; its hash names the model.
    difference_from_torch : float
        Greatest difference between probabilities of the file and of the network.

    Returns
    -------
    Card
        JSON. Sums over parts are None where a part did not record what is summed.
    """
    return {
        "schema": SCHEMA,
        "name": name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "weights_sha256": hash_of_weights(net.state_dict()),
        "parameters": sum(p.numel() for p in net.parameters()),
        "channels": list(net.shape.channels),
        "stride": net.shape.stride,
        "slice_offsets": list(SLICE_OFFSETS) if isinstance(net, FineNet) else None,
        "trained_on": {
            "what": what_it_saw(parts),
            "distinct_seeds": distinct_seeds(parts),
            "seeds_below": VALIDATION_SEED,
        },
        "steps": sum_over(parts, "steps"),
        "hours": sum_over(parts, "hours"),
        "parts": list(parts),
        "validation": parts[-1].get("validation"),
        "difference_from_torch": difference_from_torch,
        "versions": versions(),
        "figures": {},
    }


def what_it_saw(parts: Sequence[Part]) -> str:
    """Return in words what the cases of all parts were made of."""
    sources = {source.split()[0] for part in parts for source in part.get("sources", {}) if source}
    other = sorted(sources - {PHANTOMS, NOT_RECORDED.split()[0]})
    if other:
        return f"procedural phantoms and cases of the user's own: {', '.join(other)}"
    return "procedural phantoms only; no patient's scan"


def distinct_seeds(parts: Sequence[Part]) -> int | None:
    """Return how many seeds all parts drew from together; None where a part did not record its own."""
    if any("case_seeds" not in part for part in parts):
        return None
    return len({s for part in parts for low, high in part["case_seeds"] for s in range(low, high + 1)})


def sum_over(parts: Sequence[Part], key: str) -> float | None:
    """Return a sum over parts, None where one part did not record it."""
    return sum(part[key] for part in parts) if all(key in part for part in parts) else None


def write_card(path: Path, card: Card) -> None:
    """Write a card beside its model: JSON for programs, Markdown for people."""
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(page_of(card), encoding="utf-8")


def add_figures(path: Path, bench: str, record: Mapping[str, Any]) -> None:
    """Add what a bench measured to the card of a model.

    Parameters
    ----------
    path : Path
        The model's ONNX file; its card lies beside it.
    bench : str
        Name of the bench.
    record : mapping
        What the bench printed with ``--json``: numbers and lists of numbers are kept, those of mappings
        within it too. Its ``models`` must hold this model's hash.

    Raises
    ------
    ModelError
        If there is no card, or if the figures belong to another model.
    """
    card_path = path.with_suffix(".json")
    if not card_path.exists():
        raise ModelError(f"Expected the card {card_path.name} beside the model, found none. Export it again.")
    card: Card = json.loads(card_path.read_text(encoding="utf-8"))
    measured_with = record.get("models", {}).get(card["name"])
    if measured_with != card["sha256"]:
        raise ModelError(
            f"Expected figures of the {card['name']} model {card['sha256'][:12]}, found those of "
            f"{str(measured_with)[:12]} in {bench}. Run the bench with this model."
        )
    card["figures"] = card.get("figures", {}) | {bench: _figures_in(record)}
    write_card(path, card)


def _figures_in(record: Mapping[str, Any]) -> dict[str, Any]:
    def is_figure(value: Any) -> bool:
        if isinstance(value, list):
            return bool(value) and len(value) <= 4 and all(is_figure(v) for v in value)
        return isinstance(value, int | float) and not isinstance(value, bool)

    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= {f"{name}: {inner}": figure for inner, figure in _figures_in(value).items()}
        elif is_figure(value):
            found[name] = value
    return found


def page_of(card: Card) -> str:
    """Return a card as a page of Markdown."""
    seen = card["trained_on"]
    facts = [
        ("SHA-256", f"`{card['sha256']}`"),
        ("of the weights", f"`{card['weights_sha256']}`"),
        ("parameters", f"{card['parameters']:,}"),
        ("trained on", seen["what"]),
        ("distinct seeds", _shown(seen["distinct_seeds"])),
        ("steps, all parts", _shown(card["steps"])),
        ("hours, all parts", _shown(card["hours"])),
        ("greatest difference from torch", f"{card['difference_from_torch']:.1e}"),
    ]
    lines = [f"# The {card['name']} network", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts]
    lines += ["", "## Parts of the training", "", *_table_of_parts(card["parts"])]
    lines += ["", "## Validation", "", *_table_of(card["validation"])]
    for bench, figures in sorted(card.get("figures", {}).items()):
        lines += ["", f"## {bench}", "", *_table_of(figures)]
    return "\n".join(lines) + "\n"


def _table_of_parts(parts: Sequence[Part]) -> list[str]:
    lines = [
        "| part | steps | batch, crop | seed | hours | hardware | cases | seeds | drawn by | begun from "
        "| weights |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for i, part in enumerate(parts):
        sources: dict[str, int] = part.get("sources", {})
        cells = [
            part.get("name", str(i + 1)),
            f"{part['steps']} of {part['steps_planned']}" if "steps_planned" in part else str(part["steps"]),
            f"{part['batch']}, {part['crop']}" if "batch" in part else NOT_RECORDED,
            _shown(part.get("seed")),
            _shown(part.get("hours")),
            "; ".join(part.get("hardware", [])) or NOT_RECORDED,
            _shown(part.get("cases")),
            _shown_ranges(part.get("case_seeds")),
            ", ".join(f"{n} by {source}" for source, n in sorted(sources.items())) or NOT_RECORDED,
            " and ".join(f"`{name[:12]}`" for name in part.get("begun_from", []))
            or ("nothing" if "begun_from" in part else NOT_RECORDED),
            f"`{part['weights_sha256'][:12]}`" if "weights_sha256" in part else NOT_RECORDED,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shown_ranges(ranges: Sequence[Sequence[int]] | None) -> str:
    if not ranges:
        return NOT_RECORDED
    if len(ranges) > 3:
        return f"{ranges[0][0]} to {ranges[-1][1]}, not all"
    return ", ".join(f"{low} to {high}" if high > low else str(low) for low, high in ranges)


def _table_of(figures: Mapping[str, Any] | None) -> list[str]:
    if not figures:
        return [f"{NOT_RECORDED.capitalize()}."]
    rows = [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in figures.items()]
    return ["| | |", "|---|---|", *rows]


def _shown(value: Any) -> str:
    if value is None:
        return NOT_RECORDED
    if isinstance(value, list):
        return (" to " if len(value) == INTERVAL_ENDS else ", ").join(_shown(v) for v in value)
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.3f}"
    return f"{int(value):,}"
