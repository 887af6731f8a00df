"""The certificate: what was asked, what is proven, what was seen, and everything needed to check it."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from nnff.certification.digits import plain, rounded_down, rounded_up
from nnff.question import QuestionKind

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SCHEMA_VERSION",
    "Certificate",
    "DomainRecord",
    "EncodingRecord",
    "MetricRecord",
    "ModelRecord",
    "OutputRecord",
    "QuestionRecord",
    "RangeStep",
    "Reason",
    "RegionRecord",
    "RowRecord",
    "SolverRun",
    "Strategy",
    "Trust",
    "Verdict",
    "Witness",
]

SCHEMA_VERSION = "1"
"""Version of the JSON layout; raised when a field changes its meaning or goes away."""


class Verdict(enum.StrEnum):
    """The answer to "is delta_max at most the delta asked for?"."""

    CERTIFIED = "certified"
    """Proven: no two similar inputs differ by more than delta."""
    VIOLATED = "violated"
    """Shown by a real pair: two similar inputs differ by more than delta."""
    UNDECIDED = "undecided"
    """Neither; `Certificate.reason` says why."""


class Reason(enum.StrEnum):
    """Why the run stopped."""

    GAP_CLOSED = "gap closed"
    DECIDED = "decided"
    EXHAUSTED = "every point of the domain was evaluated"
    TIME_LIMIT = "time limit"
    NO_PROGRESS = "no progress"
    INTERRUPTED = "interrupted"
    SOLVER_FAILED = "solver failed"
    INCONSISTENT = "inconsistent"
    """A bound below a real pair, or two solvers that contradict each other: nothing is certified."""


class Trust(enum.StrEnum):
    """What has to be believed for delta_upper to hold."""

    SOLVER = "solver"
    """The floating-point dual bound of one solver."""
    AGREED = "agreed"
    """The same, and other solvers' brackets on the same problem meet it."""
    EXHAUSTIVE = "exhaustive"
    """The forward pass on every point of a finite domain; no solver."""
    CLOSED_FORM = "closed form"
    """Our own outward-rounded arithmetic: ranges, the closed form of the output, and bounds from multipliers.

    The multipliers may come from a linear programming solver, which is not believed: any give a bound."""
    PROVED = "proved"
    """Exact arithmetic."""


class Strategy(enum.StrEnum):
    """How delta_upper was obtained; further strategies are added as values."""

    RELATIONAL = "relational"
    TWIN = "twin"
    EXHAUSTIVE = "exhaustive"


def _encode_float(value: float) -> float | str:
    """JSON has no infinity."""
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


Extended = Annotated[float, BeforeValidator(float), PlainSerializer(_encode_float, when_used="json")]
"""A float that may be infinite, written as ``"inf"`` in JSON."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricRecord(_Record):
    """The similarity metric."""

    name: str = Field(description="Name of the metric plugin.")
    distribution: str = Field(description="Distribution that provides it.")
    parameters: dict[str, Any] = Field(description="Constructor arguments.")
    relation: Literal["exact", "outer"] = Field(description="Whether the encoded ball is exact or larger.")
    looseness: float = Field(description="Relative excess radius of the encoded ball.")
    excess: float = Field(
        default=0.0,
        description="What the cells of a smooth embedding can add: every pair of the last encoding has a "
        "distance of at most epsilon (1 + looseness) + excess.",
    )
    center: list[float] = Field(description="The metric acts on (x - center) / scale.")
    scale: list[float] = Field(description="See center.")


class RowRecord(_Record):
    """A linear row that both inputs of a pair satisfy, raw units."""

    name: str
    terms: dict[str, float] = Field(description="Coefficient by feature; 0 for the others.")
    lower: Extended
    upper: Extended


class RegionRecord(_Record):
    """A plausible region learned from data."""

    coverage: float = Field(description="Share of the data rows that was to lie inside.")
    reached: float = Field(description="Share that does.")
    data_rows: int = Field(description="Number of data rows it was learned from.")
    data: str = Field(description="SHA-256 of those rows.")
    outside: list[int] = Field(description="Numbers of the data rows outside, from zero.")
    without: list[str] = Field(description="Features that it leaves alone.")
    rows: list[RowRecord] = Field(description="Its bounds.")


class DomainRecord(_Record):
    """The input domain, raw units."""

    feature_names: list[str]
    lower: list[float]
    upper: list[float]
    integer: list[str] = Field(description="Features that take whole numbers only.")
    immutable: list[str] = Field(description="Features that are equal in both inputs of a pair.")
    points: int | None = Field(description="Number of points of a finite domain, else null.")
    rows: list[RowRecord] = Field(
        default_factory=list, description="Linear rows given, which both inputs of a pair satisfy."
    )
    row_tolerance: float = Field(
        default=0.0, description="Share of a row's size over the box by which it may be violated."
    )
    one_hot: list[list[str]] = Field(
        default_factory=list, description="Groups of features of which exactly one is 1."
    )
    ordinal: dict[str, list[float]] = Field(
        default_factory=dict, description="Levels of the features that take nothing else."
    )
    region: RegionRecord | None = Field(
        default=None, description="The plausible region that both inputs of a pair lie in; null for none."
    )

    @property
    def noun(self) -> str:
        """What sentences call it."""
        return "domain" if self.region is None else "plausible region"


class ModelRecord(_Record):
    """The network."""

    source: str
    fingerprint: str = Field(description="SHA-256 of layers and scalings.")
    architecture: str
    output_name: str


class QuestionRecord(_Record):
    """What is measured for a pair; delta is the largest over all similar pairs."""

    kind: QuestionKind = Field(
        default=QuestionKind.OUTPUT,
        description="output, probability and logit: the difference of that output.  flip: the flip margin, "
        "in units of the logit; similar pairs lie on different sides of the threshold only if it is not "
        "negative.",
    )
    threshold: float | None = Field(
        default=None, description="t of a flip, f(x1) < t <= f(x2), in units of the output."
    )
    flips: int | None = Field(default=None, description="Number of similar pairs that flip, where counted.")


class OutputRecord(_Record):
    """The bracket of one output of several."""

    index: int
    name: str
    delta_lower: Extended
    delta_upper: Extended
    verdict: Verdict | None
    reason: Reason


class EncodingRecord(_Record):
    """Size of the last MILP."""

    rows: int
    columns: int
    integers: int
    nonzeros: int
    cells: int = Field(description="Cells of all smooth neurons together.")
    fingerprint: str = Field(description="SHA-256 of the matrices handed to the solver.")


class SolverRun(_Record):
    """One solve."""

    round: int
    solver: str
    version: str
    termination: str
    limit: str | None
    raw_status: str
    delta_bound: Extended = Field(description="Upper bound of delta that this solve proves; inf if none.")
    delta_point: float | None = Field(description="Value of the replayed solver point, if there was one.")
    nodes: int | None
    seconds: float
    timings: dict[str, float] = Field(
        default_factory=dict, description="Wall seconds: transfer, solve, extract, and replay of the point."
    )
    options: dict[str, Any] = Field(description="Options in the solver's own spelling.")
    message: str = ""


class RangeStep(_Record):
    """What one step of tightening ranges has bought."""

    step: str = Field(description="Intervals, linear bounds, or linear programs (with the round).")
    midpoint_width_before: float = Field(description="Sum of the widths of m over all neurons.")
    midpoint_width_after: float
    difference_width_before: float = Field(description="Sum of the widths of D over all neurons.")
    difference_width_after: float
    unstable_before: int = Field(
        description="Kinks (ReLU: signs) of neurons that are open, both inputs counted apart."
    )
    unstable_after: int
    closed_form_before: Extended = Field(description="Bound of delta from ranges alone, of the pairs left.")
    closed_form_after: Extended
    programs: int = Field(description="Linear programs solved.")
    seconds: float
    remark: str = Field(default="", description="Why it did less than it could.")


class Witness(_Record):
    """A real pair, evaluated on the network itself."""

    feature_names: list[str]
    x1: list[float] = Field(description="First input, raw units.")
    x2: list[float] = Field(description="Second input, raw units.")
    output1: float = Field(description="Network output at x1, in the target's units.")
    output2: float = Field(description="Network output at x2, in the target's units.")
    distance: float = Field(description="d_fair(x1, x2).")
    origin: str = Field(
        description="What found it: attack, memory (a pair of another epsilon), data, solver or enumeration."
    )
    replayed: bool = Field(description="Whether membership, distance and outputs were recomputed.")
    value: float | None = Field(
        default=None,
        description="What is measured for the pair where that is not the size of the difference: the flip "
        "margin, or with one input held the rise between the two.",
    )

    @property
    def delta(self) -> float:
        """What is measured: ``|f(x2) - f(x1)|``, or `value` where there is one."""
        return abs(self.output2 - self.output1) if self.value is None else self.value

    def to_frame(self) -> pd.DataFrame:
        """Return the pair side by side: one row per feature, then the output."""
        frame = pd.DataFrame(
            {"x1": [*self.x1, self.output1], "x2": [*self.x2, self.output2]},
            index=[*self.feature_names, "output"],
        )
        frame["difference"] = frame["x2"] - frame["x1"]
        return frame


class Certificate(_Record):
    """A two-sided answer to Problem 1: ``delta_lower <= delta_max <= delta_upper``.

    delta_lower is attained by `witness`; delta_upper holds for all pairs,
    as far as `trust` goes.
    """

    schema_version: str = SCHEMA_VERSION
    verdict: Verdict | None = Field(description="Null when no delta was asked for and nothing went wrong.")
    reason: Reason = Field(description="Why the run stopped.")
    detail: str = Field(description="The reason in a sentence, with names and numbers.")
    epsilon: float
    delta: float | None = Field(description="The delta asked for.")
    delta_lower: Extended = Field(description="Witnessed: a real pair differs by this much.")
    delta_upper: Extended = Field(description="Certified: no pair differs by more.")
    delta_data: float | None = Field(
        description="Largest difference over similar pairs of data rows; null without data, or with "
        "too many rows to compare."
    )
    data_pairs: int | None = Field(description="Number of similar pairs of data rows.")
    delta_data_inside: float | None = Field(
        default=None, description="As delta_data, over the rows that the domain holds."
    )
    gap: Extended = Field(description="(delta_upper - delta_lower) / max(delta_lower, tiny).")
    closed_form: Extended = Field(description="The bound that costs no solve.")
    strategy: str
    trust: Trust
    question: QuestionRecord = QuestionRecord()
    outputs: list[OutputRecord] = Field(
        default_factory=list,
        description="Each output's bracket where delta is the largest of several; the rest is of the output "
        "with the best pair.",
    )
    metric: MetricRecord
    domain: DomainRecord
    model: ModelRecord
    sensitive_features: list[str] = Field(default_factory=list)
    encoding: EncodingRecord | None = None
    ranges: list[RangeStep] = Field(
        default_factory=list, description="Steps by which the ranges of neurons were tightened."
    )
    rounds: int = 0
    runs: list[SolverRun] = Field(default_factory=list)
    witness: Witness | None
    seconds: float = Field(description="Wall seconds from the model read to the certificate.")
    phases: dict[str, float] = Field(default_factory=dict, description="Wall seconds per phase.")
    bracket: list[tuple[float, Extended, Extended]] = Field(
        default_factory=list, description="(seconds, delta_lower, delta_upper) at every change."
    )
    environment: dict[str, str] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict, description="The effective configuration.")

    def to_json(self) -> str:
        """Return the certificate as JSON; `Certificate.from_json` reads it back equal."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Read a certificate.

        Raises
        ------
        pydantic.ValidationError
            If the text is not a certificate of this schema version.
        """
        return cls.model_validate_json(text)

    def write(self, path: Path) -> None:
        """Write the JSON to `path`, whole or not at all."""
        temporary = path.with_name(path.name + ".part")
        temporary.write_text(self.to_json() + "\n", encoding="utf-8")
        temporary.replace(path)

    @property
    def measured(self) -> str:
        """What delta is of, in words: an output by its name, or any of several."""
        if len(self.outputs) > 1:
            return f"any of {len(self.outputs)} outputs (most: {self.model.output_name})"
        return self.model.output_name

    @property
    def sentence(self) -> str:
        """The outcome in one sentence, in the words of the project."""
        if self.question.kind is QuestionKind.FLIP:
            return flip_sentence(self)
        # Bounds are rounded outward: what is printed has to hold as well.
        unit, lower = self.measured, rounded_down(self.delta_lower)
        upper = rounded_up(self.delta_upper)
        real = f"a real pair differs by {lower}" if self.delta_lower > 0 else "no pair that differs was found"
        pair = f"two inputs in the {self.domain.noun} with distance at most {plain(self.epsilon)}"
        if self.verdict is Verdict.CERTIFIED and self.delta is not None:
            return f"No {pair} differ by more than {plain(self.delta)} in {unit} (certified: {upper})."
        if self.verdict is Verdict.VIOLATED and self.delta is not None:
            return f"There are {pair} that differ by {lower} in {unit}, more than {plain(self.delta)}."
        if math.isfinite(self.delta_upper) and self.reason is not Reason.INCONSISTENT:
            bracket = f"no {pair} differ by more than {upper} in {unit}, and {real}"
        else:
            bracket = f"nothing is certified for {pair} in {unit}, and {real}"
        if self.verdict is Verdict.UNDECIDED:
            return f"Undecided ({self.detail}): {bracket}."
        return f"{bracket[0].upper()}{bracket[1:]}."


def flip_sentence(certificate: Certificate) -> str:
    """Say whether similar pairs lie on different sides of the threshold."""
    question, unit = certificate.question, certificate.measured
    threshold = plain(question.threshold or 0.0)
    pair = f"two inputs in the domain with distance at most {plain(certificate.epsilon)}"
    sides = f"on different sides of the threshold {threshold} in {unit}"
    counted = "" if question.flips is None else f"; {question.flips:,} similar pairs do"
    if certificate.verdict is Verdict.CERTIFIED:
        return f"No {pair} lie {sides}."
    if certificate.verdict is Verdict.VIOLATED and certificate.witness is not None:
        low, high = certificate.witness.output1, certificate.witness.output2
        return f"There are {pair} that lie {sides}: {low:.6g} and {high:.6g}{counted}."
    return f"Undecided ({certificate.detail}): whether {pair} lie {sides} was not shown either way."
