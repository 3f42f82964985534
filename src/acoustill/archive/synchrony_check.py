"""Whether acoustic images, or beams, run ahead of the audio that they should belong to, or behind.

What is loud in the audio of a frame is loud in its acoustic image and in its beams. The changes of the two levels from
frame to frame are correlated at lags of up to 12 frames; changes and not levels, for these go on from frame to frame,
and two slow curves correlate by chance. Another lag than 0 is believed only if all of this holds:

- the recording has at least 36 frames, and the level of its audio moves by at least 1 dB (standard deviation):
  steady noise and silence say nothing about time;
- the correlation there is at least 0.5, and at least 4.5 / sqrt(n) over its n frames, which independent noise
  exceeds at one of the 25 lags about once in ten thousand recordings;
- it is better than that at lag 0 by at least 0.25: a shift of a part of a frame is spread over two lags;
- it is better than at any lag that is not its neighbour by at least 0.15: of a sound that repeats evenly, nobody can
  tell by how many repetitions it was shifted.

Between audio and video there is no such test: what is seen need not be heard. Their offset is for who records to
measure, by a clap.
"""

from __future__ import annotations

import numpy as np

from acoustill.imaging.specification import ForeignImages, ImageSpecification

MOST_LAG = 12
FEWEST_FRAMES = 36
SMALLEST_MOVEMENT_DB = 1.0
SMALLEST_CORRELATION = 0.5
CHANCE = 4.5
BETTER_THAN_NONE = 0.25
BETTER_THAN_OTHERS = 0.15
RANGE_DB = 60.0


def image_loudness(images: np.ndarray, specification: ImageSpecification | ForeignImages) -> np.ndarray:
    """How loud acoustic images are, in a unit that grows with the level: decibel, or near it.

    Of cepstral coefficients the first, which is a mean level, averaged over the pixels; of energies their sum. Images
    of other software that call energies what is negative somewhere are levels already, and averaged.

    Shapes:
        images: (frames, H, W, C).
        Output: (frames,) float64.
    """
    values = np.asarray(images, dtype=np.float64)
    if specification.features == "mfcc":
        return values[..., 0].mean(axis=(1, 2))
    if values.size and values.min() < 0:
        return values.mean(axis=(1, 2, 3))
    return 10 * np.log10(np.maximum(values.sum(axis=(1, 2, 3)), np.finfo(np.float64).tiny))


def power_level(power: np.ndarray) -> np.ndarray:
    """Levels of powers in decibel, none more than 60 dB below the loudest.

    Shapes:
        power: (frames,).
        Output: (frames,) float64.
    """
    loudest = float(power.max(initial=0.0))
    if loudest <= 0:
        return np.zeros(len(power))
    return 10 * np.log10(np.maximum(power, loudest * 10 ** (-RANGE_DB / 10)))


def lag_of_images(audio_db: np.ndarray, images_db: np.ndarray) -> int:
    """How many frames acoustic images run behind the audio; negative if ahead, 0 if not or if nobody can tell.

    Args:
        audio_db: level of the audio of each frame.
        images_db: loudness of each image.

    Shapes:
        audio_db: (frames,).
        images_db: (frames,).
    """
    frames = min(len(audio_db), len(images_db))
    if frames < FEWEST_FRAMES or float(np.std(audio_db[:frames])) < SMALLEST_MOVEMENT_DB:
        return 0
    floor = float(images_db[:frames].max()) - RANGE_DB
    audio, images = np.diff(audio_db[:frames]), np.diff(np.maximum(images_db[:frames], floor))
    lags = np.arange(-MOST_LAG, MOST_LAG + 1)
    found = np.array([_correlation(audio, images, int(lag)) for lag in lags])
    best = int(found.argmax())
    lag, correlation = int(lags[best]), float(found[best])
    others = found[np.abs(lags - lag) > 1]
    overlap = len(audio) - abs(lag)
    clear = (
        correlation >= max(SMALLEST_CORRELATION, CHANCE / np.sqrt(overlap))
        and correlation - found[MOST_LAG] >= BETTER_THAN_NONE
        and correlation - others.max() >= BETTER_THAN_OTHERS
    )
    return lag if clear else 0


def _correlation(audio: np.ndarray, images: np.ndarray, lag: int) -> float:
    """Pearson's, of the audio and the images `lag` frames later, where there are both."""
    count = len(audio) - abs(lag)
    one = audio[max(0, -lag) :][:count]
    other = images[max(0, lag) :][:count]
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread > 1e-9 else 0.0
