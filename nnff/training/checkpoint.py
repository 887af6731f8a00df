"""The state of a training as a file: replaced in one step, refused when it belongs to another training."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import DataError
from nnff.training.optimiser import AdamState
from nnff.training.trainer import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.values import FloatArray

__all__ = ["load_state", "save_state", "training_fingerprint"]

_VERSION = 1


def training_fingerprint(settings: Mapping[str, Any], *arrays: FloatArray) -> str:
    """Return a hash of everything that shapes a training: its settings and its data."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True, default=repr).encode())
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_state(path: str | os.PathLike[str], state: State, fingerprint: str) -> None:
    """Write a state; an existing file is replaced, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    target = Path(path)
    facts = {
        "version": _VERSION,
        "fingerprint": fingerprint,
        "rng": state.rng,
        "epoch": state.epoch,
        "best_value": state.best_value,
        "waited": state.waited,
        "steps": state.adam.steps,
    }
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(
                file,
                facts=np.array(json.dumps(facts)),
                theta=state.theta,
                first=state.adam.first,
                second=state.adam.second,
                starts=state.starts,
                curve=np.array(state.curve),
                best=state.best,
            )
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"the checkpoint {target} cannot be written ({error.strerror or error})") from error


def load_state(path: str | os.PathLike[str], fingerprint: str) -> State | None:
    """Read a state, or return None if there is no file.

    Raises
    ------
    DataError
        If the file is no checkpoint, or one of a training with other settings or other data.
    """
    source = Path(path)
    if not source.exists():
        return None
    try:
        with np.load(source, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays = {name: file[name] for name in ("theta", "first", "second", "starts", "curve", "best")}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{source} is not a checkpoint of nnff; remove it or name another file") from error
    if facts.get("version") != _VERSION or facts.get("fingerprint") != fingerprint:
        raise DataError(
            f"the checkpoint {source} belongs to a training with other data or settings; "
            "remove it or name another file"
        )
    return State(
        theta=arrays["theta"],
        adam=AdamState(arrays["first"], arrays["second"], int(facts["steps"])),
        starts=arrays["starts"],
        rng=facts["rng"],
        epoch=int(facts["epoch"]),
        curve=tuple(float(value) for value in arrays["curve"]),
        best=arrays["best"],
        best_value=float(facts["best_value"]),
        waited=int(facts["waited"]),
    )
