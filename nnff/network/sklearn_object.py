"""Reading scikit-learn's multi-layer perceptrons, alone or behind scalers in a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ModelError
from nnff.network.chain import Chain
from nnff.network.reader import NetworkReader

if TYPE_CHECKING:
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["SklearnReader"]

_ACTIVATIONS = {
    "identity": "identity",
    "relu": "relu",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
}

_READS = (
    "nnff reads MLPRegressor, MLPClassifier with one class per row, and pipelines that scale with "
    "StandardScaler or MinMaxScaler before one of them"
)


class SklearnReader(NetworkReader):
    """Reads fitted scikit-learn networks as objects in memory.

    * ``MLPRegressor``: f is ``predict``.
    * ``MLPClassifier`` with two classes: f is ``predict_proba[:, 1]``; with more, one output per class
      behind a softmax, ``predict_proba``.
    * ``Pipeline`` of any number of ``StandardScaler``, ``MinMaxScaler``
      (without ``clip``) and ``"passthrough"``, then one of these: the scalers
      become the network's input scaling.

    Subclasses of these are refused like anything else: they may predict
    differently.  Feature names are the estimator's ``feature_names_in_``.
    scikit-learn itself is never imported: whoever holds one of its objects has done so.
    """

    name: ClassVar[str] = "sklearn"

    def accepts(self, source: Any) -> bool:
        """Tell whether the class of `source`, or one it derives from, is scikit-learn's."""
        return any(_package(cls) == "sklearn" for cls in type(source).__mro__)

    def read(self, source: Any) -> Network:
        """Turn a fitted estimator into a network; see `NetworkReader.read`."""
        *scalers, model = _steps(source)
        chain = Chain(_n_inputs(source, scalers, model))
        facts: dict[str, Any] = {"source": _kind(source)}
        for scaler in scalers:
            _scale(chain, scaler)
        for index, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
            chain.dense(weight.T, bias)
            last = index == len(model.coefs_)
            name = _ACTIVATIONS[model.out_activation_ if last else model.activation]
            if name == "softmax":
                facts["softmax"] = True
            elif name != "identity":
                chain.activate(name)
        names = getattr(source, "feature_names_in_", None)
        if names is not None:
            facts["feature_names"] = tuple(str(name) for name in names)
        if _kind(model) == "MLPClassifier":
            classes = model.classes_ if facts.get("softmax") else model.classes_[1:]
            facts["output_names"] = tuple(f"P({name})" for name in classes)
        return chain.finish(**facts)

    def reference(self, source: Any, rows: FloatArray) -> FloatArray:
        """Return ``predict``; of a classifier ``predict_proba``, its last column for two classes."""
        table: Any = rows
        names = getattr(source, "feature_names_in_", None)
        if names is not None:
            import pandas as pd  # noqa: PLC0415 - only where scikit-learn saw a data frame

            table = pd.DataFrame(rows, columns=names)
        if _kind(_steps(source)[-1]) == "MLPClassifier":
            answers = source.predict_proba(table)
            answers = answers if answers.shape[1] > 2 else answers[:, 1]  # noqa: PLR2004 - two classes
        else:
            answers = source.predict(table)
        return np.asarray(answers, dtype=np.float64).reshape(len(rows), -1)


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _kind(estimator: Any) -> str:
    """Return the class name of an object of scikit-learn's own, and '' for any other."""
    return type(estimator).__name__ if _package(type(estimator)) == "sklearn" else ""


def _steps(source: Any) -> list[Any]:
    """Return the estimators of a model in order, the network last; refuse all that is not read."""
    if _kind(source) == "Pipeline":
        steps = [step for _, step in source.steps]
        scalers = [step for step in steps[:-1] if step is not None and step != "passthrough"]
    else:
        steps, scalers = [source], []
    for scaler in scalers:
        _check_scaler(scaler)
    _check_network(steps[-1])
    return [*scalers, steps[-1]]


def _check_scaler(scaler: Any) -> None:
    if _kind(scaler) not in ("StandardScaler", "MinMaxScaler"):
        raise ModelError(f"the pipeline holds a {type(scaler).__name__} before the network; {_READS}")
    if not hasattr(scaler, "n_features_in_"):
        raise ModelError(f"the {type(scaler).__name__} is not fitted")
    if getattr(scaler, "clip", False):
        raise ModelError("the MinMaxScaler clips, which is not affine; make it with clip=False")


def _check_network(model: Any) -> None:
    kind = _kind(model)
    if kind not in ("MLPRegressor", "MLPClassifier"):
        raise ModelError(f"a {type(model).__name__} is not supported; {_READS}")
    if not hasattr(model, "coefs_"):
        raise ModelError(f"the {kind} is not fitted")
    if model.out_activation_ not in _ACTIVATIONS:
        raise ModelError(f"the {kind} has the output activation {model.out_activation_}; {_READS}")
    # One output for two classes, one each for more; labels that do not exclude each other are neither.
    multiclass = model.out_activation_ == "softmax" and model.n_outputs_ == len(model.classes_)
    binary = model.n_outputs_ == 1
    if kind == "MLPClassifier" and not (multiclass or (binary and len(model.classes_) == 2)):  # noqa: PLR2004
        raise ModelError(
            f"the MLPClassifier has {len(model.classes_)} classes or labels and {model.n_outputs_} outputs; "
            f"{_READS}"
        )


def _n_inputs(source: Any, scalers: list[Any], model: Any) -> int:
    """Return the number of inputs; refuse parts that were fitted to different numbers."""
    n_inputs = len(model.coefs_[0])
    for part in scalers:
        if part.n_features_in_ != n_inputs:
            raise ModelError(
                f"the {_kind(part)} of the {_kind(source)} takes {part.n_features_in_} features, "
                f"the network {n_inputs}"
            )
    return n_inputs


def _scale(chain: Chain, scaler: Any) -> None:
    if _kind(scaler) == "MinMaxScaler":
        chain.multiply(scaler.scale_)
        chain.add(scaler.min_)
        return
    if scaler.with_mean:
        chain.add(-scaler.mean_)
    if scaler.with_std:
        chain.divide(scaler.scale_)
