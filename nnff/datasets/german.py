"""Statlog German credit, from NNFF_DATA_HOME/german/german.data; its card is data/german.md."""

from __future__ import annotations

from nnff.datasets.coding import Flag, Levels, Number, coded, data_file, read_raw
from nnff.datasets.dataset import Dataset

__all__ = ["load_german"]

_COLUMNS = tuple(f"A{number}" for number in range(1, 22))

_PLAN = (
    Number("duration", "A2"),
    Number("amount", "A5"),
    Number("installment_rate", "A8", integer=True),
    Number("residence_since", "A11", integer=True),
    Number("age", "A13"),
    Number("existing_credits", "A16", integer=True),
    Number("dependents", "A18", integer=True),
    # The code joins sex and marital status, and its only code for women covers all but single ones.
    Flag("male", "A9", on=("A91", "A93", "A94"), off=("A92", "A95")),
    Flag("telephone", "A19", on=("A192",), off=("A191",)),
    Flag("foreign_worker", "A20", on=("A201",), off=("A202",)),
    Levels(
        "checking",
        "A1",
        {"A11": "overdrawn", "A12": "below 200", "A13": "200 or salary", "A14": "none"},
    ),
    Levels(
        "history",
        "A3",
        {
            "A30": "no credits",
            "A31": "all paid here",
            "A32": "existing paid",
            "A33": "past delay",
            "A34": "critical",
        },
    ),
    Levels(
        "purpose",
        "A4",
        {
            "A40": "new car",
            "A41": "used car",
            "A42": "furniture",
            "A43": "radio or television",
            "A44": "appliances",
            "A45": "repairs",
            "A46": "education",
            "A48": "retraining",
            "A49": "business",
            "A410": "others",
        },
    ),
    Levels(
        "savings",
        "A6",
        {
            "A61": "below 100",
            "A62": "below 500",
            "A63": "below 1000",
            "A64": "1000 or more",
            "A65": "unknown",
        },
    ),
    Levels(
        "employment",
        "A7",
        {
            "A71": "unemployed",
            "A72": "below 1 year",
            "A73": "below 4 years",
            "A74": "below 7 years",
            "A75": "7 years or more",
        },
    ),
    Levels("debtors", "A10", {"A101": "none", "A102": "co-applicant", "A103": "guarantor"}),
    Levels(
        "property",
        "A12",
        {"A121": "real estate", "A122": "savings or insurance", "A123": "car or other", "A124": "none"},
    ),
    Levels("other_plans", "A14", {"A141": "bank", "A142": "stores", "A143": "none"}),
    Levels("housing", "A15", {"A151": "rent", "A152": "own", "A153": "for free"}),
    Levels(
        "job",
        "A17",
        {
            "A171": "unskilled non-resident",
            "A172": "unskilled resident",
            "A173": "skilled",
            "A174": "highly skilled",
        },
    ),
)

_UNITS = {
    "duration": "months",
    "amount": "DM",
    "installment_rate": "1 to 4, by % of income",
    "residence_since": "1 to 4, by years",
    "age": "years",
    "existing_credits": "credits",
    "dependents": "people",
    "male": "0 or 1",
    "telephone": "0 or 1",
    "foreign_worker": "0 or 1",
    "good": "0 or 1",
}

_DESCRIPTION = (
    "1,000 loans of a German bank, 1973 to 1975; the target is whether the risk was judged good. Sex is "
    "coded together with marital status, single women do not occur, bad risks are over-represented, and some "
    "codes were documented wrongly (see data/german.md)."
)


def load_german() -> Dataset:
    """Return German credit: 1,000 rows, 56 inputs, target good (1) or bad (0) risk, sensitive: male, age.

    Raises
    ------
    DataError
        If the file is not there or not as published.
    """
    path = data_file("german", "german.data")
    table = read_raw(path, _COLUMNS, " ")
    inputs = coded(table, _PLAN, str(path))
    target = coded(table, [Flag("good", "A21", on=("1",), off=("2",))], str(path))
    return Dataset(
        name="german",
        X=inputs.X,
        target=target.X["good"],
        target_name="good",
        sensitive_features=("male", "age"),
        integer=inputs.integer,
        one_hot=inputs.one_hot,
        units=_UNITS,
        description=_DESCRIPTION,
        licence="UCI Machine Learning Repository, CC BY 4.0",
    )
