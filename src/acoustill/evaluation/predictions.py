"""What a run answers on the clips of its test side: one row a clip, kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, read_json_lines, write_json_lines
from acoustill.learning.loading import specified_clip_loader
from acoustill.learning.runs import Run, say_warnings
from acoustill.models.store import load_network, read_temperature

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
def evaluate_run(
    folder: str | Path, advance: Callable[[], None] = lambda: None, without: Sequence[str] = ()
) -> list[Prediction]:
    """Classifies every test clip of a finished run and writes `predictions.jsonl` into its folder.

    Teachers and students are asked about the same clips: those of the experiment's `clip_seconds`, side by
    side, by the archive's first microphone. A split that leaks is said to on the console, and one that breaks what
    its protocol promises is refused.

    Args:
        folder: of the run.
        advance: called after each batch of clips.
        without: streams that are kept from the network, as if a take lacked them; the file's name then says so. The
            temperature stays the one that was fitted with all streams.

    Raises:
        AcoustillError: if the run is not finished, its archive is gone or was changed, its split does not keep
            apart what it should, or its network cannot answer without a stream.
    """
    run = Run(folder)
    archive = run.open_archive()
    run.split.check(archive)
    network, temperature = load_network(run.folder), read_temperature(run.folder)
    say_warnings(run.folder, archive, run.split)
    specification = network.specification
    streams = tuple(stream for stream in network.streams if stream not in without)
    if not network.can_answer(streams) or not set(without) <= set(network.streams):
        found, expected = f"{list(network.streams)} without {list(without)}", "such as it can answer to"
        raise bad_input(f"{run.folder}: {network.name}", "streams", found, expected)
    batches = specified_clip_loader(
        specification,
        archive,
        run.split.parts(archive, "test"),
        BATCH,
        streams=streams,
        apart_from=(*run.split.parts(archive, "train"), *run.split.parts(archive, "validation")),
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
    write_json_lines(run.folder / predictions_name(without), [row.model_dump(mode="json") for row in rows])
    return rows


def predictions_name(without: Sequence[str] = ()) -> str:
    """Name of the file of a run's predictions, with all streams or without some."""
    return f"predictions{''.join(f'-without-{stream}' for stream in sorted(set(without)))}.jsonl"


def read_predictions(folder: str | Path, without: Sequence[str] = ()) -> list[Prediction]:
    """The predictions that `evaluate_run` left in a run folder.

    Args:
        folder: of the run.
        without: see `evaluate_run`.

    Raises:
        AcoustillError: if there are none.
    """
    path = Path(folder) / predictions_name(without)
    if not path.is_file():
        options = "".join(f" --without {stream}" for stream in without)
        raise AcoustillError(f"{folder}: not evaluated yet; run `acoustill evaluate {folder}{options}` first")
    try:
        return TypeAdapter(list[Prediction]).validate_python(read_json_lines(path))
    except ValidationError as error:
        raise AcoustillError(f"{path}: {first_problem(error)}") from error
