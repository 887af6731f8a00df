"""The tables of what was measured, in Markdown."""

from __future__ import annotations

from typing import Any

THREE = ("sawtooth", "pairs", "certified")
HEADS = ("sawtooth", "exact, data pairs", "certified")


def write_tables(found: dict[str, Any]) -> str:
    """Return all tables as one Markdown text."""
    sections = [
        ("The two founding models", _rows(found["models"], ())),
        ("Draws, sorted", _draws(found["draws"])),
        ("Curves at their ends", _curves(found["curves"])),
        ("Algorithm 3", _descents(found["descents"])),
        ("Algorithm 3 from the best of other draws", _ends(found["ends"])),
        ("Against one random draw", _improvement(found["improvement"])),
        ("Two gradients of the certified delta", _gradients(found["gradients"])),
        ("Remedies", _rows(found["remedies"], ("r2", "stopped by a jump", "of", "values of delta"))),
        ("Proposals", _rows(found["proposals"], ("r2",))),
        ("Co-tuning", _rows(found["tuned"], ("witnessed", "r2"))),
        ("Retraining on resampled rows", _rows(found["retrained"], ("r2", "sd of certified", "sd of r2"))),
    ]
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in sections) + "\n"


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """Return a Markdown table; numbers get two digits, three below 1."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return str(value)


def _rows(found: dict[str, Any], further: tuple[str, ...]) -> str:
    keys = (*THREE, *further)
    return table(
        ("", *HEADS, *further), [(name, *(told.get(key) for key in keys)) for name, told in found.items()]
    )


def _draws(found: dict[str, Any]) -> str:
    rows = []
    for name, head in zip(THREE, HEADS, strict=True):
        told = found[name]
        for end, which in (("largest", 0), ("least", -1)):
            low, middle, high = told[f"{end} of other draws"]
            rows.append((head, end, told["sorted"][which], low, middle, high))
    best = found["best by the sawtooth"]
    rows.append(("the draw that the sawtooth likes best", "", *(best[name] for name in THREE), best["r2"]))
    return table(("definition", "of the draws", "ours", "other sets: least", "median", "most"), rows[:-1]) + (
        "\n\n" + table(("", *HEADS, "R2"), [(rows[-1][0], *rows[-1][2:])])
    )


def _curves(found: dict[str, Any]) -> str:
    rows = [
        (head, k, found[name][k][0], found[name][k][-1])
        for name, head in zip(THREE, HEADS, strict=True)
        for k in range(3)
    ]
    ends = found["epsilons"]
    return table(("definition", "draw", f"epsilon {ends[0]:g}", f"epsilon {ends[-1]:g}"), rows)


def _descents(found: dict[str, Any]) -> str:
    rows = [
        (
            name,
            told["deltas"][0],
            told["deltas"][told["best epoch"]],
            told["best epoch"],
            told["deltas"][-1],
            f"{told['stopped']}, {len(told['deltas']) - 1}",
            *(f"{told['start by'][key]:.2f} → {told['best by'][key]:.2f}" for key in THREE),
            told["r2"],
            told.get("pairs left"),
        )
        for name, told in found.items()
    ]
    head = (
        "lowered, start",
        "start",
        "best",
        "its epoch",
        "last",
        "ended by, at",
        *HEADS,
        "R2",
        "pairs left",
    )
    return table(head, rows)


def _ends(found: dict[str, Any]) -> str:
    keys = (
        "descents",
        "jumped",
        "median epoch of the jump",
        "never below the start",
        "median start",
        "median best",
    )
    return table(
        ("definition", *keys), [(name, *(told[key] for key in keys)) for name, told in found.items()]
    )


def _improvement(found: dict[str, Any]) -> str:
    one = found["one draw"]
    rows: list[tuple[Any, ...]] = [("one random draw, mean", *(one[name] for name in THREE), None)]
    for name in THREE:
        for step, told in found[name].items():
            shares = (f"{told[key]:.2f} ({100 * (told[key] / one[key] - 1):+.0f} %)" for key in THREE)
            rows.append((f"{name}: {step}", *shares, told["r2"]))
    return table(("what is lowered, how far", *HEADS, "R2"), rows)


def _gradients(found: dict[str, Any]) -> str:
    rows = [
        (name, told["deltas"][0], min(told["deltas"]), told["values"], told["seconds"])
        for name, told in found.items()
    ]
    return table(("gradient", "start", "best", "values of delta", "seconds"), rows)
