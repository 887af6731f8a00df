"""Reading a configuration: flag before environment before file before default."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nnff.config.schema import SECTIONS, Config, Form, fields_of, form_of, is_path
from nnff.errors import ConfigError, nearest_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

__all__ = ["ENVIRONMENT_PREFIX", "environment_variable", "load_config"]

ENVIRONMENT_PREFIX = "NNFF_"
"""Environment variables that set a key are called ``NNFF_SECTION_KEY``."""

# Starts like a key of [data], but says where the tests and data sets find files.
_OTHER_VARIABLES = frozenset({"NNFF_DATA_HOME"})

# How pydantic's words read in a sentence for users of TOML.
_PLAIN = {
    "Input should be": "it must be",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid dictionary": "a table",
    "a valid string": "text",
    "a valid list": "a list",
    "greater than or equal to": "at least",
}


@dataclass(frozen=True)
class _Setting:
    """One value and where it came from."""

    value: Any
    origin: str
    """How a message names the place, such as ``solver.name in nnff.toml`` or ``--solver``."""


def environment_variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets a key."""
    return f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()


def load_config(
    path: Path | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    flag_names: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Return the effective configuration.

    Parameters
    ----------
    path
        The config file; None for flags and environment alone.
    flags
        Values by ``"section.key"``; text is parsed as the key's type wants it.
        Relative paths start from the working directory.
    flag_names
        What messages call each of them; default ``--set section.key``.
    environment
        Default: the environment of the process.

    Raises
    ------
    ConfigError
        For a file that cannot be read, an unknown key or a value that makes no
        sense; one sentence that names the place.
    """
    settings: dict[str, _Setting] = {}
    if path is not None:
        settings |= _from_file(path)
    _override(settings, _from_environment(os.environ if environment is None else environment))
    names = flag_names or {}
    from_flags = {}
    for key, value in (flags or {}).items():
        origin = names.get(key, f"--set {key}")
        section, name = _checked_key(key, origin)
        from_flags[key] = _Setting(_from_text(section, name, value), origin)
    _override(settings, from_flags)
    return _validated(settings)


def _override(settings: dict[str, _Setting], stronger: Mapping[str, _Setting]) -> None:
    """Let `stronger` win; of two keys that exclude each other, it silences the other as well."""
    for one, other in (("data.name", "data.path"), ("data.path", "data.name")):
        if one in stronger and other not in stronger:
            settings.pop(other, None)
    settings |= stronger


def _from_file(path: Path) -> dict[str, _Setting]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no config file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the config file {path} is not valid TOML: {error}") from error
    settings: dict[str, _Setting] = {}
    for section, table in content.items():
        if not isinstance(table, dict):
            inside = [name for name in SECTIONS if section in fields_of(name)]
            hint = f"put it under [{inside[0]}]" if inside else f"the sections are {', '.join(SECTIONS)}"
            raise ConfigError(f"the key {section} in {path} is in no section; {hint}")
        for key, value in table.items():
            origin = f"{section}.{key} in {path}"
            _checked_key(f"{section}.{key}", origin)
            placed = value
            if is_path(section, key) and isinstance(value, str) and value:
                placed = str(path.parent / value)
            settings[f"{section}.{key}"] = _Setting(placed, origin)
        if section not in SECTIONS:
            _checked_key(f"{section}.", f"[{section}] in {path}")
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Setting]:
    settings = {}
    for variable, text in sorted(environment.items()):
        section, _, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
        # Others may use the prefix for their own ends, but not together with one of our sections.
        ours = variable.startswith(ENVIRONMENT_PREFIX) and section in SECTIONS and key
        if ours and variable not in _OTHER_VARIABLES:
            _checked_key(f"{section}.{key}", variable)
            settings[f"{section}.{key}"] = _Setting(_from_text(section, key, text), variable)
    return settings


def _checked_key(dotted: str, origin: str) -> tuple[str, str]:
    """Split ``"section.key"`` and refuse what does not exist, with the nearest name that does."""
    section, dot, key = dotted.partition(".")
    if section not in SECTIONS:
        raise ConfigError(f"{origin}: there is no section {section!r}; {_hint(section, SECTIONS)}")
    if not (dot and key):
        raise ConfigError(f"{origin}: a key is written section.key, such as solver.name")
    known = fields_of(section)
    # [similarity] passes further keys on to the metric, which refuses those that it does not know.
    if key not in known and section != "similarity":
        raise ConfigError(f"{origin}: there is no key {key!r} in [{section}]; {_hint(key, known)}")
    return section, key


def _hint(name: str, known: Mapping[str, Any]) -> str:
    near = nearest_name(name, known)
    return f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"


def _from_text(section: str, key: str, value: Any) -> Any:
    """Turn the text of a flag or variable into what a config file would hold; keep other values."""
    if not isinstance(value, str):
        return value
    form = form_of(section, key)
    if form is Form.TEXT:
        return value
    parsed = _literal(value)
    if form is Form.LIST and not isinstance(parsed, list):
        return "all" if value.strip() == "all" else _items(value)
    if form is None and isinstance(parsed, str) and "," in parsed:
        # A metric's own parameter has no known form: a comma in bare text makes it a list.
        return _items(value)
    return parsed


def _items(text: str) -> list[Any]:
    return [_literal(item.strip()) for item in text.split(",") if item.strip()]


def _literal(text: str) -> Any:
    """Read text as a JSON value, else as a TOML value, else as itself; ``inf`` stays a word."""
    if text.strip().lstrip("+-").lower() in {"inf", "nan", "infinity"}:
        return text.strip()
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # More than one key: the text held a line break and is no single value.
    return document["value"] if len(document) == 1 else text


def _validated(settings: Mapping[str, _Setting]) -> Config:
    content: dict[str, dict[str, Any]] = {}
    for dotted, setting in settings.items():
        section, _, key = dotted.partition(".")
        content.setdefault(section, {})[key] = setting.value
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(_sentence(first, settings)) from error


def _sentence(error: ErrorDetails, settings: Mapping[str, _Setting]) -> str:
    """Say in one sentence which value, from where, is wrong and what it must be."""
    message = error["msg"].removeprefix("Value error, ")
    for technical, plain in _PLAIN.items():
        message = message.replace(technical, plain)
    dotted = ".".join(str(part) for part in error["loc"][:2])
    setting = settings.get(dotted)
    if setting is None:
        return message
    shown = json.dumps(setting.value, default=str)
    return f"{setting.origin} is {shown}; {message}"
