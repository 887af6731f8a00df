"""Tables of published numbers: found in anybody's package, complete or refused, and ours beside them."""

from __future__ import annotations

import math
import sys

import pytest

from nnff.bench import Outcome, RunRecord, RunSpec, Suite
from nnff.bench.published import (
    NumberKind,
    PublishedTable,
    beside,
    load_published,
    published_tables,
)
from nnff.errors import ConfigError, DataError, UnknownNameError

HEAD = """
title = "A table"
about = "What to know."
[source]
title = "A paper"
authors = "A. Uthor"
venue = "A journal"
year = 2020
seen = "the paper"
[defaults]
page = "7"
unit = "output"
model = "a network"
data = "a data set"
"""

NUMBER = """
[[entries]]
id = "one"
place = "Table 1"
quantity = "delta"
printed = "0.50"
kind = "certified bound"
bound = true
ours = { suite = "s", instances = "a-*", quantity = "delta_upper" }
differs = "the machine"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A third party's package ``somebodys_suites``; call it to write a table."""
    folder = tmp_path / "somebodys_suites" / "published"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "somebodys_suites", raising=False)

    def write(content, name="theirs"):
        (folder / f"{name}.toml").write_text(content, encoding="utf-8")
        return f"somebodys_suites:{name}"

    yield write
    sys.modules.pop("somebodys_suites", None)


def test_anybodys_package_ships_a_table(package):
    name = package(HEAD + NUMBER)
    table = load_published(name)
    (entry,) = table.entries
    assert table.name == name
    assert (entry.page, entry.unit) == ("7", "output")
    assert (entry.value, entry.decimals) == (0.5, 2)
    assert table.source.year == 2020
    assert PublishedTable.model_validate(table.model_dump()) == table


def test_an_entry_may_have_its_own_value_in_place_of_the_default(package):
    name = package(HEAD + NUMBER.replace('id = "one"', 'id = "one"\npage = "8"'))
    assert load_published(name).entries[0].page == "8"


def test_suites_name_their_tables(package):
    first, second = package(HEAD + NUMBER, "first"), package(HEAD + NUMBER, "second")
    suites = [Suite("s", "", (), published=(second, first)), Suite("t", "", (), published=(first,))]
    assert [table.name for table in published_tables(suites)] == [second, first]


@pytest.mark.parametrize("name", ["founding", "a:b:c", ":b", "a:", "../x:y", "a:../b", "a b:c"])
def test_a_name_is_a_package_and_a_file(name):
    with pytest.raises(ConfigError, match="write package:file"):
        load_published(name)


def test_a_missing_package_or_table_is_named(package):
    package(HEAD + NUMBER)
    with pytest.raises(DataError, match="'nobodys_suites:theirs' is not installed"):
        load_published("nobodys_suites:theirs")
    with pytest.raises(UnknownNameError, match="did you mean 'somebodys_suites:theirs'"):
        load_published("somebodys_suites:their")
    with pytest.raises(UnknownNameError, match="known: none"):
        load_published("nnff:theirs")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('printed = "0.50"', 'printed = "about 0.5"', "not a printed number"),
        ('printed = "0.50"', 'printed = ".5"', "not a printed number"),
        ("bound = true", "bound = false", "a reason why not"),
        ("bound = true", 'bound = true\nreason = "sampled"', "a reason why not"),
        ('"certified bound"', '"approximate"', "is no bound"),
        ('"certified bound"', '"a guess"', "kind"),
        ('differs = "the machine"', "", "what differs"),
        ('differs = "the machine"', 'differs = "x"\nnone_here = "y"', "why nothing does"),
        ('ours = { suite = "s", instances = "a-*", quantity = "delta_upper" }', "", "why nothing does"),
        ('quantity = "delta_upper"', 'quantity = "nodes"', "quantity"),
        ('place = "Table 1"', "", "place"),
        ('place = "Table 1"', 'place = ""', "place"),
        ('id = "one"', 'id = "one"\nnote = "x"', "note"),
        ('id = "one"', 'id = "Number One"', "id"),
        ('authors = "A. Uthor"', "", "authors"),
        (NUMBER, "", "the table is empty"),
        (NUMBER, NUMBER + NUMBER, "two entries are called 'one'"),
        (NUMBER, NUMBER + "[[entries", "not TOML"),
    ],
)
def test_an_incomplete_table_is_refused_by_name(package, old, new, says):
    content = (HEAD + NUMBER).replace(old, new, 1)
    assert content != HEAD + NUMBER
    name = package(content)
    with pytest.raises(DataError, match=says) as error:
        load_published(name)
    assert name in str(error.value)


def record(instance, *, lower=0.4, upper=0.6, seconds=1.0, **fields):
    spec = RunSpec(
        suite=fields.pop("suite", "s"),
        instance=instance,
        strategy="relational",
        backend=fields.pop("backend", "highs"),
        seed=fields.pop("seed", 0),
        time_limit=10,
        gap=0.01,
        role=fields.pop("role", "measure"),
    )
    return RunRecord(
        key=spec.key,
        spec=spec,
        outcome=fields.pop("outcome", Outcome.CLOSED),
        delta_lower=lower,
        delta_upper=upper,
        seconds=seconds,
        **fields,
    )


def rows(package, records, **changes):
    content = HEAD + NUMBER
    for old, new in changes.values():
        assert old in content
        content = content.replace(old, new)
    return beside(load_published(package(content)), records)


def quantity(name, over="each"):
    return ('quantity = "delta_upper"', f'quantity = "{name}", over = "{over}"')


KIND = ('kind = "certified bound"\nbound = true', 'kind = "count"\nbound = false\nreason = "a count"')
TIME = ('kind = "certified bound"\nbound = true', 'kind = "time"\nbound = false\nreason = "a time"')


def test_the_best_bound_of_either_side_stands_beside_it(package):
    records = [
        record("a-1", lower=0.41, upper=0.62),
        record("a-1", lower=0.43, upper=0.64, seed=1, outcome=Outcome.OPEN),
        record("a-2", lower=0.51, upper=0.52, backend="cbc"),
        record("b-1", upper=0.1),
        record("a-1", upper=0.1, suite="t"),
        record("a-1", upper=0.1, role="control"),
        record("a-1", upper=0.1, outcome=Outcome.ERROR),
        record("a-1", upper=0.1, outcome=Outcome.OUT_OF_MEMORY),
    ]
    first, second = rows(package, records)
    assert (first.instance, first.contender, first.value) == ("a-1", "", 0.62)
    assert (first.runs, first.solved, first.witnessed, first.certified) == (2, 1, 0.43, 0.62)
    assert (second.instance, second.value) == ("a-2", 0.52)
    assert [row.value for row in rows(package, records, quantity=quantity("delta_lower"))] == [0.43, 0.51]


def test_without_a_run_there_is_a_row_without_a_value(package):
    (row,) = rows(package, [])
    assert (row.instance, row.value, row.same_digits, row.relative, row.exceeded) == (
        "",
        None,
        None,
        None,
        False,
    )


def test_without_a_counterpart_too(package):
    ours = (
        'ours = { suite = "s", instances = "a-*", quantity = "delta_upper" }\ndiffers = "the machine"',
        'none_here = "not ours"',
    )
    (row,) = rows(package, [record("a-1")], ours=ours)
    assert (row.value, row.entry.none_here) == (None, "not ours")


def test_times_belong_to_a_backend(package):
    records = [
        *(record("a-1", seconds=s, seed=k) for k, s in enumerate((1.0, 5.0, 2.0))),
        record("a-1", seconds=9.0, backend="cbc", upper=0.55),
    ]
    highs, cbc = rows(package, records, quantity=quantity("seconds"), kind=TIME)
    assert (highs.contender, highs.value, highs.runs) == ("highs, relational", 2.0, 3)
    assert (cbc.contender, cbc.value, cbc.runs) == ("cbc, relational", 9.0, 1)
    assert highs.certified == cbc.certified == 0.55
    assert highs.relative == pytest.approx(3.0)
    assert highs.same_digits is None


def test_extra_numbers_of_a_suite(package):
    records = [
        record("a-1", extra={"pairs_exact": 0.501}),
        record("a-2", extra={"other": 1.0}),
        record("a-3"),
    ]
    (row,) = rows(package, records, quantity=quantity("extra.pairs_exact"))
    assert (row.instance, row.value) == ("a-1", 0.501)


def test_the_extreme_of_many_instances(package):
    records = [record(f"a-{k}", lower=low, upper=low + 0.1) for k, low in enumerate((0.3, 0.7, 0.5))]
    (largest,) = rows(package, records, quantity=quantity("delta_lower", "largest"))
    (smallest,) = rows(package, records, quantity=quantity("delta_lower", "smallest"))
    assert (largest.instance, largest.value, largest.among) == ("a-1", 0.7, 3)
    assert (smallest.instance, smallest.value, smallest.among) == ("a-0", 0.3, 3)
    assert not largest.exceeded


@pytest.mark.parametrize(
    ("value", "same"), [(0.5, True), (0.5049, True), (0.4951, True), (0.5051, False), (0.51, False)]
)
def test_the_digits_that_are_printed_decide(package, value, same):
    (row,) = rows(package, [record("a-1", upper=value)])
    assert row.same_digits is same
    assert row.relative == pytest.approx(value / 0.5 - 1)


def test_an_infinite_bound_has_no_digits(package):
    (row,) = rows(package, [record("a-1", upper=math.inf, outcome=Outcome.OPEN)])
    assert row.same_digits is None
    assert row.relative == math.inf


@pytest.mark.parametrize(("lower", "exceeded"), [(0.5049, False), (0.5051, True)])
def test_a_real_pair_above_a_published_number_shows_that_it_is_no_bound(package, lower, exceeded):
    (row,) = rows(package, [record("a-1", lower=lower)])
    assert row.exceeded is exceeded
    (count,) = rows(package, [record("a-1", lower=lower)], kind=KIND)
    assert not count.exceeded
    assert count.relative is None


def test_differences_are_told_from_counts():
    assert {kind for kind in NumberKind if not kind.is_delta} == {
        NumberKind.COUNT,
        NumberKind.SHARE,
        NumberKind.TIME,
    }
