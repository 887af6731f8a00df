"""Something that is redrawn in place on a terminal, and nothing anywhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from nnff.cli.console import stderr_console

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.console import Console, RenderableType
    from rich.live import Live

__all__ = ["LiveDisplay"]


class LiveDisplay(ABC):
    """Use as a context manager; what `_render` returns is shown until the end of the block.

    Parameters
    ----------
    quiet
        Show nothing.
    console
        Default: stderr.
    """

    _refresh_per_second: ClassVar[float] = 8

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = stderr_console() if console is None else console
        self._quiet = quiet
        self._live: Live | None = None

    @abstractmethod
    def _render(self) -> RenderableType:
        """Return what is shown now."""

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            from rich.live import Live  # noqa: PLC0415 - only terminals need it

            self._live = Live(
                get_renderable=self._render,
                console=self._console,
                refresh_per_second=self._refresh_per_second,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
