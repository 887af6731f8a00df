from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.config import SECTIONS, environment_variable, load_config
from nnff.config.schema import fields_of
from nnff.errors import ConfigError

EXAMPLE = """
[model]
path = "models/AC-1.nnet"
output = "sigmoid"
[data]
name = "boston"
sensitive_features = ["B"]
[domain]
source = "model"
integer = "all"
immutable = [3, "B"]
ranges = { age = [17, 90] }
fixed = { CHAS = 0 }
[similarity]
metric = "weighted-lp"
epsilon = 0.0
p = "inf"
free = [8]
scale = "model"
[solver]
name = "highs"
time_limit = 10
threads = 1
seed = 0
[certify]
strategy = "relational"
gap = 0.005
delta = 0.1
[execution]
engine = "local"
[output]
dir = "nnff-out"
"""


def written(tmp_path, text, name="nnff.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_of_the_design_is_read(tmp_path):
    config = load_config(written(tmp_path, EXAMPLE), environment={})
    assert config.model.output == "sigmoid"
    assert config.data.sensitive_features == ["B"]
    assert config.domain.integer == "all"
    assert config.domain.immutable == [3, "B"]
    assert config.domain.ranges == {"age": (17.0, 90.0)}
    assert config.domain.fixed == {"CHAS": 0.0}
    assert config.epsilon == 0.0
    assert config.metric_parameters == {"p": "inf", "free": [8]}
    assert config.solver.time_limit == 10.0
    assert config.certify.gap == 0.005
    assert config.certify.delta == 0.1


def test_paths_of_the_file_start_from_its_folder_and_defaults_do_not(tmp_path):
    config = load_config(written(tmp_path, EXAMPLE), environment={})
    assert config.model.path == str(tmp_path / "models/AC-1.nnet")
    assert config.output.dir == str(tmp_path / "nnff-out")
    absolute = load_config(written(tmp_path, '[model]\npath = "/a/b.onnx"'), environment={})
    assert absolute.model.path == "/a/b.onnx"
    assert absolute.output.dir == "nnff-out"
    assert load_config(written(tmp_path, '[output]\ndir = ""'), environment={}).output.dir == ""


def test_paths_of_flags_and_variables_start_from_the_working_directory(tmp_path):
    config = load_config(
        written(tmp_path, EXAMPLE), environment={"NNFF_MODEL_PATH": "m.nnet"}, flags={"output.dir": "here"}
    )
    assert config.model.path == "m.nnet"
    assert config.output.dir == "here"


def test_flag_wins_over_variable_over_file_over_default(tmp_path):
    path = written(tmp_path, "[solver]\nseed = 1\nthreads = 2\ntime_limit = 3")
    environment = {"NNFF_SOLVER_SEED": "10", "NNFF_SOLVER_THREADS": "20"}
    config = load_config(path, environment=environment, flags={"solver.seed": 100})
    assert (config.solver.seed, config.solver.threads, config.solver.time_limit) == (100, 20, 3.0)
    assert config.solver.name == "highs"


def test_data_from_a_flag_silences_the_other_kind_of_data_in_the_file(tmp_path):
    path = written(tmp_path, '[data]\nname = "boston"')
    config = load_config(path, environment={}, flags={"data.path": "people.csv"})
    assert (config.data.name, config.data.path) == (None, "people.csv")


def attempt(variable, text):
    """Return the configuration and no message, or no configuration and the message."""
    try:
        return load_config(environment={variable: text}), ""
    except ConfigError as error:
        return None, str(error)


def test_every_key_has_a_variable_that_sets_it():
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            # The value is wrong for some keys on purpose: what counts is that the variable is seen.
            variable = environment_variable(section, key)
            config, message = attempt(variable, "7")
            if config is None:
                assert variable in message
            else:
                changed = getattr(getattr(config, section), key)
                assert changed in (7, 7.0, "7", ["7"], [7]), variable


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("NNFF_SIMILARITY_FREE", "B,LSTAT", ["B", "LSTAT"]),
        ("NNFF_SIMILARITY_FREE", "[8]", [8]),
        ("NNFF_SIMILARITY_P", "inf", "inf"),
        ("NNFF_SIMILARITY_P", "1", 1),
        ("NNFF_SIMILARITY_WEIGHTS", '{"age": 2}', {"age": 2}),
        ("NNFF_SIMILARITY_WEIGHTS", "{ age = 2.5 }", {"age": 2.5}),
        ("NNFF_SIMILARITY_WEIGHTS", "1.5, 2", [1.5, 2]),
    ],
)
def test_parameters_of_the_metric_are_parsed(variable, text, value):
    [parsed] = load_config(environment={variable: text}).metric_parameters.values()
    assert parsed == value
    assert type(parsed) is type(value)


def test_lists_and_tables_as_text():
    config = load_config(
        environment={},
        flags={
            "certify.crosscheck": "cbc, ortools",
            "domain.integer": "all",
            "domain.immutable": "0,B",
            "domain.ranges": '{"age": [17, 90]}',
            "similarity.scale": '{"age": 10}',
            "solver.options": "{ presolve = 'off' }",
            "data.features": "a,b",
        },
    )
    assert config.certify.crosscheck == ["cbc", "ortools"]
    assert config.domain.integer == "all"
    assert config.domain.immutable == [0, "B"]
    assert config.domain.ranges == {"age": (17.0, 90.0)}
    assert config.similarity.scale == {"age": 10.0}
    assert config.solver.options == {"presolve": "off"}
    assert config.data.features == ["a", "b"]


def test_variables_of_others_are_left_alone():
    config = load_config(
        environment={"NNFF_DATA_HOME": "/x", "NNFF_DEBUG": "1", "NNFF_X_Y": "1", "HOME": "/"}
    )
    assert config == load_config(environment={})


BAD_FILES = {
    "[solver]\nnam = 'cbc'": ("solver.nam", "'name'"),
    "[slver]\nname = 'cbc'": ("slver", "'solver'"),
    "[slver]": ("slver", "'solver'"),
    "epsilon = 0.1": ("epsilon", "[similarity]"),
    "[solver]\ntime_limit = -3": ("solver.time_limit", "greater than 0"),
    "[solver]\ntime_limit = 'long'": ("solver.time_limit", "a number"),
    "[solver]\nthreads = true": ("solver.threads", "a whole number"),
    "[solver]\nthreads = 0": ("solver.threads", "at least 1"),
    "[similarity]\nepsilon = -1": ("similarity.epsilon", "at least 0"),
    "[similarity]\nepsilon = inf": ("similarity.epsilon", "finite"),
    "[similarity]\nepsilon = nan": ("similarity.epsilon", "finite"),
    "[similarity]\nscale = 'wide'": ("similarity.scale", "minmax"),
    "[domain]\nsource = 'somewhere'": ("domain.source", "'box'"),
    "[domain]\nranges = { age = 3 }": ("domain.ranges", "[lower, upper]"),
    "[domain]\ninteger = 'B'": ("domain.integer", "list"),
    "[domain]\none_hot = [1, 2]": ("domain.one_hot", "list of groups"),
    "[domain]\nordinal = { grade = 'A' }": ("domain.ordinal", "list of numbers"),
    "[domain]\nrows = 'a <= b'": ("domain.rows", "list of rows"),
    "[domain]\nplausible = 1.5": ("domain.plausible", "less than or equal to 1"),
    "[domain]\nplausible_without = 'all'": ("domain.plausible_without", "list"),
    "[domain]\nfixed = ['age']": ("domain.fixed", "table"),
    "[execution]\nengine = 'ray'": ("execution.engine", "local"),
    "[data]\nname = 'a'\npath = 'b'": ("data.name", "exclude each other"),
    "[certify]\ndelta = -0.5": ("certify.delta", "at least 0"),
    "[certify]\ncrosscheck = 'cbc'": ("certify.crosscheck", "a list"),
    "[solver\nname = 1": ("TOML", "line 1"),
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_bad_files_give_one_sentence_that_names_the_place(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment={})
    message = str(caught.value)
    assert "\n" not in message
    for part in BAD_FILES[text]:
        assert part in message
    if "exclude" not in message:
        assert str(path) in message


def test_a_wrong_flag_or_variable_is_named_by_its_own_name():
    with pytest.raises(ConfigError, match=r"^--time-limit is -1"):
        load_config(
            flags={"solver.time_limit": -1.0},
            flag_names={"solver.time_limit": "--time-limit"},
            environment={},
        )
    with pytest.raises(ConfigError, match=r"^NNFF_SOLVER_SEED is"):
        load_config(environment={"NNFF_SOLVER_SEED": "many"})
    with pytest.raises(ConfigError, match=r"^NNFF_SOLVER_NAM: .*'name'"):
        load_config(environment={"NNFF_SOLVER_NAM": "cbc"})
    with pytest.raises(ConfigError, match=r"^--set solvr\.name: .*'solver'"):
        load_config(flags={"solvr.name": "cbc"}, environment={})


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match="there is no config file"):
        load_config(tmp_path / "none.toml", environment={})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, environment={})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "binary.toml", environment={})


def test_epsilon_must_be_set_somewhere():
    with pytest.raises(ConfigError, match="--epsilon"):
        _ = load_config(environment={}).epsilon


def test_the_record_is_json_and_reads_back_as_the_same_configuration(tmp_path):
    config = load_config(written(tmp_path, EXAMPLE), environment={}, flags={"similarity.p": math.inf})
    record = config.to_record()
    assert record["similarity"]["p"] == "inf"
    flags = {f"{section}.{key}": value for section, keys in record.items() for key, value in keys.items()}
    again = load_config(flags=flags, environment={})
    assert again.to_record() == record


KEYS = st.sampled_from([(section, key) for section in SECTIONS for key in fields_of(section)])


@given(KEYS, st.text(max_size=20))
def test_any_text_for_any_key_gives_a_value_or_a_config_error(section_and_key, text):
    section, key = section_and_key
    variable = environment_variable(section, key)
    config, message = attempt(variable, text)
    if config is None:
        assert variable in message
    else:
        assert config.to_record()[section].keys() <= {*fields_of(section)}
