"""The configuration of a run: its keys, and reading them from file, environment and flags."""

from nnff.config.load import environment_variable, load_config
from nnff.config.reference import config_reference
from nnff.config.schema import SECTIONS, Config

__all__ = ["SECTIONS", "Config", "config_reference", "environment_variable", "load_config"]
