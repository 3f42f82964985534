"""Whether the channels of a recording can be what microphones heard: finite, not clipped, not silent, not stuck.

Each channel is read twice, in blocks; what is broken in the rig is left out of all but the search for values that are
not finite.

**Clipping.** A clipped wave lies flat at its extreme. In integer audio, a channel whose extreme is within 0.1 % of the
full scale of a 16, 24 or 32 bit converter is clipped where at least 3 samples in a row lie there. In any audio, a
channel is clipped where at least 4 samples in a row lie at its own extreme, whatever that is, and the wave leaves them
by a jump: a slow wave that was stored in coarse steps has flat tops too, but goes on by single steps. The extreme must
be 100 such steps away from zero, which a silence stored in its last bits is not. A channel is reported if at least 10
samples lie so: one hard hit that touches the limit is no fault of a recording.

**Stuck.** A channel that holds one value, equals another channel bit by bit, or holds one value other than zero for at
least half a second. Zeros are left alone: collections pad clips with them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class HeardChannels:
    """What was found in the audio of a recording.

    Attributes:
        findings: what is wrong.
        power: variance of the samples of each frame, over the channels that work.
        telling: whether anything was heard: silent recordings are all equal.

    Shapes:
        power: (frames,) float64.
    """

    findings: tuple[Finding, ...]
    power: np.ndarray
    telling: bool


@dataclass(frozen=True)
class _Channel:
    """What the first reading of a channel gives."""

    microphone: int
    lowest: float
    highest: float
    not_finite: int
    first_not_finite: int
    digest: bytes
    power: np.ndarray

    @property
    def constant(self) -> bool:
        return self.lowest == self.highest


@dataclass(frozen=True)
class _Flats:
    """What the second reading of a channel gives: samples at an extreme, and the first long hold."""

    clipped: int
    first_clipped: int
    held: int
    held_from: int
    held_value: float


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
    silent = [channel.microphone for channel in working.values() if channel.constant and channel.lowest == 0]
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
    findings += _held(flats, rate)
    findings += _clipped(flats, rate)
    frames = audio.shape[1] // spf
    power = np.mean([channel.power for channel in moving.values()], axis=0) if moving else np.zeros(frames)
    return HeardChannels(tuple(findings), power, telling=len(moving) > 0 or not working)


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
    return _Channel(microphone, lowest, highest, not_finite, first_not_finite, digest.digest(), np.concatenate(power))


def _occurrences(row: np.ndarray, value: float) -> int:
    return sum(int(np.count_nonzero(block == value)) for block in _blocks(row, BLOCK))


def _smallest_step(row: np.ndarray) -> float:
    """Between two values that occur in a channel: one step of the converter, if it was stored in coarse ones."""
    steps = (np.diff(np.unique(block.astype(np.float64))) for block in _blocks(row, BLOCK))
    return min(float(some_steps.min(initial=np.inf)) for some_steps in steps)


def _flats(row: np.ndarray, channel: _Channel, long: int) -> _Flats:
    clipped = held = 0
    first_clipped = held_from = -1
    held_value = 0.0
    integer = row.dtype.kind == "i"
    shortest = FULL_SCALE_RUN if integer else OWN_EXTREME_RUN
    extremes = [value for value in (channel.lowest, channel.highest) if _occurrences(row, value) >= shortest]
    step = _smallest_step(row) if extremes else np.inf
    for runs in equal_runs((block.astype(np.float64) for block in _blocks(row, BLOCK)), shortest):
        flat = np.zeros(len(runs.starts), bool)
        for extreme in extremes:
            at = runs.values == extreme
            if integer and _full_scale(abs(extreme)):
                flat |= at
            elif abs(extreme) >= max(SMALLEST_EXTREME * step, max(-channel.lowest, channel.highest) / 2):
                flat |= at & (runs.lengths >= OWN_EXTREME_RUN) & (runs.jumps > SMALLEST_JUMP * step)
        if flat.any():
            first_clipped = first_clipped if clipped else int(runs.starts[flat][0])
            clipped += int(runs.lengths[flat].sum())
        stuck = (runs.lengths >= long) & (runs.values != 0)
        if stuck.any() and not held:
            i = int(stuck.argmax())
            held, held_from, held_value = int(runs.lengths[i]), int(runs.starts[i]), float(runs.values[i])
    return _Flats(clipped, first_clipped, held, held_from, held_value)


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
    held = [channel for channel in channels if channel.constant and channel.lowest != 0]
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


def _held(flats: dict[int, _Flats], rate: int) -> Iterator[Finding]:
    places = [
        f"microphone {microphone} at {flat.held_value:g} for {flat.held / rate:.2f} s from "
        f"{_seconds(flat.held_from, rate)} on"
        for microphone, flat in flats.items()
        if flat.held
    ]
    if places:
        yield "stuck", f"does not move: {_listed(places)}"


def _clipped(flats: dict[int, _Flats], rate: int) -> Iterator[Finding]:
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
