"""A progress bar on stderr, for those who ask for one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nnff.training.trainer import State

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(total: int, done: int, *, shown: bool) -> Iterator[Callable[[State], None]]:
    """Yield what to call after every epoch; without `shown` it does nothing.

    Parameters
    ----------
    total, done
        Epochs in all, and those done before.
    shown
        Whether there is to be a bar.
    """
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is shown
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("objective {task.fields[value]:.4g}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=total, completed=done, value=float("nan"))

        def update(state: State) -> None:
            bar.update(task, completed=state.epoch, value=state.curve[-1])

        yield update
