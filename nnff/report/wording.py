"""What the report says in words: verdicts, trust, strategies, and what is not claimed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nnff.certification.certificate import Reason, Strategy, Trust, Verdict
from nnff.report.bounds_bar import certified
from nnff.report.numbers import at_least, at_most, percent, shown

if TYPE_CHECKING:
    from nnff.certification.certificate import Certificate

__all__ = ["disclaimers", "free_attribute_words", "strategy_words", "trust_words", "verdict_words"]

_TRUST = {
    Trust.SOLVER: (
        "The certified bound is the dual bound of one solver in floating-point arithmetic, weakened outward. "
        "To rely on it is to rely on that solver."
    ),
    Trust.AGREED: (
        "The certified bound is a solver's dual bound in floating-point arithmetic, weakened outward; other "
        "solvers bracketed the same problem and their brackets meet this one."
    ),
    Trust.EXHAUSTIVE: (
        "The network was evaluated in floating-point arithmetic at every point of a finite domain. "
        "No solver has to be believed."
    ),
    Trust.CLOSED_FORM: (
        "The certified bound follows from outward-rounded range arithmetic and the closed form of the "
        "output; no solver has to be believed."
    ),
    Trust.PROVED: "The certified bound was checked in exact arithmetic.",
}

_STRATEGY = {
    Strategy.RELATIONAL.value: (
        "Both inputs of a pair are encoded together, as their midpoint and their difference, in a "
        "mixed-integer linear program that contains every pair; its dual bound lies above all of them."
    ),
    Strategy.TWIN.value: (
        "Two copies of the network, linked by the metric, are encoded in a mixed-integer linear program that "
        "contains every pair; its dual bound lies above all of them."
    ),
    Strategy.EXHAUSTIVE.value: "The domain is finite, and every similar pair of its points was compared.",
}


def verdict_words(certificate: Certificate) -> tuple[str, str]:
    """Return the style of the verdict and the word for it."""
    if certificate.verdict is None:
        return "open", "No delta asked for"
    return certificate.verdict.value, certificate.verdict.value.capitalize()


def trust_words(certificate: Certificate) -> str:
    """Say what has to be believed for the certified bound to hold."""
    if certificate.reason is Reason.INCONSISTENT:
        return "The run contradicted itself. No bound of it should be relied on."
    if math.isinf(certificate.delta_upper):
        return "Nothing is proven from above, so there is no bound to trust."
    return _TRUST[certificate.trust]


def strategy_words(strategy: str) -> str:
    """Explain a strategy; one that is not known here is only named."""
    return _STRATEGY.get(strategy, f"The strategy is called {strategy}.")


def free_attribute_words(free: Certificate, whole: Certificate) -> list[str]:
    """Say what the sensitive attribute does by itself, and which part of the whole that is.

    The share is a range, because both numbers are brackets: it lies
    between witnessed over certified and certified over witnessed.
    """
    unit = free.model.output_name
    names = ", ".join(free.sensitive_features)
    moving = f"only {names} may differ" if names else "only what the metric ignores may differ"
    upper = certified(free)
    words = [
        f"At epsilon 0 the two inputs are equal in everything that the metric measures; {moving}. "
        f"A real pair then still differs by {at_least(free.delta_lower)} in {unit}, "
        + (
            f"and none differs by more than {at_most(upper)}."
            if math.isfinite(upper)
            else "without a certified bound."
        )
    ]
    whole_upper = certified(whole)
    if math.isfinite(upper) and math.isfinite(whole_upper) and whole.delta_lower > 0:
        low = min(1.0, free.delta_lower / whole_upper)
        share = percent(low, min(1.0, upper / whole.delta_lower))
        words.append(f"That is {share} of the delta at epsilon {shown(whole.epsilon)}.")
    return words


def disclaimers(certificate: Certificate) -> list[str]:
    """Return the limits of what was shown, those of this certificate first."""
    return [*_limits_of_bound(certificate), *_limits_of_question(certificate)]


def _limits_of_bound(certificate: Certificate) -> list[str]:
    limits = []
    if certificate.reason is Reason.INCONSISTENT:
        limits.append(f"Nothing here is certified: {certificate.detail}")
    elif math.isinf(certificate.delta_upper):
        limits.append(
            "Nothing is proven from above: a pair may differ by more than the one shown, by any amount."
        )
    elif certificate.trust in (Trust.SOLVER, Trust.AGREED):
        limits.append(
            "The certified number is a floating-point bound, weakened outward, and not a proof in exact "
            "arithmetic."
        )
    elif certificate.trust is not Trust.PROVED:
        limits.append(
            "The certified number was computed in floating-point arithmetic, not proved in exact arithmetic."
        )
    if certificate.verdict is Verdict.UNDECIDED:
        limits.append("Undecided means that neither answer was shown. It does not lean towards either.")
    if certificate.metric.looseness > 0 and certificate.strategy != Strategy.EXHAUSTIVE:
        limits.append(
            f"The set of similar pairs was enlarged by up to {percent(certificate.metric.looseness)} to "
            "describe it by linear rows. The certified number may be too large for that, never too small."
        )
    if certificate.metric.excess > 0:
        limits.append(
            "The metric looks through a smooth network, which was approximated: pairs at a distance of up to "
            f"{certificate.metric.excess:.3g} more than epsilon may have counted as similar. The certified "
            "number may be too large for that, never too small."
        )
    return limits


def _limits_of_question(certificate: Certificate) -> list[str]:
    region = certificate.domain.region
    possible = (
        "Every input inside the ranges counts as possible. Some combinations may describe nobody who "
        "could exist, and inputs outside the ranges are not covered."
    )
    if region is not None:
        possible = (
            "Every input inside the plausible region counts as possible, and no input outside of it is "
            f"covered: {len(region.outside)} of the {region.data_rows} rows that it was learned from lie "
            "outside."
        )
    return [
        possible,
        (
            f"Who counts as similar is a choice: the metric {certificate.metric.name} and its epsilon were "
            "given, not found. Another choice gives another number."
        ),
        (
            "This is the worst pair, not the usual one: nothing is said about how many people are near such "
            "a pair."
        ),
        (
            "It covers the network as it was read from the file. What happens before it (how values are "
            "collected and prepared) and after it (thresholds, human decisions) is not covered."
        ),
        (
            "It is no judgement that the model treats people well, that it is accurate, or that it meets a "
            "law or a policy. Differences between groups are a separate question."
        ),
    ]
