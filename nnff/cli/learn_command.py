"""``nnff learn-metric``: a similarity metric from a CSV file."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnff.cli.guard import guarded

if TYPE_CHECKING:
    from nnff.learning import MetricLearner
    from nnff.values import FloatArray

__all__ = ["learn_metric"]

_BY_SENSITIVE = ("sensitive-regression", "association-weights", "covariance")


@guarded
def learn_metric(
    *,
    data: Annotated[str, typer.Argument(metavar="CSV", help="CSV file with a header, or a known data set.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="sensitive-regression, comparable-pairs, association-weights, covariance or labelled-pairs.",
        ),
    ] = "sensitive-regression",
    target: Annotated[
        str | None, typer.Option("--target", help="The column that the model predicts; not a feature.")
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", metavar="A,B,...", help="The model's inputs, in its order.")
    ] = None,
    sensitive: Annotated[
        str | None,
        typer.Option("--sensitive", metavar="A,B,...", help="Sensitive attributes; columns of the file."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            metavar="CSV",
            help="Comparable or labelled pairs: columns first and second (row numbers from 0), "
            "and similar (0 or 1) for labelled-pairs.",
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="NAME", help="For comparable-pairs: column of who is comparable."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PARAMETER=VALUE", help="Parameter of the method; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Learn a similarity metric from data and write it as a file, for `similarity.file`."""
    from pathlib import Path as AnyPath  # noqa: PLC0415 - the annotation's is not there at run time

    from nnff.cli.check_command import names_in  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import print_text, stdout_console  # noqa: PLC0415
    from nnff.errors import ConfigError, UnknownNameError  # noqa: PLC0415
    from nnff.learning import LEARNERS, save_metric  # noqa: PLC0415

    if method not in LEARNERS:
        raise UnknownNameError("method", method, LEARNERS)
    learner = LEARNERS[method]()
    for assignment in parameters or ():
        key, sign, value = assignment.partition("=")
        if not sign:
            raise ConfigError(f"--set {assignment}: write it as parameter=value")
        learner.set_params(**{key.strip(): _value(value)})
    source = _Source(data, target, names_in(features), groups)
    given = _given(learner, source, names_in(sensitive) or [], pairs, groups)
    names = source.dataset.feature_names
    learner.fit(source.dataset.rows(names), feature_names=names, **given)  # type: ignore[attr-defined] # each has its own
    where = AnyPath("metric.json") if output is None else output
    save_metric(learner.learned_, where)
    record = learner.metric().parameters
    if as_json:
        typer.echo(json.dumps({"file": str(where), **record}, indent=2))
        return
    console = stdout_console()
    learned = record["learned"]
    print_text(console, f"learned by {method} from {learned['rows']} rows: metric {record['metric']}")
    skipped = {"method", "parameters", "rows", "versions"}
    for key, value in learned.items():
        if key not in skipped and value not in ([], None):
            print_text(console, f"  {key.replace('_', ' ')}: {_shown(value)}")
    print_text(console, f"written to {where}; use it with similarity.file")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class _Source:
    """A CSV file, or a known data set; columns that are no features can be read as well."""

    def __init__(self, data: str, target: str | None, features: list[str] | None, apart: str | None) -> None:
        from pathlib import Path as AnyPath  # noqa: PLC0415

        from nnff.datasets import load_dataset, read_csv  # noqa: PLC0415
        from nnff.errors import ConfigError  # noqa: PLC0415

        self.name, self._path = data, AnyPath(data)
        self._is_file = bool(self._path.suffix) or self._path.is_file()
        if not self._is_file:
            if features is not None or target is not None or apart is not None:
                raise ConfigError(
                    f"{data} is a known data set; --features, --target and --groups need a file"
                )
            self.dataset = load_dataset(data)
            return
        self.dataset = read_csv(self._path, target=target, features=features)
        if features is None and apart is not None:
            left = [name for name in self.dataset.feature_names if name != apart]
            self.dataset = read_csv(self._path, target=target, features=left)

    def column(self, name: str) -> FloatArray:
        """Return a column, be it a feature or not."""
        from nnff.datasets import read_csv  # noqa: PLC0415

        if name in self.dataset.feature_names or not self._is_file:
            return self.dataset.rows((name,))[:, 0]
        return read_csv(self._path, features=[name]).rows((name,))[:, 0]


def _given(
    learner: MetricLearner,
    source: _Source,
    sensitive: list[str],
    pairs: Path | None,
    groups: str | None,
) -> dict[str, Any]:
    """Return what the learner's `fit` takes beside the rows."""
    import pandas as pd  # noqa: PLC0415 - keeps --help fast

    from nnff.datasets import read_csv  # noqa: PLC0415
    from nnff.errors import ConfigError  # noqa: PLC0415

    inputs = source.dataset.feature_names
    if learner.method in _BY_SENSITIVE:
        names = sensitive or [name for name in source.dataset.sensitive_features if name in inputs]
        if set(names) - set(inputs):
            return {"sensitive_features": pd.DataFrame({name: source.column(name) for name in names})}
        if names:
            return {"sensitive_features": names}
        if learner.method == "covariance":
            return {}
        raise ConfigError(f"the method {learner.method} needs --sensitive; {source.name} names none itself")
    if groups is not None and learner.method == "comparable-pairs":
        return {"groups": source.column(groups)}
    if pairs is None:
        raise ConfigError(f"the method {learner.method} needs --pairs")
    labelled = learner.method == "labelled-pairs"
    table = read_csv(pairs, features=["first", "second", *(["similar"] if labelled else [])])
    found: dict[str, Any] = {"pairs": table.rows(("first", "second"))}
    if labelled:
        found["similar"] = table.rows(("similar",))[:, 0]
    return found
