"""What is run, and what came of it: one record per run, one JSON line per record."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nnff.certification.certificate import Extended  # noqa: TC001 - pydantic reads the annotation

if TYPE_CHECKING:
    from nnff.bench.instance import Instance

__all__ = ["SCHEMA_VERSION", "Outcome", "RunRecord", "RunSpec", "Sizes"]

SCHEMA_VERSION = 1
"""Version of the JSON lines; raised when a field changes its meaning or goes away."""


class Outcome(enum.StrEnum):
    """How a run ended."""

    CLOSED = "closed"
    """No delta was asked for, and the bracket is as narrow as asked."""
    OPEN = "open"
    """No delta was asked for; a bracket, wider than asked."""
    CERTIFIED = "certified"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    """A delta was asked for and not settled; the reason says why."""
    ERROR = "error"
    """The solver failed, contradicted a real pair, or the process died; or strategy or solver cannot be
    applied to the question at all."""
    OUT_OF_MEMORY = "out of memory"

    @property
    def solved(self) -> bool:
        """Whether the question was answered."""
        return self in (Outcome.CLOSED, Outcome.CERTIFIED, Outcome.VIOLATED)


class _Record(BaseModel):
    # A number that is not finite must read back: null would make the line, and the folder, unreadable.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class RunSpec(_Record):
    """One run to be made; two specs are the same run exactly if their `key` is the same."""

    suite: str
    full: bool = Field(default=False, description="Whether the suite was asked for its whole grid.")
    instance: str
    strategy: str
    backend: str = Field(description='Solver plugin; "" for a strategy that needs none.')
    seed: int
    threads: int = 1
    time_limit: float
    gap: float
    delta: float | None = None
    memory_limit: int | None = Field(default=None, description="Bytes of address space, or null.")
    solver_options: dict[str, Any] = Field(default_factory=dict)
    role: Literal["measure", "control"] = "measure"
    repeat: int = Field(default=0, description="Number of the repetition, for control runs.")

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that stand for the whole content."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Sizes(_Record):
    """How large the question and its last MILP are; zero where there was no MILP."""

    inputs: int = 0
    neurons: int = 0
    rows: int = 0
    columns: int = 0
    integers: int = 0
    nonzeros: int = 0
    cells: int = 0


class RunRecord(_Record):
    """What came of one run.

    Times are wall seconds.  `total_seconds` runs from before the process
    was started until it ended; `phases` split it (start, read, data, ranges, attack,
    encode, compile, tighten, transfer, solve, extract, replay, refine, enumerate, other, extra, finish).
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    spec: RunSpec
    outcome: Outcome
    reason: str = Field(default="", description="Reason of the certificate, or what went wrong.")
    detail: str = ""
    verdict: str | None = None
    trust: str = ""
    metric: str = Field(default="", description="Label of the metric.")
    epsilon: float = 0.0
    factors: dict[str, str | float] = Field(default_factory=dict)
    known_lower: float | None = None
    known_upper: float | None = None
    known_proven: bool = True
    known_source: str = ""
    delta_lower: float = 0.0
    delta_upper: Extended = float("inf")
    gap: Extended = float("inf")
    closed_form: Extended = float("inf")
    delta_data: float | None = None
    rounding: float = Field(
        default=0.0, description="How far delta_lower can be off for rounding alone, absolute."
    )
    seconds: float = Field(default=0.0, description="Of the certification, from the question built.")
    total_seconds: float = 0.0
    phases: dict[str, float] = Field(default_factory=dict)
    peak_memory: int = Field(default=0, description="Bytes, largest resident set of the process.")
    peak_memory_children: int = Field(default=0, description="The same of its largest child process.")
    bracket: list[tuple[float, float, Extended]] = Field(default_factory=list)
    nodes: int | None = None
    rounds: int = 0
    sizes: Sizes = Sizes()
    termination: str = Field(default="", description="Of the last solve.")
    raw_status: str = Field(default="", description="The solver's own words about the last solve.")
    solver_version: str = ""
    solver_applied: dict[str, Any] = Field(default_factory=dict, description="In the solver's spelling.")
    instance_fingerprint: str = Field(default="", description="SHA-256 of the whole problem.")
    encoding_fingerprint: str = Field(default="", description="SHA-256 of the last MILP.")
    extra: dict[str, float] = Field(default_factory=dict)
    log: str = Field(default="", description="Folder of raw solver logs, relative to the benchmark's.")
    attempt: int = Field(default=1, description="Number of the try at this key.")
    started: str = Field(default="", description="UTC, ISO 8601.")
    environment: dict[str, Any] = Field(
        default_factory=dict, description="Machine, versions, and a hash of nnff's own source."
    )

    @classmethod
    def blank(cls, spec: RunSpec, instance: Instance) -> RunRecord:
        """Return what is known before the run: what it is of, and that nothing has come of it."""
        known = instance.known
        return cls(
            key=spec.key,
            spec=spec,
            outcome=Outcome.ERROR,
            metric=instance.metric,
            epsilon=instance.epsilon,
            factors=dict(instance.factors),
            known_lower=None if known is None else known.lower,
            known_upper=None if known is None else known.upper,
            known_proven=known is None or known.proven,
            known_source="" if known is None else known.source,
        )

    def to_line(self) -> str:
        """Return the record as one line of JSON, newline included."""
        return self.model_dump_json() + "\n"

    @classmethod
    def from_line(cls, line: str) -> RunRecord:
        """Read one line.

        Raises
        ------
        pydantic.ValidationError
            If it is not a record of this schema version.
        """
        return cls.model_validate_json(line)
