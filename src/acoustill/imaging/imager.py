"""The imager: signals of an array in, one acoustic image per video frame out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.arithmetic import full_precision
from acoustill.imaging.grid import Grid, camera_grid
from acoustill.imaging.mel import cepstrum_matrix
from acoustill.imaging.paths import EnergyPath, ExactPath, SkeletonPath
from acoustill.imaging.plans import skeleton_for, skeletons_folder
from acoustill.imaging.signals.opening import check_channels, check_shape
from acoustill.imaging.skeleton import TIGHTEST_TOLERANCE
from acoustill.imaging.specification import ImageSpecification
from acoustill.imaging.spectra import FrameSpectra, Workspace
from acoustill.rig.rig import Rig

TOLERANCES = {"exact": 0.0, "skeleton": 1e-4, "bf16": 1e-3}  # of each path, where none is asked for
FLOOR_PA2 = 1e-16  # 66 dB below the threshold of hearing, or 160 dB below full scale: only silence is lower
LOUDEST_PA = 1e15  # of which the squares of beams are numbers in single precision
WORKSPACE_BYTES = 200_000_000  # for the spectra of the frames that are imaged at a time


class Images(NamedTuple):
    """Acoustic images of consecutive frames, and how loud each pixel is.

    Shapes:
        features: (frames, H, W, C) float32, see ImageSpecification.
        energy: (frames, H, W) float32, squared pressure between the specification's lowest and highest
            frequency, Pa^2.
    """

    features: np.ndarray
    energy: np.ndarray


class Imager:
    """Frequency-domain filter-and-sum imaging.

    Every video frame is one rectangular block of `rig.samples_per_frame` samples. Its one-sided spectrum X,
    without the bin at 0 Hz, gives the squared pressure |w X|^2 2 / N^2 for each pixel's weights w; their sum
    over bins is the mean square of the steered signal (Parseval; the last bin, which a recorder's filter leaves
    empty, counts twice as in Acoular).

    There are three paths from X to energies:

    - exact: the direct sum, in single precision (relative error below 1e-6). Superdirective weights are worked
      out anew in each call;
    - skeleton: beams in few rows and columns of the image, energies interpolated to the others, to a relative
      tolerance over the image that is checked on examples when the imager is set up (see `plan_skeleton`);
    - bf16: the same with beams in bfloat16, relative error of some thousandths; several times faster on
      processors and GPUs that multiply bfloat16 matrices, slower on others.

    An imager may be used by one thread at a time: frames share its working memory.

    Args:
        rig: the array; broken channels are ignored.
        grid: the pixels; None is the camera's field of view, 36 x 48 pixels at 2 m.
        specification: what the channels are.
        path: exact, skeleton or bf16. None is skeleton for mel and MFCC images and exact for energies of every
            bin, unless a tolerance asks for the other.
        tolerance: relative error of skeletons; 1e-4 by default, 1e-3 for bf16. Below 1e-6, or 0, the path is
            exact.
        device: where to compute, as torch names it.
        threads: that torch may use on the CPU, set-up aside; None leaves its setting.
        use_cache: whether to keep skeletons on disk, where the next imager of this geometry finds them.

    Raises:
        AcoustillError: if the specification cannot be met at the rig's sample rate, the path is unknown or
            cannot keep the tolerance, or the device is not there.
    """

    def __init__(
        self,
        rig: Rig,
        grid: Grid | None = None,
        specification: ImageSpecification | None = None,
        *,
        path: str | None = None,
        tolerance: float | None = None,
        device: str = "cpu",
        threads: int | None = None,
        use_cache: bool = True,
    ) -> None:
        self.rig = rig
        self.grid = grid or camera_grid(rig.camera, 36, 48, 2.0)
        self.specification = specification or ImageSpecification()
        self.path, self.tolerance = _choose_path(path, tolerance, self.specification)
        self.threads = threads
        if threads is not None and threads < 1:
            raise bad_input("imager", "threads", threads, "at least 1")
        block = rig.samples_per_frame
        self.frequencies_hz = np.arange(1, block // 2 + 1) * rig.sample_rate / block
        pooling = self.specification.pooling(self.frequencies_hz, rig.sample_rate)
        self._used = slice(0, len(self.frequencies_hz))
        if self.specification.features != "energy":
            heard = np.flatnonzero(pooling.any(axis=0))
            self._used = slice(int(heard[0]), int(heard[-1]) + 1)
        self._pooling = pooling[:, self._used]
        with full_precision(self.threads):
            self._workspace = Workspace(_device(device))
            self._dtype = torch.bfloat16 if self.path == "bf16" else torch.float32
            self._transform = FrameSpectra(rig.working, block, self._workspace, self._dtype)
            self._cepstrum = None
            if self.specification.features == "mfcc":
                matrix = 10 / math.log(10) * cepstrum_matrix(self.specification.bands, self.specification.coefficients)
                self._cepstrum = torch.from_numpy(matrix.T.astype(np.float32)).to(self._workspace.device)
            self._energies = self._energy_path(use_cache)

    def _energy_path(self, use_cache: bool) -> EnergyPath:
        beamformer = self.specification.beamform(self.rig, self.grid.points_m.reshape(-1, 3))
        direct = ExactPath(beamformer, self.energies_hz, self._workspace)
        if self.path == "exact":
            return direct
        folder = skeletons_folder() if use_cache else None
        size = self.grid.rows, self.grid.columns
        groups = skeleton_for(beamformer, *size, self.energies_hz, self.tolerance, folder)
        return SkeletonPath(groups, self.tolerance, direct, self._workspace, self._dtype)

    @property
    def energies_hz(self) -> np.ndarray:
        """Frequencies of the bins that the features use, (F,)."""
        return self.frequencies_hz[self._used]

    @property
    def channels(self) -> int:
        """C, the channels of an image."""
        return self.specification.channels(len(self.frequencies_hz))

    @property
    def block_frames(self) -> int:
        """Frames imaged at a time: few enough that their spectra stay below WORKSPACE_BYTES."""
        operand = 16 * len(self.rig.working) * (self.rig.samples_per_frame // 2 + 1)
        bands = 8 * self.grid.rows * self.grid.columns * len(self._pooling)
        return max(1, min(120, WORKSPACE_BYTES // (operand + bands)))

    def __call__(self, signals: np.ndarray) -> np.ndarray:
        """Acoustic images of a recording; samples after the last whole frame are left out.

        Shapes:
            signals: (channels, samples), pascal; every channel of the rig, broken ones included.
            Output: (frames, H, W, C) float32.

        Raises:
            AcoustillError: if the number of channels is not the rig's, or a sample is not finite.
        """
        return self.images(signals).features

    def images(self, signals: np.ndarray) -> Images:
        """As calling the imager, and the energy of each pixel beside the features."""
        images = self._empty(self._whole_frames(signals))
        with full_precision(self.threads):
            for span, spectra in self._spectra(signals):
                self._form(spectra, Images(*(part[span] for part in images)))
        if not np.isfinite(images.energy).all():
            raise _too_loud()
        return images

    def energies(self, signals: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Squared pressures of every frequency bin, frame and pixel, whatever the features.

        Shapes:
            signals: (channels, samples), pascal.
            out: (F, frames, H, W) float32, C-contiguous; where the result is written, made anew if None.
            Output: `out`; the bins are those of `energies_hz`.

        Raises:
            AcoustillError: as calling the imager does, and if `out` has another shape or type.
        """
        frames = self._whole_frames(signals)
        shape = (len(self.energies_hz), frames, self.grid.rows, self.grid.columns)
        if out is None:
            out = np.empty(shape, np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous or not out.flags.writeable:
            found = f"{out.dtype} of shape {out.shape}"
            raise bad_input("imager", "out", found, f"contiguous and writeable float32 {shape}")
        with full_precision(self.threads):
            for span, spectra in self._spectra(signals):
                self._write_energies(spectra, out[:, span])
        return out

    def mean_energies(self, signals: np.ndarray) -> np.ndarray:
        """Squared pressures of every frequency bin and pixel, averaged over the frames.

        Shapes:
            signals: (channels, samples), pascal.
            Output: (F, H, W) float32, see `energies`.
        """
        frames = self._whole_frames(signals)
        shape = len(self.energies_hz), self.grid.rows, self.grid.columns
        sums = torch.zeros(shape, dtype=torch.float32, device=self._workspace.device)
        with full_precision(self.threads):
            for _, spectra in self._spectra(signals):
                self._energies.accumulate(spectra, sums)
        return (sums / max(1, frames)).cpu().numpy()

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[Images]:
        """Images of a recording that comes in blocks of any length, in bounded memory; see `ImageStream`.

        Shapes:
            blocks: arrays (channels, samples), pascal.
            Yields: images of up to `block_frames` frames.
        """
        stream = ImageStream(self)
        for block in blocks:
            yield from stream.completed(block)

    def _whole_frames(self, signals: np.ndarray) -> int:
        check_shape(signals, self.rig, "signals")
        return signals.shape[1] // self.rig.samples_per_frame

    def _spectra(self, signals: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        """Which frames, and their spectra, `block_frames` at a time or a little fewer."""
        length = self.rig.samples_per_frame
        frames = signals.shape[1] // length
        parts = -(-frames // self.block_frames)
        edges = [frames * i // parts for i in range(parts + 1)] if parts else []
        for start, stop in itertools.pairwise(edges):
            part = signals[:, start * length : stop * length]
            spectra = self._transform(part)
            if not torch.isfinite(spectra[:, 0]).all():  # one bad sample spoils every bin of its frame
                check_channels(part, self.rig, "signals", start * length)
                raise _too_loud()
            yield slice(start, stop), spectra[:, self._used]

    def _empty(self, frames: int) -> Images:
        """Memory for images; energies of every bin lie bin by bin, as they are computed."""
        size = (frames, self.grid.rows, self.grid.columns)
        energy = np.empty(size, np.float32)
        if self.specification.features == "energy":
            return Images(np.moveaxis(np.empty((self.channels, *size), np.float32), 0, -1), energy)
        return Images(np.empty((*size, self.channels), np.float32), energy)

    def _form(self, spectra: torch.Tensor, images: Images) -> None:
        """Writes the images of some frames."""
        if self.specification.features == "energy":
            energies = np.moveaxis(images.features, -1, 0)
            self._write_energies(spectra, energies)
            np.einsum("f,fthw->thw", self._pooling[0].astype(np.float32), energies, out=images.energy, optimize=True)
            return
        shape = images.energy.shape
        pooled = self._workspace.take("bands", len(self._pooling), *shape)
        self._energies.pooled(spectra, self._pooling, pooled)
        bands = pooled[:-1]
        if self._cepstrum is None:
            features = bands.permute(1, 2, 3, 0)
        else:
            levels = bands.clamp_min_(FLOOR_PA2).log_().flatten(2)
            features = (levels.permute(1, 2, 0) @ self._cepstrum).view(*shape, -1)
        images.features[:] = features.cpu().numpy()
        images.energy[:] = pooled[-1].cpu().numpy()

    def _write_energies(self, spectra: torch.Tensor, out: np.ndarray) -> None:
        if self._workspace.device.type == "cpu":
            self._energies.energies(spectra, torch.from_numpy(out))
            return
        on_device = torch.empty(out.shape, dtype=torch.float32, device=self._workspace.device)
        self._energies.energies(spectra, on_device)
        out[:] = on_device.cpu().numpy()


class ImageStream:
    """Images of sound that is still coming in, in bounded memory.

    Args:
        imager: forms the images.
    """

    def __init__(self, imager: Imager) -> None:
        self._imager = imager
        self._rest = np.zeros((imager.rig.channels, 0), np.float32)
        self._imaged = 0  # samples

    def push(self, block: np.ndarray) -> Images:
        """Images of the frames that this block completes, as they would be of the whole recording.

        Shapes:
            block: (channels, samples), pascal; any number of samples.
            Output: of as many frames as are complete now, possibly none.

        Raises:
            AcoustillError: if the number of channels is not the rig's, or a sample is not finite; the block is
                left out then.
        """
        parts = list(self.completed(block))
        return Images(*map(np.concatenate, zip(*parts, strict=True))) if parts else self._imager.images(self._rest)

    def completed(self, block: np.ndarray) -> Iterator[Images]:
        """As `push`, at most `Imager.block_frames` frames at a time; all must be taken before the next block."""
        rig = self._imager.rig
        with np.errstate(over="ignore"):  # what is too loud becomes infinite, and is refused
            block = np.asarray(block, dtype=np.float32)
        check_channels(block, rig, "signals", self._imaged + self._rest.shape[1])
        if np.abs(block[rig.working]).max(initial=0) > LOUDEST_PA:
            raise _too_loud()
        signals = np.concatenate([self._rest, block], axis=1) if self._rest.shape[1] else block
        length, step = rig.samples_per_frame, rig.samples_per_frame * self._imager.block_frames
        whole = signals.shape[1] // length * length
        self._rest = signals[:, whole:].copy()
        self._imaged += whole
        for start in range(0, whole, step):
            yield self._imager.images(signals[:, start : min(start + step, whole)])


def _choose_path(path: str | None, tolerance: float | None, specification: ImageSpecification) -> tuple[str, float]:
    """The path and its tolerance."""
    if tolerance is not None and not 0 <= tolerance < 1:
        raise bad_input("imager", "tolerance", tolerance, "0 (exact), or less than 1")
    if path is None:
        wanted = TOLERANCES["exact" if specification.features == "energy" else "skeleton"]
        wanted = wanted if tolerance is None else float(tolerance)
        return ("skeleton", wanted) if wanted >= TIGHTEST_TOLERANCE else ("exact", 0.0)
    if path not in TOLERANCES:
        raise bad_input("imager", "path", repr(path), f"one of {', '.join(TOLERANCES)}")
    if path == "exact" and tolerance:
        raise bad_input("imager", "tolerance of the exact path", tolerance, "none")
    return path, TOLERANCES[path] if tolerance is None else float(tolerance)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise bad_input("imager", "device", repr(name), "one that torch finds here, as cpu or cuda") from error
    return device


def _too_loud() -> AcoustillError:
    return bad_input("signals", "level", "too high for single precision", f"below {LOUDEST_PA:g}")
