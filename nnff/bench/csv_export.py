"""Runs as one flat table, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from nnff.bench.record import RunRecord, RunSpec, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["csv_text", "write_csv"]

_SPEC_NAMES = {"gap": "gap_asked", "delta": "delta_asked"}
"""Fields of the spec that the record has, too, with another meaning."""
_SPREAD = {"phases": "phase_", "factors": "factor_", "extra": "extra_"}
"""Fields with a column for every name that occurs."""
_LEFT_OUT = {"spec", "sizes", "bracket", *_SPREAD}
_PHASES = [
    *("start", "read", "data", "ranges", "attack", "encode", "compile", "tighten", "transfer", "solve"),
    *("extract", "replay", "refine", "enumerate", "crosscheck", "other", "extra", "finish"),
]


def write_csv(records: Iterable[RunRecord], path: Path) -> None:
    """Write one row per record, whole or not at all.

    Columns come in a fixed order: the spec, the result, sizes, then one column for every
    phase, factor and further number that occurs.  Dictionaries that are left (solver options, environment)
    are JSON; the bracket over time stays in the JSON lines.  What a run does not have is empty.
    """
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(csv_text(records), encoding="utf-8", newline="")
    temporary.replace(path)


def csv_text(records: Iterable[RunRecord]) -> str:
    """Return what `write_csv` writes."""
    rows = [_row(record) for record in records]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _columns(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    fixed = [
        *(_SPEC_NAMES.get(name, name) for name in RunSpec.model_fields),
        *(name for name in RunRecord.model_fields if name not in _LEFT_OUT),
        *Sizes.model_fields,
    ]
    phases = [f"phase_{name}" for name in _PHASES if f"phase_{name}" in names]
    known = {*fixed, *phases}
    # Whatever else occurs: by kind, then by name, so that the order does not hang on that of the runs.
    rest = sorted(
        (name for name in names if name not in known),
        key=lambda name: (list(_SPREAD.values()).index(name[: name.index("_") + 1]), name),
    )
    return [*fixed, *phases, *rest]


def _row(record: RunRecord) -> dict[str, Any]:
    row = {_SPEC_NAMES.get(name, name): getattr(record.spec, name) for name in RunSpec.model_fields}
    row |= {name: getattr(record, name) for name in RunRecord.model_fields if name not in _LEFT_OUT}
    row |= {name: getattr(record.sizes, name) for name in Sizes.model_fields}
    for field, prefix in _SPREAD.items():
        row |= {f"{prefix}{name}": value for name, value in getattr(record, field).items()}
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return "" if value is None else value
