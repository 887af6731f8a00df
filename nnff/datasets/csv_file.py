"""Reading a user's CSV file: every complaint names the row and the column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnff.datasets.dataset import Dataset
from nnff.errors import DataError, nearest_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["read_csv"]

_MISSING = frozenset({"", "na", "nan", "n/a", "null", "none", "?"})


def read_csv(
    path: Path,
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    sensitive_features: Sequence[str] = (),
) -> Dataset:
    """Read a comma-separated file whose first line names the columns.

    Parameters
    ----------
    path
        The file, UTF-8.
    target
        The column that is predicted; it is not among the inputs.
    features
        The inputs, in the order the model takes them; default: all columns but the target.
    sensitive_features
        Columns that are sensitive attributes; they need not be inputs.

    Raises
    ------
    DataError
        For a missing file or column, and for a value that is missing, not a
        number or not finite; rows are counted from 1, the header not counted.
    """
    table = _table(Path(path))
    columns = [str(column) for column in table.columns]
    for name in (*([target] if target is not None else []), *(features or ()), *sensitive_features):
        if name not in columns:
            near = nearest_name(name, columns)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(columns)}"
            raise DataError(f"the file {path} has no column {name!r}; {hint}")
    chosen = list(features) if features is not None else [name for name in columns if name != target]
    if not chosen:
        raise DataError(f"the file {path} has no input columns beside the target {target!r}")
    if target is not None and target in chosen:
        raise DataError(f"the column {target!r} of {path} is both the target and an input")
    used = dict.fromkeys(chosen if target is None else [*chosen, target])
    numbers = {name: _numbers(table[name], name, path) for name in used}
    import pandas as pd  # noqa: PLC0415 - slow to import; loaded already by _table

    return Dataset(
        name=Path(path).stem,
        X=pd.DataFrame({name: numbers[name] for name in chosen}),
        target=None if target is None else pd.Series(numbers[target], name=target),
        target_name=target or "",
        sensitive_features=tuple(sensitive_features),
    )


def _table(path: Path) -> pd.DataFrame:
    """Read the file as text, the header apart, so that nothing is guessed or renamed."""
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here

    try:
        table = pd.read_csv(
            path,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except FileNotFoundError:
        raise DataError(f"there is no data file {path}") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"the data file {path} is empty") from None
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"the data file {path} cannot be read: {' '.join(str(error).split())}") from error
    header = [str(name).strip() for name in table.iloc[0]]
    for position, name in enumerate(header):
        if not name or name == "nan":
            raise DataError(f"column {position + 1} of {path} has no name in the first line")
        if name in header[:position]:
            raise DataError(f"the file {path} has two columns called {name!r}")
    if len(table) == 1:
        raise DataError(f"the data file {path} has a header but no rows")
    return table.iloc[1:].set_axis(header, axis=1)


def _numbers(texts: pd.Series[str], column: str, path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Turn a column of text into finite numbers, or say which row is not one."""
    import pandas as pd  # noqa: PLC0415 - as above

    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        # A short line leaves its last fields without a text at all.
        text = "" if pd.isna(texts.iloc[row]) else str(texts.iloc[row]).strip()
        if text.lower() in _MISSING:
            what = "is missing" + (f" ({text!r})" if text else "")
            advice = "remove or fill it first"
        else:
            what = f"is {text!r}, which is not a finite number"
            advice = "encode categories as numbers first" if np.isnan(values[row]) else "remove it first"
        raise DataError(f"in {path}, row {row + 1}, column {column!r}: the value {what}; {advice}")
    return np.asarray(values)
