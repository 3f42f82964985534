"""A pinhole camera and its pose in the frame of the rig."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from acoustill.errors import bad_input

Vector = tuple[float, float, float]
IDENTITY: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: intrinsics in pixels, pose in metres.

    The camera's axes are x right, y down, z forward. Pixel coordinates are (column, row); the centre of the
    top left pixel is (0.5, 0.5). The model is the usual one (Hartley and Zisserman 2004, chapter 6).

    Attributes:
        width: columns of a video frame.
        height: rows of a video frame.
        focal_px: focal lengths (fx, fy) in pixels.
        principal_point_px: (cx, cy) in pixels.
        position_m: the optical centre in the rig frame.
        rotation: rows of the 3 x 3 matrix that turns camera axes into rig axes.
    """

    width: int = 640
    height: int = 480
    focal_px: tuple[float, float] = (554.3, 554.3)
    principal_point_px: tuple[float, float] = (320.0, 240.0)
    position_m: Vector = (0.0, 0.0, 0.0)
    rotation: tuple[Vector, Vector, Vector] = IDENTITY

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

    def unproject(self, pixels: np.ndarray, depth_m: float) -> np.ndarray:
        """Points of the rig frame that lie `depth_m` in front of the camera, seen at `pixels`.

        Shapes:
            pixels: (..., 2), (column, row).
            Output: (..., 3) in metres.
        """
        rays = (np.asarray(pixels, dtype=np.float64) - self.principal_point_px) / self.focal_px
        in_camera = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * depth_m
        return in_camera @ np.asarray(self.rotation).T + self.position_m

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Pixels at which points of the rig frame are seen; NaN for points behind the camera.

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
        return rays * self.focal_px + self.principal_point_px

    def depth_m(self, point_m: np.ndarray) -> float:
        """How far in front of the camera a point (3,) of the rig frame lies, along its axis."""
        return float(((np.asarray(point_m, dtype=np.float64) - self.position_m) @ np.asarray(self.rotation))[2])
