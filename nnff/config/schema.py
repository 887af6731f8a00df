"""The keys of a configuration, section by section: types, defaults and what they mean.

The descriptions are the reference: docs/reference/config.md is generated from them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from nnff.errors import ConfigError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["SECTIONS", "Config", "Form", "fields_of", "form_of", "is_path"]


class Form(enum.StrEnum):
    """How a value is written where there is only text: in a flag or an environment variable."""

    TEXT = "text"
    NUMBER = "number"
    LIST = "list, comma-separated"
    TABLE = "table, as JSON"


def _key(
    default: Any, description: str, form: Form = Form.TEXT, *, shown: str, path: bool = False, **limits: Any
) -> Any:
    """Declare a key; `shown` is the type as the reference page prints it."""
    extra: dict[str, Any] = {"form": form, "shown": shown, "path": path}
    return Field(default=default, description=description, json_schema_extra=extra, **limits)


def _features(value: Any) -> Any:
    """Accept ``"all"`` or a list of names and zero-based indices."""
    if value == "all":
        return value
    good = isinstance(value, list | tuple) and all(
        isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)) for item in value
    )
    if not good:
        raise ValueError('it must be "all" or a list of feature names or zero-based indices')
    return list(value)


def _output(value: Any) -> Any:
    """Accept an index or the word for the largest of all outputs."""
    if value is None or value == "max":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError('it must be a whole number, at least 0, or "max"')
    return value


def _optional_features(value: Any) -> Any:
    """Accept a list of names and zero-based indices, or nothing."""
    if value is None:
        return None
    if isinstance(value, str):
        raise ValueError("it must be a list of feature names or zero-based indices")  # noqa: TRY004
    return _features(value)


def _scale(value: Any) -> Any:
    """Accept a known word or a table of positive numbers."""
    words = ("model", "none", "standard", "minmax")
    if isinstance(value, str):
        if value not in words:
            raise ValueError(f"it must be one of {', '.join(words)}, or a table of numbers by feature")
        return value
    return _numbers(value)


def _numbers(value: Any) -> dict[str, float]:
    """Accept a table of numbers by feature."""
    if not isinstance(value, dict):
        raise ValueError("it must be a table of numbers by feature, such as { age = 2.0 }")  # noqa: TRY004
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"the value for {name} must be a number")  # noqa: TRY004 - pydantic wants it
    return {str(name): float(number) for name, number in value.items()}


def _ranges(value: Any) -> dict[str, tuple[float, float]]:
    """Accept a table of [lower, upper] by feature."""
    if not isinstance(value, dict):
        raise ValueError("it must be a table of ranges by feature, such as { age = [17, 90] }")  # noqa: TRY004
    result = {}
    for name, pair in value.items():
        numbers = isinstance(pair, list | tuple) and all(
            isinstance(end, int | float) and not isinstance(end, bool) for end in pair
        )
        if not numbers or len(pair) != 2:  # noqa: PLR2004 - a range has two ends
            raise ValueError(f"the range of {name} must be two numbers, [lower, upper]")
        result[str(name)] = (float(pair[0]), float(pair[1]))
    return result


def _groups(value: Any) -> list[list[int | str]]:
    """Accept a list of lists of features."""
    if not isinstance(value, list | tuple) or not all(isinstance(group, list | tuple) for group in value):
        raise ValueError('it must be a list of groups of features, such as [["red", "green", "blue"]]')
    return [_features(group) for group in value]


def _levels(value: Any) -> dict[str, list[float]]:
    """Accept a table of lists of numbers by feature."""
    if not isinstance(value, dict):
        raise ValueError("it must be a table of levels by feature, such as { grade = [1, 2.5, 4] }")  # noqa: TRY004
    for name, levels in value.items():
        if not isinstance(levels, list | tuple) or not all(
            isinstance(level, int | float) and not isinstance(level, bool) for level in levels
        ):
            raise ValueError(f"the levels of {name} must be a list of numbers")
    return {str(name): [float(level) for level in levels] for name, levels in value.items()}


def _rows(value: Any) -> list[dict[str, Any]]:
    """Accept a list of tables; what they hold is checked with the features at hand."""
    if not isinstance(value, list | tuple) or not all(isinstance(row, dict) for row in value):
        raise ValueError(
            "it must be a list of rows, such as [{ terms = { age = 1, experience = -1 }, lower = 16 }]"
        )
    return [dict(row) for row in value]


def _engine(value: Any) -> Any:
    if value != "local":
        raise ValueError('only "local" exists in this version')
    return value


class _Section(BaseModel):
    # strict: threads = "2" or threads = true is a slip, not a number.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ModelSection(_Section):
    """The trained network."""

    path: str | None = _key(None, "The model file, relative to this file.", shown="path", path=True)
    output: str | None = _key(
        None,
        "Activation to put behind the last layer when the file holds a logit, such as `sigmoid`.",
        shown="name",
    )
    output_index: Annotated[int | str | None, BeforeValidator(_output)] = _key(
        None,
        "Which output to certify, from zero, when the network has several (of a softmax, the probability of "
        'that class); `"max"`: the largest delta of any.',
        Form.NUMBER,
        shown='whole number or "max"',
    )


class DataSection(_Section):
    """Data rows: for delta_data, for `domain.source = "data"`, for scales and reports."""

    name: str | None = _key(None, "A known data set; `nnff plugins` lists them.", shown="name")
    path: str | None = _key(
        None, "A CSV file with a header, instead of a known data set.", shown="path", path=True
    )
    target: str | None = _key(
        None, "The column of the CSV file that the model predicts; it is not an input.", shown="name"
    )
    features: list[str] | None = _key(
        None,
        "Columns that are the inputs of the model, in its order; default: all but the target.",
        Form.LIST,
        shown="list of names",
    )
    sensitive_features: list[str] | None = _key(
        None,
        "Sensitive attributes, for reports; default: those of the data set's card.",
        Form.LIST,
        shown="list of names",
    )

    @model_validator(mode="after")
    def _one_source(self) -> DataSection:
        if self.name is not None and self.path is not None:
            raise ValueError("data.name and data.path exclude each other; give one of them")
        return self


class DomainSection(_Section):
    """Which inputs, and which pairs of inputs, are possible; raw units."""

    source: Literal["model", "data", "box"] = _key(
        "model",
        "Where ranges come from: `model`, the ranges in the model file; `data`, the smallest box that "
        "holds every row; `box`, the key `ranges` alone.",
        shown="`model`, `data` or `box`",
    )
    ranges: Annotated[dict[str, Any], BeforeValidator(_ranges)] = _key(
        {},
        "Range per feature, such as `{ age = [17, 90] }`; with `model` and `data` it replaces theirs.",
        Form.TABLE,
        shown="table of [lower, upper]",
    )
    integer: Annotated[list[int | str] | str, BeforeValidator(_features)] = _key(
        [], "Features that take whole numbers only.", Form.LIST, shown='list of names or indices, or "all"'
    )
    immutable: Annotated[list[int | str] | str, BeforeValidator(_features)] = _key(
        [],
        "Features that are equal in both inputs of a pair.",
        Form.LIST,
        shown='list of names or indices, or "all"',
    )
    fixed: Annotated[dict[str, float], BeforeValidator(_numbers)] = _key(
        {},
        "Features that have one value, such as `{ age = 40 }`.",
        Form.TABLE,
        shown="table of numbers",
    )
    one_hot: Annotated[list[list[int | str]], BeforeValidator(_groups)] = _key(
        [],
        'Groups of features of which exactly one is 1 and the others are 0, such as `[["red", "blue"]]`.',
        Form.TABLE,
        shown="list of lists of names or indices",
    )
    ordinal: Annotated[dict[str, list[float]], BeforeValidator(_levels)] = _key(
        {},
        "Features that take one of a list of levels, such as `{ grade = [1, 2.5, 4] }`.",
        Form.TABLE,
        shown="table of lists of numbers",
    )
    rows: Annotated[list[dict[str, Any]], BeforeValidator(_rows)] = _key(
        [],
        "Linear rows that each input of a pair satisfies, such as "
        "`[{ terms = { age = 1, experience = -1 }, lower = 16 }]`; `lower`, `upper` or both, and a `name`.",
        Form.TABLE,
        shown="list of tables",
    )
    plausible: float | None = _key(
        None,
        "Learn a plausible region from the data that holds at least this share of its rows, such as 0.99; "
        "both inputs of a pair lie in it.",
        Form.NUMBER,
        shown="number",
        gt=0,
        le=1,
    )
    plausible_without: Annotated[list[int | str] | None, BeforeValidator(_optional_features)] = _key(
        None,
        "Features that the plausible region leaves alone; default: the sensitive attributes, so that their "
        "correlations with other features do not forbid counterfactuals.  `[]` for none.",
        Form.LIST,
        shown="list of names or indices",
    )


class SimilaritySection(_Section):
    """Which inputs are similar.  Keys that are not listed here are the metric's own parameters."""

    model_config = ConfigDict(extra="allow")

    metric: str = _key("weighted-lp", "Any metric plugin; its own parameters follow.", shown="name")
    epsilon: float | None = _key(
        None, "Pairs with distance at most epsilon are similar.", Form.NUMBER, shown="number, required", ge=0
    )
    file: str | None = _key(
        None,
        "For the metric `learned` (the default if this is set): what `nnff learn-metric` wrote; it brings "
        "its own scale.  For `embedding`: a model file whose layers compare inputs.  Relative to this file.",
        shown="path",
        path=True,
    )
    scale: Annotated[str | dict[str, float], BeforeValidator(_scale)] = _key(
        "model",
        "Coordinates of the metric, which acts on (x - center) / scale: `model`, the input scaling that is "
        "part of the model, if any; `none`; `standard` and `minmax`, from the data; or a table of numbers "
        "(1 for every other feature, center 0).",
        Form.TABLE,
        shown="`model`, `none`, `standard`, `minmax` or table",
    )


class SolverSection(_Section):
    """The solver and its limits."""

    name: str = _key("highs", "Any solver plugin.", shown="name")
    time_limit: float = _key(
        60.0,
        "Wall seconds from the model read to the certificate, whatever the number of solves.",
        Form.NUMBER,
        shown="seconds",
        gt=0,
    )
    threads: int = _key(1, "Threads of the solver.", Form.NUMBER, shown="whole number", ge=1)
    seed: int = _key(0, "Seed of the attack and of the solver.", Form.NUMBER, shown="whole number", ge=0)
    options: dict[str, Any] = _key(
        {}, "Options in the solver's own spelling, passed through.", Form.TABLE, shown="table"
    )


class CertifySection(_Section):
    """What is asked, and how it is answered."""

    question: Literal["output", "probability", "logit", "flip"] = _key(
        "output",
        "What is measured for a pair: the difference of the `output` in its own units, of a `probability` "
        "(a sigmoid is put behind a logit), of the `logit`; or whether the two lie on different sides of "
        "`threshold`: `flip`.",
        shown="`output`, `probability`, `logit` or `flip`",
    )
    threshold: float | None = _key(
        None,
        "The threshold t of a flip, f(x') < t <= f(x''), in units of the output.",
        Form.NUMBER,
        shown="number",
    )
    counterfactual: bool = _key(
        default=False,
        description="Pairs that are equal but for the sensitive attributes, which are free: takes the place "
        "of the whole of [similarity].",
        form=Form.NUMBER,
        shown="true or false",
    )
    strategy: str = _key("relational", "How delta_upper is obtained.", shown="name")
    gap: float = _key(
        1e-2, "Stop when (delta_upper - delta_lower) / delta_lower is at most this.", Form.NUMBER,
        shown="number", ge=0,
    )  # fmt: skip
    delta: float | None = _key(
        None,
        "Ask for a verdict: certified, violated or undecided.  Without it there is only the bracket.",
        Form.NUMBER,
        shown="number",
        ge=0,
    )
    crosscheck: list[str] = _key(
        [], "Further solvers that answer the same problem; all must agree.", Form.LIST, shown="list of names"
    )


class ExecutionSection(_Section):
    """Where the work is done."""

    engine: Annotated[str, BeforeValidator(_engine)] = _key(
        "local", "Only `local` exists in this version.", shown="`local`"
    )


class OutputSection(_Section):
    """What is written."""

    dir: str = _key(
        "nnff-out",
        "Folder for certificate, report and curve, relative to this file; the default is in the working "
        "directory.  Empty: nothing is written.",
        shown="path",
        path=True,
    )


class Config(BaseModel):
    """The effective configuration of one run; see `nnff.config.load_config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    domain: DomainSection = DomainSection()
    similarity: SimilaritySection = SimilaritySection()
    solver: SolverSection = SolverSection()
    certify: CertifySection = CertifySection()
    execution: ExecutionSection = ExecutionSection()
    output: OutputSection = OutputSection()

    @property
    def metric_parameters(self) -> dict[str, Any]:
        """The keys of [similarity] that belong to the metric plugin."""
        file = self.similarity.file
        return ({} if file is None else {"file": file}) | (self.similarity.model_extra or {})

    @property
    def metric_name(self) -> str:
        """The metric plugin: ``learned`` where only a file is given."""
        given = self.similarity
        alone = given.file is not None and "metric" not in given.model_fields_set
        return "learned" if alone else given.metric

    @property
    def has_data(self) -> bool:
        """Whether there are data rows."""
        return self.data.name is not None or self.data.path is not None

    @property
    def epsilon(self) -> float:
        """The similarity threshold.

        Raises
        ------
        ConfigError
            If it is not set.
        """
        if self.certify.counterfactual:
            return 0.0
        if self.similarity.epsilon is None:
            raise ConfigError("similarity.epsilon is not set; set it in the config file or with --epsilon")
        return self.similarity.epsilon

    def to_record(self) -> dict[str, Any]:
        """Return the configuration as JSON values for the certificate; unset keys are left out."""
        record: dict[str, Any] = _jsonable(self.model_dump(exclude_none=True))
        return record


def _jsonable(value: Any) -> Any:
    """Spell what JSON has no number for, such as ``p = inf``, as the config file would."""
    match value:
        case dict():
            return {str(key): _jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case float() if value in (float("inf"), float("-inf")) or value != value:  # noqa: PLR0124 - NaN
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            # Dates and times are TOML values too; no key means one.
            return str(value)


SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
"""The sections by name, in the order of the reference."""


def fields_of(section: str) -> dict[str, FieldInfo]:
    """Return the keys of a section."""
    return dict(SECTIONS[section].model_fields)


def _extra(section: str, key: str) -> dict[str, Any]:
    field = fields_of(section).get(key)
    extra = field.json_schema_extra if field is not None else None
    return extra if isinstance(extra, dict) else {}


def form_of(section: str, key: str) -> Form | None:
    """Tell how the key is written as text; None for a metric's own parameter."""
    form = _extra(section, key).get("form")
    return None if form is None else Form(form)


def is_path(section: str, key: str) -> bool:
    """Whether a relative value starts from the folder of the file that holds it."""
    return bool(_extra(section, key).get("path", False))
