"""Whether the channels of a recording can be what microphones heard: finite, not clipped, not silent, not stuck.

Each channel is read twice, in blocks; what is broken in the rig is left out of all but the search for values that are
not finite.

**Clipping.** A clipped wave lies flat at its extreme, and leaves it by a jump: a slow wave that was stored in steps has
flat tops too, but goes on by single steps. In integer audio, a channel whose extreme is within 0.1 % of the full scale
of a 16, 24 or 32 bit converter is clipped where at least 3 samples in a row lie there. In any audio, a channel is
clipped where at least 4 samples in a row lie at its own extreme, whatever that is; it must be 100 steps away from zero,
which a silence stored in its last bits is not. A channel is reported if at least 10 samples lie so: one hard hit that
touches the limit is no fault of a recording.

**Stuck.** A channel that holds one value, equals another channel bit by bit, or holds one value that is more than 4
steps away from zero for at least half a second. Zeros, and what is nearly zero, are left alone: collections pad clips
with them.

**Silence.** A channel that holds nothing but zeros, and one that holds zeros in a stretch in which at least half of the
others hear something for at least half a second: its microphone died, or lost its cable. What all channels do together
is padding.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.archive.equal_runs import equal_runs
from acoustill.archive.problem import SHOWN, Finding, microphones_of, some
from acoustill.rig.rig import Rig

BLOCK = 1 << 18  # samples
FULL_SCALE_RUN, OWN_EXTREME_RUN = 3, 4
CLIPPED_AT_LEAST = 10  # samples
CONVERTERS = (2.0**15, 2.0**23, 2.0**31)
NEAR_FULL_SCALE = 0.999
SMALLEST_EXTREME, SMALLEST_JUMP = 100, 4  # in the smallest steps of the channel
STUCK_SECONDS = 0.5
NEAR_ZERO_STEPS, NEAR_ZERO = 4, 2.0**-10  # both, the second of full scale or of a pascal
LIVE_POWER = 1e-6  # of its own mean: less is the end of a sound that fades away


@dataclass(frozen=True)
class HeardChannels:
    """What was found in the audio of a recording.

    Attributes:
        findings: what is wrong.
        power: variance of the samples of each frame, over the channels that work.
        telling: whether anything was heard: silent recordings are all equal.
        largest: absolute value of the samples, of those that are finite.

    Shapes:
        power: (frames,) float64.
    """

    findings: tuple[Finding, ...]
    power: np.ndarray
    telling: bool
    largest: float


@dataclass(frozen=True)
class _Channel:
    """What the first reading of a channel gives; one unit is full scale or one pascal where samples are floats."""

    microphone: int
    unit: float
    lowest: float
    highest: float
    not_finite: int
    first_not_finite: int
    digest: bytes
    power: np.ndarray

    @property
    def constant(self) -> bool:
        return self.lowest == self.highest

    @property
    def silent(self) -> bool:
        """Nothing but zeros, or one of the last bits of integers."""
        return self.constant and abs(self.lowest) <= (NEAR_ZERO_STEPS if self.unit > 1 else 0)

    @property
    def largest(self) -> float:
        """Absolute value; infinite if no sample is finite."""
        return max(abs(self.lowest), abs(self.highest))


@dataclass(frozen=True)
class _Hold:
    """A long stretch of one value, in samples."""

    start: int
    length: int
    value: float


@dataclass(frozen=True)
class _Flats:
    """What the second reading of a channel gives: samples at an extreme, and long holds of a value and of zero."""

    clipped: int
    first_clipped: int
    step: float
    stuck: tuple[_Hold, ...]
    silent: tuple[_Hold, ...]


def check_channels(audio: np.ndarray, microphones: Sequence[int], rig: Rig) -> HeardChannels:
    """Checks the audio of a recording.

    Args:
        audio: as stored; a memory map is read in blocks.
        microphones: which channels of the rig its rows are.
        rig: that made it.

    Shapes:
        audio: (microphones, samples), float32 or integer.
    """
    spf, rate = rig.samples_per_frame, rig.sample_rate
    channels = [_measured(row, microphone, spf) for row, microphone in zip(audio, microphones, strict=True)]
    findings = list(_not_finite(channels, rate))
    working = {
        row: channel
        for row, channel in enumerate(channels)
        if channel.microphone not in rig.broken and not channel.not_finite
    }
    moving = {row: channel for row, channel in working.items() if not channel.constant}
    silent = [channel.microphone for channel in working.values() if channel.silent]
    if silent and len(silent) == len(working):
        findings.append(("silence", "the whole recording is silent"))
    elif silent:
        verb = "are" if len(silent) > 1 else "is"
        findings.append(("silence", f"{microphones_of(silent)} {verb} silent"))
    findings += _constant(list(working.values()))
    findings += _equal(list(moving.values()))
    flats = {
        channel.microphone: _flats(audio[row], channel, math.ceil(STUCK_SECONDS * rate))
        for row, channel in moving.items()
    }
    findings += _dead(flats, {channel.microphone: channel.power for channel in moving.values()}, rate, spf)
    findings += _held(flats, rate)
    findings += _clipped(flats, rate)
    frames = audio.shape[1] // spf
    power = np.mean([channel.power for channel in moving.values()], axis=0) if moving else np.zeros(frames)
    largest = max((channel.largest for channel in channels), default=0.0)
    return HeardChannels(tuple(findings), power, len(moving) > 0 or not working, largest)


def _blocks(row: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for start in range(0, len(row), length):
        yield row[start : start + length]


def _measured(row: np.ndarray, microphone: int, spf: int) -> _Channel:
    lowest, highest = np.inf, -np.inf
    not_finite, first_not_finite, offset = 0, -1, 0
    digest = hashlib.blake2b(digest_size=16)
    power: list[np.ndarray] = []
    for block in _blocks(row, max(1, BLOCK // spf) * spf):
        digest.update(np.ascontiguousarray(block).data)
        values = block.astype(np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            first_not_finite = first_not_finite if not_finite else offset + int((~finite).argmax())
            not_finite += len(values) - int(finite.sum())
            values = np.where(finite, values, 0.0)
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
        whole = len(values) // spf * spf
        power.append(values[:whole].reshape(-1, spf).var(axis=1))
        offset += len(values)
    unit = np.iinfo(row.dtype).max if row.dtype.kind == "i" else 1.0
    powers = np.concatenate(power)
    return _Channel(microphone, unit, lowest, highest, not_finite, first_not_finite, digest.digest(), powers)


def _occurrences(row: np.ndarray, value: float) -> int:
    return sum(int(np.count_nonzero(block == value)) for block in _blocks(row, BLOCK))


def _step(row: np.ndarray, channel: _Channel) -> float:
    """Distance of neighbouring values that a channel can hold: one step of the converter, times any gain since."""
    smallest = np.inf
    last = row[:1]
    for block in _blocks(row, BLOCK):
        values = np.unique(np.concatenate([last, block]).astype(np.float64))
        last = block[-1:]
        if len(values) > 1:
            if row.dtype.kind == "i":
                quantum = float(np.gcd.reduce((values - values[0]).astype(np.int64)))
            else:
                quantum = float(np.spacing(np.float32(channel.largest)))
            smallest = min(smallest, _grid_step(values, quantum))
    return smallest


def _grid_step(values: np.ndarray, quantum: float) -> float:
    """The step of the even grid that values lie on, each to within rounding; that of the rounding if they do not.

    The least distance of two values alone would not do: a tone that repeats exactly holds few values, far apart.

    Args:
        values: different, ascending.
        quantum: to which they were rounded.
    """
    distances = np.diff(values)
    step = float(distances.min())
    if step <= 4 * quantum:
        return max(step, quantum)
    offsets = values - values[distances.argmin()]
    reach, farthest = 1.0, float(np.abs(offsets).max())
    while True:  # a step known from near values says how many there are to values twice as far, which say it better
        near = offsets[np.abs(offsets) <= (reach + 0.5) * step]
        count = np.rint(near / step)
        step = float(near @ count / (count @ count))
        if reach * step >= farthest:
            break
        reach *= 2
    off = np.abs(offsets - np.rint(offsets / step) * step).max()
    return step if off <= 1.5 * quantum else quantum


def _flats(row: np.ndarray, channel: _Channel, long: int) -> _Flats:
    clipped, first_clipped, step = 0, -1, np.inf
    stuck: list[_Hold] = []
    silent: list[_Hold] = []
    integer = row.dtype.kind == "i"
    shortest = FULL_SCALE_RUN if integer else OWN_EXTREME_RUN
    extremes = [value for value in (channel.lowest, channel.highest) if _occurrences(row, value) >= shortest]
    if extremes:
        step = _step(row, channel)
    for runs in equal_runs((block.astype(np.float64) for block in _blocks(row, BLOCK)), shortest):
        flat = np.zeros(len(runs.starts), bool)
        for extreme in extremes:
            at = runs.values == extreme
            if integer and _full_scale(abs(extreme)):
                flat |= at & (runs.jumps > SMALLEST_JUMP * min(step, abs(extreme) / SMALLEST_EXTREME))
            elif abs(extreme) >= max(SMALLEST_EXTREME * step, channel.largest / 2):
                flat |= at & (runs.lengths >= OWN_EXTREME_RUN) & (runs.jumps > SMALLEST_JUMP * step)
        if flat.any():
            first_clipped = first_clipped if clipped else int(runs.starts[flat][0])
            clipped += int(runs.lengths[flat].sum())
        for i in np.flatnonzero(runs.lengths >= long):
            hold = _Hold(int(runs.starts[i]), int(runs.lengths[i]), float(runs.values[i]))
            step = step if np.isfinite(step) else _step(row, channel)
            nearly_zero = abs(hold.value) <= min(NEAR_ZERO_STEPS * step, NEAR_ZERO * channel.unit)
            (silent if nearly_zero else stuck).append(hold)
    return _Flats(clipped, first_clipped, step, tuple(stuck), tuple(silent))


def _full_scale(extreme: float) -> bool:
    return any(NEAR_FULL_SCALE * scale <= extreme <= scale for scale in CONVERTERS)


def _not_finite(channels: Sequence[_Channel], rate: int) -> Iterator[Finding]:
    bad = [channel for channel in channels if channel.not_finite]
    if bad:
        first = min(bad, key=lambda channel: channel.first_not_finite)
        count = sum(channel.not_finite for channel in bad)
        names = microphones_of([channel.microphone for channel in bad])
        where = f"{names}, the first at {_seconds(first.first_not_finite, rate)}"
        yield "finite", f"{_samples(count)} of the audio {'are' if count > 1 else 'is'} not finite: {where}"


def _constant(channels: Sequence[_Channel]) -> Iterator[Finding]:
    held = [channel for channel in channels if channel.constant and not channel.silent]
    if held:
        verb = "hold" if len(held) > 1 else "holds"
        values = some([f"{channel.lowest:g}" for channel in held])
        yield "stuck", f"{microphones_of([channel.microphone for channel in held])} {verb} nothing but {values}"


def _equal(channels: Sequence[_Channel]) -> Iterator[Finding]:
    groups: dict[bytes, list[int]] = {}
    for channel in channels:
        groups.setdefault(channel.digest, []).append(channel.microphone)
    for members in groups.values():
        if len(members) > 1:
            yield "stuck", f"{microphones_of(members)} hold the same samples"


def _dead(flats: Mapping[int, _Flats], powers: Mapping[int, np.ndarray], rate: int, spf: int) -> Iterator[Finding]:
    """Channels that are silent for long while at least half of the others go on."""
    places = []
    for microphone, flat in flats.items():
        others = [power for other, power in powers.items() if other != microphone]
        for hold in flat.silent:
            frames = slice(-(-hold.start // spf), (hold.start + hold.length) // spf)
            live = sum(_live_frames(power, frames, flat.step) * spf >= STUCK_SECONDS * rate for power in others)
            if live and 2 * live >= len(others):
                places.append(f"microphone {microphone} {_during(hold, rate)}")
                break
    if places:
        yield "silence", f"silent while others are not: {_listed(places)}"


def _live_frames(power: np.ndarray, frames: slice, step: float) -> int:
    """In how many frames a channel hears something."""
    enough = max((NEAR_ZERO_STEPS * step) ** 2, LIVE_POWER * float(power.mean()))
    return int(np.count_nonzero(power[frames] > enough))


def _held(flats: Mapping[int, _Flats], rate: int) -> Iterator[Finding]:
    places = [
        f"microphone {microphone} at {flat.stuck[0].value:g} {_during(flat.stuck[0], rate)}"
        for microphone, flat in flats.items()
        if flat.stuck
    ]
    if places:
        yield "stuck", f"does not move: {_listed(places)}"


def _during(hold: _Hold, rate: int) -> str:
    return f"for {hold.length / rate:.2f} s from {_seconds(hold.start, rate)} on"


def _clipped(flats: Mapping[int, _Flats], rate: int) -> Iterator[Finding]:
    places = [
        f"microphone {microphone} {_samples(flat.clipped)}, the first at {_seconds(flat.first_clipped, rate)}"
        for microphone, flat in flats.items()
        if flat.clipped >= CLIPPED_AT_LEAST
    ]
    if places:
        yield "clipping", f"clips: {_listed(places)}"


def _listed(places: Sequence[str]) -> str:
    more = [f"and {len(places) - SHOWN} more"] if len(places) > SHOWN else []
    return "; ".join([*places[:SHOWN], *more])


def _samples(count: int) -> str:
    return f"{count} sample{'s' if count > 1 else ''}"


def _seconds(sample: int, rate: int) -> str:
    return f"{sample / rate:.3f} s"
