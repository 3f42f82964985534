"""Energies of mel bands in every direction, from the spectra of fixed beams."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.imaging.beam_specification import UNIT_PA
from acoustill.imaging.mel import LOWEST_HZ, mel_filterbank
from acoustill.models.specification import Specification
from acoustill.models.spectrogram import FLOOR_PA2

IN_CACHE = 16  # steps of beam spectra in a piece, about a megabyte


class BeamEnergies(nn.Module):
    """The energies that reach the rig from each direction, in mel bands, every 10 ms or so.

    Args:
        specification: with the shape of the beam spectra.
        bands: number of mel bands.

    Shapes:
        Input: (B, frames, steps, rows, columns, bins, 2), as stored.
        Output: (B, frames * steps, rows * columns, bands), squared pascal.
    """

    filters: Tensor

    def __init__(self, specification: Specification, bands: int) -> None:
        super().__init__()
        steps, self.rows, self.columns, bins = specification.view_shape("beams")[1:-1]
        self.steps, self.bands = steps, bands
        self.highest_hz = specification.sample_rate / 2
        frequencies = np.linspace(0, self.highest_hz, bins)
        filters = mel_filterbank(frequencies, bands, LOWEST_HZ, self.highest_hz).T * UNIT_PA**2
        if not filters[1:].any(axis=0).all():
            found = f"{bands} of bins {frequencies[1]:g} Hz apart"
            raise bad_input("beam energies", "number of mel bands", found, "so few that each hears a bin above 0 Hz")
        # each row twice, for real and imaginary parts: their squares are summed by the product
        self.register_buffer("filters", torch.tensor(filters, dtype=torch.float32).repeat_interleave(2, 0), False)

    def forward(self, beams: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(beams.device.type, enabled=False):
            spectra = beams.flatten(5).flatten(0, 2)
            # piece by piece: what is cast and squared is still in a processor's cache when it is multiplied
            pieces = spectra.split(IN_CACHE if spectra.device.type == "cpu" else len(spectra))
            energies = torch.cat([piece.float().square() @ self.filters for piece in pieces])
        return energies.flatten(1, 2).unflatten(0, (len(beams), -1))

    def to_json(self) -> dict[str, Any]:
        """What a specification says of these features."""
        return {
            "kind": "log-mel",
            "bands": self.bands,
            "lowest_hz": LOWEST_HZ,
            "highest_hz": self.highest_hz,
            "floor_pa2": FLOOR_PA2,
        }
