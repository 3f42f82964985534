"""What differs between the tensors of a file and those of a network, and loading where nothing does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acoustill.errors import AcoustillError, bad_input

SHOWN = 8
COUNTERS = "num_batches_tracked"  # of batch normalisation: files of before 2018 do not have them, nothing uses them


@dataclass(frozen=True)
class Difference:
    """Names and shapes in which a file is not what a module needs.

    Attributes:
        missing: names that the module has and the file has not.
        unexpected: names that the file has and the module has not.
        wrong_shapes: name, shape in the file, shape in the module.

    Example:
        >>> print(Difference(("fc.bias",), (), (("conv1.weight", (64, 3, 3, 3), (64, 3, 7, 7)),)))
        1 missing: fc.bias; 1 of another shape: conv1.weight is 64 x 3 x 3 x 3, expected 64 x 3 x 7 x 7
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.wrong_shapes)

    def __str__(self) -> str:
        shapes = [f"{name} is {_shape(found)}, expected {_shape(wanted)}" for name, found, wanted in self.wrong_shapes]
        lists = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", shapes))
        return "; ".join(f"{len(names)} {what}: {_first(names)}" for what, names in lists if names)


@dataclass(frozen=True)
class Loaded:
    """What came of a file; printed, one sentence.

    Attributes:
        where: name of the file or folder.
        sha256: of its content.
        tensors: how many were loaded.
        left_out: parts of the file that the network has no use for.
        new: parts of the network that the file has nothing for.

    Example:
        >>> print(Loaded("resnet50.pth", "0676ba61b6795bbe", 318, ("fc",), ("head",)))
        resnet50.pth (sha256 0676ba61b679...): 318 tensors loaded; left out: fc; new in the network: head
    """

    where: str
    sha256: str
    tensors: int
    left_out: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def __str__(self) -> str:
        lists = (("left out", self.left_out), ("new in the network", self.new))
        said = "".join(f"; {what}: {', '.join(names)}" for what, names in lists if names)
        return f"{self.where} (sha256 {self.sha256[:12]}...): {self.tensors} tensors loaded{said}"


def parts(names: Iterable[str]) -> tuple[str, ...]:
    """The beginnings of names, up to the first dot, each once.

    Example:
        >>> parts(["fc.weight", "fc.bias", "conv1.weight"])
        ('fc', 'conv1')
    """
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def difference(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    allow_missing: Iterable[str] = (),
    allow_unexpected: Iterable[str] = (),
) -> Difference:
    """Compares names and shapes.

    Args:
        wanted: tensors of the module.
        found: tensors of the file, under the module's names.
        allow_missing: beginnings of names that the file need not hold.
        allow_unexpected: beginnings of names that the file may hold for nothing.
    """
    free, spare = tuple(allow_missing), tuple(allow_unexpected)
    missing = [n for n in wanted if n not in found and not n.startswith(free) and not n.endswith(COUNTERS)]
    unexpected = [name for name in found if name not in wanted and not name.startswith(spare)]
    both = [name for name in wanted if name in found]
    shapes = [(name, tuple(found[name].shape), tuple(wanted[name].shape)) for name in both]
    return Difference(tuple(missing), tuple(unexpected), tuple(row for row in shapes if row[1] != row[2]))


@torch.no_grad()
def load_weights(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    where: object,
    *,
    prefix: str = "",
    allow_missing: Iterable[str] = (),
    allow_unexpected: Iterable[str] = (),
) -> tuple[str, ...]:
    """Copies the tensors of a file into a module: all of them, or none.

    Args:
        module: whose parameters and buffers are set; they keep their types and devices.
        tensors: by name.
        where: the file, for the refusal.
        prefix: what every name in the file begins with and none in the module does.
        allow_missing: beginnings of names that the file need not hold; those tensors stay as they are.
        allow_unexpected: beginnings of names that the file may hold for nothing.

    Returns:
        The names that were loaded, as in the module.

    Raises:
        AcoustillError: listing what is missing, unexpected or of another shape; or if a tensor does not hold
            finite numbers. The module is then as it was.
    """
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    wanted = module.state_dict()
    differs = difference(wanted, found, allow_missing, allow_unexpected)
    if differs:
        raise AcoustillError(f"{where}: not the weights of this network: {differs}")
    names = tuple(name for name in wanted if name in found)
    if not names:
        raise bad_input(where, "number of tensors for this network", 0, f"some of {_first(list(wanted))}")
    for name in names:
        if wanted[name].is_floating_point() != found[name].is_floating_point():
            raise bad_input(where, f"type of {name}", found[name].dtype, str(wanted[name].dtype))
        if found[name].is_floating_point() and not torch.isfinite(found[name]).all():
            raise bad_input(where, name, "not finite", "finite numbers")
    for name in names:
        wanted[name].copy_(found[name])
    return names


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _first(names: Iterable[str]) -> str:
    names = list(names)
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
