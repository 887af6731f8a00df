"""Local certificates: how far the output can move around given rows."""

from __future__ import annotations

import math
import multiprocessing
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnff.anchor import check_row
from nnff.certification.around import Ask, around, unreached
from nnff.certification.asked import checked_rows
from nnff.certification.local_bracket import LocalBracket, LocalCertificates
from nnff.errors import ConfigError, DataError
from nnff.question import Question
from nnff.solver import SolveControl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.synchronize import Event

    import numpy.typing as npt

    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = ["local"]

_POLL = 0.2
"""Seconds between two looks at whether the run was interrupted."""


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
    ask = Ask(network, domain, metric, epsilon, asked, delta, time_limit, settings)
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
        done.get(number) or unreached(ask, row, number, control) for number, row in enumerate(table)
    )
    return LocalCertificates(brackets, tuple(domain.feature_names), name, asked, epsilon, delta)


def _one_by_one(
    ask: Ask, table: FloatArray, todo: list[int], deadline: float, control: SolveControl
) -> Iterator[LocalBracket]:
    for number in todo:
        left = deadline - time.perf_counter()
        if control.interrupted or left <= 0:
            return
        yield around(ask, table[number], number, min(ask.time_limit, left), control)


_stop: Event | None = None
"""Of a worker process: set when the run is interrupted."""


def _begin(stop: Event) -> None:
    """Prepare a worker process: Ctrl-C is the parent's to handle, which tells the workers."""
    import signal  # noqa: PLC0415 - in the worker only

    global _stop  # noqa: PLW0603 - a process has one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop = stop


def _work(ask: Ask, row: FloatArray, number: int, deadline: float) -> LocalBracket | None:
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
        return around(ask, row, number, min(ask.time_limit, left), control)
    finally:
        over.set()


def _in_processes(
    ask: Ask,
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
