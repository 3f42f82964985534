"""Takes become recordings of an archive."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soxr

from acoustill.archive.archive import ImageHeader, read_header, read_image_header
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.writer import write_recording
from acoustill.errors import AcoustillError
from acoustill.files import json_hash, only_writer
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.imager import Imager
from acoustill.imaging.signals.opening import read_signals
from acoustill.imaging.specification import ImageSpecification
from acoustill.jobs import SetAside, run_jobs
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig
from acoustill.simulation import noise
from acoustill.simulation.acoustics import Place, impulse_responses, plane_waves, propagate
from acoustill.simulation.plan import Take
from acoustill.simulation.scenes import Scene, draw_scene
from acoustill.simulation.sources import Event, Performance, draw_style, perform
from acoustill.simulation.video import draw_backdrop, draw_looks, render

SELF_NOISE_PA = 3.6e-4  # 25 dB re 20 micropascal
PLANE_WAVES = 16
DEPTHS_M = (1.3, 2.8)
STAGE = (np.array([0.25, 0.35]), np.array([0.75, 0.7]))  # where people act, as shares of the video frame
SOUND_LEVELS_PA = (0.05, 0.2)


def simulate_archive(
    path: str | Path,
    rig: Rig,
    takes: Sequence[Take],
    *,
    microphones: int = 4,
    all_microphones: bool = False,
    image: ImageSpecification | None = None,
    jobs: int = 1,
) -> list[SetAside]:
    """Simulates takes into an archive; goes on where an earlier call with equal settings stopped.

    Args:
        path: the archive's folder.
        rig: what records.
        takes: what happens in front of it.
        microphones: how many microphones' audio is kept, spread over the array.
        all_microphones: keep every microphone's, so that images can be formed anew.
        image: what the acoustic images are; the default is 12 MFCC in 36 x 48 pixels at 2 m.
        jobs: number of processes; it changes nothing in the result.

    Returns:
        The takes that could not be simulated, and why.

    Raises:
        AcoustillError: if the folder holds something else or no take could be simulated.
    """
    path = Path(path)
    if not takes:
        raise AcoustillError(f"{path}: there is nothing to simulate")
    ids = [take.id for take in takes]
    twice = [recording for recording, count in Counter(ids).items() if count > 1]
    if twice:
        raise AcoustillError(f"simulation: two takes are called {twice[0]!r}; give sounds and scenarios once")
    for scenario in {take.scenario for take in takes}:
        draw_scene(scenario, np.random.default_rng())  # an unknown one is refused before anything is written
    grid = camera_grid(rig.camera, 36, 48, 2.0)
    kept = rig.channels if all_microphones else microphones
    maker = {
        "command": "simulate",
        "takes": json_hash([asdict(take) | {"sound": take.sound and Path(take.sound).name} for take in takes]),
        "microphones": kept,
    }
    with only_writer(path):
        create_archive(path, rig, ImageHeader(image or ImageSpecification(), grid), maker)
        return _simulate_missing(path, takes, kept, jobs)


def _simulate_missing(path: Path, takes: Sequence[Take], kept: int, jobs: int) -> list[SetAside]:
    """Simulates what an archive that was started does not hold yet, and finishes it."""
    missing = [take for take in takes if not (path / "recordings" / take.id / "recording.json").is_file()]
    work = functools.partial(simulate_take, archive=path, microphones=kept)
    aside = run_jobs(work, missing, [take.id for take in missing], min(jobs, max(1, len(missing))), "simulating")
    if len(aside) == len(takes):
        raise AcoustillError(f"{path}: no take could be simulated; {aside[0].name}: {aside[0].why}")
    finish_archive(path)
    return aside


def simulate_take(take: Take, archive: Path, microphones: int) -> None:
    """Simulates one take and writes its recording.

    Raises:
        AcoustillError: if its sound file cannot be read.
    """
    rig = load_rig(archive / "rig.yaml")
    image = read_image_header(archive, read_header(archive))
    assert image is not None
    assert image.grid is not None
    assert isinstance(image.specification, ImageSpecification)
    imager = Imager(rig, image.grid, image.specification, threads=1)  # as in every process: the same bits
    rng = np.random.default_rng(take.seed)
    person = np.random.default_rng(take.subject_seed)
    style, looks = draw_style(person), draw_looks(person)
    frames = round(take.seconds * rig.frame_rate)
    seconds = frames / rig.frame_rate
    scene = draw_scene(take.scenario, rng)
    if take.sound is not None:
        performance = _play_file(take.sound, seconds, rig.sample_rate, rng)
    else:
        performance = perform(str(take.action), style, seconds, rig.sample_rate, rng)
    point = _draw_point(rig, scene.place, rng)
    samples = frames * rig.samples_per_frame
    signals = _record(rig, scene, performance.signal[:samples], point, samples, rng)
    pixel = rig.camera.project(point)
    video = render(
        rig.camera.height,
        rig.camera.width,
        np.repeat(pixel[None], frames, axis=0),
        rig.camera.focal_px[0] / rig.camera.depth_m(point),
        take.action or "loudspeaker",
        performance.events,
        rig.frame_rate,
        looks,
        draw_backdrop(scene.backdrop, rng),
        rng,
    )
    kept = spread_microphones(rig, microphones)
    write_recording(
        archive,
        take.id,
        frames=frames,
        audio=signals[kept],
        microphones=kept,
        image=imager(signals).astype(np.float16 if imager.specification.features == "mfcc" else np.float32),
        video=video,
        label=take.label,
        scenario=take.scenario,
        subject=take.subject,
        columns=take.columns,
        provenance={
            "simulated": {
                "snr_db": round(scene.snr_db, 2),
                "source_m": point.round(4).tolist(),
                "pixel": pixel.round(2).tolist(),
                "seed": list(take.seed),
            }
        },
    )


def spread_microphones(rig: Rig, count: int) -> list[int]:
    """Working channels that lie far from each other, the most central one first.

    Raises:
        AcoustillError: if the rig has fewer channels.

    Example:
        >>> from acoustill.rig import preset
        >>> len(spread_microphones(preset("uma16"), 4))
        4
    """
    if count == rig.channels:
        return list(range(count))
    working = rig.working
    if not 1 <= count <= len(working):
        raise AcoustillError(f"rig {rig.name}: cannot keep {count} of {len(working)} working microphones")
    positions = rig.positions_m[working]
    chosen = [int(np.linalg.norm(positions - positions.mean(axis=0), axis=1).argmin())]
    while len(chosen) < count:
        gaps = np.linalg.norm(positions[:, None] - positions[None, chosen], axis=-1).min(axis=1)
        chosen.append(int(gaps.argmax()))
    return [int(working[i]) for i in chosen]


def _draw_point(rig: Rig, place: Place, rng: np.random.Generator) -> np.ndarray:
    """A place on the stage in the field of view, inside the walls, in the rig frame."""
    size = np.array([rig.camera.width, rig.camera.height])
    for _ in range(1000):
        pixel = rng.uniform(*STAGE) * size
        point = rig.camera.unproject(pixel, rng.uniform(*DEPTHS_M))
        if place.holds(place.from_rig(point)):
            return point
    raise AcoustillError("simulation: no place in the field of view lies inside the room")


def _record(
    rig: Rig, scene: Scene, signal: np.ndarray, point: np.ndarray, samples: int, rng: np.random.Generator
) -> np.ndarray:
    """What every channel of the rig records, (channels, samples) float32, pascal."""
    place = scene.place
    microphones = place.from_rig(rig.positions_m)
    source = place.from_rig(point)
    action = propagate(
        [(signal, impulse_responses(place, microphones, source, rig.sample_rate, rig.speed_of_sound))], samples
    )
    noises = _noises(rig, scene, microphones, samples, rng)
    total = np.zeros_like(action)
    for weight, field in noises:
        level = np.mean(np.square(field)) ** 0.5
        if level > 0:  # birds may be silent for a second
            total += np.float32(weight / level) * field
    noise_power = np.mean(np.square(total))
    if noise_power > 0:
        gain = (_active_power(action, rig.samples_per_frame) / noise_power) ** 0.5
        action += total * np.float32(gain * 10 ** (-scene.snr_db / 20))
    action += np.float32(SELF_NOISE_PA) * rng.standard_normal(action.shape, dtype=np.float32)
    action[list(rig.broken)] = 0.0
    return action


def _noises(
    rig: Rig, scene: Scene, microphones: np.ndarray, samples: int, rng: np.random.Generator
) -> list[tuple[float, np.ndarray]]:
    """Noise fields and the amplitude that each is given, all of shape (channels, samples)."""
    rate = rig.sample_rate
    spectra = {"ventilation": noise.ventilation, "traffic": noise.traffic}
    diffuse = np.zeros((PLANE_WAVES, samples), np.float32)
    for kind, share in scene.diffuse.items():
        if kind == "babble":
            waves = noise.babble(PLANE_WAVES, samples / rate, rate, rng)[:, :samples]
        else:
            waves = noise.shaped_noise(PLANE_WAVES, samples, rate, spectra[kind], rng)
        diffuse += np.float32(share**0.5) * waves
    directions = rng.standard_normal((PLANE_WAVES, 3))
    if "traffic" in scene.diffuse:
        directions[:, 2] = 0.1 * np.abs(directions[:, 2])  # from the horizon
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    fields = [
        (sum(scene.diffuse.values()) ** 0.5, plane_waves(diffuse, directions, microphones, rate, rig.speed_of_sound))
    ]
    if scene.point_noises:
        makers = {"fan": noise.fan, "ringing": noise.ringing, "birds": noise.birds}
        points = []
        for kind in scene.point_noises:
            place = _draw_noise_place(scene.place, rng)
            signal = makers[kind](samples, rate, rng)
            points.append((signal, impulse_responses(scene.place, microphones, place, rate, rig.speed_of_sound)))
        fields.append((scene.point_share**0.5, propagate(points, samples)))
    if scene.wind_share:
        gusts = noise.shaped_noise(rig.channels, samples, rate, noise.wind, rng)
        fields.append((scene.wind_share**0.5, gusts))
    return fields


def _draw_noise_place(place: Place, rng: np.random.Generator) -> np.ndarray:
    """Anywhere in the place at least a metre from the rig, in and out of the field of view."""
    low, high = (0.4, 0.4, 0.4), np.array(place.size_m) - 0.4
    if place.kind != "room":
        low, high = (-6.0, -6.0, 1.0), np.array([10.0, 6.0, 7.0])
    while True:
        point = rng.uniform(low, high)
        if np.linalg.norm(point - place.rig_position_m) > 1.0:
            return point


def _active_power(signals: np.ndarray, samples_per_frame: int) -> float:
    """Mean square over the frames that are within 20 dB of the loudest one."""
    frames = np.square(signals).reshape(len(signals), -1, samples_per_frame).mean(axis=(0, 2))
    return float(frames[frames >= 0.01 * frames.max()].mean())


def _play_file(path: str, seconds: float, sample_rate: int, rng: np.random.Generator) -> Performance:
    """A sound file as a loudspeaker plays it, at a level drawn at random."""
    signals, rate = read_signals(path)
    if not np.isfinite(signals).all() or not signals.any():
        raise AcoustillError(f"{path}: the sound is silent or not finite")
    samples = round(seconds * sample_rate)
    sound = soxr.resample(signals.mean(axis=0), rate, sample_rate, quality="VHQ")[:samples]
    signal = np.zeros(samples, np.float32)
    signal[: len(sound)] = sound
    step = sample_rate // 50
    levels = np.sqrt(np.square(signal[: samples // step * step]).reshape(-1, step).mean(axis=1))
    if not levels.any():
        raise AcoustillError(f"{path}: its first {seconds:g} s are silent")
    active = levels[levels > 0.1 * levels.max()]
    signal *= np.float32(np.exp(rng.uniform(*np.log(SOUND_LEVELS_PA))) / np.sqrt(np.mean(active**2)))
    rises = np.flatnonzero((levels[1:] > 0.3 * levels.max()) & (levels[1:] > 1.5 * levels[:-1])) + 1
    events = [Event(float(i * step / sample_rate), float(min(1.0, levels[i] / levels.max())), 0.1) for i in rises]
    return Performance(signal, tuple(events) or (Event(0.0, 1.0, seconds),))
