"""What is known around rows: a bracket per row, and the share of rows certified."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnff.certification.certificate import Reason, Verdict
from nnff.certification.digits import plain, rounded_up
from nnff.errors import ConfigError, DataError
from nnff.question import SAME_SIDE, Question, QuestionKind

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LocalBracket", "LocalCertificates", "Share"]


@dataclass(frozen=True)
class LocalBracket:
    """What is known around one row.

    Attributes
    ----------
    row
        Number of the row, from 0.
    output
        f at the row.
    delta_lower, delta_upper
        Bracket of the largest ``|f(x'') - f(row)|`` over all x'' that are similar to the row; for a flip,
        of the flip margin.
    verdict
        Against the delta asked for, or whether the row's side of the threshold can be left.
    reason, detail
        Why the work on the row ended.
    worst
        The x'' that reaches delta_lower, raw units; None if no x'' was found that differs.
    worst_output
        f there.
    seconds
        Wall seconds.
    key
        Names the row and everything else that was asked; the same key means the same question.
    """

    row: int
    output: float
    delta_lower: float
    delta_upper: float
    verdict: Verdict | None
    reason: Reason
    detail: str
    worst: tuple[float, ...] | None
    worst_output: float | None
    seconds: float
    key: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values; `from_record` reads it back equal."""
        record = asdict(self)
        for name in ("delta_lower", "delta_upper"):
            record[name] = record[name] if math.isfinite(record[name]) else str(record[name])
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LocalBracket:
        """Read back what `to_record` returned.

        Raises
        ------
        DataError
            If it is something else.
        """
        try:
            made = dict(record)
            for name in ("delta_lower", "delta_upper"):
                made[name] = float(made[name])
            made["verdict"] = None if made["verdict"] is None else Verdict(made["verdict"])
            made["reason"] = Reason(made["reason"])
            made["worst"] = None if made["worst"] is None else tuple(made["worst"])
            return cls(**made)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no local bracket: {error}") from error


@dataclass(frozen=True)
class Share:
    """The share of rows certified at a delta lies between two bounds; what is undecided lies in between."""

    delta: float | None
    certified: int
    violated: int
    rows: int

    @property
    def lower(self) -> float:
        """At least this share of the rows is certified."""
        return self.certified / self.rows

    @property
    def upper(self) -> float:
        """No larger share can be: for the others a real x'' differs by more."""
        return (self.rows - self.violated) / self.rows


@dataclass(frozen=True)
class LocalCertificates:
    """The brackets of all rows.

    Attributes
    ----------
    brackets
        One per row, in the order of the rows.
    feature_names
        Features of the rows.
    output_name
        What is measured.
    question
        The question.
    epsilon, delta
        As asked.
    """

    brackets: tuple[LocalBracket, ...]
    feature_names: tuple[str, ...]
    output_name: str
    question: Question
    epsilon: float
    delta: float | None

    def share(self, delta: float | None = None) -> Share:
        """Return the share of rows that are certified at `delta`.

        Parameters
        ----------
        delta
            Default: the delta asked for; every other one follows from the brackets.  For a flip it has no
            meaning: certified are the rows whose side of the threshold no similar input leaves.

        Raises
        ------
        ConfigError
            If there is no delta to compare with.
        """
        wanted = self.delta if delta is None else delta
        if self.question.kind is QuestionKind.FLIP:
            level = SAME_SIDE
        elif wanted is None:
            raise ConfigError("the share of certified rows needs a delta; give one")
        else:
            level = wanted
        sound = [b for b in self.brackets if b.reason is not Reason.INCONSISTENT]
        certified = sum(b.delta_upper <= level for b in sound)
        violated = sum(b.delta_lower > level for b in sound)
        return Share(wanted, certified, violated, len(self.brackets))

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        n = len(self.brackets)
        if self.question.kind is QuestionKind.FLIP:
            what = f"is on another side of the threshold {plain(self.question.threshold or 0.0)}"
        elif self.delta is not None:
            what = f"differs by more than {plain(self.delta)}"
        else:
            bounds = [b.delta_upper for b in self.brackets if math.isfinite(b.delta_upper)]
            which = f"{n:,} rows" if len(bounds) == n else f"{len(bounds):,} of {n:,} rows"
            # Rounded up: what is printed has to hold as well.
            largest = rounded_up(max(bounds, default=0.0))
            return (
                f"Around {which}, no input at distance at most {plain(self.epsilon)} differs by more than "
                f"{largest} in {self.output_name}."
            )
        share = self.share()
        open_ = n - share.certified - share.violated
        return (
            f"For {share.certified:,} of {n:,} rows, no input at distance at most {plain(self.epsilon)} "
            f"{what} in {self.output_name}; for {share.violated:,} a real one does, {open_:,} are undecided: "
            f"between {100 * share.lower:.4g} % and {100 * share.upper:.4g} % are certified."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one line per row: bracket, verdict, reason, seconds and the worst x''."""
        table = pd.DataFrame(
            [
                {
                    "row": b.row,
                    "output": b.output,
                    "delta_lower": b.delta_lower,
                    "delta_upper": b.delta_upper,
                    "verdict": None if b.verdict is None else b.verdict.value,
                    "reason": b.reason.value,
                    "seconds": b.seconds,
                    "worst_output": b.worst_output,
                }
                for b in self.brackets
            ]
        )
        blank = (math.nan,) * len(self.feature_names)
        worst = pd.DataFrame(
            [b.worst or blank for b in self.brackets],
            columns=[f"worst {name}" for name in self.feature_names],
        )
        return pd.concat([table, worst], axis=1)
