"""One recording of a user's own rig: array audio and, perhaps, a video file, on one clock in the archive."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from acoustill.archive.archive import read_header, read_image_header
from acoustill.archive.importers.claps import sharp_onsets, sudden_changes, synchrony_from_claps
from acoustill.archive.importers.sound_track import grey_frames, microphone_sound, video_end_s, video_sound
from acoustill.archive.importers.stored_samples import StoredSamples, check_length, open_stored
from acoustill.archive.importers.synchrony import Clocks, Synchrony, synchrony_from_sound
from acoustill.archive.writer import RecordingWriter, writing_recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import json_hash
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.signals.opening import check_channels
from acoustill.imaging.signals.source import readable, scaled
from acoustill.imaging.specification import Features, ImageSpecification
from acoustill.imaging.video.reading import VideoTrack
from acoustill.rig.rig import Rig
from acoustill.spool import Spool

BLOCK_BYTES = 32_000_000  # of float32 samples of all channels
TICK_S = 1e-3  # times in video files are rounded

SynchronyMethod = Literal["given", "sound", "clap", "none"]
Forming = Callable[[np.ndarray | None], None]  # is called with blocks of all channels, and with None at the end


@dataclass(frozen=True)
class RigOptions:
    """How recordings of a rig are imported.

    Attributes:
        rig: what recorded; the channels of a file are its microphones.
        microphones: channels whose audio is kept; None keeps all.
        images: whether acoustic images are formed from all channels.
        features: of the images: mfcc, mel or energy.
        distance_m: of the plane that the images show, along the camera's axis.
        image_rows: height of an image.
        image_columns: width of an image.
        beams: what the beam spectra are that are formed from all channels; None forms none.
        synchrony: how the clock of a video is found where a row of the table gives no offset_s: `given` takes
            `offset_s` and `drift_ppm` below, `sound` compares the video's own sound with the array's, `clap` looks for
            claps that are seen and heard; `none` takes both for started together.
        offset_s: audio time of the video's first frame, in seconds: positive if the video began later; the same
            number as in `acoustill overlay --offset`.
        drift_ppm: by how many millionths more the video's clock counts than the audio's.
        jpeg_quality: 1 to 100, with which video frames are kept; None loses nothing and takes several times the disk.
        sample_rate: in hertz, of files that do not say theirs; None is the rig's.
    """

    rig: Rig
    microphones: tuple[int, ...] | None = None
    images: bool = True
    features: Features = "mfcc"
    distance_m: float = 2.0
    image_rows: int = 36
    image_columns: int = 48
    beams: BeamSpecification | None = None
    synchrony: SynchronyMethod = "given"
    offset_s: float | None = None
    drift_ppm: float | None = None
    jpeg_quality: int | None = 90
    sample_rate: int | None = None


@dataclass(frozen=True)
class RigRecording:
    """One row of a table: what lies where, and what is said of it.

    Attributes:
        id: of the recording.
        audio: its file or folder.
        options: of the import.
        video: its file; None for a recording without.
        label: what is heard; None where nobody said.
        scenario: where.
        subject: who.
        start_s: where the recording begins in the audio; None is the start.
        stop_s: where it ends; None is the end.
        clocks: what the row says of the video's clock; None if nothing.
        columns: the further columns.
        whole: the id that the whole audio file would have: excerpts of one file are cut from one origin.
    """

    id: str
    audio: Path
    options: RigOptions
    video: Path | None = None
    label: str | None = None
    scenario: str | None = None
    subject: str | None = None
    start_s: float | None = None
    stop_s: float | None = None
    clocks: Clocks | None = None
    columns: dict[str, str | int | float | None] = field(default_factory=dict)
    whole: str | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with all that the recording follows from, but for the options, which are one import's."""
        said = [self.label, self.scenario, self.subject, self.start_s, self.stop_s, self.columns, self.whole]
        clocks = None if self.clocks is None else [self.clocks.offset_s, self.clocks.drift_ppm]
        files = [None if file is None else [file.name, _bytes(file)] for file in (self.audio, self.video)]
        return json_hash([said, clocks, files])

    def write(self, archive: Path) -> None:
        """Writes the recording; see `Source.write`.

        Raises:
            AcoustillError: if a file cannot be used, or audio and video have no whole frame in common.
        """
        rig = self.options.rig
        stored = open_stored(self.audio, rig, self.options.sample_rate)
        if stored.source.channels != rig.channels:
            expected = f"{rig.channels}, those of rig {rig.name}"
            raise bad_input(self.audio, "number of channels", stored.source.channels, expected)
        span, notes = self._excerpt(stored), []
        imported: dict[str, Any] = {"importer": "rig", "audio": self.audio.name, "fingerprint": self.fingerprint}
        imported |= {name: value for name in ("start_s", "stop_s") if (value := getattr(self, name)) is not None}
        if stored.source.rate != rig.sample_rate:
            notes.append(f"resampled from {stored.source.rate} Hz")
        if stored.source.scaling is not None:
            imported["scaling"] = stored.source.scaling
        synchrony = None
        if self.video is not None:
            synchrony = self._synchrony(stored)
            shared = _shared(span, synchrony.clocks, self.video, rig)
            imported |= {"video": self.video.name, "synchrony": synchrony.to_json()}
            if (shared.start, shared.frames) != (span.start, span.frames):
                notes.append("cut to what audio and video share")
                before = (shared.start - span.start) // rig.samples_per_frame
                after = span.frames - shared.frames - before
                imported["cut"] = {
                    "seconds_before": round(before / rig.frame_rate, 6),
                    "seconds_after": round(after / rig.frame_rate, 6),
                }
            span = shared
        with writing_recording(
            archive,
            self.id,
            rig.samples_per_frame,
            label=self.label,
            scenario=self.scenario,
            subject=self.subject,
            origin=self.whole,
            columns=self.columns,
            provenance={"imported": imported},
        ) as writer:
            for note in notes:
                writer.note(note)
            if self.video is not None and synchrony is not None:
                self._write_video(writer, span, synchrony.clocks)
            self._write_sound(writer, stored, span, archive)

    def _excerpt(self, stored: StoredSamples) -> _Span:
        """The samples, at the rig's rate, that the row asks for."""
        rig = self.options.rig
        length = stored.samples_at(rig.sample_rate)
        length_s = length / rig.sample_rate
        start = round((self.start_s or 0.0) * rig.sample_rate)
        stop = length if self.stop_s is None else round(self.stop_s * rig.sample_rate)
        if start >= length:
            raise bad_input(self.audio, "start_s", f"{self.start_s:g} s", f"less than its length, {length_s:g} s")
        if stop > length + rig.samples_per_frame:
            raise bad_input(self.audio, "stop_s", f"{self.stop_s:g} s", f"at most its length, {length_s:g} s")
        stop = min(stop, length)
        check_length(stored, stop - start, rig.samples_per_frame)
        return _Span(start, stop, (stop - start) // rig.samples_per_frame)

    def _synchrony(self, stored: StoredSamples) -> Synchrony:
        options = self.options
        if options.synchrony == "none":
            return Synchrony(Clocks(), "none")
        if self.clocks is not None or options.synchrony == "given":
            return Synchrony(self.clocks or Clocks(options.offset_s or 0.0, options.drift_ppm or 0.0), "given")
        assert self.video is not None
        rig = options.rig
        nearest = int(min(rig.working, key=lambda one: float(np.linalg.norm(rig.positions_m[one]))))
        found = _found(
            options.synchrony,
            self.audio,
            self.video,
            (_stamp(self.audio), _stamp(self.video)),
            nearest,
            options.sample_rate or rig.sample_rate,
            rig.channels,
        )
        if isinstance(found, str):
            raise AcoustillError(found)
        return found

    def _write_video(self, writer: RecordingWriter, span: _Span, clocks: Clocks) -> None:
        rig = self.options.rig
        assert self.video is not None
        pictures = writer.video()
        track = VideoTrack(self.video)
        try:
            track.video.check_shape(rig.camera.width, rig.camera.height)
            before = None
            for frame in range(span.frames):
                picture = track.at(clocks.video_s(span.middle_s(frame, rig)))
                if picture is before:
                    writer.note("video frames were repeated")
                before = picture
                pictures.append(picture, self.options.jpeg_quality)
        finally:
            track.close()

    def _write_sound(self, writer: RecordingWriter, stored: StoredSamples, span: _Span, archive: Path) -> None:
        rig, options = self.options.rig, self.options
        kept = list(range(rig.channels) if options.microphones is None else options.microphones)
        native = stored.source.rate == rig.sample_rate
        dtype, scale = (stored.dtype, stored.scale) if native else (np.dtype(np.float32), 1.0)
        audio = writer.audio(kept, span.stop - span.start, dtype, scale)
        length = max(1, BLOCK_BYTES // (4 * rig.channels * rig.samples_per_frame)) * rig.samples_per_frame
        formed = options.images or options.beams is not None
        finite = sorted({*kept, *rig.working}) if formed else kept
        if native:
            blocks = stored.blocks(span.start, span.stop, length, finite)
        else:
            blocks = stored.full_scale(rig.sample_rate, span.start, span.stop, length, finite)

        if not formed:
            for block in blocks:
                audio.append_columns(block[kept])
            return

        with _naming(self.audio):
            forming: list[Forming] = []
            if options.images:
                forming.append(_image_forming(writer, rig, span.frames, archive))
            if options.beams is not None:
                forming.append(_beam_forming(writer, rig, options.beams, span.frames))
            first = span.start
            for block in blocks:
                signals = scaled(block, scale)
                check_channels(signals, rig, self.audio, first)
                audio.append_columns(block[kept])
                first += block.shape[1]
                for form in forming:
                    form(signals)
            for form in forming:
                form(None)


def _image_forming(writer: RecordingWriter, rig: Rig, frames: int, archive: Path) -> Forming:
    """What writes the acoustic images of blocks of signals."""
    from acoustill.imaging.imager import Imager, ImageStream  # which brings torch

    header = read_image_header(archive, read_header(archive))
    assert header is not None
    assert isinstance(header.specification, ImageSpecification)
    imager = Imager(rig, header.grid, header.specification, threads=1)  # sums as with any --jobs
    dtype = np.float16 if header.specification.features == "mfcc" else np.float32
    images = writer.image(frames, (imager.grid.rows, imager.grid.columns, imager.channels), dtype)
    stream = ImageStream(imager)

    def form(signals: np.ndarray | None) -> None:
        for formed in () if signals is None else stream.completed(signals):
            with np.errstate(over="ignore"):  # the writer refuses what half precision cannot hold
                images.append(formed.features.astype(dtype))

    return form


def _beam_forming(writer: RecordingWriter, rig: Rig, specification: BeamSpecification, frames: int) -> Forming:
    """What writes the beam spectra of blocks of signals."""
    from acoustill.imaging.beam_spectra import BeamSpectra, BeamSpectraStream  # which brings torch

    spectra = BeamSpectra(rig, specification, threads=1)
    beams = writer.beams(frames, spectra.shape)
    stream = BeamSpectraStream(spectra)

    def form(signals: np.ndarray | None) -> None:
        for formed in stream.ended() if signals is None else stream.completed(signals):
            beams.append(formed)

    return form


class _Span(NamedTuple):
    """Samples of the audio at the rig's rate, and how many whole frames they hold."""

    start: int
    stop: int
    frames: int

    def middle_s(self, frame: int, rig: Rig) -> float:
        """Audio time of the middle of a frame."""
        return (self.start + (frame + 0.5) * rig.samples_per_frame) / rig.sample_rate


def _shared(span: _Span, clocks: Clocks, video: Path, rig: Rig) -> _Span:
    """The whole frames of a span in whose middles the video shows something.

    Raises:
        AcoustillError: if there is none, or the video cannot be read.
    """
    end_s = video_end_s(video)
    per_s = rig.sample_rate / rig.samples_per_frame
    start_s = span.start / rig.sample_rate
    first = math.ceil((clocks.audio_s(-TICK_S) - start_s) * per_s - 0.5)
    after = math.ceil((clocks.audio_s(end_s - TICK_S) - start_s) * per_s - 0.5)
    first, after = max(0, first), min(span.frames, after)
    if first >= after:
        found = f"{clocks.video_s(start_s):.3f} to {clocks.video_s(span.stop / rig.sample_rate):.3f} s"
        raise bad_input(video, "the recording's time in the video", found, f"some frame within 0 to {end_s:.3f} s")
    start = span.start + first * rig.samples_per_frame
    whole = span.start + after * rig.samples_per_frame
    return _Span(start, span.stop if after == span.frames else whole, after - first)


@functools.lru_cache(maxsize=8)
def _found(
    method: SynchronyMethod,
    audio: Path,
    video: Path,
    stamps: tuple[object, object],  # noqa: ARG001 (tells files from those that were there before)
    channel: int,
    sample_rate: int,
    channels: int,
) -> Synchrony | str:
    """The clocks by sound or claps, or why they cannot be found; remembered, for tables of many excerpts.

    Args:
        method: `sound` or `clap`.
        audio: of the array.
        video: of the camera.
        stamps: that change with the files.
        channel: which microphone is listened to.
        sample_rate: for audio files that do not say theirs.
        channels: likewise.
    """
    try:
        stored = open_stored(audio, sample_rate=sample_rate, channels=channels)
        with Spool() as one, Spool() as other:
            heard = microphone_sound(stored, channel, one)
            if method == "sound":
                return synchrony_from_sound(heard, video_sound(video, other), video)
            seen, frame_s = sudden_changes(grey_frames(video))
            return synchrony_from_claps(sharp_onsets(heard), seen, frame_s, video)
    except AcoustillError as error:
        return str(error)


def _stamp(path: Path) -> tuple[int, int]:
    with readable(path):
        status = path.stat()
    return status.st_mtime_ns, status.st_size


def _bytes(path: Path) -> list[list[str | int]] | None:
    """The sizes of a file, or of those in a folder; None if they cannot be read."""
    try:
        if not path.is_dir():
            return [["", path.stat().st_size]]
        with os.scandir(path) as files:
            return sorted([os.fsencode(file.name).hex(), file.stat().st_size] for file in files)
    except OSError:
        return None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Lets messages about signals begin with the name of their file."""
    try:
        yield
    except AcoustillError as error:
        if str(error).startswith(str(path)):
            raise
        raise AcoustillError(f"{path}: {error}") from error
