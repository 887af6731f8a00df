"""Local certificates: how far the output can move around given rows."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnff.anchor import Anchor, check_row
from nnff.certification.certificate import Certificate, Reason, Verdict, Witness
from nnff.certification.certify import certify, checked_rows
from nnff.certification.digits import plain, rounded_up
from nnff.errors import ConfigError, DataError
from nnff.question import SAME_SIDE, Question, QuestionKind
from nnff.solver import SolveControl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.synchronize import Event

    import numpy.typing as npt

    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = ["LocalBracket", "LocalCertificates", "Share", "local"]

_POLL = 0.2


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


@dataclass(frozen=True)
class _Ask:
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


def local(
    network: Network,
    domain: Domain,
    metric: Metric,
    epsilon: float,
    rows: npt.ArrayLike,
    *,
    delta: float | None = None,
    question: Question | str = "output",
    threshold: float | None = None,
    output_index: int | None = None,
    time_limit: float = 10.0,
    total_time_limit: float = math.inf,
    workers: int = 1,
    known: Mapping[str, LocalBracket] | None = None,
    control: SolveControl | None = None,
    on_row: Callable[[LocalBracket], None] | None = None,
    **settings: Any,
) -> LocalCertificates:
    """Bracket, for every row, how far the output of a similar input can be from the row's own.

    The global question asks for the worst pair anywhere; this one for the worst partner of a person who
    is there.  With the row held a pair has a direction, so what rises above the row's output and what
    falls below it are asked for apart (`nnff.anchor`), and the larger bound is the answer: sound because
    each partner is on one side or the other, and ``x'' = row`` on both.

    Parameters
    ----------
    network, domain, metric, epsilon, question, threshold, output_index
        As for `nnff.certify`.
    rows
        Raw units, shape (rows, n); inside the domain.
    delta
        Ask for a verdict on every row.
    time_limit
        Wall seconds per row.
    total_time_limit
        Wall seconds for all rows; those that are not reached have no bound.
    workers
        Processes that work on rows side by side.
    known
        Brackets by `LocalBracket.key` from a run that was interrupted: what is known is not asked again.
    control
        Interrupts; finished rows are kept.
    on_row
        Called with every bracket as soon as it is there.
    **settings
        Further arguments of `nnff.certify`: solver, strategy, scale, gap, seed, ...

    Raises
    ------
    DataError
        If a row lies outside the domain, with its number and feature.

    Examples
    --------
    >>> from nnff import Domain, Layer, Network, local, metric
    >>> network = Network((Layer([[2.0]], [0.0], "sigmoid"),))
    >>> domain = Domain.from_box([-1], [1])
    >>> found = local(network, domain, metric("weighted-lp", p=1), 0.1, [[0.0], [1.0]], delta=0.04)
    >>> [bracket.verdict.value for bracket in found.brackets]
    ['violated', 'certified']
    """
    began = time.perf_counter()
    if output_index is not None:
        network = network.select_output(output_index)
    table = checked_rows(rows, network)
    if not len(table):
        raise DataError("there are no rows to certify around")
    for number, row in enumerate(table):
        try:
            check_row(domain, row)
        except DataError as error:
            raise DataError(f"in row {number + 1}, {error}") from error
    if workers < 1:
        raise ConfigError(f"the number of workers is {workers}; it must be at least 1")
    asked = Question.of(question, threshold)
    ask = _Ask(network, domain, metric, epsilon, asked, delta, time_limit, settings)
    control = SolveControl() if control is None else control
    done: dict[int, LocalBracket] = {}
    keys = [ask.key(row) for row in table]
    for number, key in enumerate(keys):
        if key in (known or {}):
            done[number] = replace((known or {})[key], row=number)
    todo = [number for number in range(len(table)) if number not in done]
    deadline = began + total_time_limit
    run = _in_processes(ask, table, todo, deadline, control, workers) if workers > 1 else None
    for bracket in run or _one_by_one(ask, table, todo, deadline, control):
        done[bracket.row] = kept = replace(bracket, key=keys[bracket.row])
        if on_row is not None:
            on_row(kept)
    measured, flip = asked.measured(network)
    name = (measured if flip is None else flip.model).output_names[0]
    brackets = tuple(
        done.get(number) or _unreached(ask, row, number, control) for number, row in enumerate(table)
    )
    return LocalCertificates(brackets, tuple(domain.feature_names), name, asked, epsilon, delta)


def _one_by_one(
    ask: _Ask, table: FloatArray, todo: list[int], deadline: float, control: SolveControl
) -> Iterator[LocalBracket]:
    for number in todo:
        left = deadline - time.perf_counter()
        if control.interrupted or left <= 0:
            return
        yield _around(ask, table[number], number, min(ask.time_limit, left), control)


_stop: Event | None = None
"""Of a worker process: set when the run is interrupted."""


def _begin(stop: Event) -> None:
    """Prepare a worker process: Ctrl-C is the parent's to handle, which tells the workers."""
    import signal  # noqa: PLC0415 - in the worker only

    global _stop  # noqa: PLW0603 - a process has one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop = stop


def _work(ask: _Ask, row: FloatArray, number: int, deadline: float) -> LocalBracket | None:
    """Do one row in a worker process; None if there is no time left."""
    assert _stop is not None
    control, over = SolveControl(), threading.Event()
    stop = _stop

    def watch() -> None:
        while not over.wait(_POLL):
            if stop.is_set():
                control.interrupt()
                return

    left = deadline - time.time()
    if stop.is_set() or left <= 0:
        return None
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return _around(ask, row, number, min(ask.time_limit, left), control)
    finally:
        over.set()


def _in_processes(
    ask: _Ask,
    table: FloatArray,
    todo: list[int],
    deadline: float,
    control: SolveControl,
    workers: int,
) -> Iterator[LocalBracket]:
    # Processes do not share a performance counter; they share the wall clock.
    until = time.time() + deadline - time.perf_counter()
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(stop,)) as pool:
        running = {pool.submit(_work, ask, table[number], number, until) for number in todo}
        try:
            while running:
                finished, running = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
                if control.interrupted:
                    stop.set()
                for future in finished:
                    bracket = future.result()
                    if bracket is not None:
                        yield bracket
        finally:
            # An error in one row ends the others.
            stop.set()
            pool.shutdown(cancel_futures=True)


def _around(ask: _Ask, row: FloatArray, number: int, seconds: float, control: SolveControl) -> LocalBracket:
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


def _directions(ask: _Ask, row: FloatArray) -> tuple[bool, ...]:
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


def _unreached(ask: _Ask, row: FloatArray, number: int, control: SolveControl) -> LocalBracket:
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
