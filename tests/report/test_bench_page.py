import hashlib
import math
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from markupsafe import escape

from nnff.bench.analysis import analyse
from nnff.bench.instance import Instance
from nnff.bench.published import load_published
from nnff.bench.record import Outcome, RunRecord
from nnff.bench.suite import Suite
from nnff.errors import ConfigError, DataError
from nnff.report.bench_page import render_bench_page, write_bench_page
from nnff.report.bench_words import agreement, limits_of_benchmark, summary

HOSTILE = '<script>alert("x")</script>{{ 7*7 }} & \x00\u202e$a_1$'
NOTHING = {"outcome": Outcome.ERROR, "delta_lower": 0.0, "delta_upper": math.inf, "bracket": [], "phases": {}}


@pytest.fixture(scope="module")
def runs(benchmark_runs, bench_run):
    control = [bench_run(role="control", repeat=k, seconds=1 + 0.125 * k) for k in range(5)]
    return [*benchmark_runs(instances=4, seeds=2), *control]


@pytest.fixture(scope="module")
def html(runs):
    return render_bench_page(runs, command="nnff bench --suite quick --threads 1")


def section(html, name):
    return html.split(f'<section id="{name}">')[1].split("</section>")[0]


def words(fragment):
    plain = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", fragment, flags=re.DOTALL)
    return " ".join(plain.split())


def test_the_page_is_whole_and_needs_nothing_else(html, page):
    seen = page(html)
    assert seen.problems == []
    tags = {tag for tag, _ in seen.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    for _, given in seen.tags:
        assert not any(name.startswith("on") for name in given)
        assert given.get("href", "#").startswith("#")
        assert "src" not in given
    assert "http://www.w3.org/2000/svg" in html
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert "@import" not in html
    assert "url(http" not in html


def test_sections_come_in_the_order_of_interest(html):
    order = re.findall(r'<(?:section|header) id="([\w-]+)"', html)
    assert order == [
        "summary",
        "overview",
        "figures",
        "instances",
        "speed-ups",
        "time",
        "factors",
        "limits",
        "reproduce",
    ]


def test_every_reference_within_the_page_leads_somewhere_and_to_one_place(html):
    found = re.findall(r' id="([^"]+)"', html)
    ids = set(found)
    assert len(found) == len(ids)
    used = set(re.findall(r'href="#([^"]+)"', html)) | set(re.findall(r"url\(#([^)]+)\)", html))
    assert used
    assert used <= ids


def test_numbers_are_those_of_the_analysis(html, runs, page):
    found = analyse(runs)
    exact = [float(value) for value, _ in page(html).numbers]
    for column in ("sgm1", "sgm10", "par10", "median_solve_seconds"):
        for value in found.overview[column]:
            assert value in exact, column
    for cell in found.cells.itertuples():
        assert {cell.seconds, cell.delta_lower, cell.delta_upper, cell.nodes, cell.rounds} <= set(exact)
    for row in found.speed_ups.itertuples():
        if row.speed_up > 1:
            assert {row.speed_up, row.low, row.high, row.shifted} <= set(exact)
    for row in found.noise.itertuples():
        assert {row.median, row.min, row.max} <= set(exact)


def test_bounds_are_printed_outward(bench_run, page):
    made = bench_run(delta_lower=1.23456789, delta_upper=1.23456789123)
    visible = page(section(render_bench_page([made]), "instances")).visible
    assert visible["1.23456789"] == "1.23456"
    assert visible["1.23456789123"] == "1.23457"


def test_rows_stand_beside_their_contender(html, runs):
    found = analyse(runs)
    table = section(html, "instances")
    blocks = table.split("<tbody")[1:]
    assert len(blocks) == len(found.instances)
    for block, instance in zip(blocks, found.instances, strict=True):
        assert f">{instance}<" in block
        own = found.cells[found.cells["instance"] == instance]
        for row, cell in zip(block.split("<tr>")[1:], own.itertuples(), strict=True):
            assert f">{cell.contender}<" in row
            assert f'value="{cell.delta_upper!r}"' in row
            assert f">{cell.outcome}<" in row
            best = own[own["solved"]]["seconds"].min()
            assert ('class="best"' in row) == (cell.solved and cell.seconds == best)


def test_the_summary_names_who_was_best_and_by_how_much(runs):
    found = analyse(runs)
    row = found.speed_ups[(found.speed_ups["a"] == "highs") & (found.speed_ups["b"] == "cbc")].iloc[0]
    assert summary(found) == (
        "highs closed 4 of 4 instances, cbc 4 of 4 and ortools 3 of 4. "
        f"highs was {row.speed_up:.3g} times as fast as cbc (95 % interval {row.low:.3g} to {row.high:.3g}, "
        "rough with 4 instances). All brackets meet."
    )


def test_a_difference_that_may_be_none_is_not_called_one(bench_run):
    seconds = {"highs": (1.0, 2.0, 4.0, 1.0, 3.0), "cbc": (2.0, 1.0, 3.9, 1.1, 3.0)}
    made = [
        bench_run(instance=str(k), backend=name, seconds=value)
        for name, values in seconds.items()
        for k, value in enumerate(values)
    ]
    assert "show no clear difference in time" in summary(analyse(made))


def test_speed_ups_with_unsolved_runs_are_called_bounds(bench_run):
    made = [bench_run(instance=str(k), backend="highs", seconds=1.0) for k in range(6)]
    made += [
        bench_run(instance=str(k), backend="cbc", outcome=Outcome.OPEN, delta_upper=3.0, seconds=20.0)
        for k in range(6)
    ]
    said = summary(analyse(made))
    assert "highs closed 6 of 6 instances and cbc 0 of 6." in said
    assert "highs was at least 20 times as fast as cbc" in said
    # Each solved what the other did not: the mean bounds nothing.
    made = [
        bench_run(
            instance=str(k),
            backend=name,
            outcome=Outcome.CLOSED if k % 2 == place else Outcome.OPEN,
            delta_upper=3.0,
            seconds=1.0 + place,
        )
        for k in range(6)
        for place, name in enumerate(("cbc", "highs"))
    ]
    assert "With unsolved instances counted at the limit, " in summary(analyse(made))
    assert "at least" not in summary(analyse(made))


def test_questions_with_a_delta_are_answered_and_not_closed(bench_run):
    made = [bench_run(delta=3.0, outcome=Outcome.CERTIFIED, instance=str(k)) for k in range(2)]
    assert summary(analyse(made)).startswith("highs answered 2 of 2 instances.")
    assert "asked: delta" in render_bench_page(made)


def test_brackets_that_do_not_meet_are_loud(benchmark_runs, bench_run, page):
    runs = benchmark_runs(("highs", "cbc"), instances=2, seeds=1)
    name = runs[0].spec.instance
    liar = bench_run(
        instance=name,
        backend="liar",
        delta_lower=0.25,
        delta_upper=0.5 * runs[0].delta_lower,
        instance_fingerprint=runs[0].instance_fingerprint,
    )
    html = render_bench_page([*runs, liar])
    found = analyse([*runs, liar])
    assert found.contradictions
    head = html.split("<section")[0]
    assert 'role="alert"' in head
    text = page(html).text
    assert all(sentence in text for sentence in found.contradictions)
    assert any("liar" in sentence and "highs" in sentence for sentence in found.contradictions)
    assert "Brackets do not meet" in head
    assert "All brackets meet" not in html
    assert agreement(found) is False


def test_agreement_is_claimed_only_where_something_could_disagree(bench_run):
    one = [bench_run()]
    assert agreement(analyse(one)) is None
    assert "brackets meet" not in words(render_bench_page(one).split("<section")[0])
    known = [bench_run(known_lower=1.9, known_upper=2.2)]
    assert agreement(analyse(known)) is True
    assert agreement(analyse([bench_run(), bench_run(backend="cbc")])) is True
    failed = [bench_run(backend=name, **NOTHING) for name in ("cbc", "highs")]
    assert agreement(analyse(failed)) is None


def test_foreign_text_stays_text(bench_run, page):
    made = [
        bench_run(
            suite=HOSTILE,
            instance=f"{HOSTILE} {k}",
            backend=f"{HOSTILE} {name}",
            strategy=HOSTILE,
            outcome=Outcome.CLOSED if k else Outcome.ERROR,
            metric=HOSTILE,
            factors={HOSTILE: HOSTILE + str(k)},
            reason=HOSTILE,
            detail=HOSTILE,
            known_lower=1.5,
            known_source=HOSTILE + str(k),
            phases={HOSTILE: 1.0},
            solver_version=HOSTILE,
            solver_applied={HOSTILE: HOSTILE},
            environment={HOSTILE: {HOSTILE: HOSTILE}},
            started=HOSTILE,
            extra={HOSTILE: 1.0},
        )
        for k in range(3)
        for name in "ab"
    ]
    html = render_bench_page(made, title=HOSTILE, command=HOSTILE)
    assert "<script" not in html
    assert "49" not in html.split("<title>")[1].split("</title>")[0]
    assert "\u202e" not in html
    assert "\x00" not in html
    seen = page(html)
    assert seen.problems == []
    assert '<script>alert("x")</script>{{ 7*7 }} &' in seen.text


@pytest.mark.parametrize(
    "changes",
    [
        {},
        NOTHING,
        NOTHING | {"outcome": Outcome.OUT_OF_MEMORY, "environment": {}, "started": "", "solver_applied": {}},
        {"delta_lower": 0.0, "delta_upper": 0.0, "gap": 0.0, "seconds": 0.0},
        {"outcome": Outcome.OPEN, "delta_upper": math.inf, "nodes": None},
        {"delta_lower": 1e-300, "delta_upper": 1e300, "seconds": 1e-9},
        {"epsilon": 0.0, "metric": "", "strategy": "exhaustive", "backend": ""},
        {"outcome": Outcome.UNDECIDED, "delta": 1.0, "gap": math.inf, "delta_upper": math.inf},
    ],
)
def test_one_run_of_any_kind_makes_a_page(bench_run, page, changes):
    seen = page(render_bench_page([bench_run(**changes)]))
    assert seen.problems == []
    assert "nan" not in seen.text.lower().split()
    assert "None" not in seen.text


def test_a_benchmark_in_which_everything_failed_says_so(bench_run, page):
    made = [
        bench_run(backend=name, instance=str(k), reason="solver error", detail=f"died of {k}", **NOTHING)
        for name in ("cbc", "highs")
        for k in range(2)
    ]
    html = render_bench_page(made)
    assert summary(analyse(made)) == "cbc and highs closed none of 2 instances."
    assert "There is nothing to draw" in section(html, "figures")
    text = words(section(html, "overview"))
    assert "highs on 1, 1 run: error: solver error: died of 1" in text


def test_where_nobody_solved_anything_no_speed_is_claimed(bench_run):
    made = [
        bench_run(
            instance=str(k), backend=name, outcome=Outcome.OPEN, seconds=20.0, delta_upper=3.0 + 0.5 * place
        )
        for k in range(2)
        for place, name in enumerate(("highs", "cbc"))
    ]
    html = render_bench_page(made)
    assert summary(analyse(made)) == (
        "highs and cbc closed none of 2 instances. The smallest median gap, that of highs, was 50\u00a0%. "
        "All brackets meet."
    )
    assert "<td>\u2013</td><td>\u2013</td><td>\u2013</td>" in section(html, "speed-ups")


def test_what_was_known_says_whence_and_whether_it_is_proven(bench_run):
    facts = {"known_lower": 1.875, "known_upper": 2.125}
    one = [bench_run(instance=name, known_source="all pairs", **facts) for name in "ab"]
    text = words(section(render_bench_page(one), "instances"))
    assert "Known: from all pairs." in text
    assert text.count("known: 1.875 to 2.125") == 2
    assert "not proven" not in text
    two = [*one, bench_run(instance="c", known_source="a guess", known_proven=False, **facts)]
    text = words(section(render_bench_page(two), "instances"))
    assert "all pairs: a, b" in text
    assert "a guess: c" in text
    assert text.count("known: 1.875 to 2.125 (not proven)") == 1


def test_without_runs_there_is_no_page(bench_run):
    with pytest.raises(DataError, match="no runs"):
        render_bench_page([])
    with pytest.raises(DataError, match="no runs"):
        render_bench_page([bench_run(role="control")])


def test_long_tables_are_folded(bench_run):
    short, long = (
        section(render_bench_page([bench_run(instance=str(k)) for k in range(count)]), "instances")
        for count in (2, 40)
    )
    assert "<details>" not in short
    assert "<summary>All 40 rows</summary>" in long


def test_noise_and_limits_come_from_the_control_runs(html, runs, bench_run):
    assert "40\u00a0%" in section(html, "time")
    assert any("up to 40\u00a0%" in text for text in limits_of_benchmark(analyse(runs)))
    without = render_bench_page([bench_run()])
    assert "There were no control runs" in section(without, "time")


def test_what_is_needed_to_repeat_it_is_there(html):
    text = words(section(html, "reproduce"))
    for part in (
        "nnff bench --suite quick --threads 1",
        "1.16.0",
        "time limit 20 s",
        "seeds 0, 1",
        "machine processor a processor",
        "versions nnff 0.1.0",
        "schema version 1",
        "mip_rel_gap",
    ):
        assert part in text, part


def test_mixed_environments_are_all_shown(bench_run):
    other = {
        "machine": {"processor": "another one", "cores": 4},
        "versions": {},
        "source": "d" * 64,
        "jobs": 1,
    }
    html = render_bench_page([bench_run(), bench_run(backend="cbc", environment=other)])
    text = words(section(html, "reproduce"))
    assert "a processor" in text
    assert "another one" in text
    # Of the second only what is different.
    assert text.count("machine processor") == 2
    assert text.count("schema version") == 1
    assert text.count("jobs 1") == 1
    assert "What weakens the comparison" in html


def test_of_several_tries_the_last_counts(bench_run, page):
    first = bench_run(**NOTHING, reason="first try")
    second = bench_run(delta_upper=2.005, attempt=2)
    html = render_bench_page([first, second])
    assert "first try" not in html
    assert "2.005" in page(html).visible


def test_published_numbers_stand_beside_ours(bench_run):
    suite = Suite(
        name="boston",
        summary="one neuron",
        instances=(Instance("second-eps-0.30", build=SimpleNamespace, epsilon=0.3, metric="l_2"),),
        published=("nnff_suites:founding",),
    )
    table = load_published("nnff_suites:founding")
    made = bench_run(
        suite="boston",
        instance="second-eps-0.30",
        epsilon=0.3,
        delta_lower=43.25,
        delta_upper=43.5,
        extra={"pairs_chord_slope": 17.3861203, "pairs_exact": 17.5152998, "pairs": 1092.0},
    )
    html = render_bench_page([made], suites=[suite])
    part = section(html, "published")
    text = words(part)
    entry = next(e for e in table.entries if e.printed == "17.38612")
    assert entry.reason
    for piece in (table.title, entry.printed, entry.kind.value, "the same digits", "43.25 to 43.5"):
        assert piece in text, piece
    for piece in (entry.reason, entry.differs, entry.place):
        assert " ".join(str(escape(piece)).split()) in text, piece
    assert "a real pair exceeds theirs" in text
    assert "without a counterpart here" in text
    assert "boston: one neuron" in html
    # What a suite does not name is not shown.
    assert 'id="published"' not in render_bench_page([made])


def test_curves_over_epsilon_show_the_deltas_that_were_published(bench_run):
    made = [
        bench_run(
            suite="boston",
            instance=f"second-eps-{eps:.2f}",
            epsilon=eps,
            delta_lower=100 * eps,
            delta_upper=101 * eps,
            extra={"pairs_exact": 90 * eps, "pairs": 1092.0},
        )
        for eps in (0.1, 0.2, 0.3)
    ]
    instances = tuple(
        Instance(run.spec.instance, build=SimpleNamespace, epsilon=run.epsilon, metric="l_2") for run in made
    )
    suite = Suite("boston", "one neuron", instances, published=("nnff_suites:founding",))
    figure = (
        render_bench_page(made, suites=[suite])
        .split('<div class="block" id="epsilon">')[1]
        .split("</figure>")[0]
    )
    legend = words(figure.split('<ul class="legend">')[1].split("</ul>")[0])
    assert legend == "certified witnessed proven between the points pairs_exact"


def test_an_analysis_at_hand_is_used(bench_run):
    runs = [bench_run()]
    assert render_bench_page(runs, analysis=analyse(runs)) == render_bench_page(runs)


def test_the_page_is_the_same_in_another_process(runs, html, tmp_path):
    lines = tmp_path / "runs.jsonl"
    lines.write_text("".join(run.to_line() for run in runs))
    code = (
        "import sys, hashlib\n"
        "from nnff.bench.record import RunRecord\n"
        "from nnff.report.bench_page import render_bench_page\n"
        "runs = [RunRecord.from_line(line) for line in open(sys.argv[1])]\n"
        "html = render_bench_page(runs, command='nnff bench --suite quick --threads 1')\n"
        "print(hashlib.sha256(html.encode()).hexdigest())\n"
    )
    assert [RunRecord.from_line(line) for line in lines.read_text().splitlines()] == runs
    expected = hashlib.sha256(html.encode()).hexdigest()
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    found = subprocess.run(
        [sys.executable, "-c", code, str(lines)],
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == expected


def test_a_page_is_written_whole_or_not_at_all(bench_run, tmp_path):
    target = tmp_path / "report.html"
    write_bench_page(target, [bench_run()], title="mine")
    assert "<title>mine</title>" in target.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ConfigError, match="cannot be written"):
        write_bench_page(tmp_path / "missing" / "report.html", [bench_run()])
