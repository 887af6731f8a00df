"""``nnff plugins``: what is installed, from which distribution, and whether it works."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.guard import guarded

if TYPE_CHECKING:
    from nnff.plugin import Found, Kind, PluginManager

__all__ = ["PluginRow", "plugin_rows", "plugins"]


@dataclass(frozen=True)
class PluginRow:
    """One line of the table.

    Attributes
    ----------
    kind, name, summary
        What is offered; the name is what a configuration says.
    distribution, version
        Who offers it.
    status
        ``available``, ``missing`` or ``broken``.
    detail
        What is missing and how to get it, or the error.
    """

    kind: str
    name: str
    summary: str
    distribution: str
    version: str
    status: str
    detail: str = ""


@guarded
def plugins(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List solvers, metrics, network readers, data sets and benchmark suites, and whether they work here.

    A broken plugin is reported and does not stop the others; the exit code is 0.
    """
    from rich.markup import escape  # noqa: PLC0415 - keeps --help fast

    from nnff.cli.console import plain_table, stdout_console  # noqa: PLC0415
    from nnff.plugin import plugin_manager  # noqa: PLC0415

    rows = plugin_rows(plugin_manager())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    console = stdout_console()
    style = {"available": "green", "missing": "yellow", "broken": "red"}
    for number, kind in enumerate(dict.fromkeys(row.kind for row in rows)):
        if number:
            console.print()
        console.print(f"[bold]{kind}[/]")
        table = plain_table()
        for row in rows:
            if row.kind == kind:
                origin = f"{row.distribution} {row.version}".strip()
                status = f"[{style[row.status]}]{row.status}[/]"
                table.add_row(
                    f"  {escape(row.name)}", status, escape(row.summary), f"[dim]{escape(origin)}[/]"
                )
        console.print(table)
        for row in rows:
            if row.kind == kind and row.detail:
                console.print(f"  {row.name}: {row.detail}", style="dim", markup=False, soft_wrap=True)


def plugin_rows(manager: PluginManager) -> list[PluginRow]:
    """Return one row per plugin, sorted by kind and name, and one per entry point that is broken."""
    from nnff.errors import PluginConflictError  # noqa: PLC0415 - keeps --help fast
    from nnff.plugin import Kind  # noqa: PLC0415

    rows: list[PluginRow] = []
    for kind in Kind:
        try:
            rows.extend(_row(kind, found) for found in manager.found(kind).values())
        except PluginConflictError as error:
            # Neither of the two can be used by name, and which one is meant is not ours to guess.
            rows.append(PluginRow(_heading(kind), "(conflict)", "", "", "", "broken", str(error)))
    rows.extend(
        PluginRow("broken plugins", broken.entry_point, "", broken.distribution, "", "broken", broken.error)
        for broken in manager.broken
    )
    return rows


def _heading(kind: Kind) -> str:
    return f"{kind.label}s"


def _row(kind: Kind, found: Found) -> PluginRow:
    status, detail = _status(kind, found)
    spec = found.spec
    return PluginRow(
        _heading(kind),
        spec.name,
        spec.summary,
        found.distribution,
        found.distribution_version,
        status,
        detail,
    )


def _status(kind: Kind, found: Found) -> tuple[str, str]:
    """Look for what the plugin needs without importing it, then import the plugin itself."""
    from importlib.util import find_spec  # noqa: PLC0415 - keeps --help fast

    from nnff.plugin import Kind as Kinds  # noqa: PLC0415

    missing = [name for name in found.spec.requires if find_spec(name.partition(".")[0]) is None]
    try:
        factory = found.spec.load()
        if kind is Kinds.SOLVER:
            available = factory.availability()
            if not available:
                return "missing", f"{available.reason} {available.hint}".strip()
            return "available", ""
    except Exception as error:  # noqa: BLE001 - third-party code may fail in any way; it is reported
        # A package that is not there is the likelier reason, and the one that can be acted on.
        return ("missing", _install(missing)) if missing else ("broken", " ".join(str(error).split()))
    return ("missing", _install(missing)) if missing else ("available", "")


def _install(missing: list[str]) -> str:
    return f"needs {', '.join(missing)}, which is not installed"
