import itertools
import re
from importlib.resources import files
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from nnff.report.svg import (
    PALETTE,
    columns_of,
    draw,
    fitted,
    legend_key,
    printable,
    style_of,
    swatch,
)

STYLES = files("nnff.report") / "templates"
BENCH_CSS = (STYLES / "bench.css").read_text()
PAGE_CSS = (STYLES / "style.css").read_text()
# Machado, Oliveira, Fernandes (2009), severity 1, row by row.
EYES = {
    "all cones": np.eye(3).ravel(),
    "protan": [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    "deutan": [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881],
    "tritan": [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900],
}


def linear(color):
    c = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x = np.array(to_xyz) @ np.clip(light, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    dark, light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


def series(css):
    """The blocks that define series colours, in order: paper, dark, print."""
    colors = re.findall(r"--series-(\d): (#[0-9a-f]{6})", css)
    return [[color for _, color in colors[k : k + len(PALETTE)]] for k in range(0, len(colors), len(PALETTE))]


def paint(figure, canvas):
    axes = figure.add_subplot()
    axes.plot([0, 1], [1, 0], color=PALETTE[0], marker="s")
    axes.plot([0, 1], [0, 3], color=PALETTE[1])
    axes.set_title("a < b & $c$ </text><script>", parse_math=False)


def test_a_drawing_is_well_formed_and_brings_nothing_into_the_page_but_itself():
    for picture, kind in zip(
        draw("x", paint, heights=(200, 150), description='"<&'), ("wide", "narrow"), strict=True
    ):
        root = ET.fromstring(picture)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "g", "path", "text", "tspan", "defs", "use", "clipPath", "rect"}
        assert (root.get("class"), root.get("aria-label")) == (kind, '"<&')
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert ids
        assert all(name.startswith(f"x-{kind}-") for name in ids)
        assert "a < b & $c$ </text><script>" in {element.text for element in root.iter()}
        assert "font-family" not in picture
        for reference in re.findall(r'href="#([^"]+)"', picture) + re.findall(r"url\(#([^)]+)\)", picture):
            assert reference in ids


def test_colours_are_those_of_the_page():
    wide, _ = draw("x", paint, heights=(200, 150), description="")
    assert "stroke: var(--series-0)" in wide
    assert "fill: var(--quiet)" in wide
    for name in re.findall(r"var\((--[\w-]+)\)", wide + legend_key(style_of(3)) + swatch(PALETTE[5])):
        assert f"{name}:" in PAGE_CSS + BENCH_CSS
    # Nothing is left in a colour that the dark form of the page does not change.
    assert not re.findall(r"(?:fill|stroke): #(?!000000)", wide)


def test_the_same_drawing_has_the_same_bytes_whatever_the_users_settings_are():
    first = draw("x", paint, heights=(200, 150), description="d")
    with mpl.rc_context(
        {"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "lines.linewidth": 9}
    ):
        assert draw("x", paint, heights=(200, 150), description="d") == first


def test_drawings_do_not_share_ids():
    def ids(name):
        return {
            i
            for p in draw(name, paint, heights=(9, 9), description="")
            for i in re.findall(r' id="([^"]+)"', p)
        }

    assert ids("x")
    assert not ids("x") & ids("y")


def test_the_style_sheet_has_the_palette():
    paper, dark, printed = series(BENCH_CSS)
    assert paper == printed == list(PALETTE)
    assert len(dark) == len(PALETTE)


@pytest.mark.parametrize("which", [0, 1])
def test_series_can_be_told_apart_by_everybody(which):
    colors = series(BENCH_CSS)[which]
    paper = re.findall(r"--paper: (#[0-9a-f]{6})", PAGE_CSS)[which]
    assert min(contrast(color, paper) for color in colors) >= 3
    for name, eye in EYES.items():
        seen = [lab(np.reshape(eye, (3, 3)) @ linear(color)) for color in colors]
        least = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
        assert least >= 12, name


def test_no_two_of_many_series_look_the_same():
    looks = [(style_of(k).color, style_of(k).dashes) for k in range(18)]
    assert len(set(looks)) == 18
    assert len({(style_of(k).color, style_of(k).marker) for k in range(18)}) == 18


def test_foreign_text_becomes_one_line_that_fits():
    assert fitted("short", 10) == "short"
    assert fitted("two\nlines\tof  it", 20) == "two lines of it"
    cut = fitted("width-16-depth-4-epsilon-0.30", 16)
    assert cut == "width-16…on-0.30"
    wide = fitted("日本語の長い名前です", 9)
    assert columns_of(wide) <= 9
    assert "…" in wide


def test_what_xml_forbids_or_turns_the_text_is_replaced():
    assert printable("a\x00b\u202ec\ud800d\u2066") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert printable("é 日本 😀\n") == "é 日本 😀\n"
