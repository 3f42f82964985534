"""Does the acoustic image peak at the pixel where the video shows the source, and if it does not, why?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from acoustill.imaging import Imager, ImageSpecification, find_peaks
from acoustill.imaging.bands import lowest_resolved_hz
from acoustill.rig import Rig
from acoustill.simulation.acoustics import propagate_moving
from acoustill.simulation.capture import Capture
from acoustill.simulation.performance import Event
from acoustill.simulation.recording import Staged, image_grid

EVENT_SNR_DB = 20.0
SILENCE_PA2 = 1e-16
NEAR_PX = (0.5, 1.0, 1.5, 3.0)
TAKES = {"recorded": "takes as recorded", "lowered": "the same takes, their noise lowered to 20 dB"}
BANDS = {"all": "over all frequencies", "image": "in the image's band"}
SOUNDS = {
    "whole": "all",
    "action": "without noise",
    "high": "without lows",
    "direct": "direct sound",
    "direct_high": "direct, no lows",
}


def resolving_imager(rig: Rig) -> Imager:
    """Images of the frequencies at which the array tells places apart."""
    grid = image_grid(rig)
    specification = ImageSpecification("mel", lowest_hz=lowest_resolved_hz(rig, grid))
    return Imager(rig, grid, specification, threads=1)


def frame_powers(signals: np.ndarray, rig: Rig, lowest_hz: float = 0.0) -> np.ndarray:
    """Power of each frame above a frequency, mean over the microphones, (frames,).

    Shapes:
        signals: (M, samples).
    """
    spf = rig.samples_per_frame
    used = np.fft.rfftfreq(spf, 1 / rig.sample_rate) >= lowest_hz
    powers = np.zeros(signals.shape[1] // spf)
    for signal in signals:
        powers += np.square(np.abs(np.fft.rfft(signal.reshape(-1, spf))[:, used])).sum(axis=1)
    return powers / len(signals)


def frames_with_events(events: Iterable[Event], frames: int, frame_rate: float) -> np.ndarray:
    """In which frames an event is heard, (frames,) bool."""
    heard = np.zeros(frames, bool)
    for event in events:
        first, last = (int(time * frame_rate) for time in (event.time, event.time + event.duration))
        heard[first : last + 1] = True
    return heard


def direct_sound(staged: Staged, rig: Rig) -> np.ndarray:
    """What all channels would hear of the action alone in a free field, (channels, samples)."""
    place = dataclasses.replace(staged.scene.place, kind="free")
    return propagate_moving(
        place,
        place.from_rig(rig.positions_m),
        place.from_rig(staged.points_m),
        staged.signal,
        rig.samples_per_frame,
        rig.sample_rate,
        rig.speed_of_sound,
    )


def lowered(captured: Capture) -> Capture:
    """The same recording with less noise, the action 20 dB above it; as it is where it is as faint."""
    gain = min(1.0, 10 ** ((captured.total_snr_db - EVENT_SNR_DB) / 20))
    return dataclasses.replace(captured, noise=np.float32(gain) * captured.noise)


def without_lows(signals: np.ndarray, rig: Rig, lowest_hz: float) -> np.ndarray:
    """The same without what is below a frequency: cutting frames out of it leaks into the frequencies above."""
    return sosfiltfilt(butter(8, lowest_hz, "highpass", fs=rig.sample_rate, output="sos"), signals).astype(np.float32)


def peak_errors(staged: Staged, rig: Rig, imager: Imager) -> dict[str, Any]:
    """How far the image's peak is from the rendered pixel in the frames with an event 20 dB above all else.

    Euclidean, in pixels of the acoustic image. The 20 dB are those of all frequencies or of those of the image, in
    the recording as it is or with less noise. Of these frames, the image is that of all that is heard, of the action
    without noise, of all without what lies below the image's frequencies, of the action's direct sound alone, or of
    both: direct sound without low frequencies.

    Returns:
        By TAKES, BANDS and SOUNDS: (chosen frames,).
    """
    size = np.array([imager.grid.columns / rig.camera.width, imager.grid.rows / rig.camera.height])
    expected = rig.camera.project(staged.points_m) * size - 0.5
    heard = frames_with_events(staged.events, len(expected), rig.frame_rate)
    captures = {"recorded": staged.captured, "lowered": lowered(staged.captured)}
    lowest, direct = imager.specification.lowest_hz, direct_sound(staged, rig)

    def errors_of(signals: np.ndarray) -> np.ndarray:
        return _errors(imager.images(signals).energy, imager, expected)

    alone = {
        "action": errors_of(staged.captured.action),
        "direct": errors_of(direct),
        "direct_high": errors_of(without_lows(direct, rig, lowest)),
    }
    found: dict[str, Any] = {}
    for take, captured in captures.items():
        signals = captured.signals
        errors = alone | {"whole": errors_of(signals), "high": errors_of(without_lows(signals, rig, lowest))}
        found[take] = {}
        for band, from_hz in zip(BANDS, (0.0, lowest), strict=True):
            action, noise = (frame_powers(one[rig.working], rig, from_hz) for one in (captured.action, captured.noise))
            chosen = heard & (action >= noise * 10 ** (EVENT_SNR_DB / 10))
            found[take][band] = {name: one[chosen] for name, one in errors.items()}
    return found


def _errors(energy: np.ndarray, imager: Imager, expected: np.ndarray) -> np.ndarray:
    """Distance of each frame's peak from where it should be, both as (column, row), (frames,); of silence infinite."""
    errors = np.full(len(energy), np.inf)
    for frame in np.flatnonzero(energy.max(axis=(1, 2)) > SILENCE_PA2).tolist():
        peak = find_peaks(energy[frame], imager.grid, count=1)[0]
        errors[frame] = np.linalg.norm(np.array([peak.column, peak.row]) - expected[frame])
    return errors


def counted(errors: dict[str, Any]) -> dict[str, Any]:
    """How many frames there are, and in how many of them the peak is near, as JSON."""
    return {
        take: {
            band: {
                "frames": len(sounds["whole"]),
                "near": {name: [int((one <= near).sum()) for near in NEAR_PX] for name, one in sounds.items()},
            }
            for band, sounds in bands.items()
        }
        for take, bands in errors.items()
    }


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table: shares of frames by scenario, of takes whose counts are under `peaks`."""
    edges = "".join(f"{near:>7g} px" for near in NEAR_PX)
    found = ["image peak from the rendered pixel in frames with an event 20 dB above all else, shares of frames within"]
    for take, which in TAKES.items():
        found.append(f"{which:63s}{'frames':>7s}{edges}")
        for scenario in dict.fromkeys(row["scenario"] for row in rows):
            members = [row["peaks"][take] for row in rows if row["scenario"] == scenario]
            for band, where in BANDS.items():
                frames = sum(one[band]["frames"] for one in members)
                for sound, name in SOUNDS.items():
                    near = np.sum([one[band]["near"][sound] for one in members], axis=0) / max(1, frames)
                    shares = "".join(f"{share:10.3f}" for share in near) if frames else f"{'-':>10s}" * len(NEAR_PX)
                    if sound == "whole" or take == "lowered":
                        found.append(f"  {scenario:14s}20 dB {where:23s}{name:18s}{frames:7d}{shares}")
    return found
