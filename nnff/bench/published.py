"""Numbers of the literature, typed in with their sources, and ours set beside them.

A table is a TOML file in the folder ``published`` of an importable package and is called
``"package:file"``, so that any distribution ships its own and a suite names it in
`Suite.published`.  The file holds ``[source]``, ``[[entries]]``, ``[[unchecked]]`` (what was looked
for and could not be seen) and ``[defaults]``, values for entries that do not give their own.

Nobody checks these numbers but their reader: each says where it was seen, and one that is not
a bound says why.
"""

from __future__ import annotations

import enum
import math
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.resources import files
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nnff.bench.record import Outcome
from nnff.errors import ConfigError, DataError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.resources.abc import Traversable

    from nnff.bench.record import RunRecord
    from nnff.bench.suite import Suite

__all__ = [
    "BesideRow",
    "Entry",
    "NumberKind",
    "Ours",
    "PublishedTable",
    "Source",
    "Unchecked",
    "beside",
    "load_published",
    "published_tables",
]

Text = Annotated[str, Field(min_length=1)]


class NumberKind(enum.StrEnum):
    """What sort of number was published."""

    CERTIFIED = "certified bound"
    """No pair of the domain differs by more, says its source."""
    INCUMBENT = "value of a solver's point"
    """The best point of a relaxation; neither a bound nor a real pair."""
    WITNESSED = "reached by a real pair"
    DATA_PAIRS = "over pairs of data rows"
    APPROXIMATE = "approximate"
    """Computed on something that replaces the network."""
    SHARE = "share"
    COUNT = "count"
    TIME = "time"

    @property
    def is_delta(self) -> bool:
        """Whether the number is a difference of outputs."""
        return self not in (NumberKind.SHARE, NumberKind.COUNT, NumberKind.TIME)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Value):
    """Who published the numbers, and where they were read for this table."""

    title: Text
    authors: Text
    venue: Text
    year: int | None = Field(default=None, description="None if it is not known.")
    address: str = ""
    seen: Text = Field(description="The text in which every number of the table was read.")


class Ours(_Value):
    """Which of our numbers belongs beside a published one."""

    suite: Text
    instances: Text = Field(description="Name of an instance, or a shell pattern.")
    quantity: str = Field(
        pattern=r"^(delta_lower|delta_upper|closed_form|delta_data|seconds|total_seconds|extra\.\w+)$",
        description="Field of `RunRecord`, or extra.NAME.",
    )
    over: Literal["each", "largest", "smallest"] = Field(
        default="each", description="One row per instance, or the extreme one of those that were run."
    )

    def matches(self, suite: str, instance: str) -> bool:
        """Tell whether that instance of that suite is meant."""
        return suite == self.suite and fnmatchcase(instance, self.instances)


class Entry(_Value):
    """One published number."""

    id: str = Field(pattern=r"^[a-z0-9.-]+$", description="Unique within the table.")
    place: Text = Field(description="Table, figure, file or section.")
    page: Text = Field(description='Page, or why there is none: "a file", "not known".')
    quantity: Text
    model: Text
    data: Text
    printed: str = Field(description="The number as it is printed, all digits.")
    unit: Text
    kind: NumberKind
    bound: bool = Field(description="Whether no pair of the whole domain can differ by more.")
    reason: str = Field(default="", description="Why it is not a bound.")
    ours: Ours | None = None
    none_here: str = Field(default="", description="Why nothing of ours corresponds to it.")
    differs: str = Field(default="", description="What is different where ours is set beside it.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not re.fullmatch(r"-?\d+(\.\d+)?", self.printed):
            raise ValueError(f"entry {self.id}: {self.printed!r} is not a printed number")
        if self.bound == bool(self.reason):
            raise ValueError(f"entry {self.id}: either it is a bound, or there is a reason why not")
        if self.bound and self.kind is not NumberKind.CERTIFIED:
            raise ValueError(f"entry {self.id}: a number that is {self.kind.value} is no bound")
        if (self.ours is None) != bool(self.none_here):
            raise ValueError(f"entry {self.id}: either ours corresponds, or it says why nothing does")
        if (self.ours is None) == bool(self.differs):
            raise ValueError(f"entry {self.id}: what differs is said exactly where ours is set beside it")
        return self

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def decimals(self) -> int:
        """How many digits are printed behind the point."""
        return len(self.printed.partition(".")[2])


class Unchecked(_Value):
    """What was looked for and could not be seen, so that no number of it is given."""

    what: Text
    source: Text
    why: Text


class PublishedTable(_Value):
    """The numbers of one publication."""

    name: Text = Field(description='"package:file".')
    title: Text
    about: Text = Field(description="What a reader must know before comparing.")
    source: Source
    entries: tuple[Entry, ...]
    unchecked: tuple[Unchecked, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        twice = [name for name, count in Counter(entry.id for entry in self.entries).items() if count > 1]
        if twice:
            raise ValueError(f"two entries are called {twice[0]!r}")
        if not (self.entries or self.unchecked):
            raise ValueError("the table is empty")
        return self


def load_published(name: str) -> PublishedTable:
    """Read a table.

    Parameters
    ----------
    name
        ``"package:file"``: the file ``published/file.toml`` of that package.

    Raises
    ------
    ConfigError
        If the name is not of this form.
    DataError
        If there is no such package, or the file is not a complete table.
    UnknownNameError
        If the package has no such table.
    """
    package, _, table = name.partition(":")
    if not (re.fullmatch(r"\w+(\.\w+)*", package) and re.fullmatch(r"[\w-]+", table)):
        raise ConfigError(f"{name!r} names no published table; write package:file")
    try:
        folder = files(package) / "published"
    except ModuleNotFoundError as error:
        raise DataError(f"the package of the published table {name!r} is not installed") from error
    resource = folder / f"{table}.toml"
    if not resource.is_file():
        raise UnknownNameError("published table", name, [f"{package}:{stem}" for stem in _stems(folder)])
    try:
        content = tomllib.loads(resource.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"the published table {name!r} is not TOML: {error}") from error
    return _table(name, content)


def _stems(folder: Traversable) -> list[str]:
    if not folder.is_dir():
        return []
    return [item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")]


def _table(name: str, content: dict[str, Any]) -> PublishedTable:
    defaults = content.pop("defaults", {})
    entries = [{**defaults, **entry} for entry in content.pop("entries", [])]
    try:
        return PublishedTable.model_validate({**content, "name": name, "entries": entries})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"the published table {name!r} is not complete: {where}: {first['msg']}") from error


def published_tables(suites: Iterable[Suite]) -> tuple[PublishedTable, ...]:
    """Read the tables that the suites name, each once, in the order of the suites.

    Raises
    ------
    NnffError
        As `load_published`.
    """
    names = dict.fromkeys(name for suite in suites for name in suite.published)
    return tuple(load_published(name) for name in names)


@dataclass(frozen=True)
class BesideRow:
    """A published number and one of ours.

    Attributes
    ----------
    entry
        The published number, with what it is and what differs.
    instance
        Our instance; "" if nothing corresponds or nothing was run.
    contender
        Backend and strategy, for times; "" where the number is the best over all.
    value
        Our number, or None if nothing corresponds or nothing was run.
    runs, solved
        Number of runs behind it, and how many of these answered their question; a time of one that did
        not is the limit.
    among
        Of how many instances it is the extreme one; 1 for one row per instance.
    witnessed
        The largest difference that a real pair of ours reached on that instance.
    certified
        The least certified bound of ours on that instance.
    """

    entry: Entry
    instance: str = ""
    contender: str = ""
    value: float | None = None
    runs: int = 0
    solved: int = 0
    among: int = 1
    witnessed: float | None = None
    certified: float | None = None

    @property
    def same_digits(self) -> bool | None:
        """Whether ours, rounded to as many decimals, is what was printed; None if there is no comparing."""
        if self.value is None or not math.isfinite(self.value) or not self.entry.kind.is_delta:
            return None
        return f"{self.value:.{self.entry.decimals}f}" == self.entry.printed

    @property
    def relative(self) -> float | None:
        """(ours - published) / |published|; None if there is no comparing, or 0 was published.

        Differences of outputs and times are compared, shares and counts are not.
        """
        kind = self.entry.kind
        comparable = kind.is_delta or (kind is NumberKind.TIME and bool(self.contender))
        if self.value is None or not comparable or self.entry.value == 0:
            return None
        return (self.value - self.entry.value) / abs(self.entry.value)

    @property
    def exceeded(self) -> bool:
        """Whether a real pair of ours differs by more, so that the published number is no bound here.

        Only for differences of outputs on the very instance, and beyond half a unit of the last
        printed digit.
        """
        ours = self.entry.ours
        if self.witnessed is None or ours is None or ours.over != "each" or not self.entry.kind.is_delta:
            return False
        return self.witnessed > self.entry.value + 0.5 * 10.0**-self.entry.decimals


_TIMES = ("seconds", "total_seconds")
_FAILED = (Outcome.ERROR, Outcome.OUT_OF_MEMORY)


def beside(table: PublishedTable, records: Iterable[RunRecord]) -> tuple[BesideRow, ...]:
    """Set our numbers beside the published ones, in the order of the table.

    Control runs and failed runs are left out.  Of several runs of one instance the best bound of either
    side counts, because both are valid; other numbers are medians; times are medians per backend
    and strategy, because they belong to these.

    Parameters
    ----------
    table
        What was published.
    records
        Runs of any suites.

    Returns
    -------
    One row per entry and instance that was run (entries "over" several: one row); an entry
    without ours has one row without a value.
    """
    runs = [r for r in records if r.spec.role == "measure" and r.outcome not in _FAILED]
    return tuple(row for entry in table.entries for row in _rows(entry, runs))


def _rows(entry: Entry, records: Sequence[RunRecord]) -> list[BesideRow]:
    ours = entry.ours
    if ours is None:
        return [BesideRow(entry)]
    by_instance: dict[str, list[RunRecord]] = {}
    for record in records:
        if ours.matches(record.spec.suite, record.spec.instance):
            by_instance.setdefault(record.spec.instance, []).append(record)
    rows = [row for name, runs in by_instance.items() for row in _instance_rows(entry, ours, name, runs)]
    if ours.over != "each" and rows:
        rows = _extremes(rows, largest=ours.over == "largest")
    return rows or [BesideRow(entry)]


def _instance_rows(entry: Entry, ours: Ours, instance: str, runs: Sequence[RunRecord]) -> list[BesideRow]:
    """Return one row; for times, one per contender."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(_contender(run) if ours.quantity in _TIMES else "", []).append(run)
    rows = []
    for contender, group in groups.items():
        value, count = _combined(ours.quantity, group)
        if value is not None:
            row = BesideRow(
                entry,
                instance,
                contender,
                value,
                runs=count,
                solved=sum(run.outcome.solved for run in group),
                witnessed=max(run.delta_lower for run in runs),
                certified=min(run.delta_upper for run in runs),
            )
            rows.append(row)
    return rows


def _contender(record: RunRecord) -> str:
    return ", ".join(part for part in (record.spec.backend, record.spec.strategy) if part)


def _extremes(rows: list[BesideRow], *, largest: bool) -> list[BesideRow]:
    """Return, per contender, the row with the extreme value."""
    chosen = []
    for contender in dict.fromkeys(row.contender for row in rows):
        own = [row for row in rows if row.contender == contender]
        best = (max if largest else min)(own, key=lambda row: row.value or 0.0)
        chosen.append(replace(best, among=len(own)))
    return chosen


def _combined(quantity: str, records: Sequence[RunRecord]) -> tuple[float | None, int]:
    """Return one number for several runs of the same instance, and how many had it."""
    name = quantity.removeprefix("extra.")
    found = [r.extra.get(name) if name != quantity else getattr(r, quantity) for r in records]
    values = [float(value) for value in found if value is not None]
    if not values:
        return None, 0
    if quantity == "delta_lower":
        return max(values), len(values)
    if quantity in ("delta_upper", "closed_form"):
        return min(values), len(values)
    return median(values), len(values)
