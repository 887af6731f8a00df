r"""SiLU and GELU where an ONNX graph spells them out: x times a gate that is itself a function of x.

Exporters write SiLU as ``Mul(x, Sigmoid(x))`` and, before operator set 20, GELU as

.. math:: x \cdot \tfrac12 (1 + \mathrm{erf}(x / \sqrt 2))

with the factors in any order and place.  `find_gate` follows x through such a piece of graph and says which
function comes out, up to a factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nnff.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Gate", "find_gate"]

_ROOT_TOLERANCE = 2.0**-22
"""How far, relatively, a file's 1 / sqrt 2 may be off: what single precision rounds, in one or two steps.

It is the one number that a graph cannot hold.  The rounding belongs to the arithmetic of the file.
"""


@dataclass(frozen=True)
class Gate:
    """What was found.

    Attributes
    ----------
    activation
        ``"silu"`` or ``"gelu"``.
    factor
        What it is multiplied by.
    output
        The name of the result.
    """

    activation: str
    factor: float
    output: str


@dataclass(frozen=True)
class _Form:
    """A function of x: ``factor * x``, ``erf(inner x)``, ``factor * (1 + erf(inner x))``, ``sigmoid(x)``."""

    kind: str
    factor: float = 1.0
    inner: float = 1.0


def find_gate(
    nodes: Sequence[Any], data: str, constant: Callable[[str], float | None], output: str
) -> Gate | None:
    """Find a gated activation of `data`; None if the graph does something else.

    Parameters
    ----------
    nodes
        The nodes that are not constant, in the graph's order.
    data
        The name of x.
    constant
        Tells the one number that a stored constant holds, None for anything else.
    output
        The graph's output, which no step in between may be.

    Raises
    ------
    ModelError
        If a gate is found whose inner factor is not that of SiLU or GELU.
    """
    forms = {data: _Form("x")}
    used: list[Any] = []
    for node in nodes:
        if not any(name in forms for name in node.input):
            continue
        known = [forms[name] for name in node.input if name in forms]
        others = [constant(name) for name in node.input if name not in forms]
        if any(number is None for number in others):
            return None
        used.append(node)
        if node.op_type == "Mul" and sorted(form.kind for form in known) in (
            ["erf gate", "x"],
            ["sigmoid", "x"],
        ):
            made = _gate(known, node.output[0])
            left = {name for name in forms if name != data} & {name for n in nodes for name in n.input}
            inside = all(n in used for n in nodes for name in n.input if name in left or name == data)
            return made if inside and output not in forms else None
        form = _step(node, known, [float(number) for number in others if number is not None], forms)
        if form is None:
            return None
        forms[node.output[0]] = form
    return None


def _step(node: Any, known: list[_Form], numbers: list[float], forms: dict[str, _Form]) -> _Form | None:
    """Return what one node makes of a form, None for what is not part of a gate."""
    form = known[0]
    if len(known) != 1 or len(numbers) > 1:
        return None
    match node.op_type, form.kind, numbers:
        case ("Identity" | "Cast", _, []):
            return form
        case ("Mul", "x" | "erf gate", [number]):
            return replace(form, factor=form.factor * number)
        case ("Div", "x" | "erf gate", [number]) if node.input[0] in forms and number != 0:
            return replace(form, factor=form.factor / number)
        case ("Add", "erf", [1.0]):
            return _Form("erf gate", 1.0, form.inner)
        case ("Erf", "x", []):
            return _Form("erf", 1.0, form.factor)
        case ("Sigmoid", "x", []):
            return _Form("sigmoid", 1.0, form.factor)
    return None


def _gate(known: list[_Form], name: str) -> Gate:
    x, gate = sorted(known, key=lambda form: form.kind != "x")
    if gate.kind == "sigmoid":
        if gate.inner != 1.0:
            raise ModelError(
                f"x sigmoid({gate.inner:g} x) is not SiLU, nor GELU but by approximation; nnff reads SiLU, "
                "x sigmoid(x), and GELU with erf"
            )
        return Gate("silu", x.factor, name)
    if not math.isclose(gate.inner, math.sqrt(0.5), rel_tol=_ROOT_TOLERANCE):
        raise ModelError(f"x (1 + erf({gate.inner:g} x)) is not GELU, which has erf(x / sqrt 2)")
    return Gate("gelu", 2 * x.factor * gate.factor, name)
