from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.domain import Domain, feature_indices
from nnff.errors import DataError, DomainError
from nnff.network import Layer, Network

bounds = st.one_of(st.floats(-1e3, 1e3), st.integers(-20, 20).map(float), st.floats(-1e300, 1e300))


@st.composite
def domains(draw):
    """Boxes of one to four features, some of them integer, fixed or very wide."""
    size = draw(st.integers(1, 4))
    low, high, integer, immutable = [], [], [], []
    for _ in range(size):
        ends = sorted([draw(bounds), draw(bounds)])
        if draw(st.booleans()):
            ends[1] = ends[0]
        whole = draw(st.booleans()) and np.ceil(ends[0]) <= np.floor(ends[1])
        low.append(ends[0])
        high.append(ends[1])
        integer.append(bool(whole))
        immutable.append(draw(st.booleans()))
    return Domain(np.array(low), np.array(high), np.array(integer), np.array(immutable))


@given(domain=domains(), seed=st.integers(0, 2**32 - 1))
def test_samples_lie_in_the_domain(domain, seed):
    points = domain.sample(20, np.random.default_rng(seed))
    assert points.shape == (20, domain.n_features)
    assert domain.contains(points).all()


def test_samples_reach_every_point_of_a_small_domain_and_both_halves_of_a_range():
    domain = Domain.from_box([-1, 0], [2, 1], integer=[0])
    points = domain.sample(400, np.random.default_rng(0))
    values, counts = np.unique(points[:, 0], return_counts=True)
    assert values.tolist() == [-1, 0, 1, 2]
    assert counts.min() > 60
    assert points[:, 1].min() < 0.05
    assert points[:, 1].max() > 0.95


def test_samples_repeat_with_the_seed():
    domain = Domain.from_box([0, 0], [9, 1], integer=[0])
    first, second = (domain.sample(5, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)


@given(domain=domains(), seed=st.integers(0, 2**32 - 1))
def test_nearest_is_in_the_domain_and_moves_nothing_that_was(domain, seed):
    rng = np.random.default_rng(seed)
    outside = rng.normal(scale=2e3, size=(10, domain.n_features))
    near = domain.nearest(outside)
    assert domain.contains(near).all()
    assert np.array_equal(domain.nearest(near), near)
    inside = domain.sample(10, rng)
    # No sampled point of the domain is closer in any coordinate.
    assert (np.abs(near - outside) <= np.abs(inside - outside) + 1e-9 * np.abs(outside)).all()


def test_integer_ranges_are_tightened_to_integers():
    domain = Domain.from_box([-0.5, 0.2], [2.7, 0.9], integer=["a"], feature_names=("a", "b"))
    assert domain.lower.tolist() == [0, 0.2]
    assert domain.upper.tolist() == [2, 0.9]
    assert domain == Domain.from_box([0, 0.2], [2, 0.9], integer=["a"], feature_names=("a", "b"))


def test_contains_is_exact():
    domain = Domain.from_box([0, 0], [1, 3], integer=[1])
    just_out = np.nextafter(1, 2)
    rows = [[0, 0], [1, 3], [just_out, 1], [0.5, 1.5], [0.5, np.nextafter(1, 2)], [-5e-324, 1], [np.nan, 1]]
    assert domain.contains(rows).tolist() == [True, True, False, False, False, False, False]
    assert domain.contains([0.5, 2]).tolist() == [True]


def test_contains_pair_asks_for_equal_immutable_features():
    domain = Domain.from_box([0, 0], [1, 1], immutable=["x1"])
    first = np.array([[0.2, 0.5], [0.2, 0.5], [0.2, 0.5]])
    second = np.array([[0.9, 0.5], [0.9, np.nextafter(0.5, 1)], [1.1, 0.5]])
    assert domain.contains_pair(first, second).tolist() == [True, False, False]
    assert domain.contains_pair(second, first).tolist() == [True, False, False]


@pytest.mark.parametrize("rows", [[1.0], [[1.0]], [[1.0], [2.0]], np.zeros((2, 2, 2)), [[1.0, 2.0, 3.0]]])
def test_rows_of_another_size_are_refused(rows):
    domain = Domain.from_box([0, 0], [1, 1])
    for ask in (domain.contains, domain.nearest, lambda x: domain.contains_pair(x, [[0, 0]])):
        with pytest.raises(DomainError, match="the domain has 2 features, got an array of shape"):
            ask(rows)


def test_number_of_points():
    assert Domain.from_box([0, 1, 5], [3, 2, 5], integer="all").n_points == 8
    assert Domain.from_box([0, 1.5], [3, 1.5], integer=[0]).n_points == 4
    assert Domain.from_box([0, 1.5], [3, 1.6], integer=[0]).n_points is None
    assert Domain.from_box([-1e12], [1e12], integer="all").n_points == 2 * 10**12 + 1


def test_from_data_is_the_smallest_box():
    rows = np.array([[1.0, 5.0, 2.0], [-1.0, 5.0, 3.5]])
    domain = Domain.from_data(rows, immutable=[2])
    assert domain.lower.tolist() == [-1, 5, 2]
    assert domain.upper.tolist() == [1, 5, 3.5]
    assert domain.width.tolist() == [2, 0, 1.5]
    assert domain.contains(rows).all()
    assert domain.immutable.tolist() == [False, False, True]


def test_from_data_takes_the_names_of_a_data_frame():
    frame = pd.DataFrame({"age": [17, 90], "sex": [0, 1], "married": [True, False]})
    domain = Domain.from_data(frame, integer="all", immutable=["age"])
    assert domain.feature_names == ("age", "sex", "married")
    assert domain.integer.all()
    assert Domain.from_data(frame, feature_names=("a", "b", "c")).feature_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        ([[1.0, np.nan]], ("a", "b"), "the data holds nan in row 0, b; remove or fill it first"),
        ([[1.0, 2.0], [np.inf, 1.0]], (), "the data holds inf in row 1, column 0"),
        (np.zeros((0, 2)), (), "at least one row"),
        ([1.0, 2.0], (), "at least one row"),
        ([["a", 2.0]], (), "not a number"),
        ([[np.nan, 2.0]], ("a",), "2 columns but 1 feature names"),
    ],
)
def test_bad_data_is_refused(rows, names, message):
    with pytest.raises(DataError, match=message):
        Domain.from_data(rows, feature_names=names)


def test_from_network_takes_the_ranges_of_the_file():
    layer = Layer([[1.0, 2.0]], [0.0])
    network = Network((layer,), feature_names=("a", "b"), input_range=np.array([[0, 1], [2, 3]]))
    domain = Domain.from_network(network, integer=["a"])
    assert (domain.lower.tolist(), domain.upper.tolist()) == ([0, 1], [2, 3])
    assert domain.feature_names == ("a", "b")
    assert domain.integer.tolist() == [True, False]
    with pytest.raises(
        DomainError, match="the model in memory states no input ranges; take the domain from data"
    ):
        Domain.from_network(Network((layer,)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [1.0, 2.0]), r"as many lower as upper bounds, got shapes \(1,\) and \(2,\)"),
        (([], []), "as many lower as upper"),
        (([[0.0]], [[1.0]]), "as many lower as upper"),
        (([1.0], [0.0]), r"the domain is empty: empty range \[1, 0\] for feature x0"),
        (([0.2], [0.8], [True]), r"the domain is empty: no whole number in \[0.2, 0.8\] for feature x0"),
        (([0.0], [np.inf]), "must be finite"),
        (([np.nan], [1.0]), "must be finite"),
        (([-1.7e308], [1.7e308]), "must be finite"),
        (([0.0], [1.0], [True, False]), "'integer' must hold True or False for each of 1 features"),
        (([0.0, 0.0], [1.0, 1.0], [0, 1]), "'integer' must hold True or False"),
        (([0.0, 0.0], [1.0, 1.0], None, [1, 1]), "'immutable' must hold True or False"),
        (([0.0], [1.0], None, None, ("a", "b")), "1 features but 2 feature names"),
        (([0.0, 0.0], [1.0, 1.0], None, None, ("a", "a")), "two features of the domain are called 'a'"),
    ],
)
def test_bad_domains_are_refused(arguments, message):
    with pytest.raises(DomainError, match=message):
        Domain(*arguments)


def test_from_box_refuses_names_that_do_not_fit():
    for integer in ("all", [2], ()):
        with pytest.raises(DomainError, match="2 features but 3 feature names"):
            Domain.from_box([0, 0], [1, 1], integer=integer, feature_names=("a", "b", "c"))


def test_features_by_name_index_or_all():
    names = ("age", "sex", "race")
    assert feature_indices("all", names) == [0, 1, 2]
    assert feature_indices("sex", names) == [1]
    assert feature_indices(["race", 0, np.int64(1)], names) == [2, 0, 1]
    assert feature_indices((), names) == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["rase"], "there is no feature 'rase'; did you mean 'race'"),
        (["zzz"], "there is no feature 'zzz'; the features are age, sex, race"),
        ([3], "there is no feature 3; indices go from 0 to 2"),
        ([-1], "there is no feature -1"),
        ([1.5], "there is no feature 1.5; an index is a whole number"),
        ([True, False, True], "not by True and False"),
        (np.array([True, False, True]), "not by True and False"),
    ],
)
def test_features_that_are_not_there_are_refused(chosen, message):
    with pytest.raises(DomainError, match=message):
        feature_indices(chosen, ("age", "sex", "race"))


def test_domains_compare_by_content():
    domain = Domain.from_box([0], [1])
    assert domain == Domain.from_box([0], [1])
    assert domain != Domain.from_box([0], [1], integer=[0])
    assert domain != Domain.from_box([0], [1], immutable=[0])
