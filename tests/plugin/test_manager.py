"""Plugins are found one by one: what is broken is reported, what clashes is named, the rest works."""

from __future__ import annotations

import re
from importlib.metadata import PathDistribution

import pytest

from nnff.errors import PluginConflictError, PluginError, UnknownNameError
from nnff.plugin import Kind, PluginManager, PluginSpec, hookimpl

GOOD = """
from nnff.plugin import PluginSpec, hookimpl

@hookimpl
def nnff_solvers():
    return [PluginSpec({name!r}, "{module}:Backend", "a solver")]

class Backend:
    pass
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes a distribution with one module and returns its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution, module, code, version="1.5"):
        (tmp_path / f"{module}.py").write_text(code)
        folder = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (folder / "entry_points.txt").write_text(f"[nnff]\n{distribution}-point = {module}\n")
        return tuple(PathDistribution(folder).entry_points)

    return make


def good(name, module):
    return GOOD.format(name=name, module=module)


def test_a_plugin_is_found_with_its_distribution(install):
    manager = PluginManager(install("fast-solver", "fast_plugin", good("fast", "fast_plugin")))
    found = manager.get(Kind.SOLVER, "fast")
    assert (found.distribution, found.distribution_version) == ("fast-solver", "1.5")
    assert manager.load(Kind.SOLVER, "fast").__name__ == "Backend"
    assert manager.broken == ()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("raise RuntimeError('the licence has expired')", "RuntimeError: the licence has expired"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        # A hook that nnff does not know: a misspelling, or a plugin for another version.
        (
            "from nnff.plugin import hookimpl\n@hookimpl\ndef nnff_solverz():\n    return []\n",
            "PluginValidationError.*nnff_solverz",
        ),
        # Found, but failing when asked.
        (
            "from nnff.plugin import hookimpl\n@hookimpl\ndef nnff_solvers():\n    raise OSError('full')\n",
            "OSError: full",
        ),
        (
            "from nnff.plugin import hookimpl\n@hookimpl\ndef nnff_solvers():\n    raise SystemExit\n",
            "SystemExit",
        ),
        (
            "from nnff.plugin import hookimpl\n@hookimpl\ndef nnff_solvers():\n    return ['highs']\n",
            "PluginError: nnff_solvers must return a list of PluginSpec",
        ),
        (
            "from nnff.plugin import hookimpl\n@hookimpl\ndef nnff_solvers():\n    return None\n",
            "TypeError",
        ),
    ],
)
def test_a_broken_plugin_is_reported_with_its_distribution_and_the_rest_works(install, code, error, request):
    # A module of its own for each case: Python keeps what it has imported.
    module = f"broken_plugin_{abs(hash(request.node.name))}"
    points = install("broken-solver", module, code) + install(
        "fine-solver", f"fine_{module}", good("fine", f"fine_{module}")
    )
    manager = PluginManager(points)
    assert list(manager.found(Kind.SOLVER)) == ["fine"]
    [broken] = manager.broken
    assert broken.distribution == "broken-solver"
    assert "broken-solver-point" in broken.entry_point
    assert re.search(error, broken.error)


def test_two_distributions_with_one_name_are_both_named(install):
    points = install("first-solver", "first_plugin", good("fast", "first_plugin")) + install(
        "second-solver", "second_plugin", good("fast", "second_plugin")
    )
    manager = PluginManager(points)
    with pytest.raises(PluginConflictError, match=r"'fast'.*first-solver.*second-solver"):
        manager.found(Kind.SOLVER)
    # Nothing else suffers.
    assert manager.found(Kind.METRIC) == {}


def test_one_name_for_two_kinds_is_no_clash(install):
    code = good("fast", "both_plugin") + (
        "\n@hookimpl\ndef nnff_metrics():\n    return [PluginSpec('fast', 'both_plugin:Backend')]\n"
    )
    manager = PluginManager(install("both", "both_plugin", code))
    assert manager.get(Kind.METRIC, "fast").kind is Kind.METRIC
    assert manager.get(Kind.SOLVER, "fast").kind is Kind.SOLVER


def test_one_entry_point_listed_twice_is_loaded_once(install):
    points = install("twice", "twice_plugin", good("fast", "twice_plugin"))
    manager = PluginManager(points + points)
    assert list(manager.found(Kind.SOLVER)) == ["fast"]
    assert manager.broken == ()


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_nearest(install):
    manager = PluginManager(install("one", "one_plugin", good("quicksolve", "one_plugin")))
    with pytest.raises(UnknownNameError, match=r"no solver is called 'quiksolve'.*did you mean 'quicksolve'"):
        manager.get(Kind.SOLVER, "quiksolve")
    with pytest.raises(UnknownNameError, match=r"known: quicksolve$"):
        manager.get(Kind.SOLVER, "zzz")
    with pytest.raises(UnknownNameError, match="known: none"):
        manager.get(Kind.METRIC, "quicksolve")


@pytest.mark.parametrize("factory", ["no_such_module:Thing", "math:no_such_thing", "math"])
def test_a_factory_that_cannot_be_imported_is_an_error_with_its_name(factory):
    with pytest.raises(PluginError, match=f"'mine' cannot be loaded from {factory}"):
        PluginSpec("mine", factory).load()


def test_an_object_can_be_registered_by_hand():
    class Plugin:
        @hookimpl
        def nnff_metrics(self):
            return [PluginSpec("years", "math:sqrt")]

    manager = PluginManager(())
    manager.register(Plugin(), "mine", "my-distribution", "0.1")
    assert manager.get(Kind.METRIC, "years").distribution == "my-distribution"
    assert manager.load(Kind.METRIC, "years")(4.0) == 2.0


def test_what_ships_with_nnff_is_found_through_its_entry_points():
    manager = PluginManager()
    assert not [broken for broken in manager.broken if broken.distribution == "nnff"]
    assert manager.get(Kind.SOLVER, "highs").distribution == "nnff"


def test_every_kind_has_a_hook_with_an_example():
    from nnff.plugin import hookspecs

    for kind in Kind:
        assert "Examples" in getattr(hookspecs, kind.value).__doc__
        assert kind.label
