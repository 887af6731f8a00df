"""The flags that set configuration keys: one table for `certify` and `curve`."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnff.cli.guard import with_signature
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FLAGS", "Flag", "configured"]


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes
    ----------
    option
        How it is written.
    key
        The configuration key it sets, ``section.key``.
    type
        What Typer turns the text into; text is parsed by the configuration itself.
    help
        One line.
    metavar
        What stands for the value in the help.
    """

    option: str
    key: str
    type: type
    help: str
    metavar: str = ""

    @property
    def parameter(self) -> str:
        """Name of the function parameter."""
        return "flag_" + self.option.strip("-").replace("-", "_")

    @property
    def panel(self) -> str:
        """Under which heading the help lists it."""
        return self.key.partition(".")[0].capitalize()


FLAGS = (
    Flag("--model", "model.path", str, "Model file.", "FILE"),
    Flag("--output-activation", "model.output", str, "Put behind the last layer, e.g. sigmoid.", "NAME"),
    Flag("--output-index", "model.output_index", str, "Which output, from zero, or max.", "INDEX"),
    Flag("--data", "data", str, "Known data set or CSV file.", "NAME|FILE"),
    Flag("--target", "data.target", str, "Target column of the CSV file.", "NAME"),
    Flag("--features", "data.features", str, "Input columns, in the model's order.", "A,B,..."),
    Flag("--sensitive-features", "data.sensitive_features", str, "Sensitive attributes.", "A,B,..."),
    Flag("--domain", "domain.source", str, "Ranges from: model, data or box.", "SOURCE"),
    Flag("--ranges", "domain.ranges", str, "Range per feature, '{\"age\": [17, 90]}'.", "TABLE"),
    Flag("--integer", "domain.integer", str, "Whole-number features, or all.", "A,B,..."),
    Flag("--immutable", "domain.immutable", str, "Features equal in both inputs.", "A,B,..."),
    Flag("--fixed", "domain.fixed", str, "Features with one value, '{\"age\": 40}'.", "TABLE"),
    Flag("--one-hot", "domain.one_hot", str, 'Groups with exactly one 1, \'[["a", "b"]]\'.', "LIST"),
    Flag("--ordinal", "domain.ordinal", str, "Levels per feature, '{\"grade\": [1, 2, 4]}'.", "TABLE"),
    Flag("--rows", "domain.rows", str, "Linear rows, as in the config file, as JSON.", "LIST"),
    Flag("--plausible", "domain.plausible", float, "Region that holds this share of the data.", "SHARE"),
    Flag("--plausible-without", "domain.plausible_without", str, "Features it leaves alone.", "A,B,..."),
    Flag("--metric", "similarity.metric", str, "Similarity metric plugin.", "NAME"),
    Flag("--metric-file", "similarity.file", str, "Learned metric, as nnff learn-metric writes it.", "FILE"),
    Flag("--epsilon", "similarity.epsilon", float, "Distance up to which inputs are similar."),
    Flag("--p", "similarity.p", str, "Norm of weighted-lp: 1, 2, inf, ...", "P"),
    Flag("--weights", "similarity.weights", str, "Weights of the metric, '{\"age\": 2}'.", "TABLE"),
    Flag("--free", "similarity.free", str, "Features with weight 0.", "A,B,..."),
    Flag("--scale", "similarity.scale", str, "model, none, standard, minmax or a table.", "SCALE"),
    Flag("--solver", "solver.name", str, "Solver plugin.", "NAME"),
    Flag("--time-limit", "solver.time_limit", float, "Wall seconds.", "SECONDS"),
    Flag("--threads", "solver.threads", int, "Threads of the solver."),
    Flag("--seed", "solver.seed", int, "Seed of attack and solver."),
    Flag("--solver-options", "solver.options", str, "Options in the solver's own spelling.", "TABLE"),
    Flag("--question", "certify.question", str, "output, probability, logit or flip.", "NAME"),
    Flag("--threshold", "certify.threshold", float, "Threshold of a flip."),
    Flag("--counterfactual", "certify.counterfactual", bool, "Only sensitive attributes change."),
    Flag("--strategy", "certify.strategy", str, "relational, exhaustive, ...", "NAME"),
    Flag("--gap", "certify.gap", float, "Relative gap to stop at."),
    Flag("--delta", "certify.delta", float, "Ask for a verdict against this value."),
    Flag("--crosscheck", "certify.crosscheck", str, "Further solvers that must agree.", "A,B,..."),
    Flag("--engine", "execution.engine", str, "Where the work is done: local.", "NAME"),
    Flag("--output", "output.dir", str, "Folder for what is written.", "DIR"),
)

# Always lists, even with one entry.
_LISTS = frozenset({"similarity.free"})

_CONFIG = inspect.Parameter(
    "config_path",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Configuration file, such as nnff.toml.")
    ],
)

_SET = inspect.Parameter(
    "assignments",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set any key; may be repeated."),
    ],
)


def configured(function: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter ``config`` of a command by CONFIG, all flags and ``--set``.

    The command receives the effective configuration.
    """

    @functools.wraps(function)
    def wrapper(*, config_path: Path | None, assignments: list[str] | None, **arguments: Any) -> None:
        from nnff.config import load_config  # noqa: PLC0415 - imports pydantic

        values, names = {}, {}
        for flag in FLAGS:
            value = arguments.pop(flag.parameter)
            if value is not None:
                key = _data_key(value) if flag.key == "data" else flag.key
                values[key] = [*_split(value)] if key in _LISTS else value
                names[key] = flag.option
        for assignment in assignments or ():
            key, sign, value = assignment.partition("=")
            if not sign:
                raise ConfigError(f"--set {assignment}: write it as section.key=value")
            key = key.strip()
            values[key] = value
            names[key] = f"--set {key}"
        function(config=load_config(config_path, flags=values, flag_names=names), **arguments)

    parameters = {_CONFIG.name: _CONFIG}
    for flag in FLAGS:
        option = typer.Option(
            flag.option, help=flag.help, metavar=flag.metavar or None, rich_help_panel=flag.panel,
            show_default=False,
        )  # fmt: skip
        parameters[flag.parameter] = inspect.Parameter(
            flag.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[flag.type | None, option],
        )
    parameters[_SET.name] = _SET
    # Config is named for type checkers only; the parameter does not reach Typer.
    own = dict(inspect.signature(function, locals={"Config": object}, eval_str=True).parameters)
    del own["config"]
    return with_signature(wrapper, parameters | own)


def _split(text: str) -> list[int | str]:
    items = [item.strip() for item in text.split(",") if item.strip()]
    return [int(item) if item.isdecimal() else item for item in items]


def _data_key(value: str) -> str:
    """Tell whether the value of ``--data`` is a file or the name of a data set."""
    is_file = value.lower().endswith(".csv") or "/" in value or Path(value).is_file()
    return "data.path" if is_file else "data.name"
