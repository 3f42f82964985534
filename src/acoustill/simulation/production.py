"""Many takes are simulated: first one for each kind of place, which tells how much disk and time the rest needs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acoustill.errors import AcoustillError
from acoustill.jobs import SetAside, collect_jobs, progress_bar
from acoustill.simulation.costs import (
    Cost,
    available_cores,
    bytes_text,
    free_bytes,
    minutes_of_work,
    minutes_text,
    refuse_what_cannot_fit,
)
from acoustill.simulation.plan import Take
from acoustill.simulation.preparing import refuse_nothing, writing_into
from acoustill.simulation.scenes import SCENARIOS

Tell = Callable[[str], None]
REHEARSAL_S = 1.0
REHEARSAL_PLACE = "place-rehearsal"


@dataclass(frozen=True)
class Production:
    """How the takes of a data set become recordings.

    Attributes:
        out: where they go.
        takes: all of them.
        missing: those that are not there yet.
        rate: bytes on disk for a second of a recording, roughly.
        record: simulates a take and writes nothing.
        make: simulates a take, writes it, and tells what it cost; picklable.
    """

    out: Path
    takes: Sequence[Take]
    missing: Sequence[Take]
    rate: float
    record: Callable[[Take], object]
    make: Callable[[Take], Cost]

    @property
    def rough_size(self) -> float:
        """Bytes of what is missing, by arithmetic."""
        return self.rate * sum(take.seconds for take in self.missing)

    def complete(
        self, start: Callable[[], None], jobs: int, tell: Tell, finish: Callable[[], object] = lambda: None
    ) -> list[SetAside]:
        """Makes what is missing; refuses before anything is written takes for which the disk has no room.

        Args:
            start: begins the folder, or refuses to go on with what is there.
            jobs: number of processes.
            tell: takes what is to be told, a line at a time.
            finish: called when all is made, before another process may write.

        Returns:
            The takes that could not be simulated, and why.

        Raises:
            AcoustillError: if the disk has no room, the folder holds something else, or no take could be simulated.
        """
        refuse_what_cannot_fit(self.out, len(self.missing), self.rough_size)
        was_there = self.out.exists()
        with writing_into(self.out):
            start()
            aside = self.run(jobs, tell)
            refuse_nothing(self.out, self.takes, aside, was_there)
            finish()
        return aside

    def run(self, jobs: int, tell: Tell) -> list[SetAside]:
        """Simulates the takes that are not there yet, and tells before it starts what that will take.

        A rough figure comes first. Then the first take of each scenario (and of all unlabelled places together) is made
        in this process; what it cost is what the others of its kind are taken to cost. What a process sets up only
        once is done before, in a short rehearsal, and is not counted again for every take.

        Args:
            jobs: number of processes.
            tell: takes what is to be told, a line at a time.

        Returns:
            The takes that could not be simulated, and why.

        Raises:
            AcoustillError: if the disk has no room for the rest.
        """
        tell(self._description())
        if not self.missing:
            return []
        firsts: dict[str, Take] = {}
        for take in self.missing:
            firsts.setdefault(_kind(take), take)
        pilots = list(firsts.values())
        rest = [take for take in self.missing if take is not firsts[_kind(take)]]
        set_up_s = 0.0
        with progress_bar("measuring" if rest else "simulating", len(pilots)) as advance:
            if rest:
                set_up_s = _rehearse(self.record, pilots)
            done, aside = collect_jobs(self.make, pilots, [take.id for take in pilots], 1, advance)
        if rest:
            costs = {_kind(pilots[i]): cost for i, cost in done.items()}
            if costs:  # if no take could be made, nothing is known
                tell(_announcement(self.out, rest, costs, jobs, set_up_s))
            with progress_bar("simulating", len(rest)) as advance:
                aside += collect_jobs(self.make, rest, [take.id for take in rest], min(jobs, len(rest)), advance)[1]
        return aside

    def _description(self) -> str:
        lengths = {take.seconds for take in self.takes}
        of_length = f" of {lengths.pop():g} s" if len(lengths) == 1 else ""
        places = ", ".join(dict.fromkeys(map(_kind, self.takes)))
        minutes = sum(take.seconds for take in self.takes) / 60
        text = f"{len(self.takes)} recordings{of_length} ({places}), {minutes_text(minutes)} in all"
        if not self.missing:
            return f"{text}: all are there already"
        there = len(self.takes) - len(self.missing)
        already = f"; {there} are there already" if there else ""
        return f"{text}{already}; roughly {bytes_text(self.rough_size)} to write, now measured"


def _kind(take: Take) -> str:
    return take.scenario if take.scenario in SCENARIOS else "other places"


def _rehearse(record: Callable[[Take], object], pilots: Sequence[Take]) -> float:
    """Lets this process set up what it keeps for all takes; gives the seconds that took.

    A second of each pilot is simulated; of other places, one that no take is in, for each of them must be set up.
    """
    started = time.perf_counter()
    for take in pilots:
        place = take.scenario if take.scenario in SCENARIOS else REHEARSAL_PLACE
        with suppress(AcoustillError):  # the take itself will be set aside for it
            record(dataclasses.replace(take, scenario=place, seconds=min(take.seconds, REHEARSAL_S)))
    return time.perf_counter() - started


def _announcement(out: Path, rest: Sequence[Take], costs: dict[str, Cost], jobs: int, set_up_s: float) -> str:
    """What the rest will take of disk and time.

    Raises:
        AcoustillError: if the disk has not that much.
    """
    dearest = max(costs, key=lambda kind: costs[kind].seconds)
    expected = [costs.get(_kind(take), costs[dearest]) for take in rest]
    size, seconds = sum(cost.size for cost in expected), sum(cost.seconds for cost in expected)
    refuse_what_cannot_fit(out, len(rest), size)
    processes, cores = min(jobs, len(rest)), available_cores()
    on = "1 process" if processes == 1 else f"{processes} processes"
    if processes > cores:
        on += f" ({cores} cores)" if cores > 1 else " (1 core)"
    slowest = f"; {dearest} is the slowest, {costs[dearest].seconds:.1f} s each" if len(costs) > 1 else ""
    minutes = minutes_of_work(seconds, len(rest), jobs, set_up_s)
    room = f"about {bytes_text(size)} ({bytes_text(free_bytes(out))} free)"
    return f"{len(rest)} more to make: {room}, about {minutes_text(minutes)} on {on}{slowest}"
