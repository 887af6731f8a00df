from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nnff.cli.flags import FLAGS
from nnff.config import SECTIONS
from nnff.config.schema import fields_of


def test_every_key_has_a_flag():
    keys = {f"{section}.{key}" for section in SECTIONS for key in fields_of(section)}
    flags = {flag.key for flag in FLAGS}
    # --data gives one or the other.
    assert keys - flags == {"data.name", "data.path"}
    own = {key for key in flags - keys if key.startswith("similarity.")}
    assert flags - keys - own == {"data"}


@pytest.mark.parametrize(
    "command", [[], ["certify"], ["curve"], ["demo"], ["plugins"], ["check"], ["check", "solver"]]
)
def test_every_command_has_help(nnff, command):
    result = nnff(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: nnff" in result.output


def test_version(nnff):
    assert nnff("--version").stdout.startswith("nnff ")


def test_help_imports_nothing_heavy():
    # Typer itself imports pydantic to parse.
    heavy = "numpy pandas pyomo sklearn matplotlib onnx highspy ortools scipy jinja2 pluggy"
    program = (
        "import sys\n"
        "from nnff.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print(*[name for name in {heavy.split()!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "certify", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""


def test_a_terminal_without_unicode_gets_an_answer_too(place):
    done = subprocess.run(
        [sys.executable, "-m", "nnff", "certify", "nnff.toml", "--delta", "1e6"],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.stdout.startswith(b"Certified. ")
    assert b"delta_upper" in done.stdout
    assert done.stdout.isascii()


def test_the_program_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "nnff", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("nnff ")
