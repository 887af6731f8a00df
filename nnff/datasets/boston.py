"""Boston housing, from the copy that ships with mlxtend; its card is data/boston.md."""

from __future__ import annotations

from nnff.datasets.dataset import Dataset

__all__ = ["load_boston"]

COLUMNS = (
    "CRIM",
    "ZN",
    "INDUS",
    "CHAS",
    "NOX",
    "RM",
    "AGE",
    "DIS",
    "RAD",
    "TAX",
    "PTRATIO",
    "B",
    "LSTAT",
)
"""The columns in the order of the file, spelled as in Harrison and Rubinfeld (1978)."""

_UNITS = {
    "CRIM": "crimes per person per year",
    "ZN": "% of residential land",
    "INDUS": "% of land",
    "CHAS": "0 or 1",
    "NOX": "parts per 10 million",
    "RM": "rooms",
    "AGE": "% of homes",
    "DIS": "weighted miles",
    "RAD": "index",
    "TAX": "USD per 10,000 USD",
    "PTRATIO": "pupils per teacher",
    "B": "1000 (Bk - 0.63)^2",
    "LSTAT": "% of population",
    "MEDV": "1000 USD",
}

_DESCRIPTION = (
    "506 census tracts of the Boston area, 1970; the target is the median value of owner-occupied homes. "
    "B is a transform of the share of Black residents that assumes people pay for segregation, and does not "
    "determine that share; the data is used here because it shows what a sensitive attribute does to a "
    "model, never to advise anybody about homes (see data/boston.md)."
)


def load_boston() -> Dataset:
    """Return Boston housing: 506 rows, 13 inputs, target MEDV in 1000 USD, sensitive attribute B."""
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here
    from mlxtend.data import boston_housing_data  # noqa: PLC0415 - same

    inputs, target = boston_housing_data()
    return Dataset(
        name="boston",
        X=pd.DataFrame(inputs, columns=list(COLUMNS), dtype="float64"),
        target=pd.Series(target, name="MEDV", dtype="float64"),
        target_name="MEDV",
        sensitive_features=("B",),
        # RAD and TAX hold whole numbers too, but as an index and a rate nothing says they must.
        integer=("CHAS",),
        units=_UNITS,
        description=_DESCRIPTION,
        licence="published without a licence (StatLib, 1978); this copy comes with mlxtend, BSD 3-Clause",
    )
