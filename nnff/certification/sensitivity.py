"""Delta when only one feature may move, and when one may not: what each feature contributes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nnff.certification.asked import problem_of
from nnff.certification.certify import certify
from nnff.domain import feature_indices
from nnff.errors import ConfigError, ProblemError
from nnff.question import Question, QuestionKind
from nnff.solver import SolveControl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nnff.certification.certificate import Certificate, Witness
    from nnff.certification.progress import CertifyProgress
    from nnff.domain import Domain
    from nnff.network import Network, Scaling
    from nnff.similarity import Metric
    from nnff.values import BoolArray

__all__ = ["FeatureBracket", "Sensitivity", "sensitivity"]

_WHOLE_SHARE = 0.25
"""Share of the time limit for delta itself, where it is not given."""


@dataclass(frozen=True)
class FeatureBracket:
    """One feature's brackets of delta.

    Attributes
    ----------
    feature
        Its name.
    only_lower, only_upper
        When only it may differ within a pair.
    frozen_lower, frozen_upper
        When it is equal in both inputs, and all others may differ.
    """

    feature: str
    only_lower: float
    only_upper: float
    frozen_lower: float
    frozen_upper: float


@dataclass(frozen=True)
class Sensitivity:
    """Brackets of all features, with delta itself to compare them with.

    Attributes
    ----------
    whole
        The certificate of delta when every feature may move.
    features
        One bracket per feature, in the order of the domain.
    seconds
        Wall seconds for the features together.
    interrupted
        Whether it was stopped before every feature had its turn; those that had none have trivial bounds.
    """

    whole: Certificate
    features: tuple[FeatureBracket, ...]
    seconds: float
    interrupted: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one line per feature."""
        columns = ("feature", "only_lower", "only_upper", "frozen_lower", "frozen_upper")
        return pd.DataFrame([[getattr(f, c) for c in columns] for f in self.features], columns=list(columns))


def sensitivity(
    network: Network,
    domain: Domain,
    metric: Metric,
    epsilon: float,
    *,
    whole: Certificate | None = None,
    features: Iterable[int | str] | str = "all",
    time_limit: float = 60.0,
    output_index: int | None = None,
    question: Question | str = "output",
    scale: Scaling | str = "model",
    control: SolveControl | None = None,
    on_progress: Callable[[str, CertifyProgress], None] | None = None,
    **settings: Any,
) -> Sensitivity:
    """Bracket delta for every feature twice: when only it may move, and when it is frozen.

    Both are Problem 1 on a smaller set of pairs (features that may not move are immutable), so each is at
    most delta: a bound of delta bounds both, and the worst pair, where it moves only that feature or does
    not move it, is a pair of theirs.

    Parameters
    ----------
    network, domain, metric, epsilon, output_index, question, scale
        As for `nnff.certify`; not the question ``"flip"``.
    whole
        The certificate of delta for the same arguments, if there is one; default: it is made first.
    features
        Which features, by names or indices; default all.
    time_limit
        Wall seconds for everything together; what one feature leaves is shared by those that follow.
    control
        Interrupts; features that had no turn have trivial bounds.
    on_progress
        Called with what is being asked and a `CertifyProgress`.
    **settings
        Further arguments of `nnff.certify`: solver, strategy, gap, ...

    Raises
    ------
    ProblemError
        For the question ``"flip"``, or a `whole` of another model or epsilon.

    Examples
    --------
    >>> from nnff import Domain, Layer, Network, metric, sensitivity
    >>> network = Network((Layer([[2.0, -1.0]], [0.0]),))
    >>> found = sensitivity(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p="inf"), 0.1)
    >>> [(round(f.only_upper, 3), round(f.frozen_upper, 3)) for f in found.features]
    [(0.2, 0.1), (0.1, 0.2)]
    """
    began = time.perf_counter()
    asked = _checked(question, time_limit)
    if output_index is not None:
        network = network.select_output(output_index)
    control = SolveControl() if control is None else control
    settings = {**settings, "question": asked, "scale": scale}

    def ask(what: str, immutable: BoolArray, seconds: float) -> Certificate:
        return certify(
            network,
            replace(domain, immutable=immutable),
            metric,
            epsilon,
            time_limit=max(seconds, 1e-3),
            control=control,
            on_progress=None if on_progress is None else lambda progress: on_progress(what, progress),
            **settings,
        )

    problem = problem_of(network, domain, metric, epsilon, scale, asked)
    if whole is None:
        whole = ask("delta", domain.immutable, _WHOLE_SHARE * time_limit)
    elif whole.epsilon != problem.epsilon or whole.model.fingerprint != problem.network.fingerprint:
        raise ProblemError("the certificate of delta is of another model or epsilon; certify the same one")
    chosen = feature_indices(features, domain.feature_names)
    moving = problem.radius > 0
    left = 2 * int(sum(moving[i] for i in chosen))
    made = []
    for i in chosen:
        name, own = domain.feature_names[i], np.arange(domain.n_features) == i
        if not moving[i]:
            # It cannot differ at all: alone it does nothing, and frozen it changes nothing.
            made.append(FeatureBracket(name, 0.0, 0.0, whole.delta_lower, whole.delta_upper))
            continue
        ends: list[float] = []
        for what, immutable in (
            (f"only {name}", domain.immutable | ~own),
            (f"without {name}", domain.immutable | own),
        ):
            seconds = (began + time_limit - time.perf_counter()) / left
            left -= 1
            lower, upper = _known(whole, immutable)
            if not control.interrupted:
                found = ask(what, immutable, seconds)
                lower, upper = max(lower, found.delta_lower), min(upper, found.delta_upper)
            ends += [lower, upper]
        made.append(FeatureBracket(name, *ends))
    return Sensitivity(whole, tuple(made), time.perf_counter() - began, control.interrupted)


def _checked(question: Question | str, time_limit: float) -> Question:
    if getattr(question, "kind", question) == QuestionKind.FLIP:
        raise ProblemError("sensitivity brackets a difference, and a flip is none; ask for output or logit")
    if not (np.isfinite(time_limit) and time_limit > 0):
        raise ConfigError(f"the time limit is {time_limit}; it must be a positive number of seconds")
    return Question.of(question)


def _known(whole: Certificate, immutable: BoolArray) -> tuple[float, float]:
    """Return what delta itself says of pairs that agree in some features."""
    witness: Witness | None = whole.witness
    fits = (
        witness is not None and (np.asarray(witness.x1)[immutable] == np.asarray(witness.x2)[immutable]).all()
    )
    return (whole.delta_lower if fits else 0.0), whole.delta_upper
