"""What a run answers on the clips of its test side: one row a clip, kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from acoustill.errors import AcoustillError
from acoustill.files import first_problem, read_json_lines, write_json_lines
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.runs import Run, say_warnings
from acoustill.models.store import load_network, read_temperature

PREDICTIONS = "predictions.jsonl"
BATCH = 16


class Prediction(BaseModel):
    """One clip of the test side.

    Attributes:
        recording: the clip's.
        start: its first video frame.
        label: the truth.
        predicted: the most probable class.
        probabilities: of the classes, in the order of the network, calibrated by the run's temperature.
        scenario: of the recording.
        subject: of the recording.
        seen: whether the scenario was in training, or the best round was chosen in it.
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
    side, by the archive's first microphone. A split that leaks is said to on the console, and one that breaks what
    its protocol promises is refused.

    Args:
        folder: of the run.
        advance: called after each batch of clips.

    Raises:
        AcoustillError: if the run is not finished, its archive is gone or was changed, or its split does not keep
            apart what it should.
    """
    run = Run(folder)
    archive = run.open_archive()
    run.split.check(archive)
    network, temperature = load_network(run.folder), read_temperature(run.folder)
    say_warnings(run.folder, archive, run.split)
    specification = network.specification
    batches = regular_clip_loader(
        archive,
        run.split.parts(archive, "test"),
        network.streams,
        specification.clip_frames / specification.frame_rate,
        BATCH,
        apart_from=(*run.split.parts(archive, "train"), *run.split.parts(archive, "validation")),
        video_shape=specification.video_shape,
        rank=0,
        world_size=1,
    )
    seen = {archive.entries[recording].scenario for recording in (*run.split.train, *run.split.validation)}
    rows = []
    for batch in batches:
        answers = torch.softmax(network(batch["views"]) / temperature, dim=1).numpy()
        for recording, start, row in zip(batch["recording"], batch["start"].tolist(), answers, strict=True):
            entry = archive.entries[recording]
            rows.append(
                Prediction(
                    recording=recording,
                    start=start,
                    label=str(entry.label),
                    predicted=specification.classes[int(row.argmax())],
                    probabilities=tuple(round(float(p), 6) for p in row),
                    scenario=entry.scenario,
                    subject=entry.subject,
                    seen=entry.scenario in seen,
                )
            )
        advance()
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
