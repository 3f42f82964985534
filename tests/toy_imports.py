"""A foreign layout that is made up, for tests of what all importers share; as a program, an import that is slow."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.importers.importing import ImportPlan, run_import
from acoustill.archive.writer import writing_recording
from acoustill.errors import AcoustillError
from acoustill.jobs import SetAside
from small_archives import FRAMES, SAMPLES_PER_FRAME, little_rig


@dataclass(frozen=True)
class ToySource:
    """Noise in every stream, from a number."""

    id: str
    number: int
    broken: bool = False
    label: str = "clap"

    @property
    def fingerprint(self) -> str:
        return f"{self.number} {self.label}"

    def audio(self) -> np.ndarray:
        rng = np.random.default_rng(self.number)
        return rng.integers(-(2**31), 2**31, (2, FRAMES * SAMPLES_PER_FRAME), dtype=np.int32)

    def frames(self) -> np.ndarray:
        return np.random.default_rng(self.number).integers(0, 256, (FRAMES, 16, 24, 3), dtype=np.uint8)

    def write(self, archive: Path) -> None:
        audio = self.audio()
        with writing_recording(
            archive,
            self.id,
            SAMPLES_PER_FRAME,
            label=self.label,
            provenance={"imported": {"fingerprint": self.fingerprint}},
        ) as writer:
            half = audio.shape[1] // 2
            sound = writer.audio((0, 3), audio.shape[1], np.int32, 2.0**-31)
            sound.append_columns(audio[:, :half])
            time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
            sound.append_columns(audio[:, half:])
            video = writer.video()
            for frame in self.frames():
                video.append(frame, None)
            if self.broken:
                raise AcoustillError(f"{self.id}: the file is broken")
            if self.number % 2 == 0:
                writer.note("an even number")


def toy_plan(count: int, broken: tuple[int, ...] = (), aside: tuple[SetAside, ...] = ()) -> ImportPlan:
    """So many recordings."""
    sources = tuple(ToySource(f"r{number:03d}", number, number in broken) for number in range(count))
    return ImportPlan({"importer": "toy"}, little_rig(), None, sources, aside)


if __name__ == "__main__":
    run_import(toy_plan(int(sys.argv[2])), sys.argv[1], int(sys.argv[3]))
