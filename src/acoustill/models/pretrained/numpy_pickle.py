"""Reading a `.npy` file that holds a dictionary of arrays, which NumPy stores as a pickle, without trusting it.

A pickle is a program. This reader lets it make dictionaries, lists, strings, bytes, numbers and arrays, and nothing
else: what it asks for by any other name is refused before it runs. Even NumPy's own functions are not handed to it:
stand-ins take down what is to become an array, and the array is made from that once it has been checked. Its steps are
looked through before the first is taken, so that a short file cannot ask for much memory or time.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError, bad_input

MOST_NESTED = 100


class _StandIn:
    """What a pickle may call. All are classes: a pickle could change the defaults of a function."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for what has none")


class _Kind(_StandIn):
    """For `numpy.dtype`: a letter, a size and an order of bytes."""

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str):
            raise pickle.UnpicklingError(f"a type whose code is of type {type(code).__name__}")
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError("numbers whose order of bytes is not known")
        self.order = "=" if state[1] == "|" else state[1]

    def dtype(self) -> np.dtype:
        if not re.fullmatch("[<>=][biuf][1248]", f"{self.order}{self.code}"):
            raise pickle.UnpicklingError(f"an array of type {self.code!r}, expected numbers")
        return np.dtype(f"{self.order}{self.code}")


class _Array(_StandIn):
    """For `numpy.ndarray`: its content once the pickle has given it."""

    def __init__(self, *_: Any) -> None:
        self.content: Any = None

    def __setstate__(self, state: Any) -> None:
        shape, kind, in_columns, content = state[-4:]  # in front of these, all but the oldest have a version
        if kind.code in ("O", "O4", "O8") and shape == () and len(content) == 1:
            self.content = content[0]  # so NumPy stores what is no array
        else:
            self.content = _array(content, kind, shape, "F" if in_columns else "C")


class _OfBuffer(_StandIn):
    """For `numpy.core.numeric._frombuffer`, the arrays of pickle's protocol 5."""

    def __new__(cls, buffer: Any, kind: _Kind, shape: Any, order: Any, *_: Any) -> Any:
        array = _Array()
        array.content = _array(buffer, kind, shape, order)
        return array


class _Number(_StandIn):
    """For `numpy.core.multiarray.scalar`."""

    def __new__(cls, kind: _Kind, content: Any) -> Any:
        return _array(content, kind, (), "C").item()


class _BytesOfText(_StandIn):
    """For `_codecs.encode`: Python 3 writes bytes so for Python 2."""

    def __new__(cls, text: str, encoding: str) -> Any:
        if encoding != "latin1":
            raise pickle.UnpicklingError("asks for _codecs.encode with another encoding than latin1")
        return text.encode("latin1")


class _NoBytes(_StandIn):
    """For `bytes`: Python 3 writes empty bytes so for Python 2."""

    def __new__(cls) -> Any:
        return b""


def _array(content: Any, kind: _Kind, shape: Any, order: str) -> np.ndarray:
    """The array of checked bytes; Python 2 had them as text."""
    dtype, sizes = kind.dtype(), tuple(int(size) for size in shape)
    raw = content.encode("latin1") if isinstance(content, str) else bytes(memoryview(content))
    if min(sizes, default=0) < 0 or math.prod(sizes) * dtype.itemsize != len(raw) or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array of shape {sizes} with {len(raw)} bytes")
    return np.frombuffer(raw, dtype).reshape(sizes, order="F" if order == "F" else "C")


ALLOWED: dict[tuple[str, str], type[_StandIn]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,  # NumPy 2's name of the same
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy._core.multiarray", "scalar"): _Number,
    ("numpy.core.numeric", "_frombuffer"): _OfBuffer,
    ("numpy._core.numeric", "_frombuffer"): _OfBuffer,
    ("_codecs", "encode"): _BytesOfText,
    ("__builtin__", "bytes"): _NoBytes,
    ("builtins", "bytes"): _NoBytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which arrays do not need; it was not run")
        return ALLOWED[module, name]


def read_array_dictionary(path: str | Path) -> dict[Any, Any]:
    """The dictionary that `numpy.save` wrote, by Python 2 or 3, with arrays as its leaves.

    Args:
        path: of the file.

    Raises:
        AcoustillError: if there is no such file, it holds no dictionary, is truncated or corrupt, or asks for
            anything but arrays, strings and numbers; nothing that it asks for has run then.
    """
    path = Path(path)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such file")
    content = path.read_bytes()
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(file)
    except ValueError as error:
        raise AcoustillError(f"{path}: not a .npy file ({' '.join(str(error).split())})") from None
    if shape != () or kind != np.dtype(object):
        raise bad_input(path, "content", f"an array of shape {shape} and type {kind}", "a dictionary of arrays")
    try:
        begin = file.tell()
        _check_steps(file, len(content))
        file.seek(begin)
        value = _plain(_Unpickler(file, encoding="latin1").load(), 0, {})
    except pickle.UnpicklingError as error:
        raise AcoustillError(f"{path}: not read: {error}") from None
    except Exception as error:  # a corrupt pickle may end in nearly any of them
        raise AcoustillError(
            f"{path}: a corrupt pickle ({' '.join(f'{type(error).__name__}: {error}'.split())})"
        ) from None
    if not isinstance(value, dict):
        raise bad_input(path, "content", type(value).__name__, "a dictionary of arrays")
    return value


def _check_steps(file: io.BytesIO, length: int) -> None:
    """Refuses steps that take more memory or time than a file of this length has a use for.

    Values are kept under numbers, and the list of them is as long as the largest. A tuple that holds another one twice,
    which holds another one twice, has a hash that takes for ever: of each value on the stack, its size as it would be
    written out is followed.
    """
    stack: list[int | None] = []  # None where a list of arguments begins
    kept: dict[int, int] = {}
    try:
        for step, argument, _ in pickletools.genops(file):
            if "PUT" in step.name or step.name == "MEMOIZE":
                place = len(kept) if step.name == "MEMOIZE" else int(argument or 0)
                if place > length:
                    raise pickle.UnpicklingError(f"keeps a value under the number {place}, in {length} bytes")
                kept[place] = stack[-1] or 0
                continue
            if step.name.endswith("GET"):
                stack.append(kept[int(argument or 0)])
                continue
            if step.name == "MARK":
                stack.append(None)
                continue
            taken: list[int] = []
            count = len(step.stack_before)
            if pickletools.markobject in step.stack_before:
                while (size := stack.pop()) is not None:
                    taken.append(size)
                count = step.stack_before.index(pickletools.markobject)
            taken += [stack.pop() or 0 for _ in range(count)]
            size = 1 + sum(taken) if step.name.startswith("TUPLE") else max(taken, default=1)
            if size > length:
                raise pickle.UnpicklingError(f"a tuple that is larger than its {length} bytes")
            stack += [size] * len(step.stack_after)
    except (ValueError, IndexError, KeyError) as error:
        raise pickle.UnpicklingError(f"a truncated or corrupt pickle ({' '.join(str(error).split())})") from None


def _plain(value: Any, depth: int, done: dict[int, Any]) -> Any:
    """The value with arrays in place of what stood in for them; what is held in two places is made once."""
    if depth > MOST_NESTED:
        raise pickle.UnpicklingError(f"nested deeper than {MOST_NESTED}")
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, _Array):
        plain = value.content if isinstance(value.content, np.ndarray) else _plain(value.content, depth + 1, done)
    elif isinstance(value, dict):
        plain = {key: _plain(inner, depth + 1, done) for key, inner in value.items()}
    elif isinstance(value, list | tuple):
        plain = [_plain(inner, depth + 1, done) for inner in value]
    elif value is None or isinstance(value, str | bytes | int | float):
        return value
    else:
        raise pickle.UnpicklingError(f"a value of type {type(value).__name__.strip('_')}, expected arrays")
    done[id(value)] = plain
    return plain
