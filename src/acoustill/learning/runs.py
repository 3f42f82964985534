"""Run folders: all that one training was made from and made.

config.yaml         the whole experiment
run.json            role, recipe, seed; written last, so a run that has it is finished
data.json           archive and its id, protocol, recordings of each side; for paper-chunks also their chunks;
                    recorded noise and the hash of pretrained weights, where there are any
teachers.json       teachers and the hashes of their weights; empty without distillation
model.safetensors   weights of the best round on validation
model.json          network, settings, specification, temperature
metrics.jsonl       one line a round
checkpoint/         where an interrupted training goes on; removed at the end
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import ValidationError

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip
from acoustill.archive.splits import LABELLED_SIDES, SIDES, Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, read_json, write_json, write_text
from acoustill.jobs import console
from acoustill.learning.configuration import Experiment, experiment_text

Role = Literal["teacher", "student"]


class Run:
    """A finished run, opened for reading.

    Args:
        folder: the run's.

    Raises:
        AcoustillError: if the folder is missing or its training did not finish.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise AcoustillError(f"{self.folder}: no such run folder")
        if not (self.folder / "run.json").is_file():
            raise AcoustillError(f"{self.folder}: no finished run (it has no run.json); train it, or let it go on")
        content = read_json(self.folder / "run.json")
        try:
            self.role: Role = content["role"]
            self.recipe: str = content["recipe"]
            self.seconds: float = content["seconds"]
            self.experiment = Experiment.model_validate(yaml.safe_load((self.folder / "config.yaml").read_text()))
            data = read_json(self.folder / "data.json")
            self.archive_id: str = data["archive_id"]
            self.split = _read_split(data)
        except (KeyError, TypeError, AttributeError, OSError, yaml.YAMLError) as error:
            raise AcoustillError(f"{self.folder}: not a run folder ({error!r})") from error
        except ValidationError as error:
            raise AcoustillError(f"{self.folder / 'config.yaml'}: {first_problem(error)}") from error

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """What the network tells apart, in the order of its outputs."""
        return tuple(read_json(self.folder / "model.json")["specification"]["classes"])

    @cached_property
    def teachers(self) -> list[dict[str, Any]]:
        """Folder, network, hash of the weights and temperature of each teacher; none without distillation."""
        found: list[dict[str, Any]] = read_json(self.folder / "teachers.json")
        return found

    def open_archive(self) -> Archive:
        """The archive that the run was trained on.

        Raises:
            AcoustillError: if it is gone or was changed since.
        """
        archive = Archive(self.experiment.archive)
        if archive.id != self.archive_id:
            raise bad_input(
                archive.path, "archive id", archive.id[:12], f"{self.archive_id[:12]}, that of {self.folder}"
            )
        return archive


class Inputs(NamedTuple):
    """What a run is made from, as its folder keeps it.

    Attributes:
        config: text of `config.yaml`.
        files: contents of `teachers.json` and `data.json`, by name.
    """

    config: str
    files: dict[str, Any]


def inputs_of(
    experiment: Experiment,
    role: Role,
    archive: Archive,
    split: Split,
    teachers: list[dict[str, Any]],
    also: dict[str, Any] | None = None,
) -> Inputs:
    """What a run is made from.

    Args:
        experiment: the whole of it.
        role: of the network.
        archive: the recordings.
        split: what each is used for.
        teachers: folder, network, hash of the weights and temperature of each.
        also: what else there is, by name, such as noise.
    """
    files: dict[str, Any] = {
        "teachers.json": teachers,
        "data.json": {
            "role": role,
            "archive": experiment.archive,
            "archive_id": archive.id,
            "protocol": experiment.protocol.model_dump(mode="json"),
            **_split_json(split),
            **(also or {}),
        },
    }
    return Inputs(experiment_text(experiment), files)


def check_run(folder: Path, inputs: Inputs) -> bool:
    """Whether a run is finished already; writes nothing. A folder that was started from equal inputs may go on.

    Args:
        folder: of the run.
        inputs: what it is to be made from.

    Raises:
        AcoustillError: if the folder holds a run made from something else, or something else.
    """
    config = folder / "config.yaml"
    if config.is_file():
        same = _used(config.read_text(encoding="utf-8"), inputs) == _used(inputs.config, inputs)
        if not same or any(_as_now(read_json(folder / name)) != content for name, content in inputs.files.items()):
            raise AcoustillError(f"{folder}: holds a run of another configuration; give another folder or delete it")
        return is_finished(folder)
    here = [path.name for path in folder.iterdir()] if folder.exists() else []
    if {name for name in here if not name.endswith(".part")} - set(inputs.files):
        raise bad_input(folder, "folder", "not empty and no run", "a new folder")
    return False


def start_run(folder: Path, inputs: Inputs) -> None:
    """Writes what a run is made from, if that is not there.

    Raises:
        AcoustillError: see `check_run`.
    """
    check_run(folder, inputs)
    if (folder / "config.yaml").is_file():
        return
    for name, content in inputs.files.items():
        write_json(folder / name, content)
    write_text(folder / "config.yaml", inputs.config)  # the last: a folder without it was never started


def is_finished(folder: Path) -> bool:
    """Whether a run's training has ended."""
    return (folder / "run.json").is_file()


def _used(config: str, inputs: Inputs) -> dict[str, Any] | None:
    """What of an experiment the training goes by, keys filled in that did not exist when it was written.

    A teacher has no use for what is said of the student, and a student that nobody teaches none for the teacher.
    None if the text is no experiment of ours.
    """
    if inputs.files["data.json"]["role"] == "teacher":
        unused = {"student", "distillation"}
    else:
        unused = set() if inputs.files["teachers.json"] else {"teacher", "distillation"}
    try:
        return Experiment.model_validate(yaml.safe_load(config)).model_dump(exclude=unused)
    except (ValidationError, yaml.YAMLError):
        return None


def _as_now(content: Any) -> Any:
    """Contents of a file of a run with what earlier versions did not write: teachers had no temperature."""
    return [{"temperature": 1.0, **teacher} for teacher in content] if isinstance(content, list) else content


def say_warnings(folder: Path, archive: Archive, split: Split) -> None:
    """Tells whoever trains or evaluates a run what its split does not keep apart, and how much of it."""
    for sentence in split.warnings(archive):
        console.print(f"warning: {folder}: {sentence}", markup=False, soft_wrap=True)


def _split_json(split: Split) -> dict[str, Any]:
    content: dict[str, Any] = {"split": {side: list(getattr(split, side)) for side in SIDES}}
    content["subjects_apart"] = split.subjects_apart
    if split.chunks is not None:
        content["chunks"] = {
            side: [[chunk.recording, chunk.start, chunk.frames] for chunk in split.chunks[side]]
            for side in LABELLED_SIDES
        }
        content["left_out"] = split.left_out
    return content


def _read_split(data: dict[str, Any]) -> Split:
    train, validation, test, unlabelled = (tuple(data["split"][side]) for side in SIDES)
    if "chunks" not in data:
        apart = bool(data.get("subjects_apart", False))
        return Split(train, validation, test, unlabelled, subjects_apart=apart)
    chunks = {side: [Clip(*chunk) for chunk in data["chunks"][side]] for side in LABELLED_SIDES}
    return Split.of_chunks(chunks, unlabelled, data["left_out"])
