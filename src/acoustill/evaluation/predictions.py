"""What a run answers on the clips of its test side: one row a clip, kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from torch.utils.data import DataLoader

from acoustill.archive.clips import all_clips
from acoustill.errors import AcoustillError
from acoustill.files import first_problem, read_json_lines, write_json_lines
from acoustill.learning.runs import Run
from acoustill.learning.sampling import EvaluationClips
from acoustill.models.store import load_network

PREDICTIONS = "predictions.jsonl"
BATCH = 16


class Prediction(BaseModel):
    """One clip of the test side.

    Attributes:
        recording: the clip's.
        start: its first video frame.
        label: the truth.
        predicted: the most probable class.
        probabilities: of the classes, in the order of the network.
        scenario: of the recording.
        subject: of the recording.
        seen: whether the scenario was in training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recording: str
    start: int
    label: str
    predicted: str
    probabilities: tuple[float, ...]
    scenario: str | None
    subject: str | None
    seen: bool

    @property
    def right(self) -> bool:
        """Whether the network was right."""
        return self.label == self.predicted


@torch.no_grad()
def evaluate_run(folder: str | Path, advance: Callable[[], None] = lambda: None) -> list[Prediction]:
    """Classifies every test clip of a finished run and writes `predictions.jsonl` into its folder.

    Teachers and students are asked about the same clips: those of the experiment's `clip_seconds`, side by
    side, by the archive's first microphone.

    Args:
        folder: of the run.
        advance: called after each batch of clips.

    Raises:
        AcoustillError: if the run is not finished, or its archive is gone or was changed.
    """
    run = Run(folder)
    archive = run.open_archive()
    network = load_network(run.folder)
    clips = all_clips(archive, run.split.test, network.specification.clip_frames)
    seen = {archive.entries[recording].scenario for recording in run.split.train}
    batches = DataLoader(EvaluationClips(archive, clips, network.streams), batch_size=BATCH)
    probabilities = []
    for batch in batches:
        probabilities.append(torch.softmax(network(batch["views"]), dim=1).numpy())
        advance()
    classes = network.specification.classes
    rows = []
    for clip, row in zip(clips, np.concatenate(probabilities), strict=True):
        entry = archive.entries[clip.recording]
        rows.append(
            Prediction(
                recording=clip.recording,
                start=clip.start,
                label=str(entry.label),
                predicted=classes[int(row.argmax())],
                probabilities=tuple(round(float(p), 6) for p in row),
                scenario=entry.scenario,
                subject=entry.subject,
                seen=entry.scenario in seen,
            )
        )
    write_json_lines(run.folder / PREDICTIONS, [row.model_dump(mode="json") for row in rows])
    return rows


def read_predictions(folder: str | Path) -> list[Prediction]:
    """The predictions that `evaluate_run` left in a run folder.

    Raises:
        AcoustillError: if there are none.
    """
    path = Path(folder) / PREDICTIONS
    if not path.is_file():
        raise AcoustillError(f"{folder}: not evaluated yet; run `acoustill evaluate {folder}` first")
    try:
        return TypeAdapter(list[Prediction]).validate_python(read_json_lines(path))
    except ValidationError as error:
        raise AcoustillError(f"{path}: {first_problem(error)}") from error
