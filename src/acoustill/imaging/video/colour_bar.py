"""The colour bar beside an overlay video, drawn without a plotting library."""

from __future__ import annotations

import numpy as np

from acoustill.imaging.video.overlay import heat_colours

PANEL = np.array([18, 18, 20], np.uint8)
INK = np.array([226, 226, 228], np.uint8)
# 5 x 7 dots, the classic letters of dot-matrix displays; each number is a row, its lowest bit on the right.
_GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12), "-": (0, 0, 0, 31, 0, 0, 0), "=": (0, 0, 31, 0, 31, 0, 0),
    "r": (0, 0, 22, 25, 16, 16, 16), "e": (0, 0, 14, 17, 31, 16, 14),
    "d": (1, 1, 13, 19, 17, 17, 15), "B": (30, 17, 17, 30, 17, 17, 30), ".": (0, 0, 0, 0, 0, 12, 12),
}  # fmt: skip


def draw_text(frame: np.ndarray, text: str, row: int, column: int, dot: int) -> None:
    """Writes digits, `-`, `=`, `.`, `dB` and `re`; what does not fit is cut off.

    Args:
        frame: written on, (h, w, 3) uint8.
        text: one line.
        row: of its top.
        column: of its left.
        dot: size of a dot in pixels; letters are 5 x 7 dots, one apart.
    """
    for i, letter in enumerate(text):
        rows = _GLYPHS.get(letter)
        if rows is None:  # a space
            continue
        dots = np.array([[line >> (4 - x) & 1 for x in range(5)] for line in rows], bool)
        mask = np.kron(dots, np.ones((dot, dot), bool))
        left = column + 6 * dot * i
        area = frame[row : row + 7 * dot, left : left + 5 * dot]
        area[mask[: area.shape[0], : area.shape[1]]] = INK


class ColourBar:
    """A panel with the colours of levels, drawn once, and the reference's level, drawn anew for each frame.

    The levels on the bar are in dB below the reference; below it stands the reference itself, in dB re 1 of the
    energies' unit.

    Args:
        height: of the panel in pixels.
        range_db: levels from 0 at the top to minus this.

    Attributes:
        width: of the panel in pixels, even.
    """

    def __init__(self, height: int, range_db: float) -> None:
        dot = max(1, height // 240)
        line = 9 * dot
        self._dot = dot
        self.width = 44 * dot
        self._panel = np.tile(PANEL, (height, self.width, 1))
        top, bottom = 3 * line, max(3 * line + 2, height - 5 * line)
        draw_text(self._panel, "dB", line, 5 * dot, dot)
        shown = np.linspace(1, 0, bottom - top)
        left, right = 4 * dot, 13 * dot
        self._panel[top:bottom, left:right] = heat_colours(shown)[:, None]
        for level in ticks(range_db):
            row = top + round((bottom - top - 1) * level / range_db)
            self._panel[row : row + dot, right : right + 2 * dot] = INK
            label = f"-{level:g}" if level else " 0"
            draw_text(self._panel, label, min(max(row - 3 * dot, 0), height - 7 * dot), right + 4 * dot, dot)
        self._row = bottom + line + dot
        draw_text(self._panel, "0 =", self._row, 3 * dot, dot)
        draw_text(self._panel, "re 1", self._row + 2 * line, 3 * dot, dot)

    def __call__(self, reference_db: float) -> np.ndarray:
        """The panel of a frame.

        Args:
            reference_db: the level that is 0 dB on the bar.

        Shapes:
            Output: (h, width, 3) uint8 RGB.
        """
        panel = self._panel.copy()
        draw_text(panel, f"{round(reference_db)} dB", self._row + 9 * self._dot, 3 * self._dot, self._dot)
        return panel


def ticks(range_db: float) -> list[float]:
    """Round levels from 0 to the range, 4 to 8 of them, as positive numbers.

    Example:
        >>> ticks(12.0)
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
        >>> ticks(30.0)
        [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
    """
    steps = [10.0**power * digit for power in range(-3, 4) for digit in (1, 2, 5)]
    step = next(step for step in steps if range_db / step < 8 or step == steps[-1])
    return [float(f"{i * step:g}") for i in range(int(range_db / step + 1e-9) + 1)]
