"""Drawings of matplotlib as SVG inside a page: the page's colours and font, no clock, no ids that clash."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

__all__ = [
    "FONT_SIZE",
    "INK",
    "LINE",
    "PALETTE",
    "PAPER",
    "PROVEN",
    "PROVEN_PALE",
    "QUIET",
    "SEEN",
    "WRONG",
    "Canvas",
    "Drawing",
    "Style",
    "columns_of",
    "draw",
    "fitted",
    "legend_key",
    "printable",
    "style_of",
    "swatch",
]

FONT_SIZE = 12.0
"""Pixels at the drawing's own size."""
PALETTE = ("#0a6ebd", "#e0661c", "#0f9d78", "#5b1a5e", "#cf6fab", "#5c4700")
"""Series colours on paper: at least 3:1 against it, and apart for colour-blind eyes (tested)."""
INK, QUIET, LINE = "#1d2530", "#5a6572", "#dcdfe0"
PAPER, PROVEN, PROVEN_PALE, SEEN, WRONG = "#fdfdfb", "#1f6480", "#cfe1e8", "#a64b16", "#9c2f2f"
_VARIABLES = {
    **{color: f"var(--series-{k})" for k, color in enumerate(PALETTE)},
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    PROVEN: "var(--proven)",
    PROVEN_PALE: "var(--proven-pale)",
    SEEN: "var(--seen)",
    WRONG: "var(--violated)",
}
"""What stands for a colour in the page, so that drawings follow its dark and its printed form."""
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 3), (3, 1.5))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_MARKER_PATHS = {
    "o": "M9.5 6a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z",
    "s": "M9.9 2.9h6.2v6.2h-6.2Z",
    "^": "M13 2.2L16.8 9.2H9.2Z",
    "D": "M13 1.7L17.3 6L13 10.3L8.7 6Z",
    "v": "M13 9.8L9.2 2.8H16.8Z",
    "P": "M11.6 2.2h2.8v2.4h2.4v2.8h-2.4v2.4h-2.8v-2.4h-2.4v-2.8h2.4Z",
}
_POINTS_PER_INCH = 72.0
_HEX = re.compile(r"#[0-9a-f]{6}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NOT_PRINTED = re.compile(
    "[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True)
class Style:
    """How one series looks: never told apart by colour alone."""

    color: str
    dashes: tuple[float, ...]
    marker: str

    @property
    def linestyle(self) -> object:
        """The dashes as matplotlib takes them, relative to the line's width."""
        return (0, self.dashes) if self.dashes else "-"


def style_of(index: int) -> Style:
    """Return the style of the series with that number; colours come round again with other dashes."""
    turn, place = divmod(index, len(PALETTE))
    return Style(
        PALETTE[place],
        _DASHES[(place + turn) % len(_DASHES)],
        _MARKERS[(place + 2 * turn) % len(_MARKERS)],
    )


@dataclass(frozen=True)
class Canvas:
    """The size of a drawing, pixels.

    Attributes
    ----------
    kind
        ``"wide"`` for a desk, ``"narrow"`` for a telephone; the style sheet shows one.
    width, height
        Size.
    """

    kind: str
    width: float
    height: float

    @property
    def narrow(self) -> bool:
        """Whether there is little room."""
        return self.kind == "narrow"


@dataclass(frozen=True)
class Drawing:
    """A figure of a page.

    Attributes
    ----------
    name
        Its id, unique within the page.
    title, caption
        Plain text above and below it.
    legend
        Key and text of each entry.
    pictures
        The drawing for each `Canvas.kind`, SVG.
    """

    name: str
    title: str
    caption: str
    legend: tuple[tuple[Markup, str], ...]
    pictures: tuple[Markup, ...]


def draw(
    name: str,
    paint: Callable[[Figure, Canvas], None],
    *,
    heights: tuple[float, float],
    description: str,
) -> tuple[Markup, ...]:
    """Paint a figure in both sizes.

    The same figure gives the same bytes with the same version of matplotlib, whatever the user's
    settings of it.  Text stays text, in the page's font; it is laid out with a wide
    one, so that it fits in any.

    Parameters
    ----------
    name
        Prefix of the ids, unique within the page.
    paint
        Draws into an empty figure.
    heights
        Pixels, for the wide and the narrow form.
    description
        What a reader who does not see it is told.
    """
    sizes = (Canvas("wide", 820.0, heights[0]), Canvas("narrow", 380.0, heights[1]))
    return tuple(_picture(f"{name}-{size.kind}", paint, size, description) for size in sizes)


def _picture(name: str, paint: Callable[[Figure, Canvas], None], size: Canvas, description: str) -> Markup:
    from matplotlib import rc_context, style  # noqa: PLC0415 - slow to import, and only pictures need it
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings = {
        "svg.hashsalt": f"nnff {name}",
        "svg.fonttype": "none",
        "font.size": FONT_SIZE,
        "text.color": INK,
        "axes.edgecolor": LINE,
        "axes.labelcolor": QUIET,
        "axes.titlesize": FONT_SIZE,
        "axes.titlecolor": QUIET,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid.axis": "y",
        "grid.color": LINE,
        "grid.linewidth": 0.8,
        "axes.axisbelow": True,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.major.pad": 6.0,
        "xtick.labelcolor": QUIET,
        "ytick.labelcolor": QUIET,
        "xtick.labelsize": FONT_SIZE,
        "ytick.labelsize": FONT_SIZE,
        "lines.scale_dashes": True,
    }
    out = io.BytesIO()
    with style.context("default"), rc_context(settings), warnings.catch_warnings():
        # The reader's font draws what this one lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(size.width / _POINTS_PER_INCH, size.height / _POINTS_PER_INCH))
        paint(figure, size)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return _inline(out.getvalue(), name, size, description)


def _inline(raw: bytes, name: str, size: Canvas, description: str) -> Markup:
    """Make a part of a page of a file."""
    root = ET.fromstring(raw)  # noqa: S314 - written by matplotlib a moment ago
    for parent in root.iter():
        for child in [c for c in parent if _local(c.tag) in ("metadata", "style")]:
            # A style element would hold for the whole page.
            parent.remove(child)
    used: set[str] = set()
    for element in root.iter():
        element.tag = _local(element.tag)
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            if key == "style":
                value = _restyled(value)
            if key.endswith("}href"):
                used.add(value[1:])
                element.set("href", f"#{name}-{value[1:]}")
                continue
            used.update(_REFERENCE.findall(value))
            element.set(_local(key), _REFERENCE.sub(rf"url(#{name}-\1)", value))
    for element in root.iter():
        given = element.attrib.pop("id", None)
        if given in used:
            element.set("id", f"{name}-{given}")
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": size.kind,
        "viewBox": f"0 0 {size.width:g} {size.height:g}",
        "role": "img",
        "aria-label": printable(description),
        # What matplotlib says in its style element.
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    return Markup(ET.tostring(root, encoding="unicode").replace("\n", ""))  # noqa: S704 - serialised, so escaped


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _restyled(style: str) -> str:
    """Use the page's font and colours."""
    parts = [part.strip() for part in style.split(";")]
    kept = [part for part in parts if part and not part.startswith("font-family")]
    return _HEX.sub(lambda found: _VARIABLES.get(found[0], found[0]), "; ".join(kept))


def legend_key(style: Style, *, line: bool = True, marker: bool = True) -> Markup:
    """Return the key of a series for a legend beneath a drawing."""
    color = _VARIABLES[style.color]
    parts = []
    if line:
        dashes = ",".join(f"{2 * dash:g}" for dash in style.dashes)
        dash = f";stroke-dasharray:{dashes}" if dashes else ""
        parts.append(f'<path style="stroke:{color};stroke-width:2;fill:none{dash}" d="M0 6H26"/>')
    if marker:
        parts.append(f'<path style="fill:{color}" d="{_MARKER_PATHS[style.marker]}"/>')
    return _key("".join(parts))


def swatch(color: str, *, opacity: float = 1.0) -> Markup:
    """Return the key of an area."""
    fill = f"fill:{_VARIABLES[color]};fill-opacity:{opacity:g}"
    return _key(f'<rect style="{fill}" x="0" y="1" width="26" height="10"/>')


def _key(content: str) -> Markup:
    # Nothing in it comes from outside.
    return Markup(f'<svg viewBox="0 0 26 12" aria-hidden="true">{content}</svg>')  # noqa: S704


def fitted(text: str, limit: int) -> str:
    """Return foreign text as one printable line of at most `limit` columns, the middle left out.

    The middle, because names of instances tend to differ at their ends.
    """
    line = " ".join(printable(text).split())
    if columns_of(line) <= limit:
        return line
    left, right = line[: limit // 2], line[-((limit - 1) // 2) :]
    while columns_of(left) + columns_of(right) + 1 > limit:
        if columns_of(left) > columns_of(right):
            left = left[:-1]
        else:
            right = right[1:]
    return f"{left}…{right}"


def columns_of(text: str) -> int:
    """Return how many columns of a terminal, that is, halves of a wide character, `text` takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def printable(text: str) -> str:
    """Replace what XML does not allow, and what turns the direction of the text around it."""
    return _NOT_PRINTED.sub("\ufffd", text)
