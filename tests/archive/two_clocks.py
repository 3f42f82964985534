"""Scenes that two devices record, each by its own clock, for tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from acoustill.archive.importers.synchrony import Clocks, Heard

FINE_RATE = 48000
BAND_HZ = 3500.0
LEAD_S = 12.0


def scene(kind: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Sound at FINE_RATE: `noise`, `speech`-like syllables of a voice, or `knocks` at irregular times."""
    samples = round(seconds * FINE_RATE)
    time = np.arange(samples) / FINE_RATE
    if kind == "noise":
        sound = rng.standard_normal(samples)
    elif kind == "speech":
        knots = np.arange(0.0, seconds + 1.0, 0.12)
        loudness = np.clip(np.interp(time, knots, rng.standard_normal(len(knots))), 0.0, None)
        pitch = 120 + 30 * np.interp(time, knots[::4], rng.standard_normal(len(knots[::4])))
        pulses = np.diff(np.floor(np.cumsum(pitch) / FINE_RATE), prepend=0.0)
        steps = np.arange(600)
        throat = np.exp(-steps / 90) * np.cos(2 * np.pi * 700 * steps / FINE_RATE)
        sound = loudness * (fftconvolve(pulses, throat)[:samples] + 0.05 * rng.standard_normal(samples))
    else:
        sound = np.zeros(samples)
        for moment in rng.uniform(0.0, seconds, round(seconds)):
            knock(sound, moment, FINE_RATE, rng)
    return sosfilt(butter(6, BAND_HZ, fs=FINE_RATE, output="sos"), sound)


def knock(sound: np.ndarray, moment_s: float, rate: int, rng: np.random.Generator, level: float = 1.0) -> None:
    """Adds a burst of noise that dies away in some milliseconds."""
    start = round(moment_s * rate)
    length = max(0, min(len(sound) - start, rate // 10))
    sound[start : start + length] += level * rng.standard_normal(length) * np.exp(-np.arange(length) / (0.008 * rate))


def two_recordings(
    kind: str,
    seconds: float,
    clocks: Clocks,
    rng: np.random.Generator,
    *,
    snr_db: float = 10.0,
    rates: tuple[int, int] = (12288, 48000),
    track_seconds: float | None = None,
) -> tuple[Heard, Heard]:
    """What an array and a camera record of one scene, each with noise of its own; |offset| up to 10 s."""
    sound = scene(kind, max(seconds, track_seconds or seconds) + 2 * LEAD_S, rng)
    level = sound.std() * 10 ** (-snr_db / 20)
    heard = []
    for rate, length, inverse in ((rates[0], seconds, False), (rates[1], track_seconds or seconds, True)):
        times = np.arange(round(length * rate)) / rate
        moments = (clocks.audio_s(times) if inverse else times) + LEAD_S  # type: ignore[arg-type]
        samples = np.interp(moments * FINE_RATE, np.arange(len(sound)), sound)
        noise = rng.standard_normal(len(samples)) * level * np.sqrt(rate / 2 / BAND_HZ)  # as strong in the band
        heard.append(Heard((samples + noise).astype(np.float32), rate))
    return heard[0], heard[1]


def clap_film(
    kind: str, claps_s: list[float], seconds: float, frame_rate: float, rng: np.random.Generator
) -> Iterator[tuple[float, np.ndarray]]:
    """Grey frames (48, 64), drawn at the middle of the time that they are shown.

    Somebody sways; at the claps, a lamp goes on for a moment (`flash`), or two hands meet within 0.15 s and part
    slowly (`hands`).
    """
    room = rng.uniform(60, 180, (48, 64))
    for frame in range(round(seconds * frame_rate)):
        now = (frame + 0.5) / frame_rate
        picture = room.copy()
        column = 40 + 6 * np.sin(now)
        cover = np.clip(np.arange(64) - column, 0, 1) * np.clip(column + 10 - np.arange(64), 0, 1)
        picture[20:44] += cover * (90 - picture[20:44])
        nearest = min(claps_s, key=lambda clap: abs(clap - now), default=np.inf)
        since = now - nearest
        if kind == "flash" and 0 <= since < 0.06 + 1 / frame_rate:
            picture[4:16, 4:16] = 255
        if kind == "hands":
            apart = 12 * min(1.0, -since / 0.15 if since < 0 else since / 1.5)
            for column in (16 - apart, 16 + apart):
                cover = np.clip(np.arange(64) - column + 3, 0, 1) * np.clip(column + 3 - np.arange(64), 0, 1)
                picture[4:16] += cover * (250 - picture[4:16])
        noisy = picture + 2 * rng.standard_normal(picture.shape)
        yield frame / frame_rate, np.clip(noisy, 0, 255).astype(np.uint8)


def clap_sound(claps_s: list[float], seconds: float, rng: np.random.Generator) -> Heard:
    """Claps and the murmur of a room at 12,288 Hz."""
    sound = 0.01 * rng.standard_normal(round(seconds * 12288))
    for moment in claps_s:
        knock(sound, moment, 12288, rng)
    for moment in rng.uniform(0, seconds - 0.5, 6):
        start = round(moment * 12288)
        sound[start : start + 4096] += 0.05 * np.hanning(4096) * rng.standard_normal(4096)
    return Heard(sound.astype(np.float32), 12288)
