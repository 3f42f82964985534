"""Which of several processes this is, when a training runs in more than one."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from acoustill.errors import bad_input

# rank and number of processes as torchrun says them, and as SLURM says them to what srun starts
_ENVIRONMENTS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))


@dataclass(frozen=True)
class Share:
    """The part of the work that one process does.

    Attributes:
        rank: number of the process, from 0.
        processes: how many there are.
    """

    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.processes:
            raise bad_input("loader", "rank", self.rank, f"0 to {self.processes - 1}, for {self.processes} processes")

    def places(self, batch: int) -> range:
        """The places in a batch that this process takes; those of all processes, one after the other, are the batch.

        Raises:
            AcoustillError: if the batch does not divide.
        """
        each, rest = divmod(batch, self.processes)
        if rest:
            raise bad_input("loader", "batch size", batch, f"a multiple of the number of processes, {self.processes}")
        return range(self.rank * each, (self.rank + 1) * each)


def share_of_process(rank: int | None = None, world_size: int | None = None) -> Share:
    """The share of this process.

    Args:
        rank: its number; None asks torch.distributed if that is initialised, and else the environment that
            torchrun (`RANK`, `WORLD_SIZE`) or srun (`SLURM_PROCID`, `SLURM_STEP_NUM_TASKS`) makes.
        world_size: how many processes there are; given with the rank or not at all.

    Raises:
        AcoustillError: if only one of the two is given, or they do not fit.
    """
    if (rank is None) != (world_size is None):
        raise bad_input("loader", "rank and world size", f"{rank} and {world_size}", "both, or none")
    if rank is not None and world_size is not None:
        return Share(rank, world_size)
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return Share(distributed.get_rank(), distributed.get_world_size())
    for rank_name, size_name in _ENVIRONMENTS:
        if os.environ.get(size_name, "1") != "1":
            return Share(_number(rank_name), _number(size_name))
    return Share()


def processes_of_node(processes: int) -> int:
    """How many of the processes run on one machine; all, where nothing is said of machines.

    Raises:
        AcoustillError: if machines do not run equally many.
    """
    if "LOCAL_WORLD_SIZE" in os.environ:
        here = _number("LOCAL_WORLD_SIZE")
    elif "WORLD_SIZE" not in os.environ and "SLURM_STEP_NUM_NODES" in os.environ:
        here = processes // max(1, _number("SLURM_STEP_NUM_NODES"))
    else:
        here = processes
    if not here or processes % here:
        raise bad_input("training", "processes on this machine", here, f"a divisor of all {processes}")
    return here


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isdecimal():
        raise bad_input("environment", name, repr(text), "a whole number")
    return int(text)
