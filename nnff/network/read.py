"""Reading a network with whichever reader knows it, and checking what came out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ModelError, PluginError
from nnff.network.reader import DOUBLE_ROUNDOFF, NetworkReader
from nnff.network.rounding import evaluation_error
from nnff.plugin import Kind, plugin_manager

if TYPE_CHECKING:
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["read_network"]

_PICKLES = (".pkl", ".pickle", ".joblib")

_COMPARED_ROWS = 64
_SEED = 0


def read_network(
    source: Any,
    *,
    reader: str | NetworkReader | None = None,
    output_activation: str | None = None,
    output_index: int | None = None,
) -> Network:
    """Read a trained model, from a file or from an object in memory.

    Whatever the model holds is represented exactly, as a function in real
    arithmetic, or refused by name.  The network's predictions are then
    compared with those of the model's own software (where there is one) on
    64 random inputs: from the model's input ranges if it states them,
    otherwise within two scales of the centers of its input scaling.  They
    may differ by what rounding explains, see
    `nnff.network.rounding.evaluation_error`, and no more.

    Parameters
    ----------
    source
        A path, or an object such as a fitted scikit-learn estimator.
    reader
        The name of a reader plugin (``nnff plugins`` lists them), or a reader
        such as ``NNetReader(normalise=True)``.  Default: the one that knows
        the file name's ending or the object's type.
    output_activation
        Put behind the last layer, which must be linear: ``"sigmoid"`` when
        the model answers with a logit.
    output_index
        Keep this output alone, zero-based.

    Raises
    ------
    ModelError
        If the model is missing, damaged, unsupported, or its own software
        predicts something else.
    UnknownNameError
        If there is no reader of that name.
    PluginError
        If the chosen reader cannot be imported or is none.
    """
    if _is_path(source) and not Path(source).is_file():
        folder = Path(source).is_dir()
        raise ModelError(
            f"{source} is a folder, not a model file" if folder else f"there is no file {source}"
        )
    chosen = _reader(source, reader)
    network = chosen.read(source)
    _compare(chosen, source, network)
    if output_activation is not None:
        network = network.with_output_activation(output_activation)
    if output_index is not None:
        network = network.select_output(output_index)
    return network


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def _reader(source: Any, wanted: str | NetworkReader | None) -> NetworkReader:
    """Return the reader that was asked for, or the one that accepts `source`."""
    if isinstance(wanted, NetworkReader):
        return wanted
    if wanted is not None:
        return _loaded(wanted)
    if _is_path(source) and Path(source).suffix.lower() in _PICKLES:
        raise ModelError(
            f"{source} is a pickle, and loading a pickle runs whatever code it holds; "
            "load it yourself if you trust it, and pass the object"
        )
    known: dict[str, NetworkReader] = {}
    broken: list[str] = []
    for name in plugin_manager().found(Kind.READER):
        try:
            known[name] = _loaded(name)
        except PluginError as error:
            # Another reader may still know the model; if none does, this is said.
            broken.append(str(error))
    accepting = [name for name, reader in known.items() if reader.accepts(source)]
    if len(accepting) == 1:
        return known[accepting[0]]
    if accepting:
        names = " and ".join(map(repr, accepting))
        raise ModelError(f"the readers {names} know {_what(source)}; choose one with `reader`")
    suffixes = sorted({suffix for reader in known.values() for suffix in reader.suffixes})
    objects = [name for name, reader in known.items() if not reader.suffixes]
    message = (
        f"no reader knows {_what(source)}; known are files that end in {', '.join(suffixes) or '(none)'} "
        f"and objects of {', '.join(objects) or '(none)'}"
    )
    raise ModelError("; ".join([message, *broken]))


def _loaded(name: str) -> NetworkReader:
    made = plugin_manager().load(Kind.READER, name)()
    if not isinstance(made, NetworkReader):
        raise PluginError(f"the plugin {name!r} made a {type(made).__name__}, which is not a NetworkReader")
    return made


def _what(source: Any) -> str:
    return f"the file {source}" if _is_path(source) else f"a {type(source).__name__}"


def _compare(reader: NetworkReader, source: Any, network: Network) -> None:
    """Refuse a network that does not predict what the model's own software predicts.

    Raises
    ------
    ModelError
        If a difference exceeds the rounding errors of both evaluations.
    """
    rows = _random_rows(network)
    theirs = reader.reference(source, rows)
    if theirs is None:
        return
    ours = network.forward(rows)
    blame = f"the reader {reader.name!r} misreads {network.source or _what(source)}: the model's own software"
    if theirs.shape != ours.shape:
        raise ModelError(f"{blame} answers in shape {theirs.shape}, the network in shape {ours.shape}")
    allowed = evaluation_error(network, rows, reader.roundoff(source))
    allowed = allowed + evaluation_error(network, rows, DOUBLE_ROUNDOFF)
    # Written so that NaN on either side counts as a difference.
    wrong = ~(np.abs(theirs - ours) <= allowed)
    if wrong.any():
        row, output = (int(k[0]) for k in np.nonzero(wrong))
        raise ModelError(
            f"{blame} predicts {theirs[row, output]:.9g} where the network predicts {ours[row, output]:.9g}, "
            f"and rounding explains only {allowed[row, output]:.1g}"
        )


def _random_rows(network: Network) -> FloatArray:
    """Return inputs to compare on, shape (rows, n_inputs), always the same for the same network."""
    if network.input_range is not None:
        low, high = network.input_range
    else:
        scaling = network.input_scaling
        reach = 2 * np.abs(scaling.scale)
        low, high = scaling.center - reach, scaling.center + reach
    share = np.random.default_rng(_SEED).random((_COMPARED_ROWS, network.n_inputs))
    # Not low + (high - low) * share, which overflows for ranges as wide as all doubles.
    rows: FloatArray = low * (1 - share) + high * share
    return rows
