"""The output folder: checked before a long run, written to after it, each file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutputFolder"]


class OutputFolder:
    """Where a command writes its files.

    Parameters
    ----------
    path
        The folder; it need not exist.  Empty: nothing is written.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written to; nothing is created to find out.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path) if path else None
        self.written: list[Path] = []
        if self.path is not None:
            self._check(self.path)

    @staticmethod
    def _check(folder: Path) -> None:
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not existing.is_dir():
            raise ConfigError(f"the output folder {folder} cannot be made because {existing} is a file")
        if not os.access(existing, os.W_OK):
            raise ConfigError(f"the output folder {folder} cannot be written to: no permission in {existing}")

    def target(self, name: str) -> Path:
        """Return where a file of this folder is; only if there is a folder."""
        if self.path is None:
            raise ConfigError(f"{name} has no place because the output folder is empty; name one")
        return self.path / name

    def write(self, name: str, writer: Callable[[Path], object]) -> None:
        """Have `writer` write the file called `name`; it must replace the file in one step.

        Raises
        ------
        ConfigError
            If the system refuses.
        """
        if self.path is None:
            return
        target = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            writer(target)
        except OSError as error:
            raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from error
        self.written.append(target)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""

        def writer(target: Path) -> None:
            part = target.with_name(f".{target.name}.{os.getpid()}.part")
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

        self.write(name, writer)
