"""Immutable values that hold arrays: read-only copies, content hashes, equality by content."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "ContentValue", "FloatArray", "IntArray", "frozen_array", "frozen_mask"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def frozen_array(values: npt.ArrayLike) -> FloatArray:
    """Return a contiguous, read-only float64 copy of `values`."""
    array = np.array(values, dtype=np.float64, order="C", copy=True)
    array.setflags(write=False)
    return array


def frozen_mask(values: npt.ArrayLike) -> BoolArray:
    """Return a read-only boolean copy of `values`."""
    mask = np.array(values, dtype=np.bool_, order="C", copy=True)
    mask.setflags(write=False)
    return mask


class ContentValue:
    """Mixin for frozen dataclasses with array fields: hash and equality follow the content.

    Use with ``@dataclass(frozen=True, eq=False)``.
    """

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the type and of every field, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        _feed(digest, self)
        return digest.hexdigest()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle or deep copy; both come back with arrays that can be written to."""
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            # The hash is computed anew: the pickle may be another version's.
            if name != "fingerprint":
                self.__dict__[name] = value

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def _feed(digest: Any, value: Any) -> None:
    """Add `value` to a hash so that different contents cannot collide by concatenation."""
    match value:
        case np.ndarray():
            digest.update(f"array{value.dtype.str}{value.shape}".encode())
            digest.update(_content(value))
        case enum.Enum() | None | bool() | int() | float() | str():
            digest.update(_spelling(value).encode())
        case tuple() | list():
            digest.update(f"sequence{len(value)}[".encode())
            for item in value:
                _feed(digest, item)
        case Mapping():
            digest.update(f"mapping{len(value)}{{".encode())
            for key in sorted(value):
                _feed(digest, key)
                _feed(digest, value[key])
        case _ if is_dataclass(value):
            digest.update(f"{type(value).__qualname__}(".encode())
            for field in fields(value):
                wanted, content = field.metadata.get("fingerprint", True), getattr(value, field.name)
                # A field that came later leaves the fingerprints of what does without it as they were.
                if wanted is True or (wanted == "unless default" and content != field.default):
                    digest.update(f"{field.name}=".encode())
                    _feed(digest, content)
        case _:
            raise TypeError(f"cannot fingerprint a {type(value).__name__}")


def _spelling(value: enum.Enum | float | str | None) -> str:
    """Return a scalar's type and value; a NumPy float is a float, and -0.0 is 0.0."""
    if isinstance(value, enum.Enum):
        return f"enum{type(value).__name__}.{value.name};"
    plain = float(value) + 0.0 if isinstance(value, float) else value
    return f"{type(plain).__name__}:{plain!r};"


def _content(array: npt.NDArray[Any]) -> bytes:
    """Return the bytes of an array's entries, the same bytes for arrays that compare equal."""
    if array.dtype.hasobject:
        raise TypeError("cannot fingerprint an array of Python objects")
    # Adding 0.0 turns -0.0 into 0.0.
    return np.ascontiguousarray(array + 0.0 if array.dtype.kind == "f" else array).tobytes()
