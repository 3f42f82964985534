"""A pinhole camera with lens distortion, and its pose in the frame of the rig."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from acoustill.errors import bad_input

Vector = tuple[float, float, float]
IDENTITY: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
CHECKED = 33  # points of the frame along each side at which the distortion must be invertible
NEWTON_STEPS = 12  # after which Newton's method has long converged wherever it does
TOLERANCE_PX = 1e-9
LARGEST = 1e6  # coefficient: those of long lenses reach some hundreds
SMALLEST = 1e-15  # coefficient that can fold a ray: below, it moves none by as much as rounding does


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: intrinsics in pixels, pose in metres.

    The camera's axes are x right, y down, z forward. Pixel coordinates are (column, row); the centre of the
    top left pixel is (0.5, 0.5). The model is the usual one (Hartley and Zisserman 2004, chapter 6), with
    the lens distortion of Brown (1971, "Close-range camera calibration") in the form of Zhang (2000): a ray
    (x, y) at r^2 = x^2 + y^2 is seen at

        x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2),
        y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y.

    Attributes:
        width: columns of a video frame.
        height: rows of a video frame.
        focal_px: focal lengths (fx, fy) in pixels.
        principal_point_px: (cx, cy) in pixels.
        position_m: the optical centre in the rig frame.
        rotation: rows of the 3 x 3 matrix that turns camera axes into rig axes.
        distortion: (k1, k2, p1, p2, k3), the order of OpenCV's `distCoeffs`; k3 may be left out. Empty for a
            lens without distortion.

    Raises:
        AcoustillError: if a value is impossible, or the distortion folds the image inside the frame, so that
            one pixel would show two places.
    """

    width: int = 640
    height: int = 480
    focal_px: tuple[float, float] = (554.3, 554.3)
    principal_point_px: tuple[float, float] = (320.0, 240.0)
    position_m: Vector = (0.0, 0.0, 0.0)
    rotation: tuple[Vector, Vector, Vector] = IDENTITY
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise bad_input("camera", "image size", f"{self.width} x {self.height}", "at least 1 x 1 pixels")
        if not all(0 < focal < math.inf for focal in self.focal_px):
            raise bad_input("camera", "focal_px", self.focal_px, "two positive numbers")
        if not np.isfinite([*self.principal_point_px, *self.position_m]).all():
            found = (self.principal_point_px, self.position_m)
            raise bad_input("camera", "principal_point_px or position_m", found, "finite numbers")
        turn = np.asarray(self.rotation, dtype=np.float64)
        proper = turn.shape == (3, 3) and np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) and np.linalg.det(turn) > 0
        if not proper:
            raise bad_input("camera", "rotation", turn.tolist(), "the three rows of a rotation matrix")
        self._check_distortion()

    def _check_distortion(self) -> None:
        object.__setattr__(self, "distortion", tuple(float(value) for value in np.ravel(self.distortion)))
        if len(self.distortion) not in (0, 4, 5) or not all(abs(value) <= LARGEST for value in self.distortion):
            expected = "none, or 4 or 5 numbers: k1, k2, p1, p2, k3 (OpenCV's order)"
            raise bad_input("camera", "distortion", self.distortion, expected)
        if any(self.distortion):
            x, y = np.linspace(0, self.width, CHECKED), np.linspace(0, self.height, CHECKED)
            over_frame = np.stack(np.meshgrid(x, y), axis=-1)
            if np.isnan(self._rays(over_frame)).any():
                expected = "coefficients that do not fold the image; calibrate with points up to its corners"
                raise bad_input("camera", "distortion", self.distortion, expected)

    @classmethod
    def with_field_of_view(cls, width: int, height: int, horizontal_rad: float) -> Camera:
        """A camera at the origin with square pixels and the given horizontal field of view in radians."""
        focal = width / 2 / math.tan(horizontal_rad / 2)
        return cls(width, height, (focal, focal), (width / 2, height / 2))

    def pixels(self, rows: int, columns: int) -> np.ndarray:
        """Centres of a coarser grid of pixels laid over the frame.

        Shapes:
            Output: (rows, columns, 2), (column, row) in pixels of the video frame.
        """
        x = (np.arange(columns) + 0.5) * self.width / columns
        y = (np.arange(rows) + 0.5) * self.height / rows
        return np.stack(np.meshgrid(x, y), axis=-1)

    def with_pose(self, rotation: np.ndarray, position_m: np.ndarray) -> Camera:
        """The same camera at another place.

        Args:
            rotation: the matrix that turns camera axes into rig axes, or its rotation vector (axis times
                angle in radians; Rodrigues 1840).
            position_m: the optical centre in the rig frame.

        Shapes:
            rotation: (3, 3) or (3,).
            position_m: (3,).

        Example:
            >>> turned = Camera().with_pose(np.array([0.0, np.pi / 2, 0.0]), np.zeros(3))
            >>> turned.project(np.array([2.0, 0.0, 0.0])).round(6).tolist()
            [320.0, 240.0]
        """
        turn = np.asarray(rotation, dtype=np.float64)
        if turn.shape == (3,):
            turn = Rotation.from_rotvec(turn).as_matrix()
        x, y, z = (float(value) for value in position_m)
        rows = tuple(tuple(float(value) for value in row) for row in turn)
        return replace(self, rotation=rows, position_m=(x, y, z))  # type: ignore[arg-type]

    def unproject(self, pixels: np.ndarray, depth_m: float | np.ndarray) -> np.ndarray:
        """Points of the rig frame that lie `depth_m` in front of the camera, seen at `pixels`.

        Args:
            pixels: where the points are seen. Pixels outside the frame that a distorting lens shows nothing
                at give NaN.
            depth_m: along the camera's axis; one for all pixels, or a depth map.

        Shapes:
            pixels: (..., 2), (column, row).
            depth_m: a number or (...).
            Output: (..., 3) in metres.

        Raises:
            AcoustillError: if the depth map has another shape than the pixels.
        """
        rays = self._rays(np.asarray(pixels, dtype=np.float64))
        depth = np.asarray(depth_m, dtype=np.float64)
        if depth.ndim and depth.shape != rays.shape[:-1]:
            raise bad_input("camera", "depth_m", f"of shape {depth.shape}", f"a number or {rays.shape[:-1]}")
        in_camera = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * depth[..., None]
        return in_camera @ np.asarray(self.rotation).T + self.position_m

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Pixels at which points of the rig frame are seen.

        NaN for points behind the camera, and for those so far to the side that the distortion would fold
        them back into the frame.

        Shapes:
            points_m: (..., 3) in metres.
            Output: (..., 2), (column, row).

        Example:
            >>> Camera().project([0.0, 0.0, 2.0]).tolist()
            [320.0, 240.0]
        """
        in_camera = (np.asarray(points_m, dtype=np.float64) - self.position_m) @ np.asarray(self.rotation)
        depth = in_camera[..., 2:]
        rays = in_camera[..., :2] / np.where(depth > 0, depth, np.nan)
        if any(self.distortion):
            beyond = np.square(rays).sum(axis=-1, keepdims=True) >= _fold(self.distortion)
            rays = np.where(beyond, np.nan, _distort(rays, self.distortion)[0])
        return rays * self.focal_px + self.principal_point_px

    def depth_m(self, point_m: np.ndarray) -> float:
        """How far in front of the camera a point (3,) of the rig frame lies, along its axis."""
        return float(((np.asarray(point_m, dtype=np.float64) - self.position_m) @ np.asarray(self.rotation))[2])

    def _rays(self, pixels: np.ndarray) -> np.ndarray:
        """(x / z, y / z) of what is seen at `pixels`, without distortion; NaN where the lens shows nothing."""
        seen = (pixels - self.principal_point_px) / self.focal_px
        if not any(self.distortion):
            return seen
        # Newton's method is led along the ray from the principal point outwards, so that of several solutions
        # it finds the one that belongs to the image, not one beyond the fold.
        rays = np.zeros_like(seen)
        with np.errstate(all="ignore"):
            for share in [*np.linspace(0, 1, 9)[1:], *np.ones(NEWTON_STEPS)]:
                distorted, slopes = _distort(rays, self.distortion)
                error = distorted - share * seen
                determinant = slopes[0] * slopes[2] - slopes[1] ** 2
                step = np.stack(
                    [
                        slopes[2] * error[..., 0] - slopes[1] * error[..., 1],
                        slopes[0] * error[..., 1] - slopes[1] * error[..., 0],
                    ],
                    axis=-1,
                )
                rays = rays - step / determinant[..., None]
            distorted, slopes = _distort(rays, self.distortion)
            exact = (np.abs(distorted - seen) * self.focal_px <= TOLERANCE_PX).all(axis=-1)
            upright = (slopes[0] * slopes[2] > slopes[1] ** 2) & (np.square(rays).sum(axis=-1) < _fold(self.distortion))
        return np.where((exact & upright)[..., None], rays, np.nan)


def _distort(rays: np.ndarray, coefficients: tuple[float, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Rays after Brown's distortion, and the derivatives dx'/dx, dx'/dy = dy'/dx, dy'/dy."""
    k1, k2, p1, p2, k3 = (*coefficients, 0.0)[:5]
    x, y = rays[..., 0], rays[..., 1]
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    slope = 2 * (k1 + square * (2 * k2 + 3 * k3 * square))
    distorted = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )
    across = x * y * slope + 2 * (p1 * x + p2 * y)
    along_x = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    along_y = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return distorted, (along_x, across, along_y)


def _fold(coefficients: tuple[float, ...]) -> float:
    """Square of the radius at which the radial distortion turns back; infinite if it never does."""
    k1, k2, _, _, k3 = (*coefficients, 0.0)[:5]
    slope = np.array([7 * k3, 5 * k2, 3 * k1, 1.0])
    turns = np.roots(np.where(np.abs(slope) < SMALLEST, 0.0, slope))
    ahead = turns.real[(np.abs(turns.imag) < 1e-12 * (1 + np.abs(turns))) & (turns.real > 0)]
    return float(ahead.min()) if len(ahead) else math.inf
