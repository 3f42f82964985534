"""Pictures and sounds of AVIA-Sim for the documentation, all made from seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from benchmarks import acoustic_facts as acoustics
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from acoustill.archive import Archive, Recording
from acoustill.archive.pictures import encode_picture
from acoustill.errors import AcoustillError
from acoustill.imaging import ImageSpecification
from acoustill.imaging.bands import band_energy_map, lowest_resolved_hz
from acoustill.imaging.video.overlay import overlay
from acoustill.rig import Rig, preset
from acoustill.simulation.plan import Plan, Take, plan_avia_sim
from acoustill.simulation.recorder import simulate_archive
from acoustill.simulation.scenes import SCENARIOS, draw_scene
from acoustill.simulation.sources import ACTIONS

SEED = 2
SECONDS, HEARD_S = 5.0, 3.0
SHOWN = "playing kendama"  # in every scenario and place
PLACES = 2
FRAMES = 5
RANGE_DB = 6.0
MOST_PICTURE, MOST_SOUND = 60_000, 25_000  # bytes
VORBIS = (0.5, 0.7, 0.85, 1.0)  # compression levels, tried in turn
QUALITIES = (82, 74, 66, 58, 50, 42)
SPECTROGRAM_DB = 60.0


def make_gallery(folder: Path) -> Iterator[str]:
    """Writes a picture and a sound of each action, scenario and place, and two plots; tells of each what it is.

    Raises:
        AcoustillError: if a file does not become small enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rig, takes = preset("dualcam"), shown_takes()
    with tempfile.TemporaryDirectory() as scratch:
        aside = simulate_archive(Path(scratch) / "archive", rig, list(takes.values()))
        if aside:
            raise AcoustillError(f"gallery: {aside[0].name}: {aside[0].why}")
        archive = Archive(Path(scratch) / "archive")
        for name, take in takes.items():
            recording = archive[take.id]
            frame = shown_frame(recording, rig)
            write_picture(folder / f"{name}.jpg", strip(archive, recording, frame))
            start = max(0.0, min(frame / rig.frame_rate - 0.3, SECONDS - HEARD_S))
            write_sound(folder / f"{name}.ogg", heard(recording, rig, start), rig.sample_rate)
            yield f"{name}: {take.action}, {take.scenario}"
    write_picture(folder / "coherence.jpg", coherence_plot(rig))
    write_picture(folder / "decay.jpg", decay_plot(rig))
    yield f"{sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB in {folder}"


def shown_takes() -> dict[str, Take]:
    """By the name of its files: each action by another person in the anechoic chamber, one action everywhere."""
    plan = Plan(ACTIONS, len(ACTIONS), 1, SECONDS)
    takes = plan_avia_sim(plan, SEED)
    shown = {
        action.replace(" ", "-"): take
        for number, action in enumerate(ACTIONS)
        for take in takes
        if (take.scenario, take.action, take.subject) == ("anechoic", action, f"s{number + 1:02d}")
    }
    subject = f"s{ACTIONS.index(SHOWN) + 1:02d}"
    for take in takes:
        if take.action == SHOWN and take.subject == subject and take.scenario in SCENARIOS[1:]:
            shown[take.scenario] = take
    others = plan_avia_sim(Plan((SHOWN,), 1, 1, SECONDS), SEED, PLACES)
    return shown | {take.id: take for take in others if take.label is None}


def shown_frame(recording: Recording, rig: Rig) -> int:
    """The frame of the strongest event that has neighbours enough."""
    first, last = FRAMES // 2 + 1, recording.entry.frames - FRAMES
    events = recording.sidecar.provenance["simulated"]["events"]
    frames = [(strength, int(time * rig.frame_rate)) for time, strength, _ in events]
    inside = [(strength, -frame) for strength, frame in frames if first <= frame <= last]
    return -max(inside)[1] if inside else first


def heard(recording: Recording, rig: Rig, start_s: float) -> np.ndarray:
    """Three seconds of the first microphone, as loud as the file takes."""
    start = round(start_s * rig.sample_rate)
    signal = recording.signals(start, start + round(HEARD_S * rig.sample_rate), [0])[0]
    fade = np.minimum(1.0, np.arange(len(signal)) / (0.02 * rig.sample_rate))
    return (0.8 * signal / np.abs(signal).max() * fade * fade[::-1]).astype(np.float32)


def strip(archive: Archive, recording: Recording, frame: int) -> np.ndarray:
    """Five successive video frames, the acoustic image over the middle one, above the spectrogram of a microphone."""
    rig = archive.rig
    signal = recording.signals(rows=[0])[0]
    figure, axes = _figure(9.6, 3.3, "BCDEF;AAAAA")
    for axis, shown in zip((axes[letter] for letter in "BCDEF"), range(frame - 2, frame + 3), strict=True):
        picture = recording.frame(shown)
        if shown == frame:
            energy = seen(archive, recording, frame)
            above = 10 * np.log10(energy.max() / np.median(energy))  # what is as loud as most of it gets no colour
            picture = overlay(picture, energy, float(np.clip(above, 1.0, RANGE_DB)))
        axis.imshow(picture[::2, ::2])
        axis.set_title(f"{shown / rig.frame_rate:.2f} s", fontsize=8, pad=2)
        axis.axis("off")
    axes["A"].specgram(
        signal / np.abs(signal).max(),
        NFFT=256,
        Fs=rig.sample_rate,
        noverlap=192,
        vmin=-30 - SPECTROGRAM_DB,
        vmax=-30,
        cmap="magma",
    )
    axes["A"].axvspan((frame - 2) / rig.frame_rate, (frame + 3) / rig.frame_rate, color="w", alpha=0.15, lw=0)
    axes["A"].set(xlabel="s", ylabel="Hz", xlim=(0, SECONDS))
    return _drawn(figure)


def seen(archive: Archive, recording: Recording, frame: int) -> np.ndarray:
    """Energy of the pixels at the frequencies that the array resolves, (H, W)."""
    header = archive.image_header
    assert header is not None
    assert header.grid is not None
    assert isinstance(header.specification, ImageSpecification)
    lowest = lowest_resolved_hz(archive.rig, header.grid)
    return band_energy_map(recording.image[frame], header.specification, archive.rig, lowest, archive.rig.sample_rate)


def coherence_plot(rig: Rig) -> np.ndarray:
    """Coherence of microphones in a diffuse field, by distance, and what theory says."""
    figure, axes = _figure(7.2, 3.6, "A")
    for number, one in enumerate(acoustics.diffuse_coherences(rig)):
        label = f"{one.nearest_m:g} to {one.farthest_m:g} m"
        axes["A"].plot(one.frequencies_hz, one.measured.mean(axis=0), color=f"C{number}", lw=1, label=label)
        axes["A"].plot(one.frequencies_hz, one.expected.mean(axis=0), color="k", lw=0.8, ls=":")
    axes["A"].set(xlabel="Hz", ylabel="real coherence", xlim=(0, acoustics.BAND_HZ[1]))
    axes["A"].legend(fontsize=8, title="pairs of microphones; dotted: sin(x)/x", title_fontsize=8)
    return _drawn(figure)


def decay_plot(rig: Rig) -> np.ndarray:
    """Schroeder's decay in the office and in rooms of the family of places, and what was asked for."""
    figure, axes = _figure(7.2, 3.6, "A")
    names = ["office", *(f"place-{SEED}-{number:04d}" for number in range(1, 30))]
    scenes = [draw_scene(name, np.random.default_rng(0)) for name in names]
    rooms = [scene for scene in scenes if scene.place.kind == "room"][:4]
    for number, scene in enumerate(rooms):
        response = acoustics.responses_of(scene.place, rig, np.array([0.2, 0.1, 2.0]))[0][0]
        decay = acoustics.decay_db(response)
        seconds = np.arange(len(decay)) / rig.sample_rate
        t20 = acoustics.decay_time_s(response, rig.sample_rate)
        label = f"{scene.name}: asked {scene.place.rt60_s:.2f} s, T20 {t20:.2f} s"
        axes["A"].plot(seconds, decay, color=f"C{number}", lw=1, label=label)
        axes["A"].plot([0, scene.place.rt60_s], [0, -60], color=f"C{number}", lw=0.8, ls=":")
    axes["A"].set(xlabel="s", ylabel="energy still to come, dB", ylim=(-60, 0), xlim=(0, None))
    axes["A"].legend(fontsize=8)
    return _drawn(figure)


def _figure(width: float, height: float, mosaic: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure of so many inches, drawn without a screen, and its axes by letter."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return figure, figure.subplot_mosaic(mosaic)


def _drawn(figure: Figure) -> np.ndarray:
    """The pixels of a figure, (h, w, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """A JPEG file, of the best quality that is small enough.

    Raises:
        AcoustillError: if none is.
    """
    for quality in QUALITIES:
        picture = encode_picture(pixels, quality)
        if len(picture) <= MOST_PICTURE:
            path.write_bytes(picture)
            return
    raise AcoustillError(f"{path}: {len(picture)} bytes, expected at most {MOST_PICTURE}")


def write_sound(path: Path, signal: np.ndarray, sample_rate: int) -> None:
    """An Ogg Vorbis file, of the best quality that is small enough.

    Raises:
        AcoustillError: if none is.
    """
    for level in VORBIS:
        soundfile.write(path, signal, sample_rate, format="OGG", subtype="VORBIS", compression_level=level)
        if path.stat().st_size <= MOST_SOUND:
            return
    raise AcoustillError(f"{path}: {path.stat().st_size} bytes, expected at most {MOST_SOUND}")
