from __future__ import annotations

import copy
import enum
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.values import ContentValue, frozen_array, frozen_mask


@dataclass(frozen=True, eq=False)
class Value(ContentValue):
    """A value with one field that counts and one that does not."""

    content: Any
    note: str = field(default="", metadata={"fingerprint": False})


@dataclass(frozen=True, eq=False)
class Other(ContentValue):
    """The same field under another type."""

    content: Any


class Colour(enum.StrEnum):
    RED = "red"


def test_frozen_array_is_a_read_only_contiguous_copy_of_doubles():
    source = np.array([[1, 2], [3, 4]], dtype=np.int32).T
    array = frozen_array(source)
    source[0, 0] = 9
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert array.tolist() == [[1, 3], [2, 4]]
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 5


def test_frozen_array_of_a_frozen_array_is_another():
    first = frozen_array([1.0])
    assert frozen_array(first) is not first


def test_frozen_mask_is_a_read_only_copy_of_booleans():
    source = np.array([True, False])
    mask = frozen_mask(source)
    source[0] = False
    assert mask.tolist() == [True, False]
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = False


contents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


def spelled(content: Any) -> str:
    """Write a content so that two spellings agree exactly when type and value agree."""
    if isinstance(content, tuple):
        return "(" + ",".join(spelled(item) for item in content) + ")"
    if isinstance(content, Mapping):
        return "{" + ",".join(f"{key!r}:{spelled(content[key])}" for key in sorted(content)) + "}"
    return repr(0.0 if content == 0 and isinstance(content, float) else content)


@given(first=contents, second=contents)
def test_values_are_equal_exactly_when_their_contents_are(first, second):
    one, two = Value(first), Value(second)
    assert (one == two) == (spelled(first) == spelled(second))
    assert Value(first) == one
    assert hash(Value(first)) == hash(one)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("ab", "c"), ("a", "bc")),
        ((("a",), "b"), ("a", ("b",))),
        (1, True),
        (1, 1.0),
        ("1", 1),
        (None, "None"),
        (Colour.RED, "red"),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.array([1.0, 2.0]), (1.0, 2.0)),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ],
)
def test_contents_that_look_alike_are_told_apart(first, second):
    assert Value(first) != Value(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([0.0, 1.0]), np.array([-0.0, 1.0])),
        (0.0, -0.0),
        (0.25, np.float64(0.25)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    ],
)
def test_contents_that_compare_equal_have_one_fingerprint(first, second):
    assert Value(first) == Value(second)
    assert Value(first).fingerprint == Value(second).fingerprint


def test_fingerprint_is_64_digits_and_the_same_in_every_process():
    # Python's own hash of a string differs from process to process; this must not.
    assert Value(("a", 1.5)).fingerprint == Value(("a", 1.5)).fingerprint
    assert len(Value(0).fingerprint) == 64
    assert int(Value(0).fingerprint, 16) > 0


def test_type_counts_and_notes_do_not():
    assert Value(1) != Other(1)
    assert Value(1) != 1
    assert Value(1, note="here") == Value(1, note="there")


def test_nested_values_count():
    assert Value((Value(1),)) == Value((Value(1),))
    assert Value((Value(1),)) != Value((Value(2),))


@pytest.mark.parametrize("content", [object(), {1, 2}, np.array([object()]), 1j])
def test_contents_without_a_fingerprint_are_refused(content):
    with pytest.raises(TypeError, match="cannot fingerprint"):
        _ = Value(content).fingerprint


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_equal_and_read_only(again):
    value = Value(frozen_array([1.0, 2.0]))
    fingerprint = value.fingerprint
    other = again(value)
    assert other == value
    assert "fingerprint" in other.__dict__  # computed anew by the comparison
    assert other.fingerprint == fingerprint
    with pytest.raises(ValueError, match="read-only"):
        other.content[0] = 7
