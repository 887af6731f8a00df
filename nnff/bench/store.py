"""One folder of finished runs that survives kills, full disks and company.

::

    runs.jsonl           one JSON line per finished run, only ever added to
    logs/KEY/ATTEMPT/    raw logs of a run
    claims/KEY.lock      locked while somebody makes that run
    claims/session.lock  locked by every benchmark that is at work in the folder

A line is written whole, under a lock, by a single write that is flushed to the disk; if the disk
takes only a part of it, the part is taken back.  Locks are the system's (``flock``): it releases
them when a process dies, in whatever way, so that a stale lock does not exist.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from nnff.bench.record import SCHEMA_VERSION, RunRecord
from nnff.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Store", "read_store"]


class Store:
    """The finished runs of one folder, and the right to make further ones; may be used from several threads.

    Parameters
    ----------
    folder
        Made when first written to.

    Attributes
    ----------
    records
        All that was read, in the order in which runs ended.
    flaws
        A sentence per line that is no record: what a kill in the middle of a write, or a power cut, left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[RunRecord] = []
        self.flaws: list[str] = []
        self._latest: dict[str, RunRecord] = {}
        self._ends: list[int] = []
        self._position = 0
        self._lines = 0
        self._open_line = False
        self._mutex = threading.RLock()

    @property
    def path(self) -> Path:
        """The file of the runs."""
        return self.folder / "runs.jsonl"

    def latest(self, key: str) -> RunRecord | None:
        """Return the last try at a run, as far as it was read."""
        return self._latest.get(key)

    @property
    def last_tries(self) -> list[RunRecord]:
        """The last try at every run, in the order in which they ended."""
        return [record for record in self.records if self._latest[record.key] is record]

    def refresh(self) -> None:
        """Read what was added since the last time.

        Raises
        ------
        DataError
            If a line is of another schema, or the file cannot be read.
        """
        with self._mutex:
            try:
                with self.path.open("rb") as stream, _locked(stream.fileno(), fcntl.LOCK_SH):
                    stream.seek(self._position)
                    data = stream.read()
            except FileNotFoundError:
                return
            except OSError as error:
                raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error
            for line in BytesIO(data):
                self._position += len(line)
                self._take(line)

    def append(self, record: RunRecord) -> None:
        """Write a record, whole or not at all; `refresh` reads it.

        Raises
        ------
        ConfigError
            If the system takes less than the whole line, as when the disk is full; the
            file is as it was then.
        """
        line = record.to_line().encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}") from error
        with self._mutex, _closing(descriptor), _locked(descriptor, fcntl.LOCK_EX):
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # Somebody was killed in the middle of a line; it stays as it is.
                line = b"\n" + line
            try:
                written = os.write(descriptor, line)
                if written == len(line):
                    os.fsync(descriptor)
                    return
                why = f"the disk took {written} of {len(line)} bytes"
            except OSError as error:
                why = error.strerror or str(error)
            os.ftruncate(descriptor, size)
        raise ConfigError(
            f"the run of {record.spec.instance} could not be added to {self.path} ({why}); "
            "the runs before it are kept, make room and start again"
        )

    def claim(self, key: str) -> Claim | None:
        """Reserve a run for this process; None while somebody else has it.

        What others have finished meanwhile has been read afterwards: look again whether the run is due.
        """
        path = self._claims() / f"{key}.lock"
        while True:
            descriptor = _open_lock(path)
            if not _try_lock(descriptor):
                os.close(descriptor)
                return None
            # Whoever had it before may have removed the file between our opening and our locking it.
            if _is_file_of(descriptor, path):
                break
            os.close(descriptor)
        self.refresh()
        return Claim(descriptor, path)

    def join(self) -> Session:
        """Take part in the work on this folder, together with whoever is at it already.

        The session begins when the first benchmark joins and ends with the last one.
        """
        descriptor = _open_lock(self._claims() / "session.lock")
        if _try_lock(descriptor):
            size = self.path.stat().st_size if self.path.exists() else 0
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(size).encode(), 0)
        # Not atomic: between the two locks another may come in as the first, but at the same size of
        # the file, since nobody makes a run before having joined.
        _lock(descriptor, fcntl.LOCK_SH)
        began_at = int(os.pread(descriptor, 32, 0) or b"0")
        self.refresh()
        with self._mutex:
            before = {
                record.key: record
                for record, end in zip(self.records, self._ends, strict=True)
                if end <= began_at
            }
        return Session(descriptor, before)

    def _claims(self) -> Path:
        folder = self.folder / "claims"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be made: {error.strerror or error}") from error
        return folder

    def _take(self, line: bytes) -> None:
        """Judge a line, its end included if it has one."""
        ends = line.endswith(b"\n")
        if self._open_line and line == b"\n":
            # The end of a line that was read without it.
            self._open_line = False
            return
        self._open_line = not ends
        self._lines += 1
        try:
            content = json.loads(line)
        except ValueError:
            self.flaws.append(
                f"line {self._lines} of {self.path.name} is incomplete and was left out: "
                "whoever wrote it was stopped in the middle"
            )
            return
        record = self._record(content)
        self.records.append(record)
        self._ends.append(self._position)
        self._latest[record.key] = record

    def _record(self, content: Any) -> RunRecord:
        where = f"line {self._lines} of {self.path}"
        found = content.get("schema_version") if isinstance(content, dict) else None
        if found != SCHEMA_VERSION:
            raise DataError(
                f"{where} has the schema version {found}, this nnff reads version {SCHEMA_VERSION}; "
                "read it with the nnff that wrote it, or begin another folder"
            )
        try:
            return RunRecord.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{where} is not a record of this nnff ({field}: {first['msg']})") from error


class Claim:
    """A run that nobody else makes until `release`, or until this process dies."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    def release(self) -> None:
        """Let others have it."""
        # First the name, then the lock: see `Store.claim`.
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Session:
    """Taking part in the work on a folder; ends with `leave`, or when this process dies.

    Attributes
    ----------
    before
        The last try at every run that was there when the session began.  What came later is work
        of this session, which nobody who takes part does again.
    """

    def __init__(self, descriptor: int, before: Mapping[str, RunRecord]) -> None:
        self._descriptor = descriptor
        self.before = before

    def leave(self) -> None:
        """Take part no longer."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


def read_store(folder: Path) -> Store:
    """Return the store of a folder in which runs are expected.

    Raises
    ------
    DataError
        If there are none, or they cannot be read.
    """
    store = Store(folder)
    if not store.path.is_file():
        raise DataError(f"there is no benchmark in {folder}: it has no file {store.path.name}")
    store.refresh()
    return store


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(descriptor: int, how: int) -> Iterator[None]:
    _lock(descriptor, how)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _lock(descriptor: int, how: int) -> None:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        raise
    except OSError as error:
        raise ConfigError(
            f"files in the benchmark folder cannot be locked ({error.strerror or error}); "
            "choose a folder on another file system"
        ) from error


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror or error}") from error


def _try_lock(descriptor: int) -> bool:
    try:
        _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_file_of(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
