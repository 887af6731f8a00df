"""Making a metric by the name of its plugin."""

from __future__ import annotations

import inspect
from typing import Any

from nnff.errors import PluginError, SimilarityError, nearest_name
from nnff.plugin import Kind, plugin_manager
from nnff.similarity.metric import Metric

__all__ = ["metric"]


def metric(name: str, **parameters: Any) -> Metric:
    """Return the similarity metric that a plugin registered as `name`.

    Parameters
    ----------
    name
        A name that ``nnff plugins`` lists, such as ``"weighted-lp"``.
    **parameters
        The metric's own parameters.

    Raises
    ------
    UnknownNameError
        If there is no such metric.
    SimilarityError
        If a parameter is unknown, is missing or makes no sense.

    Examples
    --------
    >>> metric("weighted-lp", p=1).name
    'weighted-lp'
    """
    factory = plugin_manager().load(Kind.METRIC, name)
    known = inspect.signature(factory).parameters
    for parameter in parameters:
        if parameter not in known:
            near = nearest_name(parameter, known)
            hint = f"did you mean {near!r}?" if near else f"it takes {', '.join(known)}"
            raise SimilarityError(f"the metric {name!r} has no parameter {parameter!r}; {hint}")
    for parameter, declared in known.items():
        variable = declared.kind in {declared.VAR_POSITIONAL, declared.VAR_KEYWORD}
        if declared.default is declared.empty and not variable and parameter not in parameters:
            raise SimilarityError(f"the metric {name!r} needs the parameter {parameter!r}")
    made = factory(**parameters)
    if not isinstance(made, Metric):
        raise PluginError(f"the plugin {name!r} made a {type(made).__name__}, which is not a Metric")
    return made
