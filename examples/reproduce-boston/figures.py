"""The figures: ours in colour, what is known of the founding paper's in black."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"sawtooth": "#D55E00", "pairs": "#0072B2", "certified": "#009E73"}
TITLES = {
    "sawtooth": "sawtooth of the paper's code",
    "pairs": "exact, over data pairs",
    "certified": "certified, all pairs in the box",
}
THEIR_DRAWS = (40.0, 11.5)
THEIR_CURVES = ((17.0, 34.0), (5.0, 37.0), (21.0, 41.0))
THEIR_DESCENT = ((0, 6.6), (7, 6.18), (10, 44.75))
THEIR_RESAMPLED_START, THEIR_RESAMPLED_BEST = 6.0, 5
UNIT = "delta, 1000 USD"

plt.rcParams.update(
    {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 110}
)


def draw_all(found: dict[str, Any], folder: Path) -> list[Path]:
    """Draw every figure into a folder and return the files."""
    return [
        _save(_draws(found["draws"]), folder / "draws.png"),
        _save(_curves(found["curves"]), folder / "curves.png"),
        _save(_descents(found["descents"]), folder / "descents.png"),
        _save(_landscapes(found["landscapes"]), folder / "landscapes.png"),
        _save(_front(found["tuned"]), folder / "front.png"),
    ]


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)
    return path


def _draws(found: dict[str, Any]) -> Any:
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    last = len(found["pairs"]["sorted"])
    for name, colour in COLOURS.items():
        values = found[name]["sorted"]
        axes.plot(range(1, len(values) + 1), values, "o-", ms=3, color=colour, label=TITLES[name])
    axes.plot([1, last], THEIR_DRAWS, "kx", ms=8, label="the paper's first and last of 20")
    axes.set(xlabel="draw, sorted by its own delta", ylabel=UNIT, ylim=(0, 47), xticks=range(2, last + 1, 2))
    axes.set_title("Random draws of (w, b), sorted", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _curves(found: dict[str, Any]) -> Any:
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.2), sharey=True, sharex=True)
    for axes, (name, colour) in zip(panels, COLOURS.items(), strict=True):
        for k, values in enumerate(found[name]):
            style = ("-", "--", ":")[k]
            axes.plot(found["epsilons"], values, style, color=colour, label=f"our draw {k}")
        for begin, end in THEIR_CURVES:
            axes.plot([0.1], [begin], "k>", ms=6, clip_on=False)
            axes.plot([0.5], [end], "k<", ms=6, clip_on=False)
        axes.set_title(TITLES[name], loc="left", fontsize=9)
        axes.set(xlabel="epsilon", ylim=(0, 47))
    panels[0].set_ylabel(UNIT)
    panels[0].plot([], [], "k>", label="ends of the paper's three")
    panels[0].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(0.0, 0.8))
    return figure


def _descents(found: dict[str, Any]) -> Any:
    figure, panels = plt.subplots(1, 3, figsize=(10.2, 3.4))
    shown = {
        "first model": ("-", "from the paper's first model"),
        "best draw": ("--", "from our best draw"),
        "best draw, resampled": (":", "the same, resampled rows"),
        "best draw, drawn evenly": ("-.", "the same, rows drawn evenly"),
    }
    for axes, (name, colour) in zip(panels, COLOURS.items(), strict=True):
        for key, (style, label) in shown.items():
            told = found.get(f"{name}, {key}")
            if told is None:
                continue
            epochs = range(len(told["deltas"]))
            axes.plot(epochs, told["deltas"], style, color=colour, label=label)
            best = told["best epoch"]
            axes.plot([best], [told["deltas"][best]], "o", ms=4, color=colour)
        axes.set_title(TITLES[name], loc="left", fontsize=9)
        axes.set(xlabel="epoch", ylim=(0, 47))
    panels[0].plot(*zip(*THEIR_DESCENT, strict=True), "kx", ms=7, label="the paper's (start, best, jump)")
    panels[0].plot([0], [THEIR_RESAMPLED_START], "k+", ms=8, label="the paper's start, resampled")
    panels[0].set_ylabel(UNIT)
    panels[0].legend(frameon=False, fontsize=7, loc="upper right", bbox_to_anchor=(1.0, 0.9))
    return figure


def _landscapes(found: dict[str, Any]) -> Any:
    figure, panels = plt.subplots(len(found), 3, figsize=(10.2, 6.4), layout="constrained")
    for row, (title, plane) in zip(panels, found.items(), strict=True):
        for axes, name in zip(row, COLOURS, strict=True):
            image = axes.pcolormesh(
                plane["first"], plane["bias"], plane[name], vmin=0, vmax=45, cmap="viridis"
            )
            axes.plot(
                *[[value] for value in plane["at"]], "o", mfc="none", mec="white", ms=7
            )  # the first model
            axes.set(xlabel=title, ylabel="b")
            axes.set_title(TITLES[name], loc="left", fontsize=9)
    figure.colorbar(image, ax=panels, label=UNIT, shrink=0.6)
    return figure


def _front(found: dict[str, Any]) -> Any:
    figure, axes = plt.subplots(figsize=(6.0, 3.8))
    for name in ("pairs", "certified"):
        points = [(told["r2"], told["certified"], key) for key, told in found.items() if key.startswith(name)]
        axes.plot(
            [x for x, _, _ in points],
            [y for _, y, _ in points],
            "o-",
            color=COLOURS[name],
            label=f"co-tuned on delta, {TITLES[name]}",
        )
        for x, y, label in points:
            axes.annotate(
                label.split()[-1],
                (x, y),
                xytext=(6, -2) if name == "certified" else (-6, 4),
                ha="left" if name == "certified" else "right",
                textcoords="offset points",
                fontsize=7,
                color=COLOURS[name],
            )
    trained = found["trained"]
    axes.plot([trained["r2"]], [trained["certified"]], "ks", label="trained for accuracy alone")
    axes.set(xlabel="R2 on rows not seen in training", ylabel="certified " + UNIT)
    axes.set_ylim(bottom=0)
    axes.set_title("Accuracy against certified delta, by lambda", loc="left")
    axes.legend(frameon=False, fontsize=8)
    return figure
