"""What the archive says of a recording: one line of the manifest, and the sidecar beside the streams.

An archive is a folder:

    archive.json                    format, version, image specification and grid, beam specification
    rig.yaml                        the rig that made the recordings
    manifest.jsonl                  one Entry a line, sorted by id
    set-aside.jsonl                 what an import could not take, and why; missing if it took all
    recordings/<id>/recording.json  the Sidecar: the Entry, its streams with hashes, notes, provenance
    recordings/<id>/audio.npy       (microphones, samples) float32, or integers with a scale
    recordings/<id>/image.npy       (frames, H, W, C) float16 (MFCC) or float32 (energies, which can be tiny)
    recordings/<id>/video.jpegs     JPEG or PNG files one after the other; where each begins is in the sidecar
    recordings/<id>/beams.npy       (frames, steps, rows, columns, bins, 2) float16, complex spectra of fixed beams

A recording holds any of the four streams, at least one.

Arrays are plain `.npy` files: memory maps are the fastest store measured for random crops, are safe under
forked workers, and open in any tool.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints

FORMAT = "acoustill-archive"
VERSION = 3  # of archives with beams
WITHOUT_BEAMS = 2  # are still written so; 1 had neither integer audio, nor PNG, nor notes, nor hashes of sidecars
READABLE = (1, WITHOUT_BEAMS, VERSION)
STREAMS = ("audio", "image", "video", "beams")
VIEWS = (*STREAMS, "direction")  # of a clip; the direction of a source is no file, but in the sidecar

StreamName = Literal["audio", "image", "video", "beams"]
RecordingId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Name = Annotated[str, StringConstraints(min_length=1)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Entry(BaseModel):
    """A recording in the manifest.

    Attributes:
        id: its name and its folder's.
        label: the action or sound class; None where nobody labelled it.
        scenario: where it was recorded.
        subject: who acted, or which original a clip was cut from.
        origin: the longer recording that this one was cut from: recordings of one origin are never separated.
        columns: further columns of the user's own, such as the fold of a published split.
        frames: length in video frames; audio holds `samples_per_frame` samples for each.
        streams: what is there of audio, image, video and beams.
        content: hash of the audio, or of the first stream there is, by which equal recordings are found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: RecordingId
    label: Name | None = None
    scenario: Name | None = None
    subject: Name | None = None
    origin: Name | None = None
    columns: dict[str, str | int | float | None] = {}
    frames: int = Field(ge=1)
    streams: tuple[StreamName, ...] = Field(min_length=1)
    content: Hash


class ManifestLine(Entry):
    """A line of the manifest: the entry, and what pins down all that its sidecar says.

    Attributes:
        sidecar: SHA-256 of the recording's `recording.json`; None in archives of version 1.
    """

    sidecar: Hash | None = None


class StreamFile(BaseModel):
    """One stream of a recording on disk.

    Attributes:
        file: name beside the sidecar.
        shape: of the array, frames decoded.
        dtype: of the array.
        sha256: of the file.
        microphones: channels of the rig that an audio stream holds.
        scale: what a stored sample of audio is multiplied by, to pascal or full scale.
        offsets: where each frame of a video begins, and where the last ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    shape: tuple[NonNegativeInt, ...]
    dtype: Literal["float16", "float32", "int16", "int32", "uint8"]
    sha256: Hash
    microphones: tuple[NonNegativeInt, ...] | None = None
    scale: float = Field(default=1.0, gt=0)
    offsets: tuple[NonNegativeInt, ...] | None = None


class Sidecar(BaseModel):
    """All that is known of a recording; the Entry is its public part.

    Attributes:
        entry: the line of the manifest.
        files: of each stream.
        notes: what was mended while the recording was imported.
        provenance: where the recording came from, as its maker wrote it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: Entry
    files: dict[StreamName, StreamFile]
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = {}
