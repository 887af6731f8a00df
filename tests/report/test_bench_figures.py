import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from nnff.bench.analysis import analyse
from nnff.bench.record import Outcome
from nnff.report.bench_brackets import bracket_figure
from nnff.report.bench_epsilon import epsilon_curves, epsilon_figure
from nnff.report.bench_factors import factor_figures
from nnff.report.bench_figures import (
    contender_figures,
    final_gap_figure,
    gap_over_time_figure,
    phase_figure,
    profile_figure,
)
from nnff.report.svg import FONT_SIZE, columns_of

HOSTILE = "</text><script>alert('$x_1$')</script> \\frac & \x00\u202e 日本語の長い名前です 😀"
SVG = "{http://www.w3.org/2000/svg}"


def all_figures(runs):
    analysis = analyse(runs)
    found = [
        *contender_figures(analysis),
        bracket_figure(analysis),
        epsilon_figure(runs, {"pairs"}),
        *factor_figures(analysis),
    ]
    return [figure for figure in found if figure is not None]


def epsilon_runs(bench_run, models=("a", "b"), count=5, **changes):
    return [
        bench_run(
            instance=f"{model}-eps-{eps:.2f}",
            epsilon=eps,
            backend=backend,
            delta_lower=scale * (1 + 10 * eps),
            delta_upper=scale * (1 + 10 * eps) * (1.05 if backend == "highs" else 1.1),
            factors={"model": model},
            extra={"pairs": 0.5 * scale * (1 + 10 * eps), "number": 506.0},
            **changes,
        )
        for scale, model in enumerate(models, start=1)
        for eps in (round(0.1 * (k + 1), 2) for k in range(count))
        for backend in ("highs", "cbc")
    ]


def texts(picture):
    """Every text: its words, where it begins and ends, and its line."""
    for element in ET.fromstring(picture).iter(f"{SVG}text"):
        size = float(re.search(r"font-size: ([\d.]+)px", element.get("style"))[1])
        words = "".join(element.itertext())
        width = columns_of(words) * size * 0.62
        anchor = re.search(r"text-anchor: (\w+)", element.get("style"))
        share = {"middle": 0.5, "end": 1.0}.get(anchor[1] if anchor else "", 0.0)
        x, y = (float(element.get(name, 0)) for name in ("x", "y"))
        if element.get("x") is None:
            moved = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform"))
            x, y = float(moved[1]), float(moved[2])
        yield words, x - share * width, x + (1 - share) * width, y, size


def paths(picture, color, kind="stroke"):
    """Points of every path in a colour, as arrays of shape (points, 2)."""
    for element in ET.fromstring(picture).iter(f"{SVG}path"):
        if f"{kind}: {color}" in (element.get("style") or "") and element.get("id") is None:
            numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", element.get("d"))]
            yield np.reshape(numbers, (-1, 2))


def place_of(picture, words, axis):
    """Where the mark with these words stands, along x or y."""
    found = [t for t in texts(picture) if t[0] == words]
    assert len(found) == 1, words
    _, low, high, y, size = found[0]
    return (low + high) / 2 if axis == "x" else y - 0.36 * size


@pytest.fixture(scope="module")
def figures(benchmark_runs):
    return {figure.name: figure for figure in all_figures(benchmark_runs())}


def test_a_whole_benchmark_has_all_figures(figures):
    assert list(figures) == [
        "profile",
        "gap-over-time",
        "final-gap",
        "phases",
        "brackets",
        "factor-0",
        "factor-1",
    ]


@pytest.mark.parametrize("foreign", [HOSTILE, "x" * 200])
def test_every_text_fits_into_every_figure_whatever_things_are_called(bench_run, benchmark_runs, foreign):
    runs = benchmark_runs((foreign, "cbc"), instances=2, seeds=1)
    runs += epsilon_runs(bench_run, models=(foreign, "b"))
    runs.append(bench_run(instance=foreign, backend="cbc", factors={foreign: foreign}, phases={foreign: 1.0}))
    figures = all_figures(runs)
    assert len(figures) >= 7
    for figure in figures:
        for picture, width in zip(figure.pictures, (820, 380), strict=True):
            for words, left, right, y, size in texts(picture):
                # A generous width per character: half of one may stick out.
                assert left >= -size / 2, (figure.name, words)
                assert right <= width + size / 2, (figure.name, words)
                assert y - size >= -2, (figure.name, words)
                assert "<script" not in picture
                height = float(picture.split('viewBox="')[1].split('"')[0].split()[3])
                assert y <= height, (figure.name, words)


def test_marks_of_an_axis_do_not_overlap(bench_run, benchmark_runs):
    runs = benchmark_runs(("highs", "cbc"), instances=8, seeds=1) + epsilon_runs(bench_run)
    for figure in all_figures(runs):
        for picture in figure.pictures:
            rows = {}
            for words, left, right, y, _ in texts(picture):
                rows.setdefault(round(y), []).append((left, right, words))
            for row in rows.values():
                row.sort()
                for (_, right, words), (left, _, following) in pairwise(row):
                    assert right <= left + 0.1 * FONT_SIZE, (figure.name, words, following)


def test_the_profile_shows_the_shares_of_the_analysis(benchmark_runs):
    analysis = analyse(benchmark_runs(("highs", "cbc")))
    for picture in profile_figure(analysis).pictures:
        zero, one = (place_of(picture, words, "y") for words in ("0\u00a0%", "100\u00a0%"))
        for number, label in enumerate(("cbc", "highs")):
            own = analysis.profiles[analysis.profiles["contender"] == label]["rho"]
            (line,) = (p for p in paths(picture, f"var(--series-{number})") if len(p) > 1)
            shares = (line[:, 1] - zero) / (one - zero)
            assert shares[0] == pytest.approx(own.iloc[0], abs=0.02)
            assert shares[-1] == pytest.approx(own.iloc[-1], abs=0.02)
            # A step function that does not fall, to the right edge.
            assert (np.diff(shares) >= -1e-6).all()
            assert (np.diff(line[:, 0]) >= -1e-6).all()


def test_bars_of_phases_are_as_long_as_the_seconds_per_run(benchmark_runs):
    analysis = analyse(benchmark_runs(("highs", "cbc"), instances=4, seeds=2))
    frame = analysis.phases.set_index(["contender", "phase"])["seconds"]
    for picture in phase_figure(analysis).pictures:
        bars = list(paths(picture, "var(--series-0)", kind="fill"))
        lengths = [float(np.ptp(bar[:, 0])) for bar in bars]
        # Eight runs each; cbc above highs.
        expected = [frame[label, "solve"] / 8 for label in ("cbc", "highs")]
        assert len(lengths) == 2
        assert lengths[0] / lengths[1] == pytest.approx(expected[0] / expected[1], rel=1e-3)
        total = sum(frame["cbc"]) / 8
        assert any(words == f"{total:.3g} s" for words, *_ in texts(picture))


def test_brackets_lie_where_their_bounds_are(bench_run):
    runs = [
        bench_run(backend="cbc", delta_lower=1.5, delta_upper=6.0),
        bench_run(backend="highs", delta_lower=3.0, delta_upper=3.75),
    ]
    for picture in bracket_figure(analyse(runs)).pictures:
        unit = place_of(picture, "1", "x")
        decade = (place_of(picture, "2", "x") - unit) / math.log10(2)
        ends = {}
        for number, label in enumerate(("cbc", "highs")):
            (line,) = (p for p in paths(picture, f"var(--series-{number})") if len(p) == 2)
            ends[label] = 10 ** ((line[:, 0] - unit) / decade)
        # Relative to the largest real difference, 3.
        assert ends["cbc"] == pytest.approx([0.5, 2.0], rel=0.02)
        assert ends["highs"] == pytest.approx([1.0, 1.25], rel=0.02)
        assert any(words == "3" for words, *_ in texts(picture))


def test_a_contradiction_is_drawn_in_the_colour_of_alarm(bench_run):
    meeting = [bench_run(backend=name) for name in ("cbc", "highs")]
    lying = [*meeting, bench_run(backend="liar", delta_lower=1.0, delta_upper=1.5)]
    good, bad = (bracket_figure(analyse(runs)) for runs in (meeting, lying))
    assert "var(--violated)" not in good.pictures[0]
    assert "var(--violated)" in bad.pictures[0]
    assert not any("contradiction" in text for _, text in good.legend)
    assert any("contradiction" in text for _, text in bad.legend)


def test_of_many_instances_the_widest_are_drawn_and_contradicted_ones_first(bench_run):
    runs = [
        bench_run(instance=f"number-{k:03}", backend=name, delta_upper=2.01 + 0.01 * k)
        for k in range(70)
        for name in ("cbc", "highs")
    ]
    runs.append(bench_run(instance="number-000", backend="liar", delta_lower=1.0, delta_upper=1.99))
    figure = bracket_figure(analyse(runs))
    names = {words for words, *_ in texts(figure.pictures[0])}
    assert {"number-000", "number-069", "number-050"} <= names
    assert "number-010" not in names
    assert "of 70 instances" in figure.caption


def test_what_was_known_lies_behind_the_bracket(bench_run):
    without = bracket_figure(analyse([bench_run()]))
    known = bracket_figure(analyse([bench_run(known_lower=1.9, known_upper=2.2)]))
    assert "var(--proven-pale)" not in without.pictures[0]
    assert "var(--proven-pale)" in known.pictures[0]
    assert [text for _, text in known.legend] == ["highs", "known before"]


def test_a_delta_that_was_asked_for_is_marked_and_named(bench_run):
    asked = bracket_figure(analyse([bench_run(delta=2.25, outcome=Outcome.CERTIFIED)]))
    assert "asked for" in [text for _, text in asked.legend]
    for picture in asked.pictures:
        low, high = (place_of(picture, words, "x") for words in ("1", "1.1"))
        (line,) = (p for p in paths(picture, "var(--ink)") if len(p) == 2)
        share = (math.log(2.25 / 2.0)) / math.log(1.1)
        assert line[0, 0] == pytest.approx(low + share * (high - low), abs=0.5)
    assert "asked for" not in [text for _, text in bracket_figure(analyse([bench_run()])).legend]


def test_curves_join_what_differs_in_epsilon_alone_and_take_the_best_bounds(bench_run):
    curves = epsilon_curves(epsilon_runs(bench_run), {"pairs"})
    assert [curve.label for curve in curves] == ["a", "b"]
    first = curves[0]
    assert [p.epsilon for p in first.points] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert [p.delta_upper for p in first.points] == pytest.approx([1.05 * k for k in (2, 3, 4, 5, 6)])
    assert [p.delta_lower for p in first.points] == pytest.approx([2, 3, 4, 5, 6])
    assert list(first.extras) == ["pairs"]


def test_curves_never_join_different_questions(bench_run):
    same_name = [bench_run(instance="x", epsilon=e) for e in (0.1, 0.2, 0.3)]
    assert epsilon_curves(same_name[:2]) == []
    # Two questions at one epsilon.
    twice = [
        bench_run(instance=f"{n}", epsilon=e, factors={"epsilon": e}) for n in "ab" for e in (0.1, 0.2, 0.3)
    ]
    assert epsilon_curves(twice) == []
    # Unlike names, nothing declared.
    assert epsilon_curves([bench_run(instance=f"net-{k}", epsilon=0.1 * k) for k in (1, 2, 3)]) == []
    # Other numbers in names may well be equal to epsilon.
    other = [bench_run(instance=f"net-{k}-eps-{k}", epsilon=k) for k in (1, 2, 3)]
    assert epsilon_curves(other) == []
    # Bounds that cross are of several questions, or wrong.
    crossing = [
        bench_run(instance=f"n eps {e}", epsilon=e, delta_lower=4 - 10 * e, delta_upper=4.01 - 10 * e)
        for e in (0.1, 0.2, 0.3)
    ]
    assert epsilon_curves(crossing) == []
    errors = [run.model_copy(update={"outcome": Outcome.ERROR}) for run in epsilon_runs(bench_run)]
    assert epsilon_curves(errors) == []


def test_curves_take_a_declared_factor_whatever_the_names_are(bench_run):
    runs = [
        bench_run(instance=n, epsilon=e, factors={"epsilon": e})
        for n, e in zip("abc", (1, 2, 3), strict=True)
    ]
    (curve,) = epsilon_curves(runs)
    assert [p.epsilon for p in curve.points] == [1, 2, 3]


def test_bounds_of_a_curve_hold_for_its_neighbours(bench_run):
    # The certified value at .3 is below that at .2, and bounds it; the pair at .1 is one at .2 too.
    values = {0.1: (2.0, 5.0), 0.2: (1.0, 4.0), 0.3: (2.5, 3.0)}
    runs = [
        bench_run(instance=f"n eps {e}", epsilon=e, delta_lower=low, delta_upper=high)
        for e, (low, high) in values.items()
    ]
    (curve,) = epsilon_curves(runs)
    assert [(p.delta_lower, p.delta_upper) for p in curve.points] == [(2.0, 3.0), (2.0, 3.0), (2.5, 3.0)]


def test_factors_get_one_figure_each_and_unsolved_values_are_hollow(figures, benchmark_runs, bench_run):
    assert [figures[f"factor-{k}"].title for k in (0, 1)] == ["width", "epsilon"]
    assert "Hollow" in figures["factor-0"].caption
    solved = factor_figures(analyse(benchmark_runs(("highs",), seeds=1)))
    assert "Hollow" not in solved[0].caption
    names = [bench_run(instance=n, factors={"activation": n}) for n in ("relu", "sigmoid", "tanh")]
    (figure,) = factor_figures(analyse(names))
    words = {text for text, *_ in texts(figure.pictures[0])}
    assert {"relu", "sigmoid", "tanh", "activation"} <= words
    # Names have no order, so no line joins them.
    assert not [p for p in paths(figure.pictures[0], "var(--series-0)") if len(p) == 3]


def test_marks_of_a_factor_do_not_overlap_however_its_values_lie(bench_run):
    values = (0.01, 0.02, 0.03, 0.1, 0.101, 0.3)
    made = [bench_run(instance=str(v), factors={"load": v}) for v in values]
    made += [bench_run(instance=f"{'m' * 30} {k}", factors={"kind": f"{'m' * 30} {k}"}) for k in range(20)]
    for figure in factor_figures(analyse(made)):
        for picture in figure.pictures:
            rows = {}
            for words, left, right, y, _ in texts(picture):
                rows.setdefault(round(y), []).append((left, right, words))
            for row in rows.values():
                row.sort()
                for (_, right, words), (left, _, following) in pairwise(row):
                    assert right <= left + 1, (figure.title, words, following)


def test_only_figures_in_which_there_is_something_to_see_are_drawn(bench_run):
    one = analyse([bench_run()])
    assert profile_figure(one) is None
    assert final_gap_figure(one) is None
    assert factor_figures(one) == []
    assert phase_figure(analyse([bench_run(phases={})])) is None
    nothing = {"outcome": Outcome.ERROR, "delta_lower": 0.0, "delta_upper": math.inf, "bracket": []}
    failed = analyse([bench_run(backend=name, phases={}, **nothing) for name in ("cbc", "highs")])
    assert contender_figures(failed) == []
    assert bracket_figure(failed) is None
    assert gap_over_time_figure(failed) is None
    same = analyse([bench_run(instance=str(k), delta_upper=2.0) for k in range(3)])
    assert final_gap_figure(same) is None


def test_many_contenders_keep_their_looks_apart(benchmark_runs):
    names = [f"solver-{k}" for k in range(9)]
    figure = profile_figure(analyse(benchmark_runs(names, instances=3, seeds=1)))
    assert [text for _, text in figure.legend] == names
    assert len({key for key, _ in figure.legend}) == 9


def test_figures_draw_what_the_analysis_holds_and_nothing_else(benchmark_runs):
    analysis = analyse(benchmark_runs(("highs", "cbc"), instances=4, seeds=1))
    changed = analysis.profiles.assign(rho=1.0)
    assert profile_figure(replace(analysis, profiles=changed)).pictures != profile_figure(analysis).pictures
