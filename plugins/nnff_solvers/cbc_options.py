"""Options in CBC's own spelling, each checked against the program before it is used.

CBC answers an option that it does not know, or a value that it does not take, with a line
in its log and goes on without it.  That must not happen silently; so each native option is first
given to a CBC without a problem, and what it says is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nnff.errors import UnsupportedOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from nnff.solver import SolveOptions
    from nnff.solver.child import SolverChild

__all__ = ["INCREMENT", "arguments_for", "resolve_native"]

INCREMENT = 1e-9
"""A branch is cut off unless it promises to be better than the best point by this; CBC's default is 1e-5."""

_LEAST_TOLERANCE, _LARGEST_TOLERANCE = 1e-12, 0.1
_SEED = 1234567  # CBC's default; 0 would mean the time of day
_SEEDS = 2**31 - 1

_COMMON = {
    "seconds": "time_limit",
    "timeMode": "time_limit",
    "ratioGap": "relative_gap",
    "allowableGap": "absolute_gap",
    "threads": "threads",
    "randomSeed": "seed",
    "randomCbcSeed": "seed",
    "maxNodes": "node_limit",
    "primalTolerance": "feasibility_tolerance",
    "integerTolerance": "integrality_tolerance",
}
# With these the answer would be one to another question, or could not be read.
_RESERVED = {
    "cutoff": "it hides part of the program, so that bounds no longer hold",
    "fakeBound": "it hides part of the program, so that bounds no longer hold",
    "increment": "it is part of how bounds are read",
    "preprocess": "CBC's preprocessing cuts off optimal points",
    "direction": "every program is a minimisation",
    "errorsAllowed": "every number must be read",
    "dualTolerance": "bounds depend on it",
    "zeroTolerance": "bounds depend on it",
    "preTolerance": "bounds depend on it",
    **dict.fromkeys(
        ("logLevel", "slogLevel", "messages", "printingOptions", "outputFormat", "verbose"),
        "the log must stay readable",
    ),
}

_CANONICAL = re.compile(
    r"String of # is illegal for \w+ parameter (\S+) value remains|<Possible options for (\S+) are:"
)
_CONFIRMED = re.compile(r"\S+ was changed from |Option for \S+ changed from |using time of day ")
_BANNER = re.compile(r"Welcome to|Version|Build Date|Revision|command line|Total time|$")


def arguments_for(options: SolveOptions, elapsed: float) -> dict[str, str]:
    """Return CBC's parameters for `options`, native ones aside.

    Parameters
    ----------
    options
        What was asked.
    elapsed
        Seconds of the time limit that are already gone.

    Raises
    ------
    UnsupportedOptionError
        For a tolerance that CBC does not take.
    """
    for name in ("feasibility_tolerance", "integrality_tolerance"):
        value = getattr(options, name)
        if not _LEAST_TOLERANCE <= value <= _LARGEST_TOLERANCE:
            raise UnsupportedOptionError(
                f"the solver 'cbc' does not accept {name} = {value!r}; it must lie between "
                f"{_LEAST_TOLERANCE:g} and {_LARGEST_TOLERANCE:g}"
            )
    # A reduced cost of the wrong sign, times the width of its column, is an error of the bound.
    dual = min(1e-7, max(options.feasibility_tolerance, 1e-9))
    wanted = {
        # The integer preprocessing of 2.10.3 cuts off optimal points: 1 in 100 random programs of ten
        # columns ends "optimal" at a false value, wrong in the first digit as often as not.
        # Without it no such case was seen among many thousands.
        "preprocess": "off",
        "timeMode": "elapsed",
        "primalTolerance": repr(options.feasibility_tolerance),
        "dualTolerance": repr(dual),
        "integerTolerance": repr(options.integrality_tolerance),
        "preTolerance": repr(max(min(1e-8, options.feasibility_tolerance), 1e-12)),
        "increment": repr(INCREMENT),
        "allowableGap": repr(options.absolute_gap),
        "ratioGap": repr(options.relative_gap),
    }
    if options.time_limit is not None:
        wanted["seconds"] = f"{max(0.01, options.time_limit - elapsed):.6f}"
    if options.threads is not None and options.threads > 1:
        wanted["threads"] = str(options.threads)
    if options.seed is not None:
        seed = str((_SEED + options.seed) % _SEEDS or _SEED)
        wanted |= {"randomSeed": seed, "randomCbcSeed": seed}
    if options.node_limit is not None:
        wanted["maxNodes"] = str(min(options.node_limit, _SEEDS))
    return wanted


def resolve_native(child: SolverChild, program: Path, options: SolveOptions) -> dict[str, str]:
    """Return the native options under CBC's full names, as words for its command line.

    Raises
    ------
    UnsupportedOptionError
        For a name that CBC does not know, that is no parameter or is reserved, and for
        a value that it does not take.
    """
    resolved: dict[str, str] = {}
    for name, value in options.native.items():
        word = str(value)
        if not re.fullmatch(r"\w+", name) or not re.fullmatch(r"[^\s-]\S*|-[\d.]\S*", word):
            raise UnsupportedOptionError(f"{name!r} = {value!r} is not an option for CBC's command line")
        # No parameter takes the value "#"; the refusal tells its full name.
        heard = _ask(child, program, [f"-{name}", "#", f"-{name}", word])
        match = _CANONICAL.match(heard[0]) if heard else None
        if match is None:
            said = heard[0] if heard else "it is no parameter"
            raise UnsupportedOptionError(f"the solver 'cbc' has no parameter {name!r} ({said})")
        full = match[1] or match[2]
        if full in _COMMON:
            raise UnsupportedOptionError(
                f"the native option {name!r} of the solver 'cbc' has a common spelling; use {_COMMON[full]}"
            )
        if full in _RESERVED:
            raise UnsupportedOptionError(
                f"the native option {name!r} of the solver 'cbc' is reserved: {_RESERVED[full]}"
            )
        # The list of possible values goes on over more lines, up to one that ends in ">".
        rest = heard[1:]
        if match[2]:
            end = next((k for k, line in enumerate(heard) if line.endswith(">")), 0)
            rest = heard[end + 1 :]
        refused = [line for line in rest if not _CONFIRMED.match(line)]
        if refused:
            raise UnsupportedOptionError(f"the solver 'cbc' does not accept {name} = {value!r}: {refused[0]}")
        resolved[full] = word
    return resolved


def _ask(child: SolverChild, program: Path, words: list[str]) -> list[str]:
    """Return what a CBC without a problem says to `words`, banner aside."""
    log = child.folder / "options"
    child.run([str(program), *words, "-quit"], log=log, wall_limit=10.0)
    lines = log.read_text(errors="replace").splitlines()
    return [line.strip() for line in lines if not _BANNER.match(line)]
