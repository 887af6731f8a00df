"""Adult (census income), from NNFF_DATA_HOME/adult/adult.{data,test}; its card is data/adult.md."""

from __future__ import annotations

from nnff.datasets.coding import Flag, Levels, Number, coded, data_file, read_raw
from nnff.datasets.dataset import Dataset

__all__ = ["load_adult"]

_COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)


def _levels(name: str, *labels: str) -> Levels:
    return Levels(name, name, {label: label for label in labels})


_ABROAD = (
    "Mexico", "Philippines", "Germany", "Canada", "Puerto-Rico", "El-Salvador", "India", "Cuba", "England",
    "Jamaica", "South", "China", "Italy", "Dominican-Republic", "Vietnam", "Guatemala", "Japan", "Poland",
    "Columbia", "Taiwan", "Haiti", "Iran", "Portugal", "Nicaragua", "Peru", "Greece", "France", "Ecuador",
    "Ireland", "Hong", "Trinadad&Tobago", "Cambodia", "Thailand", "Laos", "Yugoslavia",
    "Outlying-US(Guam-USVI-etc)", "Hungary", "Honduras", "Scotland", "Holand-Netherlands",
)  # fmt: skip

_PLAN = (
    Number("age", "age"),
    Number("education-num", "education-num"),
    Number("capital-gain", "capital-gain"),
    Number("capital-loss", "capital-loss"),
    Number("hours-per-week", "hours-per-week"),
    Flag("male", "sex", on=("Male",), off=("Female",)),
    Flag("born-in-us", "native-country", on=("United-States",), off=_ABROAD),
    _levels("race", "White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"),
    # Never-worked has an unknown occupation in every row, so no complete row holds it.
    _levels(
        "workclass",
        "Private",
        "Self-emp-not-inc",
        "Self-emp-inc",
        "Federal-gov",
        "Local-gov",
        "State-gov",
        "Without-pay",
    ),
    _levels(
        "marital-status",
        "Married-civ-spouse",
        "Divorced",
        "Never-married",
        "Separated",
        "Widowed",
        "Married-spouse-absent",
        "Married-AF-spouse",
    ),
    _levels(
        "occupation",
        "Tech-support",
        "Craft-repair",
        "Other-service",
        "Sales",
        "Exec-managerial",
        "Prof-specialty",
        "Handlers-cleaners",
        "Machine-op-inspct",
        "Adm-clerical",
        "Farming-fishing",
        "Transport-moving",
        "Priv-house-serv",
        "Protective-serv",
        "Armed-Forces",
    ),
    _levels("relationship", "Wife", "Own-child", "Husband", "Not-in-family", "Other-relative", "Unmarried"),
)

_UNITS = {
    "age": "years",
    "education-num": "1 to 16, by level",
    "capital-gain": "USD",
    "capital-loss": "USD",
    "hours-per-week": "hours",
    "male": "0 or 1",
    "born-in-us": "0 or 1",
    "above-50K": "0 or 1",
}

_DESCRIPTION = (
    "45,222 adults of the US census of 1994 whose answers are complete; the target is an income above "
    "50,000 USD, a threshold that few women and few Black people passed. Relationship names husbands and "
    "wives, so sex is seen through it (see data/adult.md)."
)


def load_adult() -> Dataset:
    """Return Adult: 45,222 rows, 46 inputs, target income above 50,000 USD, sensitive: male, race, age.

    Rows with an unknown value are left out, as are fnlwgt (a weight of the sample, no fact about the
    person) and education (which education-num repeats).  The published training rows come first.

    Raises
    ------
    DataError
        If a file is not there or not as published.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, needed only here

    first, second = data_file("adult", "adult.data"), data_file("adult", "adult.test")
    # The second file begins with a line about itself and ends its classes with a full stop.
    table = pd.concat(
        [read_raw(first, _COLUMNS, ","), read_raw(second, _COLUMNS, ",", skip=1)], ignore_index=True
    )
    table = table[~(table == "?").any(axis=1)].reset_index(drop=True)
    inputs = coded(table, _PLAN, str(first.parent))
    above = Flag("above-50K", "income", on=(">50K", ">50K."), off=("<=50K", "<=50K."))
    race = next(group for group in inputs.one_hot if group[0].startswith("race="))
    return Dataset(
        name="adult",
        X=inputs.X,
        target=coded(table, [above], str(first.parent)).X["above-50K"],
        target_name="above-50K",
        sensitive_features=("male", *race, "age"),
        integer=inputs.integer,
        one_hot=inputs.one_hot,
        units=_UNITS,
        description=_DESCRIPTION,
        licence="UCI Machine Learning Repository, CC BY 4.0",
    )
