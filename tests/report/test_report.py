import math
import re

import pytest

from nnff.certification.certificate import Certificate, Reason, Strategy, Trust, Verdict
from nnff.certification.curve import Curve
from nnff.errors import ConfigError, DataError, ProblemError
from nnff.report import render_report, write_report
from nnff.report.wording import strategy_words, trust_words

NASTY = '<script>alert("x")</script>&amp;\'"{{ 7*7 }}'
ALWAYS = ["verdict", "bounds", "how", "limits", "reproduce"]


def everything(certificate, curve, frame, free, **changes):
    return render_report(
        certificate(delta=4.5, verdict=Verdict.CERTIFIED, **changes),
        curve=curve(),
        frame=frame(),
        free_attribute=free(),
        accuracy={"R2": 0.8312},
        command="nnff certify nnff.toml",
    )


def sections(page):
    return [given["id"] for tag, given in page.tags if tag in ("section", "header")]


def test_everything_at_once_is_well_formed_and_complete(certificate, curve, frame, free, page):
    seen = page(everything(certificate, curve, frame, free))
    assert seen.problems == []
    assert len(set(seen.ids)) == len(seen.ids)
    expected = ["verdict", "bounds", "pair", "free", "curve", "accuracy", "how", "limits", "reproduce"]
    assert sections(seen) == expected
    assert "neighbours" in seen.ids
    assert "runs" in seen.ids


def test_what_is_not_given_is_not_there(certificate, page):
    seen = page(
        render_report(
            certificate(witness=None, runs=[], encoding=None, phases={}, bracket=[], delta_data=None)
        )
    )
    assert seen.problems == []
    assert sections(seen) == ALWAYS
    for words in ("In the data", "Where the time went", "Size of the last program", "The bracket over time"):
        assert words not in seen.text
    assert not {"neighbours", "runs"} & set(seen.ids)


def test_data_without_a_pair_say_nothing(certificate, frame, page):
    seen = page(render_report(certificate(witness=None), frame=frame()))
    assert "pair" not in seen.ids


def test_the_page_needs_nothing_else(certificate, curve, frame, free, page):
    html = everything(certificate, curve, frame, free)
    seen = page(html)
    assert "://" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in seen.tags}
    attributes = {name for _, given in seen.tags for name in given}
    assert not {"src", "href", "srcset", "action"} & attributes
    assert not [name for name in attributes if name.startswith("on")]


def test_no_claim_that_the_numbers_do_not_carry(certificate, curve, frame, free):
    html = everything(certificate, curve, frame, free).lower()
    assert not re.search(r"\bfair|complian|unbiased|discriminat", html)


def test_foreign_text_is_text(certificate, witness, run, page):
    made = certificate()
    names = [NASTY, "income", "score", "B"]
    foreign = certificate(
        detail=NASTY,
        strategy=NASTY,
        domain=made.domain.model_copy(update={"feature_names": names}),
        witness=witness(feature_names=names, origin=NASTY),
        model=made.model.model_copy(update={"output_name": NASTY, "source": NASTY, "architecture": NASTY}),
        metric=made.metric.model_copy(update={"name": NASTY, "parameters": {NASTY: NASTY}}),
        sensitive_features=[NASTY],
        runs=[run(solver=NASTY, message=NASTY, options={NASTY: NASTY})],
        phases={NASTY: 1.0},
        environment={NASTY: NASTY},
        config={NASTY: NASTY},
    )
    html = render_report(
        foreign,
        curve=Curve.from_certificates([foreign]),
        accuracy={NASTY: 1.0},
        units={NASTY: NASTY},
        command=NASTY,
        title=NASTY,
    )
    seen = page(html)
    assert seen.problems == []
    assert "script" not in {tag for tag, _ in seen.tags}
    # Foreign text arrives whole, and is not a template.
    assert seen.text.count(NASTY) > 10
    assert "49" not in re.sub(r"[\d.]*49[\d.]+|[\d.]+49[\d.]*", "", seen.text)
    labels = [given["aria-label"] for tag, given in seen.tags if tag == "svg" and "aria-label" in given]
    assert len(labels) == 6


def test_numbers_are_the_certificates(certificate, curve, frame, free, page):
    made = certificate(delta=4.5, verdict=Verdict.CERTIFIED)
    seen = page(
        render_report(made, curve=curve(), frame=frame(), free_attribute=free(), accuracy={"R2": 0.8312})
    )
    exact = seen.visible
    witness = made.witness
    for value in (
        *(made.delta_data, made.delta_lower, made.delta_upper, made.delta, made.epsilon, witness.distance),
        *witness.x1,
        *witness.x2,
        *(witness.output1, witness.output2, witness.delta),
        *(made.runs[0].delta_bound, made.runs[0].delta_point, made.runs[0].seconds),
        *made.metric.scale,
        *(
            value
            for point in curve().points
            for value in (point.epsilon, point.delta_lower, point.delta_upper)
        ),
        0.8312,
    ):
        assert repr(value) in exact
    # The bar and the words of the free attribute are text alone.
    for text in (
        "2.0625",
        "890",
        "353, 34 integer",
        "3051",
        "1234",
        "a" * 64,
        "b" * 64,
        "highs 1.16.0",
        "limit (time)",
    ):
        assert text in seen.text


def test_the_glossary_rounds_bounds_outward(certificate, page):
    exact = page(render_report(certificate(delta_lower=3.93759999, delta_upper=4.12543210001))).visible
    assert exact["3.93759999"] == "3.93759"
    assert exact["4.12543210001"] == "4.12544"


@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_the_verdict_is_the_certificates_sentence(certificate, verdict, page):
    made = certificate(verdict=verdict, delta=None if verdict is None else 4.0)
    seen = page(render_report(made))
    assert made.sentence in seen.text
    assert ("No delta asked for" if verdict is None else verdict.value.capitalize()) in seen.text
    assert ("It does not lean towards either" in seen.text) == (verdict is Verdict.UNDECIDED)


def test_the_sentence_never_prints_less_than_is_proven(certificate):
    made = certificate(delta_lower=42.77384, delta_upper=42.7738430)
    assert "more than 42.7739" in made.sentence
    assert "differs by 42.7738." in made.sentence
    certified = certificate(verdict=Verdict.CERTIFIED, delta=42.7738431, delta_upper=42.7738430)
    assert "more than 42.7738431 in" in certified.sentence
    assert "(certified: 42.7739)" in certified.sentence


@pytest.mark.parametrize("verdict", [None, Verdict.UNDECIDED])
def test_without_a_bound_nothing_is_called_certified(certificate, verdict, page):
    made = certificate(verdict=verdict, delta_upper=math.inf, gap=math.inf, closed_form=math.inf)
    seen = page(render_report(made))
    assert seen.problems == []
    assert "othing is certified for two inputs" in made.sentence
    assert "Certified no bound" in seen.text
    assert "Nothing is proven from above" in seen.text
    assert "Trust: none." in seen.text
    assert "inf " not in seen.text


@pytest.mark.parametrize("upper", [3.5, 5.0])
def test_a_contradiction_is_an_alarm_and_certifies_nothing(certificate, upper, page):
    made = certificate(
        verdict=Verdict.UNDECIDED,
        reason=Reason.INCONSISTENT,
        detail="highs is below a real pair",
        delta_upper=upper,
    )
    seen = page(render_report(made))
    assert "Nothing is certified. The run contradicted itself" in seen.text
    assert "Certified no bound" in seen.text
    assert "more than" not in made.sentence
    assert repr(upper) not in {value for value, _ in seen.numbers[:10]}


def test_nothing_found_is_not_called_a_real_pair(certificate, page):
    made = certificate(delta_lower=0.0, witness=None, gap=math.inf)
    assert "no pair that differs was found" in made.sentence
    assert "no pair was found that differs" in page(render_report(made)).text


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e12, 1e300])
def test_tiny_and_huge_numbers(certificate, free, witness, page, size):
    made = certificate(
        delta_lower=3.9 * size,
        delta_upper=4.1 * size,
        delta_data=1.3 * size,
        delta=5.0 * size,
        closed_form=8.0 * size,
        bracket=[(0.1, 0.0, math.inf), (0.2, 3.9 * size, 8.0 * size), (1.0, 3.9 * size, 4.1 * size)],
        witness=witness(output1=0.0, output2=3.9 * size, x1=[size, -size, 0.0, 0.0]),
        seconds=1e-9,
    )
    curve = Curve.from_certificates([made, free(delta_lower=size, delta_upper=2.0 * size)])
    seen = page(render_report(made, curve=curve, free_attribute=free()))
    assert seen.problems == []
    for tag, given in seen.tags:
        for name in ("d", "points", "x", "y", "width", "height", "viewbox", "style"):
            assert not re.search(r"nan|inf|e[-+]?\d", given.get(name, "")), (tag, name, given[name])


def test_two_hundred_features(wide, page):
    seen = page(render_report(wide(200)))
    assert seen.problems == []
    assert "179 more features that differ" in seen.text
    assert "1 feature that is equal in both" in seen.text
    assert set(re.findall(r"feature_\d+", seen.text)) == {f"feature_{k}" for k in range(200)}


def test_many_solves_are_folded_and_options_are_not_repeated(certificate, run, page):
    runs = [run(round=k, options={"gap": 0.125, "time_limit": 60.0 - k}) for k in range(1, 41)]
    seen = page(render_report(certificate(runs=runs, rounds=40)))
    assert "All 40 solves in 40 rounds" in seen.text
    assert seen.text.count('"gap": 0.125') == 1
    assert 'round 40: {"time_limit": 20.0}' in seen.text


def test_options_that_only_some_solves_have_are_not_common(certificate, run, page):
    runs = [
        run(round=1, options={"a": 1}),
        run(round=2, options={"a": 1, "b": 2}),
        run(round=3, solver="cbc"),
    ]
    text = page(render_report(certificate(runs=runs))).text
    assert 'round 2: {"b": 2}' in text
    assert "cbc 1.16.0" in text


def test_what_the_sensitive_attribute_does_is_a_range(certificate, free, page):
    # Witnessed 2 of at most 4.1254321 up to certified 2.0625 of at least 3.9375.
    text = page(render_report(certificate(), free_attribute=free())).text
    assert "only B may differ" in text
    assert "differs by 2 in house price in k$, and none differs by more than 2.0625." in text
    assert "That is 48 % to 53 % of the delta at epsilon 0.1." in text.replace("\u00a0", " ")


def test_units_stand_beside_the_names(certificate, curve, page):
    units = {"age": "years", "house price in k$": "1000 USD", "B": "", "elsewhere": "parsecs"}
    seen = page(render_report(certificate(), curve=curve(), units=units))
    assert "age years 40 41 1" in seen.text
    assert "house price in k$ (1000 USD) (output)" in seen.text
    assert seen.text.count("delta, house price in k$ (1000 USD)") == 4
    assert "parsecs" not in seen.text
    assert "USD" not in page(render_report(certificate())).text


def test_no_share_without_both_bounds(certificate, free, page):
    text = page(render_report(certificate(), free_attribute=free(delta_upper=math.inf))).text
    assert "without a certified bound" in text
    assert "of the delta at epsilon" not in text


def test_results_of_another_model_are_refused(certificate, curve, free):
    other = certificate().model.model_copy(update={"fingerprint": "c" * 64})
    with pytest.raises(ProblemError, match="curve is of another model, domain or metric"):
        render_report(certificate(), curve=curve(model=other))
    metric = certificate().metric.model_copy(update={"parameters": {"p": 1}})
    with pytest.raises(ProblemError, match="curve is of another model, domain or metric"):
        render_report(certificate(), curve=curve(metric=metric))
    with pytest.raises(ProblemError, match="free attribute is of another model"):
        render_report(certificate(), free_attribute=free(model=other))
    with pytest.raises(ProblemError, match=r"is at epsilon 0\.1"):
        render_report(certificate(), free_attribute=free(epsilon=0.1))


def test_a_curve_with_a_contradiction_is_marked(certificate, curve, page):
    warning = "The run at epsilon 0.2 contradicted itself"
    points = [certificate(epsilon=0.1), certificate(epsilon=0.2, reason=Reason.INCONSISTENT)]
    text = page(render_report(certificate(), curve=Curve.from_certificates(points))).text
    assert warning in text
    assert "contradicted itself" not in page(render_report(certificate(), curve=curve())).text


def test_lists_of_different_lengths_are_refused(certificate):
    metric = certificate().metric.model_copy(update={"scale": [1.0]})
    with pytest.raises(DataError, match=r"4 features .* 4 centers and 1 scales"):
        render_report(certificate(metric=metric))


def test_an_outer_metric_says_how_loose_it_is(certificate, page):
    words = "enlarged by up to 0.03"
    assert words in page(render_report(certificate())).text
    exact = certificate().metric.model_copy(update={"looseness": 0.0, "relation": "exact"})
    assert words not in page(render_report(certificate(metric=exact))).text
    smooth = certificate().metric.model_copy(update={"excess": 0.25})
    assert "up to 0.25 more than epsilon" in page(render_report(certificate(metric=smooth))).text
    assert "more than epsilon may" not in page(render_report(certificate(metric=exact))).text
    enumerated = certificate(strategy="exhaustive", trust=Trust.EXHAUSTIVE)
    assert words not in page(render_report(enumerated)).text


@pytest.mark.parametrize("trust", list(Trust))
def test_every_trust_has_words_and_only_a_proof_is_no_floating_point_bound(certificate, trust, page):
    made = certificate(trust=trust)
    text = page(render_report(made)).text
    assert trust_words(made) in text
    limited = "not a proof in exact arithmetic" in text or "not proved in exact arithmetic" in text
    assert limited == (trust is not Trust.PROVED)
    assert ("exact arithmetic." in trust_words(made)) == (trust is Trust.PROVED)


def test_every_strategy_has_words_and_a_new_one_is_named():
    words = {strategy_words(strategy.value) for strategy in Strategy}
    assert len(words) == len(Strategy)
    assert not any("is called" in text for text in words)
    assert strategy_words("quantum") == "The strategy is called quantum."


def test_tables_have_captions_and_drawings_have_words(certificate, curve, frame, free, page):
    seen = page(everything(certificate, curve, frame, free))
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("table") == tags.count("caption") > 8
    for tag, given in seen.tags:
        if tag == "svg":
            assert given.get("aria-hidden") == "true" or (given["role"] == "img" and given["aria-label"])
        if tag == "th":
            assert given["scope"] in ("row", "col")
        if given.get("role") == "region":
            assert given["aria-label"]
    assert next(given for tag, given in seen.tags if tag == "html") == {"lang": "en"}


def test_both_colour_schemes_and_paper(certificate):
    html = render_report(certificate())
    for rule in ("prefers-color-scheme: dark", "@media print", "@media (max-width"):
        assert rule in html


def test_the_same_inputs_give_the_same_bytes(certificate, curve, frame, free):
    first = everything(certificate, curve, frame, free)
    assert everything(certificate, curve, frame, free) == first
    again = Certificate.from_json(certificate().to_json())
    assert render_report(again) == render_report(certificate())


def test_the_file_is_written_whole(certificate, tmp_path):
    made = certificate()
    write_report(tmp_path / "report.html", made, title="Straße")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_report(made, title="Straße")
    write_report(str(tmp_path / "report.html"), made, title="second")
    assert "second" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_fails_leaves_the_old_one(certificate, free, tmp_path):
    target = tmp_path / "report.html"
    write_report(target, certificate())
    before = target.read_bytes()
    with pytest.raises(ProblemError):
        write_report(target, certificate(), free_attribute=free(epsilon=0.1))
    assert target.read_bytes() == before


def test_where_nothing_can_be_written(certificate, tmp_path):
    with pytest.raises(ConfigError, match="cannot be written to"):
        write_report(tmp_path / "no" / "report.html", certificate())
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ConfigError, match="cannot be written to"):
        write_report(tmp_path / "folder.html", certificate())
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_names_that_are_no_text_do_not_stop_the_report(certificate, tmp_path):
    model = certificate().model.model_copy(update={"source": "broken \udcff name"})
    write_report(tmp_path / "report.html", certificate(model=model))
    assert "broken ? name" in (tmp_path / "report.html").read_text(encoding="utf-8")
