"""Messages stay sentences, however many names there are."""

from __future__ import annotations

import pickle

from nnff.errors import UnknownNameError


def test_few_names_are_listed_and_the_nearest_suggested():
    assert str(UnknownNameError("solver", "higs", ["ortools", "highs"])) == (
        "no solver is called 'higs'; known: highs, ortools (did you mean 'highs'?)"
    )


def test_of_many_names_some_are_listed_and_the_nearest_of_all_suggested():
    error = UnknownNameError("instance", "draw-999x", [f"draw-{k:03d}" for k in range(1000)])
    text = str(error)
    assert "and 990 more (did you mean 'draw-999'?)" in text
    assert len(text) < 250
    assert str(pickle.loads(pickle.dumps(error))) == text
