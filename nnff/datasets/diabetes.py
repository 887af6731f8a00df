"""Diabetes progression, from the copy that ships with scikit-learn; its card is data/diabetes.md."""

from __future__ import annotations

from nnff.datasets.dataset import Dataset

__all__ = ["load_diabetes"]

_COLUMNS = ("age", "sex", "bmi", "bp", "tc", "ldl", "hdl", "tch", "ltg", "glu")

_UNITS = {
    "age": "years",
    "sex": "1 or 2",
    "bmi": "kg/m2",
    "bp": "mmHg, mean",
    "tc": "mg/dl",
    "ldl": "mg/dl",
    "hdl": "mg/dl",
    "tch": "ratio",
    "ltg": "log of the level",
    "glu": "mg/dl",
    "progression": "score",
}

_DESCRIPTION = (
    "442 patients with diabetes; the target is a measure of the progression of the disease after a year. "
    "Which of its two codes of sex is which was never published (see data/diabetes.md)."
)


def load_diabetes() -> Dataset:
    """Return diabetes: 442 rows, 10 inputs in raw units, target progression, sensitive: sex, age."""
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here
    from sklearn.datasets import load_diabetes as load  # noqa: PLC0415 - same

    inputs, target = load(return_X_y=True, scaled=False)
    return Dataset(
        name="diabetes",
        X=pd.DataFrame(inputs, columns=list(_COLUMNS), dtype="float64"),
        target=pd.Series(target, name="progression", dtype="float64"),
        target_name="progression",
        sensitive_features=("sex", "age"),
        integer=("sex",),
        units=_UNITS,
        description=_DESCRIPTION,
        licence="published with Efron et al. (2004); this copy comes with scikit-learn, BSD 3-Clause",
    )
