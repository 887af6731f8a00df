"""The table of solvers and their capabilities, made from the code."""

from __future__ import annotations

from nnff.plugin import Kind, plugin_manager
from nnff.solver.backend import Capability
from nnff.solver.load import solver

__all__ = ["solver_reference"]

_HEAD = """# Solvers and their capabilities

Generated from the code by `python docs/reference/generate.py`. A backend either
honours what it is asked for or refuses it in one sentence; what it lists here is
checked by `nnff check solver NAME`.

"""


def solver_reference(distribution: str = "nnff") -> str:
    """Return the page for the solvers that one distribution provides, as Markdown."""
    found = [f for f in plugin_manager().found(Kind.SOLVER).values() if f.distribution == distribution]
    backends = [solver(f.spec.name) for f in found]
    lines = [f"* `{f.spec.name}`: {f.spec.summary}." for f in found]
    lines += [
        "",
        "| | " + " | ".join(f"`{b.name}`" for b in backends) + " |",
        "|---|" + "---|" * len(backends),
    ]
    lines += [
        f"| {capability.value} | "
        + " | ".join("yes" if capability in b.capabilities else "" for b in backends)
        + " |"
        for capability in Capability
    ]
    failures = [(b.name, check, why) for b in backends for check, why in sorted(b.known_failures.items())]
    lines += ["", "## Known failures", ""]
    lines += [
        (
            "Checks of the conformance kit that a backend is known to fail, with the reason. The kit "
            "reports it when one of them starts to pass."
        ),
        "",
    ]
    lines += [f"* `{name}`, {check}: {why}" for name, check, why in failures] or ["None."]
    return _HEAD + "\n".join(lines) + "\n"
