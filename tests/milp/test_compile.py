"""From Pyomo to matrices: the same rows, the same objective, once and for all backends."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyomo.common.errors import InfeasibleConstraintException
from pyomo.core.expr import LinearExpression

from nnff.errors import ProblemError
from nnff.milp.compile import compile_model


def linear(terms, constant=0.0):
    return LinearExpression(
        constant=constant, linear_coefs=[c for c, _ in terms], linear_vars=[v for _, v in terms]
    )


def model_with(*bounds):
    model = pyo.ConcreteModel()
    model.x = pyo.VarList()
    for low, high in bounds:
        variable = model.x.add()
        variable.setlb(low)
        variable.setub(high)
    model.rows = pyo.ConstraintList()
    return model, [model.x[k] for k in model.x]


def random_model(rng):
    """Rows of every kind, an integer, a binary, a fixed variable, a nested block, constants."""
    model, x = model_with(*((-rng.uniform(0.5, 3), rng.uniform(0.5, 3)) for _ in range(4)))
    model.inner = pyo.Block()
    model.inner.n = pyo.Var(domain=pyo.Integers, bounds=(-3, 5))
    model.inner.b = pyo.Var(domain=pyo.Binary)
    model.inner.rows = pyo.ConstraintList()
    everything = [*x, model.inner.n, model.inner.b]
    x[0].fix(float(rng.uniform(-0.5, 0.5)))
    for _ in range(int(rng.integers(3, 8))):
        chosen = [v for v in everything if rng.random() < 0.6]
        terms = [(float(rng.normal()), v) for v in chosen]
        if all(v.fixed for _, v in terms):
            continue
        limits = np.sort(rng.normal(size=2)) + [-4, 4]
        kind = rng.integers(4)
        low = None if kind == 0 else float(limits[0])
        high = None if kind == 1 else (low if kind == 2 else float(limits[1]))
        rows = model.rows if rng.random() < 0.5 else model.inner.rows
        rows.add((low, linear(terms, float(rng.normal()) if kind != 2 else 0.0), high))
    objective = linear(
        [(float(rng.normal()), v) for v in everything if rng.random() < 0.7], float(rng.normal())
    )
    model.goal = pyo.Objective(expr=objective, sense=pyo.maximize if rng.random() < 0.5 else pyo.minimize)
    return model, everything


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_matrices_are_the_model_at_random_points(seed):
    rng = np.random.default_rng(seed)
    model, everything = random_model(rng)
    compiled = compile_model(model)
    matrix = compiled.matrix
    free = [v for v in everything if not v.fixed]
    constraints = list(model.component_data_objects(pyo.Constraint, active=True))
    assert matrix.n_rows == len(constraints)
    for _ in range(5):
        for variable in free:
            low, high = variable.lb, variable.ub
            value = rng.integers(low, high + 1) if variable.is_integer() else rng.uniform(low, high)
            variable.set_value(float(value))
        point = np.zeros(matrix.n_columns)
        for variable in free:
            if variable in compiled.column:
                k = compiled.column[variable]
                point[k] = variable.value / compiled.units[k]
        activity = matrix.matrix @ point
        # Rows come in the model's order, each in units of its own.
        for row, total, low, high in zip(
            constraints, activity, matrix.row_lower, matrix.row_upper, strict=True
        ):
            body = pyo.value(row.body)
            sides = [
                (low - total, None if row.lb is None else row.lb - body),
                (total - high, None if row.ub is None else body - row.ub),
            ]
            ratios = [ours / theirs for ours, theirs in sides if theirs is not None and abs(theirs) > 1e-6]
            assert all(ours == -np.inf for ours, theirs in sides if theirs is None)
            if ratios:
                assert ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-6)
                assert np.log2(ratios[0]) == pytest.approx(np.rint(np.log2(ratios[0])), abs=1e-6)
        goal = pyo.value(model.goal)
        assert matrix.objective(point) == pytest.approx(-goal if matrix.negated else goal, abs=1e-9)
        for variable in free:
            if variable in compiled.column:
                assert compiled.value(point, variable) == pytest.approx(variable.value, rel=1e-15)
        inside = all(
            (row.lb is None or pyo.value(row.body) >= row.lb)
            and (row.ub is None or pyo.value(row.body) <= row.ub)
            for row in constraints
        )
        if inside:
            assert matrix.violation(point) <= 1e-12


def test_range_rows_are_merged_and_equations_stay_equations():
    model, (x, y) = model_with((0, 1), (0, 1))
    model.rows.add((0.25, linear([(1.0, x), (1.0, y)]), 1.5))
    model.rows.add((0.5, linear([(1.0, x), (-1.0, y)]), 0.5))
    model.rows.add((None, linear([(1.0, y)]), 0.75))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]))
    matrix = compile_model(model).matrix
    assert matrix.n_rows == 3
    assert matrix.row_lower.tolist() == [0.25, 0.5, -np.inf]
    assert matrix.row_upper.tolist() == [1.5, 0.5, 0.75]


def test_a_maximisation_is_negated_once_with_its_constant():
    model, (x,) = model_with((0, 3))
    model.rows.add((None, linear([(1.0, x)]), 2.0))
    model.goal = pyo.Objective(expr=linear([(2.0, x)], 5.0), sense=pyo.maximize)
    compiled = compile_model(model)
    assert compiled.matrix.negated
    assert compiled.matrix.offset == -5.0
    assert compiled.matrix.objective(np.array([1.0]) / compiled.units) == -7.0
    model.goal.sense = pyo.minimize
    again = compile_model(model)
    assert not again.matrix.negated
    assert again.matrix.objective(np.array([1.0]) / again.units) == 7.0


def test_fixed_variables_move_into_the_rows_and_the_constant():
    model, (x, y) = model_with((0, 3), (0, 1))
    x.fix(2.0)
    model.rows.add((None, linear([(1.0, x), (1.0, y)]), 2.75))
    model.goal = pyo.Objective(expr=linear([(10.0, x), (1.0, y)]))
    compiled = compile_model(model)
    assert compiled.matrix.n_columns == 1
    assert compiled.matrix.offset == 20.0
    assert compiled.matrix.row_upper.tolist() == [0.75]
    assert compiled.value(np.zeros(1), x) == 2.0


def test_a_variable_in_no_row_is_free_between_its_bounds():
    model, (x, y, z) = model_with((0, 1), (2, 3), (-1, 1))
    model.rows.add((None, linear([(1.0, x)]), 1.0))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]))
    compiled = compile_model(model)
    assert compiled.matrix.n_columns == 1
    assert compiled.value(np.zeros(1), y) == 2.0
    assert compiled.value(np.zeros(1), z) == 0.0


def test_a_model_without_rows_has_none():
    model, (x,) = model_with((0, 1))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]), sense=pyo.maximize)
    compiled = compile_model(model)
    assert compiled.matrix.n_rows == 0
    assert compiled.matrix.cost.tolist() == [-1.0]


def test_integers_and_binaries_are_marked():
    model, (x,) = model_with((0, 1))
    model.n, model.b = pyo.Var(domain=pyo.Integers, bounds=(0, 9)), pyo.Var(domain=pyo.Binary)
    model.rows.add((None, linear([(1.0, x), (1.0, model.n), (1.0, model.b)]), 4.0))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]))
    compiled = compile_model(model)
    marks = {v.name: bool(compiled.matrix.integer[k]) for v, k in compiled.column.items()}
    assert marks == {"x[1]": False, "n": True, "b": True}
    assert compiled.matrix.col_upper[compiled.column[model.n]] == 9
    assert compiled.matrix.col_upper[compiled.column[model.b]] == 1


def test_a_row_that_cannot_hold_raises():
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    model.x.fix(1.0)
    model.row = pyo.Constraint(expr=(2.0, linear([(1.0, model.x)]), None))
    model.goal = pyo.Objective(expr=linear([(1.0, model.y)]))
    with pytest.raises(InfeasibleConstraintException):
        compile_model(model)


def test_a_row_that_cannot_hold_is_never_lost():
    """Pyomo does not notice it for variables of a list; then the row stays, and nothing satisfies it."""
    model, (x, y) = model_with((0, 1), (0, 1))
    x.fix(1.0)
    model.rows.add((2.0, linear([(1.0, x)]), None))
    model.goal = pyo.Objective(expr=linear([(1.0, y)]))
    try:
        matrix = compile_model(model).matrix
    except InfeasibleConstraintException:
        return
    for value in (0.0, 0.5, 1.0):
        assert matrix.violation(np.full(matrix.n_columns, value)) >= 0.5


@pytest.mark.parametrize("bounds", [(None, 1), (0, None), (-np.inf, 1)])
def test_infinite_bounds_are_refused(bounds):
    model, (x,) = model_with(bounds)
    model.rows.add((None, linear([(1.0, x)]), 1.0))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]))
    with pytest.raises(ProblemError, match="no finite bounds"):
        compile_model(model)


def test_one_objective_is_needed():
    model, (x,) = model_with((0, 1))
    model.rows.add((None, linear([(1.0, x)]), 1.0))
    with pytest.raises(ProblemError, match="0 active objectives"):
        compile_model(model)
    model.first = pyo.Objective(expr=linear([(1.0, x)]))
    model.second = pyo.Objective(expr=linear([(1.0, x)]))
    with pytest.raises(ProblemError, match="2 active objectives"):
        compile_model(model)
    model.second.deactivate()
    assert compile_model(model).matrix.n_columns == 1


def test_nan_in_the_model_is_refused():
    model, (x,) = model_with((0, 1))
    model.rows.add((None, linear([(1.0, x)]), float("nan")))
    model.goal = pyo.Objective(expr=linear([(1.0, x)]))
    with pytest.raises(ProblemError, match="not a number"):
        compile_model(model)
