"""Getting a problem into HiGHS: a silent instance, checked options, exact transfer.

highspy is imported inside functions only, so that finding the backend costs nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ConfigError, SolverUnavailableError, UnsupportedOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.milp import MatrixProblem
    from nnff.solver import SolveOptions
    from nnff.values import FloatArray, IntArray

__all__ = [
    "Rejected",
    "apply_options",
    "check_bounds",
    "new_highs",
    "open_log",
    "options_for",
    "pass_problem",
    "quick_mip_options",
    "safe_mip_options",
    "scaled_bounds",
    "scaled_rows",
]

SMALL_MATRIX_VALUE = 1e-12
"""HiGHS drops entries of at most this size; it is the least value that the option takes."""
LARGE_MATRIX_VALUE = 1e15
"""HiGHS refuses entries of at least this size (the default of ``large_matrix_value``)."""
INFINITE_BOUND = 1e20
"""HiGHS takes bounds of at least this size for infinite (the default of ``infinite_bound``)."""

# These would make HiGHS write to stdout, or put its log elsewhere than the contract says.
_RESERVED_OPTIONS = {
    "output_flag": "the backend keeps it as the contract needs it",
    "log_to_console": "a backend never writes to stdout",
    "log_file": "use the option log_path",
}


class Rejected(Exception):  # noqa: N818 - turned into a result, never seen by users
    """HiGHS cannot take this problem; the message says why."""


def new_highs() -> Any:
    """Return a Highs instance that has printed nothing and will print nothing.

    The constructor of `highspy.Highs` makes the C++ object and then calls
    `enableCallbacks`, which is what prints the banner, before a caller gets
    the chance to set an option.  Both options are therefore set in an override of that
    method: no file descriptor is redirected, which would steal the output of other threads.
    """
    try:
        import highspy
    except ImportError as error:
        raise SolverUnavailableError(
            f"the solver 'highs' needs the package highspy, which cannot be imported ({error}); "
            "install it with: pip install 'highspy>=1.16'"
        ) from error

    class SilentHighs(highspy.Highs):  # type: ignore[misc]
        def enableCallbacks(self) -> None:  # noqa: N802 - highspy's name
            self.setOptionValue("output_flag", False)  # noqa: FBT003
            self.setOptionValue("log_to_console", False)  # noqa: FBT003
            super().enableCallbacks()

    return SilentHighs()


def options_for(options: SolveOptions) -> dict[str, Any]:
    """Translate `options` into HiGHS's own, native ones last.

    ``mip_feasibility_tolerance`` is used by HiGHS for integrality *and*, in a
    MIP, for the rows, so the smaller of the two tolerances is taken there.
    The dual tolerance follows the primal one: a reduced cost of the wrong sign
    times the width of its column is an error of the bound.
    """
    wanted: dict[str, Any] = {
        "small_matrix_value": SMALL_MATRIX_VALUE,
        "mip_rel_gap": float(options.relative_gap),
        "mip_abs_gap": float(options.absolute_gap),
        "primal_feasibility_tolerance": float(options.feasibility_tolerance),
        "dual_feasibility_tolerance": min(1e-7, float(options.feasibility_tolerance)),
        "mip_feasibility_tolerance": float(min(options.feasibility_tolerance, options.integrality_tolerance)),
    }
    if options.threads is not None:
        wanted["threads"] = int(options.threads)
    if options.seed is not None:
        wanted["random_seed"] = int(options.seed)
    if options.node_limit is not None:
        wanted["mip_max_nodes"] = int(options.node_limit)
    for name, value in options.native.items():
        if name in _RESERVED_OPTIONS:
            raise UnsupportedOptionError(
                f"the native option {name!r} of the solver 'highs' is reserved: {_RESERVED_OPTIONS[name]}"
            )
        wanted[name] = value.item() if isinstance(value, np.generic) else value
    return wanted


def safe_mip_options(options: SolveOptions) -> dict[str, Any]:
    """Return what a mixed-integer program needs on top of `options_for`: no presolve.

    On encodings of about 6,700 small random networks, scaled and with tolerances of 1e-9, HiGHS 1.16
    ended "Optimal" with a bound below the optimum in about 1 of 300 cases with presolve, by
    anything up to all of the optimum, and in none without.  The rule "aggregator" is the usual
    culprit, not the only one.  Linear programs keep presolve: their bounds are proven from the duals.

    Raises
    ------
    UnsupportedOptionError
        If the native options ask for presolve.
    """
    if options.native.get("presolve", "off") != "off":
        raise UnsupportedOptionError(
            "the native option 'presolve' of the solver 'highs' is reserved for integer columns: "
            "with presolve HiGHS was seen to prove false bounds"
        )
    return {"presolve_rule_off": (1 << 18) - 1}


def quick_mip_options(options: SolveOptions) -> dict[str, Any]:
    """Return what makes mixed-integer programs quicker here, where the native options do not say otherwise.

    Pseudo-costs count as reliable after 2 branchings, not 8: nodes of the encodings are cheap, trial
    branchings are not (figures in docs/decisions/0018).
    """
    name = "mip_pscost_minreliable"
    return {} if name in options.native else {name: 2}


def apply_options(highs: Any, wanted: Mapping[str, Any]) -> None:
    """Set every option and check every answer: HiGHS reports a refusal, it does not raise.

    Raises
    ------
    UnsupportedOptionError
        For an option that HiGHS does not know, or a value that it does not take.
    """
    import highspy

    for name, value in wanted.items():
        try:
            accepted = highs.setOptionValue(name, value) == highspy.HighsStatus.kOk
        except TypeError:
            accepted = False
        if not accepted:
            raise UnsupportedOptionError(f"the solver 'highs' does not accept the option {name} = {value!r}")


def row_exponents(indptr: IntArray, data: FloatArray, lower: FloatArray, upper: FloatArray) -> IntArray:
    """Return k per row such that HiGHS takes the row times 2^k as it stands.

    HiGHS drops entries of at most 1e-12 without changing the row's bounds.
    With a column a billion units wide that moves a row by 1e-3 and falsifies
    the bound.  Multiplying the row and its bounds by a power of two is
    exact in floating point, so the program stays the same.  Among the possible powers the one
    that brings the largest entry to about 1 is preferred: an entry of 1e-12
    would count for nothing against HiGHS's absolute tolerance.  Rows that need nothing are left alone.

    Raises
    ------
    Rejected
        If a row's entries and bounds span more than HiGHS can hold.
    """
    rows = len(indptr) - 1
    exponents = np.zeros(rows, dtype=np.int64)
    size = np.abs(data)
    unheld = ((size > 0) & (size <= SMALL_MATRIX_VALUE)) | (size >= LARGE_MATRIX_VALUE)
    if not unheld.any():
        return exponents
    owner = np.repeat(np.arange(rows), np.diff(indptr))
    for row in np.unique(owner[unheld]):
        entries = size[indptr[row] : indptr[row + 1]]
        least, largest = float(entries[entries > 0].min()), float(entries.max())
        ends = [abs(float(end)) for end in (lower[row], upper[row]) if math.isfinite(end)]
        # One step of slack against the rounding of the logarithms.
        low = math.floor(math.log2(SMALL_MATRIX_VALUE) - math.log2(least)) + 2
        high = math.ceil(math.log2(LARGE_MATRIX_VALUE) - math.log2(largest)) - 2
        for end in filter(None, ends):
            high = min(high, math.ceil(math.log2(INFINITE_BOUND) - math.log2(end)) - 2)
        if low > high:
            raise Rejected(
                f"row {row} has coefficients from {least:g} to {largest:g} and bounds up to "
                f"{max(ends, default=0.0):g}, a span that HiGHS cannot hold"
            )
        exponents[row] = min(max(-math.floor(math.log2(largest)), low), high)
    return exponents


def _scaled(values: FloatArray, exponents: IntArray) -> FloatArray:
    """Return ``values * 2^exponents``, or refuse where that would round."""
    scaled: FloatArray = np.ldexp(values, exponents)
    if not np.array_equal(np.ldexp(scaled, -exponents), values):
        raise Rejected("a row cannot be scaled exactly into the range of numbers that HiGHS holds")
    return scaled


def check_bounds(*bounds: FloatArray) -> None:
    """Refuse finite bounds that HiGHS would take for infinite."""
    for bound in bounds:
        if ((np.abs(bound) >= INFINITE_BOUND) & np.isfinite(bound)).any():
            raise Rejected(f"a finite bound of {INFINITE_BOUND:g} or more counts as infinite in HiGHS")


def scaled_bounds(lower: FloatArray, upper: FloatArray, exponents: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of rows that are multiplied by ``2^exponents``.

    Raises
    ------
    Rejected
        If HiGHS cannot hold them.
    """
    if exponents.any():
        lower, upper = _scaled(lower, exponents), _scaled(upper, exponents)
    check_bounds(lower, upper)
    return lower, upper


def scaled_rows(
    indptr: IntArray, data: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Return exponents, entries and bounds of rows as HiGHS can hold them (see `row_exponents`).

    Raises
    ------
    Rejected
        If it cannot hold them.
    """
    exponents = row_exponents(indptr, data, lower, upper)
    if exponents.any():
        data = _scaled(data, np.repeat(exponents, np.diff(indptr)))
    lower, upper = scaled_bounds(lower, upper, exponents)
    return exponents, data, lower, upper


def pass_problem(highs: Any, problem: MatrixProblem) -> IntArray:
    """Hand the problem over, exactly; return the exponents by which its rows were scaled.

    Raises
    ------
    Rejected
        If HiGHS refuses the problem or has dropped an entry.
    """
    import highspy

    check_bounds(problem.col_lower, problem.col_upper)
    exponents, data, row_lower, row_upper = scaled_rows(
        problem.indptr, problem.data, problem.row_lower, problem.row_upper
    )
    status = highs.passModel(
        problem.n_columns,
        problem.n_rows,
        problem.n_nonzeros,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMinimize),
        problem.offset,
        problem.cost,
        problem.col_lower,
        problem.col_upper,
        row_lower,
        row_upper,
        problem.indptr.astype(np.int32),
        problem.indices.astype(np.int32),
        data,
        problem.integer.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:
        raise Rejected("HiGHS refuses the problem (a bound or coefficient beyond what it can hold)")
    kept = highs.getNumNz()
    expected = int(np.count_nonzero(problem.data))
    if kept < expected:
        raise Rejected(f"HiGHS dropped {expected - kept} coefficients of the problem")
    return exponents


def open_log(highs: Any, options: SolveOptions) -> None:
    """Send HiGHS's log to the file that was asked for, if one was.

    Raises
    ------
    ConfigError
        If it cannot be written; HiGHS would not tell.
    """
    if options.log_path is None:
        return
    try:
        options.log_path.open("w").close()
    except OSError as error:
        raise ConfigError(f"the log {options.log_path} cannot be written: {error.strerror}") from error
    apply_options(highs, {"log_file": str(options.log_path), "output_flag": True})
