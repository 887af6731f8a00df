"""What SCIP's table of progress tells while it searches, and after it was killed."""

from __future__ import annotations

import math

__all__ = ["ScipLog"]

_DIGITS = 7  # the columns of bounds are printed as %.6e


class ScipLog:
    """Reads the log line by line; finds its columns by the table's header.

    Attributes
    ----------
    bound, objective, nodes
        Dual bound, lowered by one unit of the last printed digit, and -inf before the first one;
        objective of the best point, +inf without one; nodes.
    errors
        SCIP's error messages.
    status
        SCIP's own words for why it stopped.
    """

    def __init__(self) -> None:
        self.bound = -math.inf
        self.objective = math.inf
        self.nodes = 0
        self.errors: list[str] = []
        self.status = ""
        self._columns: list[str] = []

    @property
    def unbounded(self) -> bool:
        """Whether SCIP has found the program unbounded."""
        return self.status.endswith("[unbounded]")

    def _error(self, text: str) -> None:
        # "Error <-12> in function call" only says who was told of the error; and this interface
        # makes the last one with every model, harmlessly.
        if not text.startswith(("Error <", "SCIPcatchEvent")):
            self.errors.append(text)

    def feed(self, line: str) -> bool:
        """Take one line; tell whether it was a row of the table."""
        if "ERROR: " in line:
            self._error(line.partition("ERROR: ")[2].strip())
        if line.startswith("SCIP Status"):
            self.status = line.partition(":")[2].strip()
        fields = [field.strip() for field in line.split("|")]
        if "dualbound" in fields:
            self._columns = fields
            return False
        if len(fields) < 2 or len(fields) != len(self._columns):  # noqa: PLR2004 - not a table
            return False
        row = dict(zip(self._columns, fields, strict=True))
        bound, objective = _number(row["dualbound"]), _number(row.get("primalbound", ""))
        if bound is not None:
            self.bound = _lowered(bound)
        if objective is not None:
            self.objective = objective
        if row.get("node", "").isdigit():
            self.nodes = int(row["node"])
        return True


def _number(text: str) -> float | None:
    """Return the number that a cell holds; None for words and for SCIP's infinity, 1e20."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e20 else None  # noqa: PLR2004 - see above


def _lowered(value: float) -> float:
    if value == 0:
        return value  # only zero itself is printed as zero in %e
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - (_DIGITS - 1))
    return math.nextafter(value - unit, -math.inf)
