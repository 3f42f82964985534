"""Cues by which a class could be told without hearing it: tables of numbers from an archive's recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from acoustill.archive import Archive
from acoustill.archive.clips import audible
from acoustill.archive.recording import Recording
from acoustill.imaging import ImageSpecification, energy_map
from acoustill.imaging.bands import band_energy_map
from acoustill.imaging.levels import band_energies
from acoustill.simulation.synthesis import REFERENCE_PRESSURE

PERCENTILES = (5, 25, 50, 75, 95, 99)
LOOKS = 12  # times at which the video is looked at, two frames each
THUMBNAIL = (6, 8)
FAR = 2  # columns of the thumbnail, at the side that is farther from the source
LOUDEST = 4  # single acoustic images of a recording
REACH = (12, 16)  # rows and columns of a centred image on each side of the source
RANGE_DB = 20.0
RHYTHM = 24  # bands of the modulation spectrum
NOT_STATED = -1.0
BANDS_HZ = {"2.0 to 2.6 kHz": (2000.0, 2600.0), "4 to 5 kHz": (4000.0, 5000.0)}


@dataclass(frozen=True)
class Cue:
    """A group of cues.

    Attributes:
        name: in the table.
        says: what it is.
        kind: `shortcut` (must not tell the class), `image` (of all frequencies), `equalised image` (of all
            frequencies, each band as strong as any other in every recording), `band image` (of few frequencies), or
            `own` (of the sound or the action itself, which may tell).
    """

    name: str
    says: str
    kind: Literal["shortcut", "image", "equalised image", "band image", "own"] = "shortcut"


CUES = (
    Cue("level", "level of one microphone"),
    Cue("position", "pixel and depth of the source"),
    Cue("movement", "how far the source moves"),
    Cue("duration", "length of the recording"),
    Cue("noise", "scenario, SNR, reverberation, number of interfering sources"),
    Cue("colours", "mean and spread of the colours of the median frame"),
    Cue("background", "of the median frame in 6 x 8 pixels, the two columns that are farthest from the source"),
    Cue("mean image", "energy image, mean over time", "image"),
    Cue("mean, centred", "the same around the source", "image"),
    Cue("single", "the four energy images loudest at the source", "image"),
    Cue("single, centred", "the same around the source", "image"),
    Cue("mean, equalised", "the same, every mel band as strong as any other in the recording", "equalised image"),
    Cue("single, equalised", "the four images loudest at the source, with the same factors", "equalised image"),
    Cue("mean, 2.0 to 2.6 kHz", "mean energy image around the source, of this band", "band image"),
    Cue("mean, 4 to 5 kHz", "mean energy image around the source, of this band", "band image"),
    Cue("single, 2.0 to 2.6 kHz", "the four images loudest at the source, around it, of this band", "band image"),
    Cue("single, 4 to 5 kHz", "the four images loudest at the source, around it, of this band", "band image"),
    Cue("centroid", "of the spectrum of one microphone: one number", "own"),
    Cue("levels", "percentiles of one microphone's level over time: its dynamics", "own"),
    Cue("median frame", "in 6 x 8 pixels: person, posture and furniture are in it", "own"),
    Cue("motion", "how much changes from video frame to video frame", "own"),
    Cue("rhythm", "energy of the loudest pixel over time", "own"),
)


def cues_of(archive: Archive, recording: str, scenarios: tuple[str, ...]) -> dict[str, np.ndarray]:
    """All cues of a simulated recording, by the names of CUES; images in several samples have two axes.

    Args:
        archive: with audio, acoustic images that we formed, and video.
        recording: its id.
        scenarios: those of the archive.
    """
    opened = archive[recording]
    stated = opened.sidecar.provenance["simulated"]
    pixels = np.asarray(stated.get("pixels") or [stated["pixel"]] * opened.entry.frames, np.float64)
    return {
        **_heard(archive, opened),
        "position": np.array([*stated["pixel"], stated["source_m"][2]]),
        "movement": _extent(pixels),
        "duration": np.array([float(opened.entry.frames)]),
        "noise": np.array(
            [
                stated["snr_db"],
                stated.get("rt60_s") or NOT_STATED,
                len(stated.get("interferences", ())),
                *(opened.entry.scenario == scenario for scenario in scenarios),
            ],
            np.float64,
        ),
        **_looked_at(opened, float(pixels[:, 0].mean()) / archive.rig.camera.width),
        **_imaged(archive, opened, pixels),
    }


def _heard(archive: Archive, recording: Recording) -> dict[str, np.ndarray]:
    signal = recording.signals(rows=audible(recording, archive.rig)[:1])[0].astype(np.float64)
    powers = np.square(signal.reshape(-1, archive.rig.samples_per_frame)).mean(axis=1)
    levels = _decibels(powers / REFERENCE_PRESSURE**2)
    spectrum = np.square(np.abs(np.fft.rfft(signal)))
    hertz = np.fft.rfftfreq(len(signal), 1 / archive.rig.sample_rate)
    return {
        "level": _decibels(powers.mean(keepdims=True) / REFERENCE_PRESSURE**2),
        "levels": np.percentile(levels, PERCENTILES),
        "centroid": np.array([(hertz * spectrum).sum() / spectrum.sum()]),
    }


def _extent(pixels: np.ndarray) -> np.ndarray:
    """Spread and range of columns and rows, and the length of the way, in pixels."""
    way = np.linalg.norm(np.diff(pixels, axis=0), axis=1).sum()
    return np.array([*pixels.std(axis=0), *np.ptp(pixels, axis=0), way])


def _looked_at(recording: Recording, source: float) -> dict[str, np.ndarray]:
    """What the video looks like; the source is at this share of its width."""
    frames = recording.entry.frames
    starts = np.linspace(0, frames - 2, min(LOOKS, frames - 1)).astype(int)
    pairs = np.stack([[recording.frame(i)[::4, ::4], recording.frame(i + 1)[::4, ::4]] for i in starts.tolist()])
    changes = np.abs(np.diff(pairs.astype(np.int16), axis=1)).mean(axis=(1, 2, 3, 4))
    median = np.median(pairs[:, 0], axis=0)
    rows, columns = THUMBNAIL
    height, width = median.shape[0] // rows, median.shape[1] // columns
    blocks = median[: rows * height, : columns * width].reshape(rows, height, columns, width, 3).mean(axis=(1, 3))
    return {
        "colours": np.concatenate([median.mean(axis=(0, 1)), median.std(axis=(0, 1))]),
        "median frame": blocks.ravel(),
        "background": (blocks[:, :FAR] if source > 0.5 else blocks[:, -FAR:]).ravel(),
        "motion": np.array([changes.mean(), changes.std(), changes.max()]),
    }


def _imaged(archive: Archive, recording: Recording, pixels: np.ndarray) -> dict[str, np.ndarray]:
    specification = archive.image_specification
    assert isinstance(specification, ImageSpecification), "images that we formed"
    energy = energy_map(recording.image, specification)
    rows, columns = energy.shape[1:]
    camera = archive.rig.camera
    places = np.floor(pixels * (columns / camera.width, rows / camera.height)).astype(int)
    places = np.clip(places, 0, (columns - 1, rows - 1))[:, ::-1]
    bands = band_energies(recording.image, specification)
    by_band = {"": energy, ", equalised": bands @ (1 / bands.sum(axis=(0, 1, 2)))} | {
        f", {name}": band_energy_map(recording.image, specification, archive.rig, *edges)
        for name, edges in BANDS_HZ.items()
    }
    found = {"rhythm": _rhythm(_decibels(energy.max(axis=(1, 2))))}
    for band, images in by_band.items():
        at_source = images[np.arange(len(images)), places[:, 0], places[:, 1]]
        loudest = np.argsort(-at_source, kind="stable")[:LOUDEST]
        centred = np.stack([_around(image, place) for image, place in zip(images, places, strict=True)])
        found[f"mean{band or ', centred'}"] = _relative(centred.mean(axis=0))
        found[f"single{band or ', centred'}"] = np.stack([_relative(centred[i]) for i in loudest])
        if not band:
            found["mean image"] = _relative(images.mean(axis=0))
            found["single"] = np.stack([_relative(images[i]) for i in loudest])
    return found


def _around(image: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The part of an image around a pixel; the border is repeated."""
    padded = np.pad(image, [(REACH[0], REACH[0]), (REACH[1], REACH[1])], mode="edge")
    row, column = place
    return padded[row : row + 2 * REACH[0] + 1, column : column + 2 * REACH[1] + 1]


def _relative(energy: np.ndarray) -> np.ndarray:
    """Levels of pixels in decibels below the loudest one, flattened: how loud it was is another cue."""
    return np.maximum(_decibels(energy / energy.max()), -RANGE_DB).ravel()


def _rhythm(levels: np.ndarray) -> np.ndarray:
    """Modulation spectrum of levels in bands, and how they spread."""
    spectrum = np.abs(np.fft.rfft((levels - levels.mean()) * np.hanning(len(levels))))[1:]
    bands = np.array([band.mean() for band in np.array_split(spectrum, min(RHYTHM, len(spectrum)))])
    return np.concatenate([_decibels(bands + 1e-6), np.percentile(levels - levels.max(), PERCENTILES)])


def _decibels(energy: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(energy.astype(np.float64), 1e-20))
