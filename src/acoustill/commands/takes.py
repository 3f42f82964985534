"""Takes that commands work on: a file of all channels with a rig, or a recording of an archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.clips import audible
from acoustill.archive.importers.avia_names import avia_rig
from acoustill.archive.recording import Recording
from acoustill.commands.arguments import band_of, bar, image_size, naming, numbers, positive_metres, read_depth
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.bands import band_energy_map, lowest_resolved_hz
from acoustill.imaging.beam import BeamStream
from acoustill.imaging.grid import Grid, camera_grid
from acoustill.imaging.imager import Imager
from acoustill.imaging.signals.opening import checked_blocks, open_signals
from acoustill.imaging.signals.source import BLOCK_SAMPLES, SignalSource
from acoustill.imaging.specification import BEAMFORMERS, ImageSpecification
from acoustill.jobs import console
from acoustill.rig.camera import Camera
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig
from acoustill.spool import Spool

BLOCK_FRAMES = 120
GRID, DISTANCE_M = "48x36", 2.0  # of options that are not given


@dataclass(frozen=True)
class Take:
    """A recording to look at and to listen to.

    Attributes:
        name: for messages.
        rig: what recorded it.
        source: the signals of all channels; None if an archive kept only some.
        recording: in the archive; None for a file.
        archive: the archive; None for a file.
    """

    name: str
    rig: Rig
    source: SignalSource | None
    recording: Recording | None = None
    archive: Archive | None = None

    @property
    def frames(self) -> int:
        """Whole video frames."""
        if self.recording is not None:
            return self.recording.entry.frames
        return self.all_channels().samples // self.rig.samples_per_frame

    @property
    def has_sound(self) -> bool:
        """Whether a microphone was kept."""
        return self.source is not None or (self.recording is not None and "audio" in self.recording.entry.streams)

    def all_channels(self) -> SignalSource:
        """The signals of all channels.

        Raises:
            AcoustillError: if the archive kept only some.
        """
        if self.source is None:
            expected = f"all {self.rig.channels} (`simulate --all-microphones`, `image --out FOLDER`)"
            assert self.recording is not None
            raise bad_input(self.name, "number of microphones kept", len(self.recording.audio), expected)
        return self.source

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks (channels, samples) of all channels, checked on the way."""
        return checked_blocks(self.all_channels(), self.rig, BLOCK_FRAMES * self.rig.samples_per_frame)


class _KeptSource(SignalSource):
    """All channels of a recording of an archive, in the unit that the archive states."""

    def __init__(self, recording: Recording, rate: int) -> None:
        self.path, self.rate, self.scaling = recording.file("audio"), rate, None
        self.channels, self.samples = recording.audio.shape
        self._recording = recording

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`."""
        for start in range(0, self.samples, length):
            yield self._recording.signals(start, start + length)


def open_take(command: str, path: Path, recording: str | None, rig: str | None, sample_rate: int | None = None) -> Take:
    """The take that the arguments of a command name.

    Args:
        command: for messages.
        path: a recording's file or folder, or an archive.
        recording: id in the archive.
        rig: a rig file or preset, for recordings outside of an archive.
        sample_rate: of files that do not say it.

    Raises:
        AcoustillError: if there is no such take, or an argument is missing or too many.
    """
    if not (path / "archive.json").is_file():
        if recording is not None:
            raise AcoustillError(f"{path}: not an archive, so it has no recording {recording!r}")
        if rig is None:
            raise AcoustillError(f"{command}: give --rig, the array that recorded {path}")
        array = load_rig(rig)
        source = open_signals(path, array, sample_rate=sample_rate)
        checked_blocks(source, array)  # what cannot be is refused before anything else is read
        return Take(str(path), array, source)
    archive = Archive(path)
    if recording is None:
        expected = f"the id of one of its {len(archive)}, such as {next(iter(archive.entries))}"
        raise bad_input(path, "recording", "not given", expected)
    if rig is not None or sample_rate is not None:
        raise AcoustillError(f"{command}: {path} is an archive, whose rig and rate are known; give neither")
    kept = archive[recording]
    stated = kept.sidecar.files.get("audio")
    whole = stated is not None and stated.microphones == tuple(range(archive.rig.channels))
    signals = _KeptSource(kept, archive.rig.sample_rate) if whole else None
    if whole and _stands_in(archive.rig):
        console.print(
            f"warning: {path}: where the microphones of this array are is not public, and others stand in for them: "
            "images and beams that are formed now show no true places; import it again with --rig if you have it",
            markup=False,
            soft_wrap=True,
        )
    return Take(f"{path}: recording {recording}", archive.rig, signals, kept, archive)


def _stands_in(rig: Rig) -> bool:
    """Whether this is what importers take for an array whose geometry is not public."""
    stand_in = avia_rig()
    return rig.name == stand_in.name and np.array_equal(rig.positions_m, stand_in.positions_m)


@dataclass(frozen=True)
class View:
    """How a take is looked at, by the options of a command.

    Attributes:
        command: for messages.
        grid: `--grid`, columns x rows.
        distance_m: `--distance`.
        depth: `--depth`, a file; None for a plane.
        band: `--band`, low,high in hertz; None is what the array resolves, see `lowest_resolved_hz`.
        beamformer: `--beamformer`, also of beams that are listened to.
        given: the options among these that say how new images are formed, as far as the user gave them: where
            images are there already they would be without effect, and are refused.
    """

    command: str
    grid: str
    distance_m: float
    depth: Path | None
    band: str | None
    beamformer: str = "delay-and-sum"
    given: tuple[str, ...] = ()

    @classmethod
    def of_options(
        cls,
        command: str,
        grid: str | None = None,
        distance_m: float | None = None,
        depth: Path | None = None,
        band: str | None = None,
        beamformer: str | None = None,
    ) -> View:
        """The view of options that may be left out (None).

        Raises:
            AcoustillError: if one makes no sense, or is without effect beside another.
        """
        if depth is not None and distance_m is not None:
            raise AcoustillError(f"{command}: give either --distance or --depth")
        options = {"--grid": grid, "--distance": distance_m, "--beamformer": beamformer}
        return cls(
            command,
            GRID if grid is None else grid,
            DISTANCE_M if distance_m is None else positive_metres(distance_m, command),
            depth,
            band,
            "delay-and-sum" if beamformer is None else beamformer,
            tuple(option for option, value in options.items() if value is not None),
        )

    def __post_init__(self) -> None:
        if self.beamformer not in BEAMFORMERS:
            raise bad_input(self.command, "--beamformer", repr(self.beamformer), f"one of {', '.join(BEAMFORMERS)}")


def look(take: Take, view: View, maps: Spool) -> Grid:
    """Fills a spool with energies (frames, H, W): of the images that an archive keeps, else of new ones.

    New images are formed wherever all channels are there: they are exact, and kept MFCC are not.

    Returns:
        The grid of the energies.

    Raises:
        AcoustillError: if an option cannot be used, or an archive kept neither images nor all channels.
    """
    rig, recording, archive = take.rig, take.recording, take.archive
    highest = rig.sample_rate / 2
    if take.source is None and recording is not None and archive is not None:
        specification, grid = archive.image_header or (None, None)
        there = view.depth is None and "image" in recording.entry.streams
        if there and isinstance(specification, ImageSpecification) and grid is not None:
            if view.given:
                expected = "nothing: the archive did not keep all microphones, so its own images are shown"
                raise bad_input(f"{view.command}: {take.name}", " and ".join(view.given), "given", expected)
            low, high = band_of(view.band, view.command, lowest_resolved_hz(rig, grid), highest)
            for start in range(0, take.frames, BLOCK_FRAMES):
                kept = recording.image[start : start + BLOCK_FRAMES]
                maps.append(band_energy_map(kept, specification, rig, low, high))
            return grid
    source = take.all_channels()
    columns, rows = image_size(view.grid, view.command)
    pixels = _pixels(rig.camera, rows, columns, view)
    low, high = band_of(view.band, view.command, lowest_resolved_hz(rig, pixels), highest)
    # Only the energies are wanted: few bands are little work.
    specification = ImageSpecification("mel", bands=2, lowest_hz=low, highest_hz=high, beamformer=view.beamformer)
    imager = Imager(rig, pixels, specification)
    with bar("imaging", take.frames) as advance, naming(source.path):
        for images in imager.stream(take.blocks()):
            maps.append(images.energy)
            for _ in range(len(images.energy)):
                advance()
    return pixels


def _pixels(camera: Camera, rows: int, columns: int, view: View) -> Grid:
    if view.depth is None:
        return camera_grid(camera, rows, columns, view.distance_m)
    with naming(view.depth):
        return camera_grid(camera, rows, columns, read_depth(view.depth))


def pixel_of(camera: Camera, text: str, command: str, option: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixel `column,row` of an option, in those of the camera's frame.

    Args:
        camera: of the rig.
        text: value of the option.
        command: for messages.
        option: for messages.
        size: width and height of the frame that the option counts in, which shows what the camera's shows; by
            default the camera's own.

    Shapes:
        Output: (2,), (column, row).

    Raises:
        AcoustillError: if the option holds something else, or a pixel outside of the frame.
    """
    width, height = size or (camera.width, camera.height)
    column, row = numbers(text, command, option, ",", 2, float)
    if not (0 <= column <= width and 0 <= row <= height):
        raise bad_input(command, option, repr(text), f"within 0,0 to {width},{height}, the frame")
    return np.array([column * camera.width / width, row * camera.height / height])


def point_of_pixel(camera: Camera, pixel: np.ndarray, depth: float | Grid) -> np.ndarray:
    """The place that is seen at a pixel of the camera's frame.

    Args:
        camera: of the rig.
        pixel: see `pixel_of`.
        depth: how far the place is along the camera's axis in metres, or an image of that camera whose pixels
            tell.

    Shapes:
        pixel: (2,), (column, row).
        Output: (3,) in metres.
    """
    if isinstance(depth, Grid):
        shape = np.array([depth.columns, depth.rows])
        column, row = np.minimum(pixel * shape // (camera.width, camera.height), shape - 1).astype(int)
        depth = camera.depth_m(depth.points_m[row, column])
    return camera.unproject(pixel, depth)


def beam_of(take: Take, points_m: np.ndarray, beamformer: str) -> Iterator[np.ndarray]:
    """The sound of a point (3,) or of a path (frames, 3), in blocks (samples,)."""
    # Of the formulations, true level answers a source at the point by its level, whatever the beamformer.
    specification = ImageSpecification(formulation="true level", beamformer=beamformer)
    stream = BeamStream(take.rig, points_m, lambda _, points: specification.beamform(take.rig, points))
    for block in take.blocks():
        yield stream.push(block)
    yield stream.finish()


def microphone_of(take: Take, channel: int | None) -> tuple[int, Iterator[np.ndarray]]:
    """A channel's number and its sound in blocks (samples,); by default the working one nearest to the origin.

    Raises:
        AcoustillError: if there is no such channel, or the archive did not keep it.
    """
    rig, recording = take.rig, take.recording
    if not take.has_sound:
        raise bad_input(take.name, "audio", "missing", "that of a microphone, to hear it")
    if take.source is None and recording is not None:
        stated = recording.sidecar.files["audio"].microphones or tuple(range(len(recording.audio)))
        channels = {stated[row]: row for row in audible(recording, rig)}
    else:
        channels = {int(working): int(working) for working in rig.working}
    if channel is None:
        channel = min(channels, key=lambda one: float(np.linalg.norm(rig.positions_m[one])))
    if channel not in channels:
        few = sorted(channels)
        which = ", ".join(map(str, few)) if len(few) <= 8 else f"{few[0]} to {few[-1]}"
        raise bad_input(take.name, "channel to hear", channel, f"a working one that is kept: {which}")
    row = channels[channel]
    if take.source is None and recording is not None:
        length = BLOCK_FRAMES * rig.samples_per_frame
        starts = range(0, recording.audio.shape[1], length)
        return channel, (recording.signals(start, start + length, [row])[0] for start in starts)
    return channel, (block[row] for block in take.blocks())
