"""The imager: signals of an array in, one acoustic image per video frame out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from acoustill.errors import bad_input
from acoustill.imaging.grid import Grid, camera_grid
from acoustill.imaging.mel import LOWEST_HZ, cepstrum_matrix, mel_filterbank
from acoustill.imaging.signals import check_channels
from acoustill.imaging.steering import DelayAndSum
from acoustill.rig.rig import Rig

Features = Literal["energy", "mel", "mfcc"]
FLOOR_PA2 = 1e-12  # 34 dB below the threshold of hearing: no real microphone is that quiet


@dataclass(frozen=True)
class ImageSpecification:
    """What the channels of an acoustic image are.

    Attributes:
        features: `energy` (squared pressure of every bin), `mel` (squared pressure in mel bands) or `mfcc`
            (cepstral coefficients of the bands' levels in decibel re 1 Pa^2).
        bands: number of mel bands.
        coefficients: number of cepstral coefficients.
        lowest_hz: where the first mel band starts; also the lowest frequency of the energy map.
        highest_hz: where the last ends; None is half the sample rate.
        formulation: steering formulation, see `DelayAndSum`.
    """

    features: Features = "mfcc"
    bands: int = 40
    coefficients: int = 12
    lowest_hz: float = LOWEST_HZ
    highest_hz: float | None = None
    formulation: str = "classic"

    def to_json(self) -> dict[str, object]:
        """A JSON object that `ImageSpecification(**object)` reads back."""
        return asdict(self)


class Images(NamedTuple):
    """Acoustic images of consecutive frames, and how loud each pixel is.

    Shapes:
        features: (frames, H, W, C) float32, see ImageSpecification.
        energy: (frames, H, W) float32, squared pressure between the specification's lowest and highest
            frequency, Pa^2.
    """

    features: np.ndarray
    energy: np.ndarray


class Imager:
    """Frequency-domain filter-and-sum imaging, exact up to float32 arithmetic.

    Every video frame is one rectangular block of `rig.samples_per_frame` samples. Its one-sided spectrum X,
    without the bin at 0 Hz, gives the squared pressure |w X|^2 2 / N^2 for each pixel's weights w; their sum
    over bins is the mean square of the steered signal (Parseval), as in Acoular. The bins are visited one by
    one for all frames of a block: each is one real matrix product, pooled into bands at once, so that neither
    a table of weights nor the energies of all bins are ever kept.

    Args:
        rig: the array; broken channels are ignored.
        grid: the pixels; None is the camera's field of view, 36 x 48 pixels at 2 m.
        specification: what the channels are.

    Raises:
        AcoustillError: if the specification cannot be met at the rig's sample rate.
    """

    def __init__(self, rig: Rig, grid: Grid | None = None, specification: ImageSpecification | None = None) -> None:
        self.rig = rig
        self.grid = grid or camera_grid(rig.camera, 36, 48, 2.0)
        self.specification = specification or ImageSpecification()
        block = rig.samples_per_frame
        self.frequencies_hz = np.arange(1, block // 2 + 1) * rig.sample_rate / block
        spec = self.specification
        if spec.features not in ("energy", "mel", "mfcc"):
            raise bad_input("imager", "features", repr(spec.features), "energy, mel or mfcc")
        highest = rig.sample_rate / 2 if spec.highest_hz is None else spec.highest_hz
        if not 0 <= spec.lowest_hz < highest <= rig.sample_rate / 2:
            found = f"{spec.lowest_hz:g} to {highest:g} Hz"
            raise bad_input("imager", "frequency range", found, f"within 0 to {rig.sample_rate / 2:g} Hz")
        heard = (self.frequencies_hz >= spec.lowest_hz) & (self.frequencies_hz <= highest)
        if not heard.any():
            raise bad_input("imager", "frequency range", "narrower than one bin", "at least one bin in it")
        if spec.features == "energy":
            bands = np.eye(len(self.frequencies_hz))
        else:
            bands = mel_filterbank(self.frequencies_hz, spec.bands, spec.lowest_hz, highest)
        self._pooling = np.vstack([bands, heard])
        self._cepstrum = None
        if spec.features == "mfcc":
            self._cepstrum = torch.from_numpy(cepstrum_matrix(spec.bands, spec.coefficients)).float()
        self._beamformer = DelayAndSum(
            rig.positions_m[rig.working],
            self.grid.points_m.reshape(-1, 3),
            spec.formulation,
            rig.speed_of_sound,
        )

    @property
    def channels(self) -> int:
        """C, the channels of an image."""
        spec = self.specification
        return {"energy": len(self.frequencies_hz), "mel": spec.bands, "mfcc": spec.coefficients}[spec.features]

    @property
    def block_frames(self) -> int:
        """Frames imaged at a time: few enough that a block's bands stay below about 60 MB."""
        pixels = self.grid.rows * self.grid.columns
        return max(1, min(120, int(60e6 / (4 * pixels * len(self._pooling)))))

    def __call__(self, signals: np.ndarray) -> np.ndarray:
        """Acoustic images of a recording; samples after the last whole frame are left out.

        Shapes:
            signals: (channels, samples), pascal; every channel of the rig, broken ones included.
            Output: (frames, H, W, C) float32.

        Raises:
            AcoustillError: if the number of channels is not the rig's, or a sample is not finite.
        """
        return self.images(signals).features

    def images(self, signals: np.ndarray) -> Images:
        """As calling the imager, and the energy of each pixel beside the features."""
        parts = list(self.stream([signals]))
        if not parts:
            shape = (0, self.grid.rows, self.grid.columns)
            return Images(np.zeros((*shape, self.channels), np.float32), np.zeros(shape, np.float32))
        return Images(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[Images]:
        """Images of a recording that comes in blocks of any length, in bounded memory.

        Shapes:
            blocks: arrays (channels, samples), pascal.
            Yields: images of up to `block_frames` frames.

        Raises:
            AcoustillError: if the number of channels is not the rig's, or a sample is not finite.
        """
        length = self.rig.samples_per_frame
        rest = np.zeros((len(self.rig.working), 0), np.float32)
        for block in blocks:
            check_channels(block, self.rig, "signals")
            working = np.ascontiguousarray(block[self.rig.working], dtype=np.float32)
            rest = np.concatenate([rest, working], axis=1) if rest.shape[1] else working
            while rest.shape[1] >= length:
                frames = min(rest.shape[1] // length, self.block_frames)
                yield self._image_frames(rest[:, : frames * length])
                rest = rest[:, frames * length :]

    @torch.no_grad()
    def _image_frames(self, signals: np.ndarray) -> Images:
        pooled = self._pooled_energies(signals)
        frames, rows, columns = pooled.shape[2], self.grid.rows, self.grid.columns
        bands, energy = pooled[:-1], pooled[-1]
        if self._cepstrum is not None:
            levels_db = bands.clamp_min_(FLOOR_PA2).log10_().mul_(10.0)
            bands = (self._cepstrum @ levels_db.flatten(1)).unflatten(1, (-1, frames))
        features = bands.permute(2, 1, 0).reshape(frames, rows, columns, -1)
        return Images(features.numpy(), energy.T.reshape(frames, rows, columns).numpy())

    def _pooled_energies(self, signals: np.ndarray) -> torch.Tensor:
        """Energies summed by the rows of the pooling matrix, (rows, pixels, frames)."""
        length = self.rig.samples_per_frame
        frames = signals.shape[1] // length
        blocks = torch.from_numpy(signals).reshape(len(signals), frames, length)
        spectra = torch.fft.rfft(blocks)[..., 1 : length // 2 + 1].permute(2, 0, 1)  # (bins, M, frames)
        pixels = self.grid.rows * self.grid.columns
        pooled = torch.zeros(len(self._pooling), pixels, frames)
        beams = torch.empty(pixels, 2 * frames)
        used: np.ndarray = np.any(self._pooling, axis=0)
        step_hz = self.rig.sample_rate / length
        weights_by_bin = self._beamformer.sweep(step_hz, step_hz, int(np.flatnonzero(used)[-1]) + 1)
        for i, weights in enumerate(weights_by_bin):
            if not used[i]:
                continue
            torch.mm(torch.view_as_real(weights).flatten(1), _as_real(spectra[i]), out=beams)
            beams.square_()
            energies = beams[:, :frames].add_(beams[:, frames:])
            for row in np.flatnonzero(self._pooling[:, i]):
                pooled[row].add_(energies, alpha=float(self._pooling[row, i]) * 2 / length**2)
        return pooled


def _as_real(spectrum: torch.Tensor) -> torch.Tensor:
    """The real matrix whose product with interleaved complex weights is [Re(w X), Im(w X)].

    Shapes:
        spectrum: (M, frames) complex.
        Output: (2 M, 2 frames) real: rows 2m are [Re, Im], rows 2m + 1 are [-Im, Re].
    """
    even = torch.cat([spectrum.real, spectrum.imag], dim=1)
    odd = torch.cat([-spectrum.imag, spectrum.real], dim=1)
    return torch.stack([even, odd], dim=1).flatten(0, 1)
