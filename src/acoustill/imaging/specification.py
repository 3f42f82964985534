"""What the channels of an acoustic image are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import TypeAdapter

from acoustill.errors import bad_input
from acoustill.imaging.mel import LOWEST_HZ, mel_filterbank
from acoustill.rig.rig import Rig

if TYPE_CHECKING:
    from acoustill.imaging.steering import FilterAndSum

Features = Literal["energy", "mel", "mfcc"]
BEAMFORMERS = ("delay-and-sum", "superdirective")


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
        beamformer: `delay-and-sum`, or `superdirective`, which sees sharper at low frequencies.
        white_noise_gain_db: what a superdirective beamformer keeps at least: less is sharper, and asks for
            microphones that are calibrated better, see `Superdirective`.
    """

    features: Features = "mfcc"
    bands: int = 40
    coefficients: int = 12
    lowest_hz: float = LOWEST_HZ
    highest_hz: float | None = None
    formulation: str = "classic"
    beamformer: str = "delay-and-sum"
    white_noise_gain_db: float = 6.0

    def to_json(self) -> dict[str, object]:
        """A JSON object that `ImageSpecification(**object)` reads back."""
        return asdict(self)

    def channels(self, bins: int) -> int:
        """C, the channels of an image formed from so many frequency bins."""
        return {"energy": bins, "mel": self.bands, "mfcc": self.coefficients}[self.features]

    def pooling(self, frequencies_hz: np.ndarray, sample_rate: int) -> np.ndarray:
        """What sums bins to bands, and in its last row to the energy map.

        Shapes:
            frequencies_hz: (F,).
            Output: (bands + 1, F) float64; with `energy` features the bins are no bands, and there is one row.

        Raises:
            AcoustillError: if there are no such features, or no such frequencies at this sample rate.
        """
        if self.features not in ("energy", "mel", "mfcc"):
            raise bad_input("imager", "features", repr(self.features), "energy, mel or mfcc")
        highest = sample_rate / 2 if self.highest_hz is None else self.highest_hz
        if not 0 <= self.lowest_hz < highest <= sample_rate / 2:
            found = f"{self.lowest_hz:g} to {highest:g} Hz"
            raise bad_input("imager", "frequency range", found, f"within 0 to {sample_rate / 2:g} Hz")
        heard = (frequencies_hz >= self.lowest_hz) & (frequencies_hz <= highest)
        if not heard.any():
            raise bad_input("imager", "frequency range", "narrower than one bin", "at least one bin in it")
        if self.features == "energy":
            return heard[None].astype(np.float64)
        return np.vstack([mel_filterbank(frequencies_hz, self.bands, self.lowest_hz, highest), heard])

    def beamform(self, rig: Rig, points_m: np.ndarray) -> FilterAndSum:
        """The weights of a rig's working microphones for points of its frame.

        Shapes:
            points_m: (P, 3).

        Raises:
            AcoustillError: if the beamformer or formulation is unknown, or a point coincides with a microphone.
        """
        if self.beamformer not in BEAMFORMERS:
            raise bad_input("imager", "beamformer", repr(self.beamformer), f"one of {', '.join(BEAMFORMERS)}")
        # Here, for they bring torch, which reading an archive need not wait for.
        from acoustill.imaging.steering import DelayAndSum
        from acoustill.imaging.superdirective import Superdirective

        place = rig.positions_m[rig.working], points_m, self.formulation, rig.speed_of_sound
        if self.beamformer == "superdirective":
            return Superdirective(*place, white_noise_gain_db=self.white_noise_gain_db)
        return DelayAndSum(*place)


@dataclass(frozen=True)
class ForeignImages:
    """Acoustic images that other software formed, of which no more is known than this.

    Attributes:
        origin: whose they are, for example `AVIA`.
        features: see `ImageSpecification`; bands and scaling are not known.
    """

    origin: str
    features: Features = "mfcc"

    def to_json(self) -> dict[str, object]:
        """A JSON object that `ForeignImages(**object)` reads back."""
        return asdict(self)


def specification_from_json(content: dict[str, Any]) -> ImageSpecification | ForeignImages:
    """What `to_json` of either kind wrote.

    Raises:
        ValueError: if it is of neither, or a value is of a wrong type.
    """
    if "origin" in content:
        return TypeAdapter(ForeignImages).validate_python(content)
    return TypeAdapter(ImageSpecification).validate_python(content)
