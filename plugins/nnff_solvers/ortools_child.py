"""The process that OR-Tools runs in: ``python -P ortools_child.py FOLDER``.

The backend starts this file as a script.  It reads the serialised ``model``, ``parameters`` and
``model_parameters`` from the folder, and ``native``, a JSON object of SCIP parameters; it writes
``result``, the serialised answer, or ``error``, a sentence (``unknown``, if it is about a native
parameter).  SCIP's log goes to standard output, which is a file.

It calls the binding below ``ortools.math_opt.python.mathopt``, which takes and gives
serialised messages: that starts in a third of the time (numpy and the modelling
classes are not needed here), and its errors carry their text, where `mathopt` fails on its own way
of raising them.  SCIP ignores SIGINT, so signals are turned into an interruption of the
search, after which there still is a bound.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

__all__ = ["main"]

_FIELDS: dict[type, tuple[str, ...]] = {
    bool: ("bool_params",),
    # A whole number may stand for any of these; SCIP says which it is by taking it.
    int: ("int_params", "long_params", "real_params"),
    float: ("real_params",),
    # A single letter is what SCIP calls a character.
    str: ("char_params", "string_params"),
}


def main(folder: Path) -> None:
    """Solve what is in `folder`."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    name, content = "error", b""
    try:
        name, content = _answer(folder, stop)
    except Exception as error:  # noqa: BLE001 - whatever it is, the backend must hear of it
        content = f"{type(error).__name__}: {error}".encode()
    # Under another name first, so that a file that is there is complete.
    (folder / "unfinished").write_bytes(content)
    (folder / "unfinished").rename(folder / name)


def _answer(folder: Path, stop: threading.Event) -> tuple[str, bytes]:
    from ortools.math_opt import model_parameters_pb2, model_pb2, parameters_pb2
    from ortools.util.python import pybind_solve_interrupter

    model = model_pb2.ModelProto.FromString((folder / "model").read_bytes())
    parameters = parameters_pb2.SolveParametersProto.FromString((folder / "parameters").read_bytes())
    hints = model_parameters_pb2.ModelSolveParametersProto.FromString(
        (folder / "model_parameters").read_bytes()
    )
    for key, value in json.loads((folder / "native").read_text()).items():
        if not _set_native(parameters, key, value):
            return "unknown", f"{key} = {value!r}".encode()
    interrupter = pybind_solve_interrupter.PySolveInterrupter()
    outcome: list[tuple[str, bytes]] = []

    def work() -> None:
        try:
            outcome.append(("result", _solve(model, parameters, hints, interrupter)))
        except Exception as error:  # noqa: BLE001 - handed on, see main
            outcome.append(("error", str(error).encode()))

    # Python runs signal handlers in the main thread only, which must therefore stay free.
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        if stop.is_set():
            interrupter.interrupt()
        thread.join(0.02)
    return outcome[0]


def _solve(model: Any, parameters: Any, hints: Any, interrupter: Any) -> bytes:
    from ortools.math_opt import callback_pb2, parameters_pb2
    from ortools.math_opt.core.python import solver

    answer = solver.solve(
        model,
        parameters_pb2.SOLVER_TYPE_GSCIP,
        parameters_pb2.SolverInitializerProto(),
        parameters,
        hints,
        None,
        callback_pb2.CallbackRegistrationProto(),
        None,
        interrupter,
    )
    serialised: bytes = answer.SerializeToString()
    return serialised


def _set_native(parameters: Any, key: str, value: Any) -> bool:
    """Find out as what SCIP takes the parameter, on an empty model; False if as nothing."""
    from ortools.math_opt import model_parameters_pb2, model_pb2, parameters_pb2

    for field in _FIELDS.get(type(value), ()):
        trial = parameters_pb2.SolveParametersProto()
        try:
            getattr(trial.gscip, field)[key] = value
            _solve(model_pb2.ModelProto(), trial, model_parameters_pb2.ModelSolveParametersProto(), None)
        except Exception:  # noqa: BLE001, S112 - the refusal is the answer
            continue
        getattr(parameters.gscip, field)[key] = value
        return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
