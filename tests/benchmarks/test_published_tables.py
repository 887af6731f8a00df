"""The tables that ship: complete, about instances that exist, and true where that can be checked."""

from __future__ import annotations

import itertools
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from nnff import read_network
from nnff.bench import Outcome, RunRecord, RunSpec, load_suite
from nnff.bench.published import beside, load_published
from nnff.errors import DataError

NAMES = sorted(
    f"nnff_suites:{item.name.removesuffix('.toml')}"
    for item in (files("nnff_suites") / "published").iterdir()
    if item.name.endswith(".toml")
)


def test_the_tables_are_found():
    assert NAMES == ["nnff_suites:benussi", "nnff_suites:fairify", "nnff_suites:founding"]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_says_where_it_was_seen_and_what_it_is(name):
    table = load_published(name)
    assert table.entries
    for text in (table.about, table.source.seen):
        assert len(text) > 60
    for entry in table.entries:
        assert entry.bound is False
        assert len(entry.reason) > 5
        # Whole words that a reader sees, not leftovers of typing.
        for text in (entry.place, entry.quantity, entry.reason, entry.differs, entry.none_here):
            assert "  " not in text.replace(".  ", ". ")
            assert "\n" not in text


@cache
def suite_or_skip(name):
    try:
        return load_suite(name)
    except DataError as error:
        pytest.skip(f"suite {name}: {error}")


@pytest.mark.parametrize("name", NAMES)
def test_every_counterpart_is_an_instance_of_a_suite_that_shows_the_table(name):
    for ours in {e.ours for e in load_published(name).entries if e.ours is not None}:
        suite = suite_or_skip(ours.suite)
        assert name in suite.published
        matching = [i for i in suite.instances if ours.matches(ours.suite, i.name)]
        assert matching, ours
        assert len(matching) == 1 or ours.over != "each", ours
        if ours.quantity.startswith("extra."):
            assert ours.quantity.removeprefix("extra.") in matching[0].extra(matching[0].build())


def founding_rows():
    """Rows for records of the suite, with bounds from its known values: no run is needed."""
    suite = suite_or_skip("boston")
    records = []
    for instance in suite.instances:
        if instance.epsilon == 0.3:
            spec = RunSpec(
                suite="boston",
                instance=instance.name,
                strategy="relational",
                backend="highs",
                seed=0,
                time_limit=20,
                gap=1e-3,
            )
            records.append(
                RunRecord(
                    key=spec.key,
                    spec=spec,
                    outcome=Outcome.CLOSED,
                    delta_lower=instance.known.lower,
                    delta_upper=instance.known.upper,
                    extra=dict(instance.extra(instance.build())),
                )
            )
    return beside(load_published("nnff_suites:founding"), records)


def test_the_founding_figures_are_ours_to_the_last_digit_and_no_bounds():
    rows = {row.entry.id: row for row in founding_rows()}
    for name in ("second-chord-slope", "first-sawtooth", "first-exact", "second-exact"):
        assert rows[name].same_digits, rows[name]
        assert rows[name].exceeded, rows[name]
    assert f"{rows['first-sawtooth'].certified:.2f}" == "42.77"
    assert rows["draws-largest"].among == rows["draws-smallest"].among == 20
    assert rows["draws-smallest"].value < rows["draws-largest"].value
    assert rows["gradient-best"].value is None


def test_numbers_of_two_copies_cannot_all_be_optima():
    """Delta never falls when epsilon grows and is never negative; the reasons that the table gives."""
    entries = {entry.id: entry for entry in load_published("nnff_suites:benussi").entries}
    crime = [entries[f"crime.16.0.{eps}"] for eps in ("01", "05", "10", "15", "20", "25")]
    falls = [b for a, b in itertools.pairwise(crime) if b.value < a.value]
    assert {e.id for e in entries.values() if e.reason.startswith("Not the optimum")} == {e.id for e in falls}
    assert falls
    negative = [e for e in entries.values() if e.value < 0]
    assert [e.id for e in negative] == [e.id for e in entries.values() if e.reason.startswith("Negative")]


# Pairs in Fairify's result files: one input, the protected one is 0 in one of the two and 1 in the other.
FLIPS = {
    "AC-1": (
        8,
        [[20, 2, 15, 15, 0, 10, 5, 4, 1, 0, 15, 61, 29], [99, 5, 10, 16, 1, 13, 5, 1, 0, 1, 0, 12, 40]],
    ),
    "AC-10": (
        8,
        [[30, 4, 5, 15, 4, 9, 5, 2, 1, 0, 11, 27, 11], [18, 0, 10, 9, 2, 11, 0, 0, 1, 0, 10, 81, 31]],
    ),
    "GC-3": (
        11,
        [
            [2, 70, 1, 9, 3800, 0, 2, 1, 0, 1, 2, 1, 2, 2, 4, 3, 1, 1, 0, 1],
            [0, 80, 0, 5, 299, 0, 2, 1, 0, 4, 2, 1, 0, 0, 4, 0, 1, 0, 0, 0],
        ],
    ),
    "BM-6": (
        0,
        [
            [0, 10, 2, 6, 0, 1, 1, 1, 9, 6, 1701, -3, 50, 41, 7, 1],
            [0, 0, 0, 0, 1, 1, 0, 0, 11, 1, 502, 1, 14, 4, 7, 0],
        ],
    ),
}


@pytest.mark.parametrize("name", FLIPS)
def test_published_pairs_have_different_classes_in_our_copies_of_the_networks(data_home, name):
    """So these are the same networks, and the protected input is where the table says."""
    path = data_home / "networks" / f"{name}.nnet"
    if not path.is_file():
        pytest.skip(f"needs networks/{name}.nnet of NNFF_DATA_HOME")
    network = read_network(path, output_activation="sigmoid")
    protected, inputs = FLIPS[name]
    for values in inputs:
        pair = np.array([values, values], dtype=float)
        pair[:, protected] = (0, 1)
        low, high = sorted(network.predict(pair))
        assert low < 0.5 < high
