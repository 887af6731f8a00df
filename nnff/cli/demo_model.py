"""The demo's model and question: Boston housing, a small sigmoid network, a metric from a ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nnff.datasets import load_dataset
from nnff.network import read_network
from nnff.similarity import weights_from_ranking

if TYPE_CHECKING:
    from nnff.datasets import Dataset
    from nnff.network import Network

__all__ = ["RANKING", "DemoModel", "configuration", "train"]

RANKING = ("RM", "LSTAT", "INDUS", "NOX", "CRIM", "AGE", "DIS", "TAX", "PTRATIO", "ZN", "RAD", "CHAS")
"""Features by how much they matter when two homes are compared, most important first; B does not count."""

HIDDEN = 8
SEED = 0
_TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class DemoModel:
    """A trained network and how well it predicts.

    Attributes
    ----------
    network
        Takes raw inputs, answers in 1000 USD.
    dataset
        What it was trained on, in part.
    training_rows, test_rows
        Numbers of rows that it has seen and has not seen.
    training_r2, test_r2
        Coefficient of determination on each.
    """

    network: Network
    dataset: Dataset
    training_rows: int
    test_rows: int
    training_r2: float
    test_r2: float


def train() -> DemoModel:
    """Train a 13-8-1 network with scikit-learn; the same every time."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - slow to import
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415 - same
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - same
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - same

    dataset = load_dataset("boston")
    seen, unseen, seen_target, unseen_target = train_test_split(
        dataset.X, dataset.target, test_size=_TEST_SHARE, random_state=SEED
    )
    model = make_pipeline(
        StandardScaler(),
        # alpha is large because the target is not standardised: its squares are of the order of 500.
        MLPRegressor(
            hidden_layer_sizes=(HIDDEN,),
            activation="logistic",
            solver="lbfgs",
            alpha=10.0,
            max_iter=2000,
            random_state=SEED,
        ),
    )
    model.fit(seen, seen_target)
    return DemoModel(
        network=replace(read_network(model), output_names=(dataset.target_name,)),
        dataset=dataset,
        training_rows=len(seen),
        test_rows=len(unseen),
        training_r2=float(model.score(seen, seen_target)),
        test_r2=float(model.score(unseen, unseen_target)),
    )


def configuration(dataset: Dataset, *, epsilon: float, solver: str, time_limit: float) -> str:
    """Return the question as the text of a configuration file, for a model.onnx beside it."""
    weights = weights_from_ranking(RANKING, dataset.feature_names)
    table = ", ".join(f"{name} = {weights[name]!r}" for name in RANKING)
    return f"""\
# Written by `nnff demo`.  Run it again with `nnff certify {{this file}}`.

[model]
path = "model.onnx"

[data]
name = "boston"
sensitive_features = ["B"]

[domain]
source = "data"                # the smallest box that holds every row
# Only CHAS (0 or 1) must be whole.  RAD and TAX are whole in the data, but they are an index and a
# rate: leaving them continuous makes the domain larger, so the bound still holds.
integer = ["CHAS"]
# plausible = 0.99             # only inputs like the data's: a region that holds 99 % of its rows

[similarity]
metric = "weighted-lp"
p = 2
epsilon = {epsilon!r}
# From a ranking of 12 features: 13/90 for the first down to 2/90 for the last.
weights = {{ {table} }}
free = ["B"]                   # weight 0: two inputs that differ in B alone are equal people
scale = "model"                # distances on standardised features, as the model sees them

[solver]
name = "{solver}"
time_limit = {time_limit!r}

[certify]
strategy = "relational"
gap = 0.01

[output]
dir = "nnff-out"
"""
