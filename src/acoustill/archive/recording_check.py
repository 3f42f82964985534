"""Checking one recording of an archive: its files, what is in them, and whether they belong together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from acoustill.archive.archive import Archive, ImageHeader
from acoustill.archive.entry import STREAMS, Entry, StreamFile
from acoustill.archive.pictures import decode_picture
from acoustill.archive.problem import Finding, Problem
from acoustill.archive.recording import Recording
from acoustill.archive.soundness import check_channels
from acoustill.archive.synchrony_check import image_loudness, lag_of_images, power_level
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.specification import ImageSpecification
from acoustill.rig.rig import Rig

SIDECAR = "recording.json"
CHANGED = f"{SIDECAR} was changed since the manifest was written"
TYPES = {
    "audio": ("float32", "int16", "int32"),
    "image": ("float16", "float32"),
    "video": ("uint8",),
    "beams": ("float16",),
}
AXES = {
    "audio": "(microphones, samples)",
    "image": "(frames, H, W, C)",
    "video": "(frames, h, w, 3)",
    "beams": "(frames, steps, rows, columns, bins, 2)",
}
BLOCK_BYTES = 1 << 23
FROZEN_MOVEMENT_DB = 0.25  # steady noise of a thousand samples a frame moves by more in a second, tones do not


@dataclass(frozen=True)
class CheckedRecording:
    """What was found in a recording.

    Attributes:
        problems: what is wrong with it by itself.
        contents: hash of each stream that is whole and tells something: equal ones in two recordings are a problem.
        image_shape: (H, W, C); None without acoustic images.
    """

    problems: tuple[Problem, ...]
    contents: dict[str, str] = field(default_factory=dict)
    image_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _Checked:
    """What was found in a stream; its levels over time, where it has some; first frame and length of equal images."""

    findings: tuple[Finding, ...] = ()
    telling: bool = False
    levels: np.ndarray | None = None
    holds: tuple[tuple[int, int], ...] = ()


def check_recording(archive: Archive, local: bool, recording: str) -> CheckedRecording:
    """Reads every file of a recording, in bounded memory, and lists what is wrong.

    Args:
        archive: that it is in.
        local: whether the archive is a folder here, and no copy of one elsewhere.
        recording: its id.
    """
    entry = archive.entries[recording]
    folder = archive.path / "recordings" / recording
    if local and not folder.is_dir():
        return CheckedRecording((Problem(recording, "missing", "its folder is not there"),))
    try:
        opened = archive.open_unchecked(recording)
    except (AcoustillError, OSError) as error:
        return CheckedRecording((Problem(recording, *_unreadable_sidecar(folder, error)),))
    findings = [*_check_description(opened, entry, archive.sidecars[recording])]
    if local:
        findings += _check_folder(opened)
    streams: dict[str, _Checked] = {}
    contents: dict[str, str] = {}
    for stream, stated in opened.sidecar.files.items():
        wrong = _check_file(opened, stream, stated, entry, local)
        try:
            checked = _Checked((wrong,)) if wrong else _check_stream(opened, stream, stated, entry.frames, archive)
        except (AcoustillError, OSError) as error:  # the file is the one that was stated, so what was stated is wrong
            checked = _Checked((("shape", _reason(error)),))
        streams[stream] = checked
        if checked.telling:
            contents[stream] = stated.sha256
    findings += [finding for checked in streams.values() for finding in checked.findings]
    findings += _check_synchrony(streams)
    findings += _check_frozen(streams, archive.rig.frame_rate)
    image = opened.sidecar.files.get("image")
    problems = tuple(Problem(recording, kind, what) for kind, what in findings)
    return CheckedRecording(problems, contents, None if image is None else image.shape[1:])


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} cannot be read ({error.strerror or error})"
    return str(error)


def _unreadable_sidecar(folder: Path, error: Exception) -> Finding:
    """What is wrong where a recording cannot be opened; of archives elsewhere, sidecars are checked as they come."""
    if "its hash is not the one" in str(error):
        return "manifest", CHANGED
    return "manifest" if (folder / SIDECAR).is_file() else "missing", _reason(error)


def _check_description(recording: Recording, entry: Entry, sidecar: str | None) -> Iterator[Finding]:
    files = recording.sidecar.files
    if recording.entry != entry:
        yield "manifest", "its sidecar and the manifest differ"
    elif sidecar is not None and file_hash(recording.folder / SIDECAR) != sidecar:
        yield "manifest", CHANGED
    first = next((stream for stream in STREAMS if stream in files), None)
    if set(files) != set(entry.streams) or first is None or files[first].sha256 != entry.content:
        yield "manifest", "its streams are not those that the manifest states"


def _check_folder(recording: Recording) -> Iterator[Finding]:
    known = {SIDECAR, *(stated.file for stated in recording.sidecar.files.values())}
    for path in sorted(recording.folder.iterdir()):
        if path.name.endswith(".part"):
            yield "manifest", f"{path.name} was left behind when something was interrupted; remove it"
        elif path.name not in known:
            yield "manifest", f"{path.name} does not belong into its folder"


def _check_file(recording: Recording, stream: str, stated: StreamFile, entry: Entry, local: bool) -> Finding | None:
    """What is wrong with the file of a stream, or with what is stated of it; what it holds is not looked at."""
    try:
        path = recording.file(stream)
        if not path.is_file():
            return "missing", f"{path.name} is missing"
        if file_hash(path) != stated.sha256:
            copy = "" if local else f" (the copy in the cache, {path}: remove it to have it fetched again)"
            return "hash", f"{path.name} was changed: its hash is not the one of the sidecar{copy}"
    except (AcoustillError, OSError) as error:  # of archives that are far away, files are checked as they come
        return "hash" if "its hash is not the one" in str(error) else "missing", _reason(error)
    last = {"video": 3, "beams": 2}.get(stream)  # as many colours, and parts of a complex number
    as_it_should = len(stated.shape) == len(AXES[stream].split(",")) and last in (None, stated.shape[-1])
    if stated.dtype not in TYPES[stream] or not as_it_should or 0 in stated.shape:
        expected = f"{' or '.join(TYPES[stream])} {AXES[stream]}"
        return "shape", f"{path.name} is {stated.dtype} {stated.shape}, expected {expected}"
    if stream != "audio" and stated.shape[0] != entry.frames:
        return "frames", f"{path.name} has {stated.shape[0]} frames, expected {entry.frames}, as the manifest states"
    return None


def _check_stream(recording: Recording, stream: str, stated: StreamFile, frames: int, archive: Archive) -> _Checked:
    if stream == "audio":
        return _check_audio(recording.audio, stated, frames, archive.rig)
    if stream == "image":
        return _check_images(recording.image, stated.file, archive.image_header)
    if stream == "beams":
        return _check_beams(recording.beams, stated.file, archive.beams_specification, archive.rig)
    return _check_video(recording, stated)


def _check_audio(audio: np.ndarray, stated: StreamFile, frames: int, rig: Rig) -> _Checked:
    (rows, samples), spf = audio.shape, rig.samples_per_frame
    if not frames * spf <= samples < (frames + 1) * spf:
        what = f"{stated.file} has {samples} samples, expected {frames * spf} for {frames} frames"
        return _Checked((("frames", what),))
    findings = list(_check_microphones(stated, rows, rig))
    names: Sequence[int] = range(rows) if findings else stated.microphones or ()
    heard = check_channels(audio, names, rig)
    findings += _check_scale(stated, heard.largest)
    return _Checked((*findings, *heard.findings), heard.telling, power_level(heard.power))


def _check_scale(stated: StreamFile, largest: float) -> Iterator[Finding]:
    """Samples are float32 when they are read: whatever is stored, its loudest must be one, and none that is lost."""
    with np.errstate(over="ignore", under="ignore"):
        read = float(np.float32(largest * stated.scale))
    if 0 < largest < np.inf and (read == 0 or read == np.inf):
        lost = "infinite" if read else "zero"
        yield "finite", f"{stated.file} is {lost} as it is read: its scale is {stated.scale:g}, its peak {largest:g}"


def _check_microphones(stated: StreamFile, rows: int, rig: Rig) -> Iterator[Finding]:
    names = stated.microphones
    if names is None:
        yield "rig", f"its sidecar does not say which microphones {stated.file} holds"
    elif len(names) != rows:
        yield "rig", f"{stated.file} holds {rows} channels, but its sidecar names {len(names)}"
    elif len(set(names)) < rows:
        yield "rig", f"{stated.file} holds a microphone twice, as its sidecar says"
    elif max(names) >= rig.channels:
        yield "rig", f"{stated.file} holds microphone {max(names)}, but the rig has 0 to {rig.channels - 1}"


def _check_images(images: np.ndarray, file: str, header: ImageHeader | None) -> _Checked:
    findings = [*_check_image_shape(images.shape, file, header)]
    length = max(1, BLOCK_BYTES // max(1, images[:1].nbytes))
    broken, first_broken = 0, -1
    lowest, highest = np.inf, -np.inf
    levels: list[np.ndarray] = []
    equal = np.zeros(len(images), bool)  # to the image before
    for start in range(0, len(images), length):
        block = images[start : start + length]
        whole = np.isfinite(block).all(axis=(1, 2, 3))
        before = images[max(0, start - 1) : start + len(block) - 1]
        equal[max(1, start) : start + len(block)] = (block[len(block) - len(before) :] == before).all(axis=(1, 2, 3))
        if not whole.all():
            first_broken = first_broken if broken else start + int((~whole).argmax())
            broken += len(block) - int(whole.sum())
        elif not broken:
            lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
            if header is not None:
                levels.append(image_loudness(block, header.specification))
    if broken:
        count = f"{broken} acoustic images are" if broken > 1 else "an acoustic image is"
        findings.append(("finite", f"{count} not finite, the first is frame {first_broken}"))
    elif lowest == highest:
        findings.append(("silence", f"its acoustic images hold nothing but {lowest:g}"))
    telling = not broken and lowest < highest
    holds = tuple(_stretches(equal)) if telling else ()
    return _Checked(tuple(findings), telling, np.concatenate(levels) if levels and telling else None, holds)


def _stretches(equal: np.ndarray) -> Iterator[tuple[int, int]]:
    """First frame and length of each stretch of equal images."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], equal.astype(np.int8), [0]])))
    for first, stop in edges.reshape(-1, 2):
        yield int(first) - 1, int(stop - first) + 1


def _check_image_shape(shape: tuple[int, ...], file: str, header: ImageHeader | None) -> Iterator[Finding]:
    if header is None:
        yield "manifest", f"archive.json does not say what the values of {file} are"
        return
    specification, grid = header
    found = "{} x {} x {}".format(*shape[1:])
    if grid is not None and shape[1:3] != (grid.rows, grid.columns):
        yield "shape", f"{file} holds images of {found}, but archive.json has a grid of {grid.rows} x {grid.columns}"
    if isinstance(specification, ImageSpecification) and specification.features in ("mel", "mfcc"):
        channels = specification.bands if specification.features == "mel" else specification.coefficients
        if shape[3] != channels:
            yield "shape", f"{file} holds images of {found}, but archive.json states {channels} channels"


def _check_beams(beams: np.ndarray, file: str, specification: BeamSpecification | None, rig: Rig) -> _Checked:
    findings: list[Finding] = []
    if specification is None:
        findings.append(("manifest", f"archive.json does not say what the values of {file} are"))
    elif beams.shape[1:-1] != (stated := specification.shape(rig)):
        found, expected = (
            "{} spectra a frame of {} x {} beams and {} bins".format(*one) for one in (beams.shape[1:], stated)
        )
        findings.append(("shape", f"{file} holds {found}, but archive.json states {expected}"))
    length = max(1, BLOCK_BYTES // max(1, 4 * beams[:1].nbytes))
    power = np.concatenate(
        [
            np.square(beams[start : start + length], dtype=np.float32).sum(axis=(1, 2, 3, 4, 5), dtype=np.float64)
            for start in range(0, len(beams), length)
        ]
    )
    broken = np.flatnonzero(~np.isfinite(power))
    if len(broken):
        count = f"the beams of {len(broken)} frames are" if len(broken) > 1 else "the beams of a frame are"
        findings.append(("finite", f"{count} not finite, the first is frame {broken[0]}"))
    elif not power.any():
        findings.append(("silence", "its beams hold nothing but 0"))
    telling = not len(broken) and bool(power.any())
    return _Checked(tuple(findings), telling, power_level(power) if telling else None)


def _check_video(recording: Recording, stated: StreamFile) -> _Checked:
    path, offsets = recording.file("video"), stated.offsets or ()
    frames, size = stated.shape[0], tuple(stated.shape[1:])
    if len(offsets) != frames + 1:
        what = f"the sidecar says of {max(0, len(offsets) - 1)} frames of {path.name} where they are, expected {frames}"
        return _Checked((("frames", what),))
    ascending = all(start < stop for start, stop in itertools.pairwise(offsets))
    if offsets[0] != 0 or not ascending or offsets[-1] != path.stat().st_size:
        expected = f"ascending from 0 to {path.stat().st_size}, its size"
        return _Checked((("picture", f"the offsets of {path.name} in its sidecar are not {expected}"),))
    first, still = recording.encoded_frame(0), True
    broken: dict[int, str] = {}
    others: dict[int, tuple[int, ...]] = {}
    for index in range(frames):
        encoded = recording.encoded_frame(index)
        still = still and encoded == first
        try:
            shape = decode_picture(encoded, f"frame {index} of the video").shape
        except AcoustillError as error:
            broken[index] = str(error)
            continue
        if shape != size:
            others[index] = shape
    findings = []
    if broken:
        more = f", and {len(broken) - 1} more are" if len(broken) > 1 else ""
        findings.append(("picture", next(iter(broken.values())) + more))
    if others:
        index, shape = next(iter(others.items()))
        more = f", and {len(others) - 1} more are of other sizes" if len(others) > 1 else ""
        expected = f"expected {size[0]} x {size[1]}"
        findings.append(("picture", f"frame {index} of the video is {shape[0]} x {shape[1]}, {expected}{more}"))
    return _Checked(tuple(findings), telling=not still)


def _check_synchrony(streams: dict[str, _Checked]) -> Iterator[Finding]:
    audio = streams["audio"].levels if "audio" in streams else None
    for stream, name in (("image", "acoustic images"), ("beams", "beams")):
        images = streams[stream].levels if stream in streams else None
        if audio is None or images is None:
            continue
        lag = lag_of_images(audio, images)
        if lag:
            frames = f"{abs(lag)} frame{'s' if abs(lag) > 1 else ''}"
            yield "synchrony", f"its {name} run {frames} {'behind' if lag > 0 else 'ahead of'} the audio"


def _check_frozen(streams: dict[str, _Checked], frame_rate: float) -> Iterator[Finding]:
    """Equal images for at least a second of a sound that changes, as any noise does and padding does not."""
    audio = streams["audio"].levels if "audio" in streams else None
    if audio is None or "image" not in streams:
        return
    frozen = [
        (start, length)
        for start, length in streams["image"].holds
        if length >= frame_rate and float(np.ptp(audio[start : start + length])) > FROZEN_MOVEMENT_DB
    ]
    if frozen:
        start, length = frozen[0]
        more = f", and in {len(frozen) - 1} more places" if len(frozen) > 1 else ""
        yield "stuck", f"its acoustic images stand still for {length} frames from frame {start} on{more}"


def left_behind(folder: Path) -> list[str]:
    """Names in a folder that a writer left when it was interrupted."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))
