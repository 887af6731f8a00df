import math
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from nnff.certification.curve import Curve
from nnff.errors import ConfigError
from nnff.report import write_curve

SVG = "{http://www.w3.org/2000/svg}"


def texts(path):
    return " ".join("".join(node.itertext()) for node in ET.parse(path).iter(f"{SVG}text"))


def test_an_svg_holds_its_words_as_text(curve, tmp_path):
    write_curve(curve(), tmp_path / "curve.svg", epsilon=0.1, unit="price in $ (a_b) $x$")
    shown = texts(tmp_path / "curve.svg")
    for word in ("certified", "witnessed", "proven between the points", "closed form", "epsilon = 0.1"):
        assert word in shown
    # Dollar signs are no mathematics.
    assert "delta, price in $ (a_b) $x$" in shown


def test_a_png_is_a_png(curve, tmp_path):
    write_curve(curve(), tmp_path / "curve.PNG")
    assert (tmp_path / "curve.PNG").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", ["curve.svg", "curve.png"])
def test_the_same_curve_gives_the_same_bytes(curve, tmp_path, name):
    write_curve(curve(), tmp_path / name, epsilon=0.1)
    first = (tmp_path / name).read_bytes()
    write_curve(curve(), tmp_path / name, epsilon=0.1)
    assert (tmp_path / name).read_bytes() == first


def test_the_settings_of_the_caller_are_left_alone(curve, tmp_path):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    write_curve(curve(), tmp_path / "curve.svg")
    assert dict(mpl.rcParams) == before


def test_matplotlib_is_imported_for_pictures_only_and_pyplot_keeps_no_figure(tmp_path):
    program = """
import sys
from nnff.certification.curve import Curve, CurvePoint
from nnff.report import write_curve
assert "matplotlib" not in sys.modules
write_curve(Curve((CurvePoint(0.1, 1.0, 2.0, 3.0, 0.5),), ()), sys.argv[1])
import matplotlib.pyplot
assert matplotlib.pyplot.get_fignums() == []
"""
    target = tmp_path / "curve.png"
    command = [sys.executable, "-c", program, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert target.exists()


@pytest.mark.parametrize("name", ["curve.pdf", "curve", "curve.jpg"])
def test_other_formats_are_refused(curve, tmp_path, name):
    with pytest.raises(ConfigError, match=r"use \.png or \.svg"):
        write_curve(curve(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(curve, tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        write_curve(curve(), tmp_path / "no" / "curve.svg")


@pytest.mark.parametrize(
    "points",
    [
        [(0.0, 0.0, 0.0)],
        [(0.1, 0.0, math.inf), (0.2, 0.0, math.inf)],
        [(0.1, 1.0, 2.0), (0.2, 1.5, math.inf)],
        [(0.1, 1e-9, 2e-9), (0.2, 2e-9, 3e-9)],
        [(0.1, 1e12, 2e12), (0.2, 2e12, 3e12)],
    ],
)
def test_odd_curves(certificate, tmp_path, points):
    made = Curve.from_certificates(
        certificate(epsilon=e, delta_lower=low, delta_upper=high, closed_form=high) for e, low, high in points
    )
    write_curve(made, tmp_path / "curve.svg", epsilon=0.1, unit="k$")
    ET.parse(tmp_path / "curve.svg")
