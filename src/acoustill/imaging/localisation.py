"""Where one dominant source is, continuously and in three dimensions, with honest errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.signals.opening import check_channels
from acoustill.rig.rig import Rig

STRONG = 0.1  # of the strongest bin's energy: what is weaker is noise, or the skirts of a tone
BINS = 128  # of the strong ones: more average reflections further out, but take longer
COARSE_BINS = 16  # of these, for the first search, which costs most
PARTS = 8  # of a broad band
CACHED_BYTES = 2.5e8
NEAREST_M = 0.01
FARTHEST_M = 30.0  # beyond, no array of hand's size tells distances
LEAST_MICROPHONES = 5  # one more than what is fitted: two angles, a distance and a phase
BEYOND_INFINITY = -0.5  # inverse distances below 0 let noise average out for far sources, see Localisation


@dataclass(frozen=True)
class Localisation:
    """Where the array hears the source.

    Attributes:
        point_m: the place in the rig frame; at most FARTHEST_M away.
        direction: from the array's centre to the source, a unit vector.
        inverse_distance_per_m: estimate of 1 / distance. An array tells distance from the curvature of the
            wave front, to which this is proportional, so its error is nearly Gaussian where that of the
            distance is not. The estimate may fall below 0 for a far source.
        inverse_distance_std_per_m: its standard error.
        direction_std_rad: standard error of the direction, along the worse of its two axes.
        coherence: share of the energy in the band that comes from the place, 0 to 1.
        prominence: how many times more energy comes from there than from any place further off than a beam's
            width; infinite if the beam is wider than the search.
        mean_hz: the frequency at which the source was heard, weighted by energy.
    """

    point_m: tuple[float, float, float]
    direction: tuple[float, float, float]
    inverse_distance_per_m: float
    inverse_distance_std_per_m: float
    direction_std_rad: float
    coherence: float
    prominence: float
    mean_hz: float

    @property
    def distance_m(self) -> float:
        """From the array's centre; FARTHEST_M where it is farther or cannot be told."""
        return 1 / max(self.inverse_distance_per_m, 1 / FARTHEST_M)

    @property
    def distance_interval_m(self) -> tuple[float, float]:
        """95 % interval of the distance; its end is infinite where the array cannot tell."""
        margin = 1.96 * self.inverse_distance_std_per_m
        near, far = self.inverse_distance_per_m + margin, self.inverse_distance_per_m - margin
        return (1 / near if near > 0 else math.inf, 1 / far if far > 0 else math.inf)


class Localiser:
    """Finds the dominant source of short windows of a recording.

    The energy of the delay-and-sum beam, summed over the strongest frequency bins, is searched over a coarse
    grid of directions and inverse distances and then climbed with its analytic gradient. For one source in
    noise that is equal and independent at the microphones this is the maximum-likelihood estimate (Chen,
    Hudson and Yao 2002, "Maximum-likelihood source localization and unknown sensor location estimation for
    wideband signals in the near-field").

    Every bin weighs the same, so that reflections, which fall differently on each, average out.

    Standard errors are those of an M-estimator (Huber 1967) whose errors hang together within a microphone (its
    gain and phase) and, for broad bands, within a part of the band (reflections), however long the window is:
    two-way clusters (Cameron, Gelbach and Miller 2011). What moves all alike does not count: errors of the
    geometry and of the speed of sound. In a tone, reflections cannot be told from the source.

    Args:
        rig: the array. The camera tells where to search: in its field of view and `margin_rad` around it.
        band_hz: lowest and highest frequency; by default from where the aperture is half a wavelength up to
            90 % of what the sample rate allows.
        nearest_m: the smallest distance from the array's centre.
        margin_rad: how far outside the field of view to search.

    Raises:
        AcoustillError: if the array has too few microphones, the band is empty or holds no bin, or a number makes
            no sense.
    """

    def __init__(
        self,
        rig: Rig,
        band_hz: tuple[float, float] | None = None,
        nearest_m: float = 0.3,
        margin_rad: float = math.radians(15),
    ) -> None:
        if len(rig.working) < LEAST_MICROPHONES:
            found, expected = f"{len(rig.working)}", f"at least {LEAST_MICROPHONES} that work, to find a source"
            raise bad_input(f"rig {rig.name}", "number of microphones", found, expected)
        if not nearest_m >= NEAREST_M:
            raise bad_input("localiser", "nearest_m", nearest_m, f"at least {NEAREST_M:g} m")
        if not 0 <= margin_rad <= math.pi:
            raise bad_input("localiser", "margin_rad", margin_rad, "0 to pi")
        self.rig = rig
        positions = rig.positions_m[rig.working]
        self.centre_m = positions.mean(axis=0)
        self._offsets = positions - self.centre_m
        block = rig.samples_per_frame
        frequencies = np.arange(block // 2 + 1) * rig.sample_rate / block
        default = (min(rig.speed_of_sound / (2 * rig.aperture_m), rig.sample_rate / 4), 0.45 * rig.sample_rate)
        low, high = band_hz or default
        if not 0 < low < high <= rig.sample_rate / 2:
            raise bad_input("localiser", "band", f"{low:g} to {high:g} Hz", f"within 0 to {rig.sample_rate / 2:g} Hz")
        self._bins = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        if not len(self._bins):
            step = rig.sample_rate / block
            raise bad_input("localiser", "band", f"{low:g} to {high:g} Hz", f"one that holds a multiple of {step:g} Hz")
        self._frequencies_hz = frequencies
        self._curvatures = (BEYOND_INFINITY, 1 / nearest_m)
        self._coarse_directions, self._coarse_curvatures = self._coarse_grid(high, margin_rad)
        self._coarse_paths_m = np.concatenate(
            [_paths(self._offsets, self._coarse_directions, curvature)[0] for curvature in self._coarse_curvatures]
        ).astype(np.float32)
        self._weights: dict[int, np.ndarray] = {}

    def _coarse_grid(self, high_hz: float, margin_rad: float) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors around the camera's axis half a beam apart, and inverse distances likewise."""
        camera = self.rig.camera
        wavelength = self.rig.speed_of_sound / high_hz
        axis = np.asarray(camera.rotation)[:, 2]
        edges = np.array([[0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]])
        rays = camera.unproject(edges, 1.0) - camera.position_m
        widest = np.arccos((rays @ axis / np.linalg.norm(rays, axis=1)).min()) + margin_rad
        half_angle = min(float(widest), math.pi / 2)
        spacing = min(max(wavelength / (2 * self.rig.aperture_m), math.radians(0.5)), half_angle / 4)
        # Rings of equal spacing around the axis.
        directions = [axis]
        right, down = _tangents(axis)
        for ring in np.arange(spacing, half_angle + spacing / 2, spacing):
            turns = np.arange(max(6, math.ceil(2 * math.pi * math.sin(ring) / spacing)))
            angles = 2 * math.pi * turns / len(turns)
            around = np.cos(angles)[:, None] * right + np.sin(angles)[:, None] * down
            directions.extend(math.cos(ring) * axis + math.sin(ring) * around)
        # The paths of the rim differ by aperture^2 / 8 per unit of curvature: a quarter of a wavelength apart.
        reach = self._curvatures[1]
        count = max(1, math.ceil(reach * self.rig.aperture_m**2 / (2 * wavelength)))
        return np.array(directions), (np.arange(count) + 0.5) * reach / count

    def __call__(self, signals: np.ndarray) -> Localisation:
        """The dominant source of one window, during which it should move by less than a beam's width.

        Shapes:
            signals: (channels, samples), every channel of the rig, at least one frame long.

        Raises:
            AcoustillError: if the window is not the rig's, is shorter than a frame or is silent in the band.
        """
        from scipy.optimize import minimize  # takes a while to load, and every command loads this room

        check_channels(signals, self.rig, "signals")
        block = self.rig.samples_per_frame
        if signals.shape[1] < block:
            expected = f"at least one frame of {block} samples"
            raise bad_input("window", "length", f"{signals.shape[1]} samples", expected)
        spectra = _spectra(signals[self.rig.working], block)[self._bins]
        energies = np.square(np.abs(spectra)).sum(axis=(1, 2))
        if not energies.any():
            raise bad_input("window", "sound in the band", "zero", "a source that can be heard")
        strong = np.flatnonzero(energies >= STRONG * energies.max())
        strong = strong[np.linspace(0, len(strong) - 1, min(len(strong), BINS)).round().astype(int)]
        bins = self._bins[strong]
        spectra = spectra[strong] / np.sqrt(len(strong) * energies[strong])[:, None, None]
        wave_numbers = 2 * math.pi * self._frequencies_hz[bins] / self.rig.speed_of_sound

        beams = np.zeros(len(self._coarse_paths_m), np.float32)
        for i in np.unique(np.linspace(0, len(bins) - 1, COARSE_BINS).round().astype(int)):
            weights = self._coarse_weights(int(bins[i]))
            beams += np.square(np.abs(weights @ spectra[i].astype(np.complex64))).sum(axis=1)
        at_curvature, at_direction = np.divmod(int(beams.argmax()), len(self._coarse_directions))
        start = self._coarse_directions[at_direction]
        mean_hz = float((energies[strong] * self._frequencies_hz[bins]).sum() / energies[strong].sum())
        width = self.rig.speed_of_sound / mean_hz / self.rig.aperture_m
        aside = self._coarse_directions @ start < math.cos(min(width, math.pi))
        rivals = beams.reshape(len(self._coarse_curvatures), -1)[:, aside]
        beam = _Beam(self._offsets, spectra, wave_numbers, start)
        found = minimize(
            beam.loss_and_gradient,
            [0.0, 0.0, self._coarse_curvatures[at_curvature]],
            jac=True,
            method="L-BFGS-B",
            bounds=[(-1.0, 1.0), (-1.0, 1.0), self._curvatures],
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        covariance = beam.covariance(found.x)
        direction = beam.direction(found.x[:2])[0]
        curvature = float(found.x[2])
        point = self.centre_m + direction / max(curvature, 1 / FARTHEST_M)
        return Localisation(
            (float(point[0]), float(point[1]), float(point[2])),
            (float(direction[0]), float(direction[1]), float(direction[2])),
            curvature,
            math.sqrt(covariance[2, 2]),
            math.sqrt(np.linalg.eigvalsh(covariance[:2, :2])[-1]) if np.isfinite(covariance).all() else math.inf,
            min(1.0, -float(found.fun)),
            float(beams.max() / rivals.max()) if rivals.size else math.inf,
            mean_hz,
        )

    def _coarse_weights(self, one: int) -> np.ndarray:
        """Delay-and-sum weights of the coarse grid at one bin, (points, M) complex64."""
        if one not in self._weights:
            if len(self._weights) * self._coarse_paths_m.size * 8 > CACHED_BYTES:
                self._weights.clear()
            phases = 2 * math.pi * self._frequencies_hz[one] / self.rig.speed_of_sound * self._coarse_paths_m
            self._weights[one] = np.exp(1j * phases.astype(np.complex64))
        return self._weights[one]


class _Beam:
    """Energy of the steered beam as a function of where it points: (a, b, curvature).

    The direction is `start` moved by a and b along its tangents; the energy is a share of all.
    """

    def __init__(self, offsets: np.ndarray, spectra: np.ndarray, wave_numbers: np.ndarray, start: np.ndarray) -> None:
        self._offsets, self._spectra, self._wave_numbers = offsets, spectra, wave_numbers
        self._start, self._tangents = start, np.stack(_tangents(start))

    def direction(self, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The unit vector (3,) and its derivatives (2, 3)."""
        moved = self._start + turn @ self._tangents
        length = np.linalg.norm(moved)
        direction = moved / length
        return direction, (self._tangents - np.outer(self._tangents @ direction, direction)) / length

    def loss_and_gradient(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """The negative share of the energy, and its gradient (3,)."""
        loss, scores = self._scores(place)
        return loss, scores.sum(axis=0)

    def covariance(self, place: np.ndarray) -> np.ndarray:
        """Huber's sandwich with one score a microphone, (3, 3); infinite where the beam has no summit."""
        steps = np.diag([1e-5, 1e-5, 1e-4])
        slopes = [
            (self._scores(place + s)[1].sum(0) - self._scores(place - s)[1].sum(0)) / (2 * s.max()) for s in steps
        ]
        curving = (np.array(slopes) + np.array(slopes).T) / 2
        if not (np.isfinite(curving).all() and np.linalg.eigvalsh(curving)[0] > 0):
            return np.full((3, 3), math.inf)
        inverse = np.linalg.inv(curving)
        cells = self._cells(place)  # (parts of the band, M, 3)
        by_microphone, by_part = cells.sum(axis=0), cells.sum(axis=1)
        # The place and the source's phase are fitted to few microphones: the jackknife's correction, with the
        # mean leverage (MacKinnon and White 1985).
        count = len(by_microphone)
        spread = (by_microphone.T @ by_microphone) * (count / (count - 4)) ** 2
        if len(cells) > 1:
            common = by_part.T @ by_part - np.einsum("bmi,bmj->ij", cells, cells)
            values, vectors = np.linalg.eigh(common)
            spread += vectors * np.maximum(values, 0.0) @ vectors.T * len(cells) / (len(cells) - 1)
        return inverse @ spread @ inverse

    def _scores(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss, and what each microphone adds to its gradient, (M, 3)."""
        energy, by_path, slopes = self._terms(place)
        return -energy, by_path.sum(axis=0)[:, None] * slopes

    def _cells(self, place: np.ndarray) -> np.ndarray:
        """What each microphone adds to the gradient in each part of the band, (parts, M, 3).

        The source's own phase is fitted too: what it takes up is left out of each. That changes no sum
        over microphones.
        """
        _, by_path, slopes = self._terms(place)
        parts = PARTS if len(by_path) >= 2 * PARTS else 1
        in_parts = np.stack([part.sum(axis=0) for part in np.array_split(by_path, parts)])
        return in_parts[..., None] * (slopes - slopes.mean(axis=0))

    def _terms(self, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The energy, the slope of the loss for each bin and path (bins, M), that of paths for the place (M, 3)."""
        direction, turning = self.direction(place[:2])
        paths, along, bending = _paths(self._offsets, direction[None], place[2])
        aligned = np.exp(1j * self._wave_numbers[:, None, None] * paths[0][:, None]) * self._spectra
        beams = aligned.sum(axis=1, keepdims=True)
        by_path = -2 * self._wave_numbers[:, None] * (beams.conj() * 1j * aligned).real.sum(axis=2)
        slopes = np.column_stack([along[0][:, None] * (self._offsets @ turning.T), bending[0]])
        count = len(self._offsets)
        return float(np.square(np.abs(beams)).sum()) / count, by_path / count, slopes


def _paths(offsets: np.ndarray, directions: np.ndarray, curvature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much farther a microphone is from the source than the centre is, and the derivatives.

    With c = direction . offset, curvature q = 1 / distance and s = r_m q, the path is (s - 1) / q; written as
    below it holds for plane waves (q = 0) too, and goes on smoothly to q < 0.

    Shapes:
        offsets: (M, 3), from the centre.
        directions: (D, 3), unit vectors.
        Output: three (D, M): paths in metres, d path / dc, d path / dq.
    """
    cosines = directions @ offsets.T
    squares = np.square(offsets).sum(axis=1)
    ratio = np.sqrt(np.maximum(1 - 2 * curvature * cosines + curvature**2 * squares, 1e-12))
    paths = (curvature * squares - 2 * cosines) / (1 + ratio)
    bending = (squares - paths * (curvature * squares - cosines) / ratio) / (1 + ratio)
    return paths, -1 / ratio, bending


def _tangents(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across a direction and across each other."""
    aside = np.eye(3)[np.abs(direction).argmin()]
    first = np.cross(aside, direction)
    first /= np.linalg.norm(first)
    return first, np.cross(direction, first)


def _spectra(signals: np.ndarray, block: int) -> np.ndarray:
    """Spectra of Hann-windowed blocks that overlap by half, (bins, M, blocks).

    The window keeps a tone from leaking over the band, so that the strongest bins are those of the source.
    """
    step = max(1, block // 2)
    spare = (signals.shape[1] - block) % step
    starts = range(spare // 2, signals.shape[1] - block + 1, step)  # as much left out before as behind
    blocks = np.stack([signals[:, start : start + block] for start in starts], axis=2)
    taper = np.hanning(block + 1)[:block, None]
    return np.fft.rfft(blocks * taper, axis=1).transpose(1, 0, 2)
