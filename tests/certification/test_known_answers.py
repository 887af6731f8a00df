"""Problems whose answer is known in closed form or by an independent optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, NonlinearConstraint, minimize
from scipy.special import expit

from nnff.certification import Reason, certify
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.similarity import metric

WEIGHT = np.array([1.3, -0.8, 0.5])
THETA = np.array([1.0, 0.5, 2.0])
MATRIX = np.array([[1.2, 0.3, 0.0], [0.3, 0.8, -0.2], [0.0, -0.2, 0.5]])
TIGHT = {"gap": 1e-4, "time_limit": 60}


def lp(p, free=()):
    theta = THETA.copy()
    theta[list(free)] = 0.0
    extra = {"looseness": 1e-5} if p == 2 else {}
    return metric("weighted-lp", p=p, weights=theta, **extra)


def mahalanobis(free=()):
    keep = np.ones(3)
    keep[list(free)] = 0.0
    return metric("mahalanobis", matrix=(MATRIX * np.outer(keep, keep)).tolist(), looseness=1e-5)


METRICS = {
    "l1": (lambda free: lp(1, free), lambda d, t: (t * np.abs(d)).sum()),
    "l2": (lambda free: lp(2, free), lambda d, t: np.sqrt((t * d**2).sum())),
    "linf": (lambda free: lp("inf", free), lambda d, t: (t * np.abs(d)).max()),
    "mahalanobis": (mahalanobis, None),
}


def largest_logit_difference(kind, free, epsilon, width):
    """max w.d over the ball, |d_i| <= width: a convex problem, by SLSQP from several starts.

    l_1 and l_inf are written with linear rows so that the problem stays smooth.
    """
    theta = THETA.copy()
    theta[list(free)] = 0.0
    keep = (theta > 0).astype(float)
    bounds = [(-width, width)] * 3
    if kind == "linf":
        rows = [LinearConstraint(np.diag(theta), -epsilon, epsilon)]
    elif kind == "l1":
        signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
        rows = [LinearConstraint(signs * theta, -np.inf, epsilon)]
    else:
        s = np.diag(theta) if kind == "l2" else MATRIX * np.outer(keep, keep)
        rows = [NonlinearConstraint(lambda d: d @ s @ d, -np.inf, epsilon**2, jac=lambda d: 2 * s @ d)]
    best = 0.0
    rng = np.random.default_rng(0)
    for _ in range(5):
        found = minimize(
            lambda d: -WEIGHT @ d,
            rng.uniform(-epsilon, epsilon, 3) * 0.1,
            jac=lambda _d: -WEIGHT,
            bounds=bounds,
            constraints=rows,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        if found.success:
            best = max(best, -found.fun)
    return best


@pytest.mark.parametrize("free", [(), (1,)], ids=["weighted", "free"])
@pytest.mark.parametrize("kind", METRICS)
def test_one_sigmoid_neuron_in_a_wide_box(kind, free):
    """Midpoint 0 is possible, so delta = tanh(D/4) with D the dual norm (and the box, where free)."""
    network = Network((Layer([WEIGHT], [0.1], "sigmoid"),))
    result = certify(network, Domain.from_box([-2] * 3, [2] * 3), METRICS[kind][0](free), 0.3, **TIGHT)
    truth = np.tanh(largest_logit_difference(kind, free, 0.3, 4.0) / 4)
    assert result.delta_upper >= truth * (1 - 1e-9)
    assert result.delta_upper == pytest.approx(truth, rel=1e-3)
    assert result.delta_lower == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize("free", [(), (1,)], ids=["weighted", "free"])
@pytest.mark.parametrize("kind", METRICS)
def test_one_sigmoid_neuron_far_from_its_middle(kind, free):
    """The box keeps the logit above 0: the midpoint matters, and the closed form alone is not tight."""
    bias = 3.0
    box = 0.5
    network = Network((Layer([WEIGHT], [bias], "sigmoid"),))
    domain = Domain.from_box([-box] * 3, [box] * 3)
    result = certify(network, domain, METRICS[kind][0](free), 0.3, **TIGHT)
    truth = oracle(kind, free, 0.3, bias, box)
    assert result.reason is Reason.GAP_CLOSED
    assert result.delta_upper >= truth * (1 - 1e-9)
    assert result.delta_upper == pytest.approx(truth, rel=1e-3)
    assert result.delta_lower <= result.delta_upper


def oracle(kind, free, epsilon, bias, box):
    """max sigma(w x'' + b) - sigma(w x' + b) over the pair itself, by SLSQP from many starts."""
    theta = THETA.copy()
    theta[list(free)] = 0.0
    keep = (theta > 0).astype(float)
    difference = np.hstack([-np.eye(3), np.eye(3)])
    if kind == "linf":
        rows = [LinearConstraint(np.diag(theta) @ difference, -epsilon, epsilon)]
    elif kind == "l1":
        signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
        rows = [LinearConstraint((signs * theta) @ difference, -np.inf, epsilon)]
    else:
        s = np.diag(theta) if kind == "l2" else MATRIX * np.outer(keep, keep)
        q = difference.T @ s @ difference
        rows = [NonlinearConstraint(lambda x: x @ q @ x, -np.inf, epsilon**2, jac=lambda x: 2 * q @ x)]

    def value(x):
        return -(expit(WEIGHT @ x[3:] + bias) - expit(WEIGHT @ x[:3] + bias))

    rng = np.random.default_rng(1)
    best = 0.0
    for _ in range(20):
        place = rng.uniform(-box, box, 3)
        found = minimize(
            value,
            np.concatenate([place, place + rng.uniform(-0.01, 0.01, 3)]),
            bounds=[(-box, box)] * 6,
            constraints=rows,
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        )
        if found.success:
            best = max(best, -found.fun)
    return best


@pytest.mark.parametrize("kind", METRICS)
def test_linear_network_is_the_dual_norm(kind):
    network = Network((Layer([WEIGHT], [7.0], "identity"),))
    result = certify(network, Domain.from_box([-5] * 3, [5] * 3), METRICS[kind][0](()), 0.3, **TIGHT)
    truth = largest_logit_difference(kind, (), 0.3, 10.0)
    assert result.delta_upper == pytest.approx(truth, rel=1e-4)
    assert result.delta_lower == pytest.approx(truth, rel=1e-4)


def test_deep_linear_network_is_the_dual_norm_of_the_product():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(1, 4))
    network = Network((Layer(first, np.ones(4)), Layer(second, [0.5])))
    result = certify(
        network, Domain.from_box([-5] * 3, [5] * 3), metric("weighted-lp", p="inf"), 0.1, **TIGHT
    )
    truth = 0.1 * np.abs(second @ first).sum()
    assert result.delta_upper == pytest.approx(truth, rel=1e-4)
    assert result.delta_lower == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize(
    ("activations", "gap"),
    [
        (("relu", "identity"), 1e-3),
        (("relu", "sigmoid"), 1e-2),
        (("sigmoid", "identity"), 2e-2),
        (("tanh", "sigmoid"), 2e-2),
        (("identity", "tanh"), 1e-2),
        (("relu", "sigmoid", "identity"), 5e-2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else f"{value:g}",
)
def test_brute_force_over_a_grid_of_pairs_stays_below(activations, gap):
    rng = np.random.default_rng(11)
    sizes = [2, *[3] * (len(activations) - 1), 1]
    layers = tuple(
        Layer(rng.normal(0, 1.5, (after, before)), rng.normal(0, 0.5, after), name)
        for before, after, name in zip(sizes, sizes[1:], activations, strict=False)
    )
    network = Network(layers)
    result = certify(
        network,
        Domain.from_box([-1, -1], [1, 1]),
        metric("weighted-lp", p="inf"),
        0.25,
        gap=gap,
        time_limit=30,
    )
    places = np.linspace(-1, 1, 41)
    points = np.array(np.meshgrid(places, places)).reshape(2, -1).T
    values = network.predict(points)
    close = np.abs(points[:, None] - points[None]).max(axis=2) <= 0.25 + 1e-12
    brute = float(np.abs(values[:, None] - values[None])[close].max())
    assert result.delta_upper >= brute
    # The grid holds near-optimal pairs, so the bracket cannot be far above it either.
    assert result.delta_upper <= brute * 1.25 + 1e-6
    assert result.witness is not None
    assert result.witness.replayed
