"""Saving a figure as a file: whole or not at all, and the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnff.errors import ConfigError

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

__all__ = ["picture_format", "save_picture"]

_FORMATS = {".png": "png", ".svg": "svg"}


def picture_format(path: str | os.PathLike[str], what: str) -> str:
    """Return the format that the suffix of `path` stands for.

    Raises
    ------
    ConfigError
        If it is neither ``.png`` nor ``.svg``.
    """
    target = Path(path)
    kind = _FORMATS.get(target.suffix.lower())
    if kind is None:
        raise ConfigError(
            f"{what} cannot be drawn into {target}: its suffix is {target.suffix!r}; use .png or .svg"
        )
    return kind


def save_picture(figure: Figure, path: str | os.PathLike[str], what: str) -> None:
    """Write a figure; the suffix decides the format.

    Raises
    ------
    ConfigError
        If the suffix is another one or the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only pictures need it

    target = Path(path)
    kind = picture_format(target, what)
    temporary = target.with_name(target.name + ".part")
    # Without a salt the ids in an SVG are random; without the empty date it holds the clock.
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    try:
        with mpl.rc_context({"svg.hashsalt": "nnff", "svg.fonttype": "none"}):
            figure.savefig(temporary, format=kind, metadata=metadata)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{what} cannot be written to {target}: {error.strerror or error}") from error
