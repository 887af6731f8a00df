"""What a certificate says of the parts it was made from."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from nnff.certification.certificate import (
    DomainRecord,
    EncodingRecord,
    MetricRecord,
    ModelRecord,
    RegionRecord,
    RowRecord,
)
from nnff.domain import ROW_TOLERANCE
from nnff.plugin import Kind, plugin_manager

if TYPE_CHECKING:
    from nnff.domain import Domain, LinearRows
    from nnff.encoding import Encoded
    from nnff.network import Network
    from nnff.problem import Problem

__all__ = ["domain_record", "encoding_record", "environment_record", "metric_record", "model_record"]


def metric_record(problem: Problem, excess: float) -> MetricRecord:
    """Describe the similarity metric, its coordinates, who provides it and how loosely it was encoded."""
    metric = problem.metric
    found = plugin_manager().found(Kind.METRIC).get(metric.name)
    return MetricRecord(
        name=metric.name,
        distribution=f"{found.distribution} {found.distribution_version}" if found else "not a plugin",
        parameters=metric.parameters,
        relation=metric.relation.value,
        looseness=metric.looseness,
        excess=excess,
        center=problem.coordinates.center.tolist(),
        scale=problem.coordinates.scale.tolist(),
    )


def domain_record(domain: Domain) -> DomainRecord:
    """Describe the input domain, raw units."""
    names = np.array(domain.feature_names)
    return DomainRecord(
        feature_names=list(domain.feature_names),
        lower=domain.lower.tolist(),
        upper=domain.upper.tolist(),
        integer=names[domain.integer].tolist(),
        immutable=names[domain.immutable].tolist(),
        points=domain.n_points,
        rows=_row_records(domain.rows, domain.feature_names),
        row_tolerance=0.0 if domain.constraints is None else ROW_TOLERANCE,
        one_hot=[names[list(group)].tolist() for group in domain.one_hot],
        ordinal={domain.feature_names[index]: list(levels) for index, levels in domain.ordinal},
        region=_region_record(domain),
    )


def _row_records(rows: LinearRows | None, names: tuple[str, ...]) -> list[RowRecord]:
    if rows is None:
        return []
    return [
        RowRecord(
            name=name,
            terms={names[i]: float(row[i]) for i in np.flatnonzero(row)},
            lower=float(low),
            upper=float(high),
        )
        for name, row, low, high in zip(rows.names, rows.matrix, rows.lower, rows.upper, strict=True)
    ]


def _region_record(domain: Domain) -> RegionRecord | None:
    region = domain.region
    if region is None:
        return None
    return RegionRecord(
        coverage=region.coverage,
        reached=region.reached,
        data_rows=region.count,
        data=region.data,
        outside=list(region.outside),
        without=list(region.without),
        rows=_row_records(region.rows, domain.feature_names),
    )


def model_record(network: Network) -> ModelRecord:
    """Describe the network."""
    return ModelRecord(
        source=network.source,
        fingerprint=network.fingerprint,
        architecture=network.architecture,
        output_name=network.output_names[0],
    )


def encoding_record(encoded: Encoded) -> EncodingRecord:
    """Describe the size of a MILP."""
    matrix = encoded.matrix
    return EncodingRecord(
        rows=matrix.n_rows,
        columns=matrix.n_columns,
        integers=matrix.n_integers,
        nonzeros=matrix.n_nonzeros,
        cells=encoded.cells,
        fingerprint=matrix.fingerprint,
    )


def environment_record() -> dict[str, str]:
    """Name the versions that computed, and the kind of machine."""
    packages = ("nnff", "pyomo", "numpy", "scipy")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in packages},
    }
