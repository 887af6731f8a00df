"""A training that goes on from a checkpoint ends as if it had never stopped."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.errors import DataError
from nnff.training import IFRegressor


def _table():
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (40, 3))
    return X, X @ [1.0, -2.0, 0.5]


def _model(path, **changes):
    known = {"plain_epochs": 7, "epochs": 11, "batch_size": 16, "random_state": 5, "checkpoint_every": 3}
    return IFRegressor((4,), checkpoint=path, **{**known, **changes})


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("adversary", ["gradient", "random"])
def test_resuming_gives_the_same_weights(tmp_path, early_stopping, adversary):
    X, y = _table()
    changes = {"early_stopping": early_stopping, "adversary": adversary}
    whole = _model(None, **changes).fit(X, y)
    path = tmp_path / "training.npz"
    _model(path, **changes, epochs=4).fit(X, y)
    resumed = _model(path, **changes).fit(X, y)
    np.testing.assert_array_equal(resumed.theta_, whole.theta_)
    assert resumed.objective_curve_ == whole.objective_curve_


def test_an_interrupted_training_leaves_its_last_checkpoint(tmp_path, monkeypatch):
    X, y = _table()
    path = tmp_path / "training.npz"
    from nnff.training import trainer

    once = trainer.Trainer.epoch

    def interrupted(self, state):
        if state.epoch == 10:
            raise KeyboardInterrupt
        return once(self, state)

    monkeypatch.setattr(trainer.Trainer, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _model(path).fit(X, y)
    monkeypatch.undo()
    counted = []
    monkeypatch.setattr(trainer.Trainer, "epoch", lambda self, s: counted.append(s.epoch) or once(self, s))
    resumed = _model(path).fit(X, y)
    assert counted[0] == 9
    np.testing.assert_array_equal(resumed.theta_, _model(None).fit(X, y).theta_)


@pytest.mark.parametrize("changes", [{"lam": 0.4}, {"random_state": 6}, {"plain_epochs": 8}])
def test_another_trainings_checkpoint_is_refused(tmp_path, changes):
    X, y = _table()
    path = tmp_path / "training.npz"
    _model(path).fit(X, y)
    with pytest.raises(DataError, match="other data or settings"):
        _model(path, **changes).fit(X, y)
    with pytest.raises(DataError, match="other data or settings"):
        _model(path).fit(X, y + 1e-9 * np.arange(40))


def test_a_file_that_is_no_checkpoint(tmp_path):
    X, y = _table()
    path = tmp_path / "training.npz"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="is not a checkpoint"):
        _model(path).fit(X, y)


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    X, y = _table()
    with pytest.raises(DataError, match="cannot be written"):
        _model(tmp_path / "nowhere" / "training.npz").fit(X, y)
