"""A data set as a value: inputs and target with what their card says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnff.errors import DataError, PluginError, nearest_name
from nnff.plugin import Kind, plugin_manager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from nnff.values import FloatArray

__all__ = ["Dataset", "load_dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Numbers in raw units, without missing values.

    Attributes
    ----------
    name
        What the data set is called.
    X
        The inputs, one named column each.
    target
        What is predicted, one value per row of `X`; None if there is none.
    target_name
        Name of the target.
    sensitive_features
        Columns that are sensitive attributes.
    integer
        Columns that take whole numbers only.
    one_hot
        Groups of columns of which exactly one is 1 in every row.
    units
        Unit per column, the target included; columns without one are left out.
    description
        What a reader must know, in a few sentences.
    licence
        Under which terms the data may be used.
    """

    name: str
    X: pd.DataFrame
    target: pd.Series[float] | None = None
    target_name: str = ""
    sensitive_features: tuple[str, ...] = ()
    integer: tuple[str, ...] = ()
    one_hot: tuple[tuple[str, ...], ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    licence: str = ""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(str(column) for column in self.X.columns)

    def rows(self, names: Sequence[str] | None = None) -> FloatArray:
        """Return the inputs as an array, shape (rows, columns).

        Parameters
        ----------
        names
            Which columns, in which order; default: all.

        Raises
        ------
        DataError
            If a column does not exist.
        """
        chosen = self.feature_names if names is None else tuple(names)
        for name in chosen:
            if name not in self.feature_names:
                near = nearest_name(name, self.feature_names)
                hint = f"did you mean {near!r}?" if near else f"it has {', '.join(self.feature_names)}"
                raise DataError(f"the data set {self.name} has no column {name!r}; {hint}")
        result: FloatArray = self.X.loc[:, list(chosen)].to_numpy(dtype="float64")
        return result


def load_dataset(name: str) -> Dataset:
    """Return the data set that a plugin registered as `name`.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DataError
        If its files are not there.
    PluginError
        If it cannot be imported or is not a data set.

    Examples
    --------
    >>> load_dataset("boston").X.shape
    (506, 13)
    """
    made = plugin_manager().load(Kind.DATASET, name)()
    if not isinstance(made, Dataset):
        raise PluginError(f"the plugin {name!r} made a {type(made).__name__}, which is not a Dataset")
    return made
