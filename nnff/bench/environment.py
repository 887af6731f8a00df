"""Where runs were made: machine, versions, source.  Never who ran them, on which host, or in which folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnff.errors import PluginConflictError
from nnff.plugin import Found, Kind, plugin_manager

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["describe_environment", "environment_differences", "source_hash"]

_PACKAGES = ("nnff", "numpy", "scipy", "pyomo")
"""What every run computes with; solver packages are those that the solver plugins require."""

_NO_PART_IN_RUNS = ("cli", "report", "testing")
"""Folders of nnff that no certification runs through: a better page does not make old runs stale."""


def describe_environment(*, jobs: int = 1) -> dict[str, Any]:
    """Describe machine, versions and source; to be called once by the process that starts the runs.

    Parameters
    ----------
    jobs
        Number of runs at a time: they slow each other down.

    Returns
    -------
    ``machine`` (processor, cores, memory in bytes, system), ``versions`` by package,
    ``source`` (see `source_hash`) and ``jobs``.
    """
    return {
        "machine": _machine(),
        "versions": _versions(),
        "source": source_hash(),
        "jobs": jobs,
    }


def environment_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what differs, in words: ``"numpy was 2.1.0 and is 2.2.0"``.

    A package that only one of the two has is no difference: it was installed for something else.
    """
    found = []
    for section in ("machine", "versions"):
        one, other = then.get(section, {}), now.get(section, {})
        found += [
            f"{name} was {one[name]} and is {other[name]}"
            for name in one
            if name in other and one[name] != other[name]
        ]
    if then.get("source") != now.get("source"):
        found.append("the source of nnff or of a plugin was another one")
    if then.get("jobs") != now.get("jobs"):
        found.append(f"the number of runs at a time was {then.get('jobs')} and is {now.get('jobs')}")
    return tuple(found)


def source_hash() -> str:
    """Return a SHA-256 of the Python files of nnff and of all installed plugins, 64 hexadecimal digits.

    Left out are the parts of nnff that no run goes through: command line, reports, test kits.
    """
    digest = hashlib.sha256()
    for name, content in sorted(_sources()):
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _machine() -> dict[str, Any]:
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity is not None else os.cpu_count(),
        "memory": _memory(),
        # Two numbers of the release: what follows them often tells whose machine it is.
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])} {platform.machine()}",
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _versions() -> dict[str, str]:
    offers = _offers()
    required = [name for offer in offers if offer.kind is Kind.SOLVER for name in offer.spec.requires]
    found = {"python": platform.python_version()}
    for name in (*_PACKAGES, *required):
        found[name] = _version(name)
    for offer in offers:
        found.setdefault(offer.distribution, offer.distribution_version)
    return found


def _offers() -> list[Found]:
    """Return what all plugins offer, but for kinds in which two clash: nothing of these can be used."""
    offers: list[Found] = []
    for kind in Kind:
        with contextlib.suppress(PluginConflictError):
            offers.extend(plugin_manager().found(kind).values())
    return offers


def _version(package: str) -> str:
    """Return the version of the distribution that a package is imported from; ``""`` without one."""
    with contextlib.suppress(PackageNotFoundError):
        return version(package)
    # Walking all distributions takes its time: only for packages that are not called as theirs is.
    for distribution in packages_distributions().get(package, ()):
        return version(distribution)
    return ""


def _sources() -> Iterator[tuple[str, bytes]]:
    modules = {"nnff"} | {offer.spec.factory.partition(":")[0].partition(".")[0] for offer in _offers()}
    for module in sorted(modules):
        for name, path in _files(module):
            if not name.startswith(tuple(f"nnff/{folder}/" for folder in _NO_PART_IN_RUNS)):
                yield name, path.read_bytes()


def _files(module: str) -> Iterable[tuple[str, Path]]:
    """Yield the Python files of a top-level module, by the name they are imported as."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a plugin that is broken is reported elsewhere
        spec = None
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None and spec.origin.endswith(".py"):
            yield f"{module}.py", Path(spec.origin)
        return
    for folder in spec.submodule_search_locations:
        root = Path(folder)
        for path in root.rglob("*.py"):
            yield f"{module}/{path.relative_to(root).as_posix()}", path
