"""What every command does with an error: one sentence on stderr and the right exit code."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnff.errors import NnffError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_UNDECIDED",
    "EXIT_VIOLATED",
    "complain",
    "guarded",
    "with_signature",
]

EXIT_VIOLATED = 1
EXIT_UNDECIDED = 3
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

_DEBUG = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; also NNFF_DEBUG=1.")
    ],
)


def with_signature(
    wrapper: Callable[..., None], parameters: Mapping[str, inspect.Parameter]
) -> Callable[..., None]:
    """Give `wrapper` the signature that Typer reads: keyword arguments called like `parameters`."""
    chosen = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters.values()]
    wrapper.__signature__ = inspect.Signature(chosen)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in chosen}
    return wrapper


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command: errors become one sentence and an exit code, ``--debug`` adds the traceback."""

    @functools.wraps(function)
    def wrapper(*, debug: bool = False, **arguments: Any) -> None:
        show = debug or bool(os.environ.get("NNFF_DEBUG"))
        try:
            function(**arguments)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)  # noqa: T201 - stderr is the user's
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except NnffError as error:
            complain(error.code, str(error), show_traceback=show)
            raise typer.Exit(error.exit_code) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the user sees one sentence
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            hint = "" if show else "; run again with --debug and report what it shows"
            complain("internal", f"this is a mistake in nnff ({what}){hint}", show_traceback=show)
            raise typer.Exit(EXIT_INTERNAL) from None

    own = dict(inspect.signature(function, eval_str=True).parameters)
    return with_signature(wrapper, own | {"debug": _DEBUG})


def complain(code: str, message: str, *, show_traceback: bool = False) -> None:
    """Print an error on stderr, as one line: ``error[code]: message``."""
    from nnff.cli.console import stderr_console  # noqa: PLC0415 - imports rich

    if show_traceback:
        traceback.print_exc()
    line = " ".join(message.split())
    console = stderr_console()
    console.print(f"[bold red]error[/]\\[{code}]: ", end="")
    console.print(line, markup=False, soft_wrap=True)
