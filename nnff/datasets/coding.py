"""From a raw table to numbers: numeric columns, flags, and one-hot groups with the levels of the card.

The levels are fixed by the card, not collected from rows: a training part that lacks a level gives the same
columns, and no row of a test part can bring a new one.  What is fitted, the scaling, is the estimator's, and
stored in its network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["Coded", "Flag", "Levels", "Number", "coded", "data_file", "read_raw"]


@dataclass(frozen=True)
class Number:
    """A column of numbers; `integer` if only whole ones make sense."""

    name: str
    source: str
    integer: bool = False


@dataclass(frozen=True)
class Flag:
    """1 where the raw code is one of `on`, 0 where it is one of `off`."""

    name: str
    source: str
    on: tuple[str, ...]
    off: tuple[str, ...]


@dataclass(frozen=True)
class Levels:
    """One column ``name=label`` per raw code, exactly one of them 1."""

    name: str
    source: str
    labels: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it becomes."""
        return tuple(f"{self.name}={label}" for label in self.labels.values())


@dataclass(frozen=True, eq=False)
class Coded:
    """A table of numbers.

    Attributes
    ----------
    X
        The columns.
    integer
        Those that hold whole numbers only.
    one_hot
        Groups of columns of which exactly one is 1.
    """

    X: pd.DataFrame
    integer: tuple[str, ...]
    one_hot: tuple[tuple[str, ...], ...]


def data_file(dataset: str, file: str) -> Path:
    """Return where a file of a data set that does not ship with nnff is: ``NNFF_DATA_HOME/dataset/file``.

    Raises
    ------
    DataError
        If the variable is not set or the file is not there.
    """
    home = os.environ.get("NNFF_DATA_HOME")
    if not home:
        raise DataError(
            f"the data set {dataset} does not ship with nnff; set NNFF_DATA_HOME to a folder that holds "
            f"{dataset}/{file} (data/{dataset}.md says where it comes from)"
        )
    path = Path(home) / dataset / file
    if not path.is_file():
        raise DataError(
            f"there is no file {path}; NNFF_DATA_HOME must name the folder above {dataset}/ "
            f"(data/{dataset}.md says where the file comes from)"
        )
    return path


def read_raw(path: Path, columns: Sequence[str], separator: str, *, skip: int = 0) -> pd.DataFrame:
    """Read a file without a header as text, so that nothing is guessed.

    Raises
    ------
    DataError
        If it cannot be read or a line has not as many fields as there are columns.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here

    rows = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if number <= skip or not line.strip():
                continue
            fields = [field.strip() for field in line.split(separator)]
            if len(fields) != len(columns):
                raise DataError(f"line {number} of {path} has {len(fields)} fields instead of {len(columns)}")
            rows.append(fields)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the data file {path} cannot be read ({error})") from error
    if not rows:
        raise DataError(f"the data file {path} holds no rows")
    return pd.DataFrame(rows, columns=list(columns))


def coded(table: pd.DataFrame, plan: Sequence[Number | Flag | Levels], origin: str) -> Coded:
    """Turn a table of text into numbers.

    Parameters
    ----------
    table
        Text, one named column each.
    plan
        What becomes of it, in the order of the result.
    origin
        What messages call the table.

    Raises
    ------
    DataError
        For a code that the plan does not know or a number that is none.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here

    values: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    integer: list[str] = []
    groups = []
    for entry in plan:
        raw = table[entry.source]
        if isinstance(entry, Number):
            numbers = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64)
            _refuse(np.isfinite(numbers), raw, entry.source, origin)
            values[entry.name] = numbers
            integer += [entry.name] * entry.integer
        elif isinstance(entry, Flag):
            _refuse(raw.isin([*entry.on, *entry.off]).to_numpy(), raw, entry.source, origin)
            values[entry.name] = raw.isin(entry.on).to_numpy(dtype=np.float64)
            integer.append(entry.name)
        else:
            _refuse(raw.isin(list(entry.labels)).to_numpy(), raw, entry.source, origin)
            for code, column in zip(entry.labels, entry.columns, strict=True):
                values[column] = (raw == code).to_numpy(dtype=np.float64)
            integer += entry.columns
            groups.append(entry.columns)
    return Coded(pd.DataFrame(values), tuple(integer), tuple(groups))


def _refuse(
    good: np.ndarray[tuple[int], np.dtype[np.bool_]], raw: pd.Series[str], column: str, origin: str
) -> None:
    """Complain about the first value that is not good."""
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(f"{origin}, row {row + 1}, column {column}: the value {raw.iloc[row]!r} is not known")
