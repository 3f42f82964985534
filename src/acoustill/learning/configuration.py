"""Experiments: one YAML file, checked; a variation is a file of two lines on top of a base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from acoustill.archive.paper_chunks import CHUNK_SECONDS
from acoustill.archive.protocols import Protocol
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"{list(bounds)} does not rise")
    return bounds


Size = Annotated[int, Field(ge=1)]
Range = Annotated[tuple[float, float], AfterValidator(_rising)]
Seconds = Annotated[float, Field(ge=0.01)]  # of reverberation: what is shorter is no tail
Decays = Annotated[tuple[Seconds, Seconds], AfterValidator(_rising)]


class Training(_Strict):
    """How a network is trained.

    Attributes:
        steps: optimiser steps in all, a multiple of `validate_every`; a thing and its control get the same. 0 is for
            networks that are made of trained ones: these are only weighed and calibrated.
        validate_every: steps between validations; also where an interrupted training goes on.
        batch_size: labelled clips a step.
        learning_rate: the highest; it follows half a cosine to zero after a short warm-up.
        weight_decay: of AdamW.
        precision: `auto` takes bf16 where the processor multiplies it in hardware.
        workers: processes that read clips and vary them; 0 does both in the one that learns. Give some where cores are
            free, or a GPU would wait.
        ema: decay of an average of the weights over the steps, which is then validated and kept in place of the last
            weights (Polyak and Juditsky 1992; exponential as in Tarvainen and Valpola 2017); 0 averages nothing.
        validate_in: how the best round is chosen: on clips as they are (`known`), or with noise that is never trained
            with (`unseen-noise`); None takes the latter where the experiment has noise that the network hears.
            The temperature is always fitted to clips as they are.
    """

    steps: int = Field(default=600, ge=0)
    validate_every: int = Field(default=100, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=3e-4, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    precision: Literal["auto", "float32", "bf16"] = "auto"
    workers: int = Field(default=0, ge=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    validate_in: Literal["known", "unseen-noise"] | None = None

    @model_validator(mode="after")
    def _whole_rounds(self) -> Training:
        if self.steps % self.validate_every:
            raise ValueError(f"steps {self.steps} is no multiple of validate_every {self.validate_every}")
        return self


class ImageAugmentation(_Strict):
    """What is done to acoustic images while a teacher learns, the same for all frames of a clip.

    Attributes:
        flip: mirror left and right in half of the clips.
        shift_pixels: move the image by up to so many pixels; the border is repeated. Image and video of one clip are
            moved together, by up to the smaller part of the view that their numbers of pixels are; beside beams,
            whose directions are fixed, by up to half the distance of two directions.
        level_db: raise or lower the level by up to so much.
    """

    flip: bool = True
    shift_pixels: int = Field(default=6, ge=0)
    level_db: float = Field(default=6.0, ge=0)


class AudioAugmentation(_Strict):
    """How the student's view is degraded while it learns.

    Attributes:
        gain_db: level, uniform up to so much up or down.
        noise_chance: how often coloured noise is added.
        noise_snr_db: range of the ratio of the clip, with its tail, to that noise, and to recorded noise.
        field_chance: how often recorded noise is added, if the experiment has any.
        reverberation_chance: how often a synthetic room is put on.
        reverberation_s: range of its reverberation time.
        direct_to_reverberant_db: range of the ratio of the clip to its tail.
        equalisation_db: raise or lower frequencies by up to so much, smoothly, as other microphones do.
        other_microphones: listen to any of the archive's microphones, not only to the first.
    """

    gain_db: float = Field(default=6.0, ge=0)
    noise_chance: float = Field(default=0.7, ge=0, le=1)
    noise_snr_db: Range = (-5.0, 25.0)
    field_chance: float = Field(default=0.5, ge=0, le=1)
    reverberation_chance: float = Field(default=0.5, ge=0, le=1)
    reverberation_s: Decays = (0.1, 0.6)
    direct_to_reverberant_db: Range = (-3.0, 12.0)
    equalisation_db: float = Field(default=6.0, ge=0)
    other_microphones: bool = True


class BeamsAugmentation(_Strict):
    """What is done to the sound at the array, beam by beam; one draw a clip.

    Attributes:
        field_chance: how often recorded noise is added, if the experiment has any.
        noise_snr_db: range of the ratio of the clip, with its tail, to that noise.
        reverberation_chance: how often a diffuse late tail is added.
        reverberation_s: range of its reverberation time.
        direct_to_reverberant_db: range of the ratio of the clip to its tail.
        equalisation_db: raise or lower frequencies by up to so much, smoothly.
        level_db: raise or lower the level by up to so much.
    """

    field_chance: float = Field(default=0.8, ge=0, le=1)
    noise_snr_db: Range = (-5.0, 20.0)
    reverberation_chance: float = Field(default=0.5, ge=0, le=1)
    reverberation_s: Decays = (0.15, 0.9)
    direct_to_reverberant_db: Range = (-3.0, 12.0)
    equalisation_db: float = Field(default=6.0, ge=0)
    level_db: float = Field(default=8.0, ge=0)


class VideoAugmentation(_Strict):
    """What is done to video, the same for all frames of a clip.

    Attributes:
        brightness: raise or lower by up to so much of the full range.
        contrast: stretch or squeeze around mid grey by up to this share.
        colour: raise or lower red, green and blue apart by up to this share.
        shift_pixels: move the picture by up to so many pixels; see ImageAugmentation.
        erase_chance: how often a rectangle is covered.
    """

    brightness: float = Field(default=0.2, ge=0, le=1)
    contrast: float = Field(default=0.3, ge=0, lt=1)
    colour: float = Field(default=0.2, ge=0, lt=1)
    shift_pixels: int = Field(default=6, ge=0)
    erase_chance: float = Field(default=0.25, ge=0, le=1)


class TeacherAugmentation(ImageAugmentation):
    """What is done to a teacher's clips while it learns. Mirroring is drawn once a clip, for all of its streams.

    Attributes:
        up_down: mirror also top and bottom in half of the clips.
        beams: see BeamsAugmentation.
        video: see VideoAugmentation.
        audio: see AudioAugmentation; for teachers that hear a microphone, too. Where there are beams, recorded noise,
            tails, curves and levels of the audio are those of the beams.
    """

    up_down: bool = False
    beams: BeamsAugmentation = BeamsAugmentation()
    video: VideoAugmentation = VideoAugmentation()
    audio: AudioAugmentation = AudioAugmentation()


class Teacher(_Strict):
    """The network with rich input.

    Attributes:
        network: its name.
        settings: keyword arguments of the network.
        pretrained: weights to begin with, see docs/pretrained.md; None draws them. For `fusednet` and `fusednet-heard`
            a list: the runs of the trained networks that it is made of.
        crop_seconds: length of the clips that it learns from; it is judged on whole clips, and a network that hears a
            microphone needs them to learn, too.
        video_shape: (rows, columns) that video frames are brought to.
        training: see Training.
        augmentation: see TeacherAugmentation.
    """

    network: str = "dualcamnet"
    settings: dict[str, Any] = {}
    pretrained: str | tuple[str, ...] | None = None
    crop_seconds: float = Field(default=1.0, gt=0)
    video_shape: tuple[Size, Size] = (60, 80)
    training: Training = Training(batch_size=16)
    augmentation: TeacherAugmentation = TeacherAugmentation()

    @field_validator("pretrained", mode="before")
    @classmethod
    def _path_or_paths(cls, given: Any) -> Any:
        if given is None or isinstance(given, str):
            return given
        if not isinstance(given, list | tuple) or not given or not all(isinstance(path, str) for path in given):
            raise ValueError("expected a file or folder of weights, or a list of runs")
        return tuple(given)


class Student(_Strict):
    """The network that hears one microphone.

    Attributes:
        network: its name.
        settings: keyword arguments of the network.
        pretrained: weights to begin with, see docs/pretrained.md; None draws them.
        training: see Training.
        augmentation: see AudioAugmentation.
    """

    network: str = "hearnet"
    settings: dict[str, Any] = {}
    pretrained: str | None = None
    training: Training = Training()
    augmentation: AudioAugmentation = AudioAugmentation()


class Distillation(_Strict):
    """How the teacher's answers reach the student.

    Attributes:
        objective: `generalised` (Lopez-Paz et al. 2016, the paper's: temperature on the teacher only) or
            `hinton` (Hinton et al. 2015: temperature on both, times its square).
        temperature: softens the teacher's answers.
        imitation: weight of the teacher against the labels, from 0 to 1.
        unlabelled_batch: unlabelled clips a step, beside the labelled ones; 0 leaves them out.
        control: `shuffled-teacher` gives each clip the answer for another, `label-smoothing` replaces the
            teacher by smoothed labels of its entropy: what is gained there was not the teacher's knowledge.
    """

    objective: Literal["generalised", "hinton"] = "generalised"
    temperature: float = Field(default=2.0, ge=0.01)
    imitation: float = Field(default=0.7, ge=0, le=1)
    unlabelled_batch: int = Field(default=0, ge=0)
    control: Literal["none", "shuffled-teacher", "label-smoothing"] = "none"

    @model_validator(mode="after")
    def _labels_to_smooth(self) -> Distillation:
        if self.control == "label-smoothing" and self.unlabelled_batch:
            raise ValueError("label-smoothing has no use for unlabelled clips: set unlabelled_batch to 0")
        return self


class Experiment(_Strict):
    """A teacher, a student, and what they learn from.

    Attributes:
        archive: folder of the recordings.
        noise: folder of an archive of unlabelled noise that the same rig recorded elsewhere; clips are mixed with it
            while a network learns. Every fourth of its recordings is kept for validation.
        seed: of weights, crops, order and augmentation; that of the split is the protocol's own.
        protocol: see Protocol.
        clip_seconds: length of the clips that every network is judged on.
        teacher: see Teacher.
        student: see Student.
        distillation: see Distillation.
    """

    archive: str
    noise: str | None = None
    seed: int = Field(default=0, ge=0)
    protocol: Protocol
    clip_seconds: float = Field(default=5.0, gt=0)
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation = Distillation()

    @model_validator(mode="after")
    def _clips_fit_in_chunks(self) -> Experiment:
        if self.protocol.name == "paper-chunks" and max(self.clip_seconds, self.teacher.crop_seconds) > CHUNK_SECONDS:
            raise ValueError(f"clips of protocol paper-chunks are cut from chunks of {CHUNK_SECONDS} s")
        return self

    @model_validator(mode="after")
    def _something_to_train(self) -> Experiment:
        for role, options in (("teacher", self.teacher), ("student", self.student)):
            if options.training.steps == 0 and not isinstance(options.pretrained, tuple):
                what = "give pretrained, a list of trained runs" if role == "teacher" else "at least 1 is expected"
                raise ValueError(f"{role}.training.steps 0 trains nothing: {what}")
        return self

    @model_validator(mode="after")
    def _noise_to_validate_in(self) -> Experiment:
        for role, options in (("teacher", self.teacher), ("student", self.student)):
            if options.training.validate_in == "unseen-noise" and self.noise is None:
                raise ValueError(f"{role}.training.validate_in unseen-noise needs noise, an archive of it")
        return self


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Reads an experiment.

    A file may name another one as `base`, relative to itself, and hold only what differs from it.

    Args:
        path: the YAML file.
        overrides: `dotted.key=value`, values as in YAML; they win over the file.

    Raises:
        AcoustillError: if a file is missing or is not YAML, bases run in a circle, or a key is unknown or
            has a wrong value.
    """
    content = _read_with_base(Path(path), ())
    for override in overrides:
        key, found, value = override.partition("=")
        if not found or not key:
            raise bad_input("override", "form", repr(override), "key=value, for example seed=3")
        _override(content, key.split("."), _parse(value, f"override {key}"))
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise AcoustillError(f"{path}: {first_problem(error)}") from error


def experiment_text(experiment: Experiment) -> str:
    """The whole experiment, defaults included, as YAML."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)


def _read_with_base(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if not path.is_file():
        raise AcoustillError(f"{path}: no such experiment file")
    if path.resolve() in seen:
        raise AcoustillError(f"{path}: its bases run in a circle")
    content = _parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if not isinstance(content, dict):
        raise bad_input(path, "content", type(content).__name__, "keys and values")
    base = content.pop("base", None)
    if base is None:
        return content
    return _merge(_read_with_base(path.parent / str(base), (*seen, path.resolve())), content)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _override(content: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = content.setdefault(key, {})
        if not isinstance(inner, dict):
            raise bad_input("override", ".".join(keys), f"below {key}, which is a value", "a known key")
        content = inner
    content[keys[-1]] = value


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AcoustillError(f"{where}: not YAML ({' '.join(str(error).split())})") from error
