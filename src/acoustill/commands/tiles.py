"""One small picture of a recording: what its camera saw and where the sound came from, at its loudest."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np
from scipy.ndimage import zoom

from acoustill.archive.archive import Archive
from acoustill.archive.recording import Recording
from acoustill.archive.synchrony_check import image_loudness
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.bands import band_energy_map, lowest_resolved_hz
from acoustill.imaging.levels import energy_map
from acoustill.imaging.specification import ForeignImages
from acoustill.imaging.video.colour_bar import PANEL
from acoustill.imaging.video.overlay import heat_colours, overlay

HEIGHT, WIDTH = 180, 240
SMALLEST_RANGE_DB, LARGEST_RANGE_DB = 3.0, 12.0
SPECTROGRAM_RANGE_DB = 70.0
LONGEST_WINDOW = 1024
BLOCK_FRAMES = 64


class Picture(NamedTuple):
    """A picture of a recording.

    Attributes:
        pixels: (HEIGHT, WIDTH, 3) uint8 RGB.
        shows: what, in words.
        second: of the recording that it shows; None for all of it.
    """

    pixels: np.ndarray
    shows: str
    second: float | None


def picture_of(archive: Archive, recording: str) -> Picture:
    """The video frame where the audio is loudest, with the acoustic image over it.

    Without video it is the acoustic image alone, without that the video frame alone, and without both a spectrogram.

    Args:
        archive: that holds the recording.
        recording: its id.

    Raises:
        AcoustillError: if a stream is broken.
    """
    opened = archive[recording]
    streams = opened.sidecar.files
    _check_lengths(archive, opened)
    if not {"image", "video"} & set(streams):
        return Picture(_spectrogram(opened, _row(archive, opened)), "spectrogram", None)
    index = _loudest_frame(archive, opened)
    second = round(index / archive.rig.frame_rate, 3)
    level = _level(archive, opened.image[index]) if "image" in streams else None
    if "video" not in streams:
        assert level is not None, "one of the two is there"
        return Picture(_mounted(_scaled(heat_colours(1 + level / _range_db(level)))), "acoustic image", second)
    frame = _scaled(opened.frame(index))
    if level is None:
        return Picture(_mounted(frame), "video frame", second)
    drawn = overlay(frame, np.power(10.0, level / 10), _range_db(level)) if np.ptp(level) else frame
    return Picture(_mounted(drawn), "video frame with acoustic image", second)


def _check_lengths(archive: Archive, recording: Recording) -> None:
    """Refuses streams that do not belong together; those of the video are counted when it is opened."""
    lengths = {recording.entry.frames}
    if "audio" in recording.sidecar.files:
        lengths.add(recording.audio.shape[1] // archive.rig.samples_per_frame)
    if "image" in recording.sidecar.files:
        lengths.add(len(recording.image))
    if len(lengths) > 1:
        raise AcoustillError(f"{recording.folder}: its streams are not of one length")


def _row(archive: Archive, recording: Recording) -> int:
    """The first of the stored microphones that is not broken."""
    microphones = (recording.sidecar.files["audio"].microphones or ())[: len(recording.audio)]
    return next((row for row, one in enumerate(microphones) if one not in archive.rig.broken), 0)


def _loudest_frame(archive: Archive, recording: Recording) -> int:
    """Of the audio, or of the acoustic images, or the middle one."""
    frames, spf = recording.entry.frames, archive.rig.samples_per_frame
    starts = range(0, frames, BLOCK_FRAMES)
    if "audio" in recording.sidecar.files:
        row = _row(archive, recording)
        blocks = (_heard(recording, row, start * spf, min(start + BLOCK_FRAMES, frames) * spf) for start in starts)
        powers = [block.reshape(-1, spf).var(axis=1) for block in blocks]
    elif archive.image_specification is not None and "image" in recording.sidecar.files:
        specification = archive.image_specification
        powers = [image_loudness(recording.image[start : start + BLOCK_FRAMES], specification) for start in starts]
    else:
        return frames // 2
    return int(np.concatenate(powers).argmax())


def _heard(recording: Recording, row: int, start: int, stop: int) -> np.ndarray:
    """What a microphone recorded, (samples,) float32; 0 for what is not finite."""
    return np.nan_to_num(recording.signals(start, stop, [row])[0], posinf=0, neginf=0)


def _level(archive: Archive, image: np.ndarray) -> np.ndarray:
    """Levels of the pixels of an acoustic image in decibel below its loudest.

    Of images that we formed, those of the frequencies at which the array tells places apart, where there is a grid to
    know them by. The first cepstral coefficient of other software is a level in a unit that nobody knows: it is
    stretched so that the median lies at the lower end of the range.

    Shapes:
        image: (H, W, C).
        Output: (H, W) float64, at most 0.
    """
    header = archive.image_header
    if header is None:
        raise AcoustillError(f"{archive.path}: archive.json does not say what its acoustic images are")
    specification, grid = header
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
    if isinstance(specification, ForeignImages):
        if specification.features == "mfcc" or values.min() < 0:
            level = values[..., 0] if specification.features == "mfcc" else values.mean(axis=-1)
            level = level - level.max()
            return level * (LARGEST_RANGE_DB / max(-float(np.median(level)), 1e-9)) if np.ptp(level) else level
        energy = values.sum(axis=-1)
    else:
        stated = {"mel": specification.bands, "mfcc": specification.coefficients}.get(str(specification.features))
        if stated not in (None, values.shape[-1]):
            raise bad_input(archive.path, "number of channels of an image", values.shape[-1], f"{stated}")
        energy = energy_map(values, specification)
        if grid is not None:
            rig = archive.rig
            with contextlib.suppress(AcoustillError):  # where no band lies there, all of them must do
                lowest_hz = lowest_resolved_hz(rig, grid)
                energy = band_energy_map(values, specification, rig, lowest_hz, float(rig.sample_rate))
    loudest = max(float(energy.max()), np.finfo(np.float64).tiny)
    return 10 * np.log10(np.maximum(energy.astype(np.float64), loudest * 1e-9) / loudest)


def _range_db(level: np.ndarray) -> float:
    """From the loudest pixel down to the median: what is as loud as most of the image is not worth a colour."""
    return float(np.clip(-np.median(level), SMALLEST_RANGE_DB, LARGEST_RANGE_DB))


def _spectrogram(recording: Recording, row: int) -> np.ndarray:
    """Time from left to right, frequency from below; one short window for each column, so that any length is quick."""
    samples = recording.audio.shape[1]
    window = min(LONGEST_WINDOW, 1 << max(1, samples.bit_length() - 3), samples)
    starts = np.linspace(0, samples - window, WIDTH).astype(int)
    pieces = np.stack([_heard(recording, row, start, start + window) for start in starts])
    power = np.abs(np.fft.rfft(pieces * np.hanning(window + 2)[1:-1], axis=1)) ** 2
    level = 10 * np.log10(np.maximum(power.T[::-1], 1e-30))
    return _scaled(heat_colours(1 + (level - level.max()) / SPECTROGRAM_RANGE_DB), HEIGHT, WIDTH)


def _scaled(picture: np.ndarray, rows: int = 0, columns: int = 0) -> np.ndarray:
    """A picture in another size; by default in the largest that a tile holds while its sides keep their ratio.

    Shapes:
        picture: (h, w, 3) uint8.
        Output: (rows, columns, 3) uint8.
    """
    height, width = picture.shape[:2]
    scale = min(HEIGHT / height, WIDTH / width)
    rows, columns = rows or max(1, round(height * scale)), columns or max(1, round(width * scale))
    k = max(1, min(height // rows, width // columns))  # averaged first, so that fine patterns do not flicker
    blocks = picture[: height // k * k, : width // k * k].reshape(height // k, k, width // k, k, 3)
    averaged = blocks.mean(axis=(1, 3), dtype=np.float32)
    factors = (rows / averaged.shape[0], columns / averaged.shape[1], 1)
    drawn = zoom(averaged, factors, order=1, mode="nearest", grid_mode=True)
    return np.clip(drawn, 0, 255).round().astype(np.uint8)


def _mounted(picture: np.ndarray) -> np.ndarray:
    """In the middle of a tile, on a dark ground."""
    tile = np.tile(PANEL, (HEIGHT, WIDTH, 1))
    rows, columns = picture.shape[:2]
    top, left = (HEIGHT - rows) // 2, (WIDTH - columns) // 2
    tile[top : top + rows, left : left + columns] = picture
    return tile
