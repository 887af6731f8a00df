"""Tables as JSON: rows of plain values, without numbers that JSON does not have."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["jsonable"]


def jsonable(value: Any) -> Any:
    """Return what `json.dumps` takes.

    A frame becomes a list of rows, a dataclass a dict, NaN (does not apply) null,
    infinity ``"inf"``, as in certificates.
    """
    if isinstance(value, pd.DataFrame):
        return [
            dict(zip(value.columns, map(jsonable, row), strict=True))
            for row in value.itertuples(index=False, name=None)
        ]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
