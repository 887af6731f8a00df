"""Several outputs at once: the largest delta of any of them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from nnff.certification.certificate import Certificate, OutputRecord, Reason, Trust, Verdict
from nnff.certification.certify import certify
from nnff.certification.progress import relative_gap
from nnff.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric

__all__ = ["certify_outputs", "largest_of"]

_LEAST_SECONDS = 1e-3
"""Enough for what follows from ranges alone."""

_WEAKEST = (Trust.SOLVER, Trust.AGREED, Trust.CLOSED_FORM, Trust.EXHAUSTIVE, Trust.PROVED)
"""From what rests on most to what rests on least."""


def certify_outputs(
    network: Network,
    domain: Domain,
    metric: Metric,
    epsilon: float,
    *,
    outputs: Iterable[int] | None = None,
    time_limit: float = 60.0,
    started: float | None = None,
    **settings: Any,
) -> Certificate:
    """Bracket the largest delta of several outputs: ``max over k of |f_k(x'') - f_k(x')|``.

    Each output is certified on its own, in turn; the largest of their bounds bounds the maximum, and the
    best of their pairs is a pair for it.  What one leaves of its share of the time goes to the others.
    A delta that one output violates settles the question; the others then get what ranges say.

    Parameters
    ----------
    network
        With at least one output, or with a softmax: then the probabilities of its classes.
    domain, metric, epsilon, started
        As for `nnff.certify`.
    outputs
        Which, from zero; default all.
    time_limit
        Wall seconds for all of them together.
    **settings
        Further arguments of `nnff.certify`: a question, delta, solver, ...

    Returns
    -------
    One certificate, that of the output with the best pair, with both bounds of the maximum; `outputs`
    holds the bracket of each.

    Examples
    --------
    >>> from nnff import Domain, Layer, Network, certify_outputs, metric
    >>> network = Network((Layer([[1.0], [-3.0]], [0.0, 0.0]),), output_names=("low", "high"))
    >>> found = certify_outputs(network, Domain.from_box([0], [1]), metric("weighted-lp", p=1), 0.1)
    >>> round(found.delta_upper, 3), [o.name for o in found.outputs]
    (0.3, ['low', 'high'])
    """
    began = time.perf_counter() if started is None else started
    chosen = list(range(network.n_outputs)) if outputs is None else list(outputs)
    if not chosen:
        raise ProblemError("there is no output to certify")
    certificates: list[Certificate] = []
    for place, index in enumerate(chosen):
        now = time.perf_counter()
        seconds = (began + time_limit - now) / (len(chosen) - place)
        if any(c.verdict is Verdict.VIOLATED for c in certificates):
            seconds = _LEAST_SECONDS
        single = network.n_outputs == 1
        certificates.append(
            certify(
                network,
                domain,
                metric,
                epsilon,
                output_index=None if single else index,
                time_limit=max(seconds, _LEAST_SECONDS),
                started=now,
                **settings,
            )
        )
    return largest_of(certificates, chosen, time.perf_counter() - began)


def largest_of(certificates: list[Certificate], indices: list[int], seconds: float) -> Certificate:
    """Return one certificate for the largest of several deltas.

    Sound: every pair differs in each output by at most that output's bound, hence in none by more than the
    largest bound; if one run contradicted itself, nothing is certified.
    """
    best = max(certificates, key=lambda c: c.delta_lower)
    widest = max(certificates, key=lambda c: c.delta_upper)
    wrong = next((c for c in certificates if c.reason is Reason.INCONSISTENT), None)
    verdicts = [c.verdict for c in certificates]
    if wrong is not None:
        verdict: Verdict | None = Verdict.UNDECIDED
    elif Verdict.VIOLATED in verdicts:
        verdict = Verdict.VIOLATED
    elif Verdict.UNDECIDED in verdicts:
        verdict = Verdict.UNDECIDED
    else:
        verdict = best.verdict
    # What keeps the answer from being better says why the run ended.
    ended = wrong or (best if verdict is Verdict.VIOLATED else widest)
    data = [c.delta_data for c in certificates if c.delta_data is not None]
    upper = widest.delta_upper
    return best.model_copy(
        update={
            "verdict": verdict,
            "reason": ended.reason,
            "detail": ended.detail,
            "delta_upper": upper,
            "delta_data": max(data) if data else None,
            "gap": relative_gap(best.delta_lower, upper),
            "closed_form": max(c.closed_form for c in certificates),
            "trust": min((c.trust for c in certificates), key=_WEAKEST.index),
            "runs": [run for c in certificates for run in c.runs],
            "rounds": sum(c.rounds for c in certificates),
            "seconds": seconds,
            "phases": _sums(certificates),
            "bracket": [(seconds, best.delta_lower, upper)] if math.isfinite(upper) else [],
            "outputs": [
                OutputRecord(
                    index=index,
                    name=c.model.output_name,
                    delta_lower=c.delta_lower,
                    delta_upper=c.delta_upper,
                    verdict=c.verdict,
                    reason=c.reason,
                )
                for index, c in zip(indices, certificates, strict=True)
            ],
        }
    )


def _sums(certificates: list[Certificate]) -> dict[str, float]:
    phases: dict[str, float] = {}
    for certificate in certificates:
        for name, seconds in certificate.phases.items():
            phases[name] = phases.get(name, 0.0) + seconds
    return phases
