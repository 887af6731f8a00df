"""What CBC's log proves.

CBC has no interface for its dual bound but its log, and the log is a place of traps
(each seen with 2.10.3):

* The closing ``Result`` block prints ``Lower bound`` with three decimals, rounded to nearest, that
  is, as often as not above the true bound.  It is never read.
* ``Cbc0005I ... (best possible X)`` prints 8 significant digits and drops trailing zeros.
  X is lowered by one unit of the eighth digit, twice what rounding to nearest can have added.
* When many columns get fixed, CBC starts a search in a smaller model, announced by ``Cbc0044I``, whose
  lines look the same.  Its bounds hold only for points that are better than the incumbent.  So
  of the closing lines the last one counts, which is the whole search's, and of the
  progress lines those before the first ``Cbc0044I``.
* ``Search completed`` is also printed when the gap that was asked for is reached, and (CBC
  issue 364) can follow a search that a limit cut short.  A completed search therefore counts as one only
  if no limit was ever announced; else the weakest bound printed is taken.
* With several threads, a bound printed just when a new incumbent came leaves out the nodes that threads
  are working on.  The weakest bound printed, in effect that of the root, is taken.

All values are those of CBC's objective, without the problem's constant.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass, field

from nnff.solver import Limit, Termination

__all__ = ["CbcLog", "Verdict", "lowered"]

_DIGITS = 8
_NO_SOLUTION = 1e49
_NO_BOUND = 1e20
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"

_VERSION = re.compile(r"Version: (\S+)")
_READ = re.compile(r"Coin0008I .* read with (\d+) errors")
_NODE = re.compile(rf"Cbc0010I After (\d+) nodes, .* {_NUMBER} best solution, best possible {_NUMBER} ")
_FOUND = re.compile(rf"Cbc00(?:04|12)I Integer solution of {_NUMBER} found")
_PARTIAL = re.compile(
    rf"Cbc0005I Partial search - best objective {_NUMBER} \(best possible {_NUMBER}\), "
    r"took \d+ iterations and (\d+) nodes"
)
_COMPLETED = re.compile(
    rf"Cbc0001I Search completed - best objective {_NUMBER}, took \d+ iterations and (\d+) nodes"
)
_GAP = re.compile(rf"Cbc0011I Exiting as integer gap of {_NUMBER} less than")
_VALUE = re.compile(rf"Objective value: +{_NUMBER}$")
_LINEAR = re.compile(rf"Optimal objective {_NUMBER} - ")
_COMPLAINT = re.compile(
    r"No match for|Multiple matches for|is illegal for|valid range is|Possible options for"
)

_LIMIT_LINES = {
    "Cbc0003I": Limit.NODES,
    "Cbc0019I": Limit.OTHER,
    "Cbc0020I": Limit.TIME,
    "Cbc0027I": Limit.OTHER,  # an interruption
    "Cbc0050I": Limit.ITERATIONS,
}
_RESULT_LIMITS = {
    "Stopped on time limit": Limit.TIME,
    "Stopped on node limit": Limit.NODES,
    "Stopped on iterations": Limit.ITERATIONS,
}


def lowered(text: str) -> float:
    """Return a number below every number that CBC prints as `text`, with 8 significant digits or more.

    Values beyond 1e20 in size are CBC's ways to say that it has none: -inf.
    """
    value = float(text)
    if not abs(value) < _NO_BOUND:
        return -math.inf
    if value == 0:
        return value  # a number that is not zero is never printed as 0 in %g
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - (_DIGITS - 1))
    return math.nextafter(value - unit, -math.inf)


class Verdict(enum.Enum):
    """How the log ends."""

    NONE = enum.auto()
    """It does not: the process was killed."""
    COMPLETED = enum.auto()
    LINEAR_OPTIMAL = enum.auto()
    INFEASIBLE = enum.auto()
    UNBOUNDED = enum.auto()
    RELAXATION_UNBOUNDED = enum.auto()
    STOPPED = enum.auto()
    INTERRUPTED = enum.auto()


@dataclass
class CbcLog:
    """Reads a log line by line.

    Attributes
    ----------
    version
        CBC's own.
    errors
        Errors in reading the problem; None if it was never read.
    complaints
        Lines that say that an option was not understood.
    verdict, result
        How the search ended, and the words after ``Result -``.
    nodes, found
        Nodes, and a number just below the objective of the best point (+inf without one).
    gaps
        Gaps between best point and bound at which searches ended, rounded up.
    completed, value
        Objective as printed at the end of a completed search, and in the ``Result`` block.
    """

    threads: int = 1
    version: str = ""
    errors: int | None = None
    complaints: list[str] = field(default_factory=list)
    verdict: Verdict = Verdict.NONE
    result: str = ""
    nodes: int = 0
    found: float = math.inf
    gaps: list[float] = field(default_factory=list)
    completed: str | None = None
    value: str | None = None
    _tree: list[float] = field(default_factory=list)
    _closing: list[float] = field(default_factory=list)
    _restarted: bool = False
    _limits: list[Limit] = field(default_factory=list)
    _relaxation_solved: bool = False

    def feed(self, line: str) -> bool:
        """Take one line; tell whether it was news worth a progress report."""
        code = line[:8]
        if code == "Cbc0010I" and (match := _NODE.match(line)):
            self._node(int(match[1]), match[2], lowered(match[3]))
            return True
        if match := _FOUND.match(line):
            self._best(match[1])
            return True
        if code == "Cbc0005I" and (match := _PARTIAL.match(line)):
            self._best(match[1])
            self.completed, self.nodes = None, int(match[3])
            self._closing.append(lowered(match[2]))
        elif code == "Cbc0001I" and (match := _COMPLETED.match(line)):
            self._best(match[1])
            self.completed, self.nodes = match[1], int(match[2])
        elif code == "Cbc0011I" and (match := _GAP.match(line)):
            self.gaps.append(-lowered("-" + match[1].lstrip("-+")))
        elif code == "Cbc0044I":
            self._restarted = True
        elif code in _LIMIT_LINES:
            self._limits.append(_LIMIT_LINES[code])
        elif not code.startswith("Cbc"):
            self._plain(line)
        return False

    def _node(self, nodes: int, best: str, bound: float) -> None:
        self._best(best)
        if not self._restarted:
            self.nodes = nodes
            self._tree.append(bound)

    def _best(self, text: str) -> None:
        if float(text) < _NO_SOLUTION:
            self.found = min(self.found, lowered(text))

    def _plain(self, line: str) -> None:
        if match := _VERSION.match(line):
            self.version = match[1]
        elif match := _READ.match(line):
            self.errors = int(match[1])
        elif match := _VALUE.match(line):
            self.value = match[1]
        elif match := _LINEAR.match(line):
            self.verdict, self.value = Verdict.LINEAR_OPTIMAL, match[1]
        elif line.startswith("Result - "):
            self.result = line.removeprefix("Result - ").strip()
            self._conclude()
        elif _COMPLAINT.search(line):
            self.complaints.append(line.strip())
        else:
            self._before_search(line)

    def _before_search(self, line: str) -> None:
        if line.startswith("Continuous objective value is "):
            self._relaxation_solved = True
        elif line.startswith("Problem is infeasible"):
            self.verdict = Verdict.INFEASIBLE
        elif line.startswith("Problem is unbounded"):
            self.verdict = Verdict.RELAXATION_UNBOUNDED
        elif line.startswith("Pre-processing says infeasible or unbounded"):
            # A program whose relaxation has an optimum is not unbounded.
            known = self._relaxation_solved
            self.verdict = Verdict.INFEASIBLE if known else Verdict.RELAXATION_UNBOUNDED

    def _conclude(self) -> None:
        result = self.result
        if result.startswith("Optimal solution found"):
            self.verdict = Verdict.STOPPED if self._limits else Verdict.COMPLETED
        elif result in {"Problem proven infeasible", "Linear relaxation infeasible"}:
            # A search that a limit cut short has proven nothing, whatever it says.
            self.verdict = Verdict.STOPPED if self._limits else Verdict.INFEASIBLE
        elif result == "Linear relaxation unbounded":
            self.verdict = Verdict.UNBOUNDED
        elif result.startswith("User ctrl-c"):
            self.verdict = Verdict.INTERRUPTED
        else:
            self.verdict = Verdict.STOPPED

    @property
    def limit(self) -> Limit:
        """Which limit stopped the search, if one did."""
        if self.result in _RESULT_LIMITS:
            return _RESULT_LIMITS[self.result]
        return self._limits[-1] if self._limits else Limit.OTHER

    @property
    def bound(self) -> float:
        """Dual bound of a search that was not completed; -inf if the log does not tell.

        Never above the best point found: branches that cannot improve on it are cut off unseen.
        """
        bounds = self._tree
        if self.verdict is not Verdict.NONE and self._closing:
            bounds = self._closing
        if not bounds:
            return -math.inf
        doubtful = self.threads > 1 or (self.verdict is Verdict.STOPPED and self.completed is not None)
        bound = min(self._tree + self._closing) if doubtful else bounds[-1]
        return min(bound, self.found)

    def termination(self, *, integers: bool) -> Termination | None:
        """Return why CBC says it stopped; None if the log does not tell."""
        unbounded = Termination.INFEASIBLE_OR_UNBOUNDED if integers else Termination.UNBOUNDED
        return {
            Verdict.NONE: None,
            Verdict.COMPLETED: Termination.OPTIMAL,
            Verdict.LINEAR_OPTIMAL: None if integers else Termination.OPTIMAL,
            Verdict.INFEASIBLE: Termination.INFEASIBLE,
            Verdict.UNBOUNDED: unbounded,
            Verdict.RELAXATION_UNBOUNDED: unbounded,
            Verdict.STOPPED: Termination.LIMIT,
            Verdict.INTERRUPTED: Termination.INTERRUPTED,
        }[self.verdict]
