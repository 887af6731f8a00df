"""Asking around one row: which way round the pair stands, and how the two answers make one bracket."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnff.anchor import Anchor
from nnff.certification.certificate import Certificate, Reason, Verdict, Witness
from nnff.certification.certify import certify
from nnff.certification.local_bracket import LocalBracket
from nnff.question import Question, QuestionKind

if TYPE_CHECKING:
    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric
    from nnff.solver import SolveControl
    from nnff.values import FloatArray

__all__ = ["Ask", "around", "unreached"]


@dataclass(frozen=True)
class Ask:
    """What every row is asked."""

    network: Network
    domain: Domain
    metric: Metric
    epsilon: float
    question: Question
    delta: float | None
    time_limit: float
    settings: dict[str, Any] = field(default_factory=dict)

    def key(self, row: FloatArray) -> str:
        """Return a name of this question around this row: equal for what is equal, and for nothing else."""
        parts = (
            self.network.fingerprint,
            self.domain.fingerprint,
            self.metric.name,
            self.metric.parameters,
            self.epsilon,
            self.question,
            self.delta,
            self.time_limit,
            # A scale is a value with a content of its own; everything else reads as it is written.
            {k: getattr(v, "fingerprint", v) for k, v in sorted(self.settings.items())},
            row.tolist(),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def around(ask: Ask, row: FloatArray, number: int, seconds: float, control: SolveControl) -> LocalBracket:
    """Ask for both directions, or for a flip the one that leads away from the row's side."""
    began = time.perf_counter()
    output = float(ask.network.predict(row[None])[0])
    found: list[Certificate] = []
    directions = _directions(ask, row)
    for place, second in enumerate(directions):
        left = (seconds - (time.perf_counter() - began)) / (len(directions) - place)
        if any(c.verdict is Verdict.VIOLATED for c in found):
            # Settled; the other direction still gets what its ranges say.
            left = 0.0
        certificate = certify(
            ask.network,
            ask.domain,
            ask.metric,
            ask.epsilon,
            delta=ask.delta,
            question=ask.question,
            anchor=Anchor(row, second),
            time_limit=max(left, 1e-3),
            control=control,
            **ask.settings,
        )
        found.append(certificate)
    best = max(found, key=lambda certificate: certificate.delta_lower)
    verdicts = {c.verdict for c in found}
    if Verdict.VIOLATED in verdicts:
        verdict: Verdict | None = Verdict.VIOLATED
    elif verdicts == {Verdict.CERTIFIED}:
        verdict = Verdict.CERTIFIED
    else:
        verdict = Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else None
    # The direction that is not settled says why the row is not.
    ended = next((c for c in found if c.verdict is verdict), best)
    worst, worst_output = _partner(best.witness, row)
    return LocalBracket(
        row=number,
        output=output,
        delta_lower=best.delta_lower,
        delta_upper=max(c.delta_upper for c in found),
        verdict=verdict,
        reason=next((c.reason for c in found if c.reason is Reason.INCONSISTENT), ended.reason),
        detail=ended.detail,
        worst=worst,
        worst_output=worst_output,
        seconds=time.perf_counter() - began,
    )


def _directions(ask: Ask, row: FloatArray) -> tuple[bool, ...]:
    """Tell in which places of the pair the row has to stand; see `Anchor.second`.

    The pair of a flip has a below and an above, in the order of the measured network before its output
    scaling, and on which side the row is is known.
    """
    measured, flip = ask.question.measured(ask.network)
    if flip is None:
        return (False, True)
    above = bool(flip.model.predict(row[None])[0] >= flip.value)
    return (above == bool(measured.output_scaling.scale[0] > 0),)


def _partner(witness: Witness | None, row: FloatArray) -> tuple[tuple[float, ...] | None, float | None]:
    """Return the other input of a pair, and its output; nothing if it is the row itself."""
    if witness is None:
        return None, None
    for place, output in ((witness.x1, witness.output1), (witness.x2, witness.output2)):
        if place != row.tolist():
            return tuple(place), output
    return None, None


def unreached(ask: Ask, row: FloatArray, number: int, control: SolveControl) -> LocalBracket:
    """Return what is known around a row that had no turn: nothing."""
    flip = ask.question.kind is QuestionKind.FLIP
    return LocalBracket(
        row=number,
        output=float(ask.network.predict(row[None])[0]),
        delta_lower=-math.inf if flip else 0.0,
        delta_upper=math.inf,
        verdict=Verdict.UNDECIDED if flip or ask.delta is not None else None,
        reason=Reason.INTERRUPTED if control.interrupted else Reason.TIME_LIMIT,
        detail="not reached",
        worst=None,
        worst_output=None,
        seconds=0.0,
    )
