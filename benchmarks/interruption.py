"""An import that is killed again and again, and what it ends with.

    python benchmarks/interruption.py --kills 20

A small data set in AVIA's layout is written and imported twice by `acoustill import avia` in two processes: once
undisturbed, and once killed with SIGKILL (all its processes) at random moments, between its start and its end, and
then given again until it ends. It prints how far each attempt came, and whether the two archives are equal byte for
byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import simplejpeg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recordings", type=int, default=48)
    parser.add_argument("--frames", type=int, default=24, help="of a recording")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments)
    if arguments.results:
        arguments.results.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(lines(figures)))
    sys.exit(not figures["equal"])


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    root = folder / "avia"
    write_avia(root, arguments.recordings, arguments.frames)
    started = time.perf_counter()
    undisturbed = importing(root, folder / "undisturbed")
    while undisturbed.poll() is None and not [*folder.glob("undisturbed/recordings/[!.]*")]:
        time.sleep(0.01)
    first = time.perf_counter() - started
    assert undisturbed.wait() == 0, "the undisturbed import failed"
    rest = time.perf_counter() - started - first
    rng = np.random.default_rng(arguments.seed)
    out, done, killed = folder / "killed", [], 0
    while killed < arguments.kills:
        running = importing(root, out)
        # Now and then before the first recording is whole; else so that all kills together take the whole import.
        time.sleep(first * float(rng.uniform(0.5, 1.5)) + rest * float(rng.uniform(0, 3 / arguments.kills)))
        if running.poll() is None:
            killed += 1
        else:  # it had the time to end: half of what it made is taken away, so that there is something to kill
            for recording in sorted((out / "recordings").iterdir())[1::2]:
                remove(recording)
        kill(running)
        done.append(len([*out.glob("recordings/[!.]*")]))
    status = importing(root, out).wait()
    equal = status == 0 and contents(out) == contents(folder / "undisturbed")
    return {
        "recordings": arguments.recordings,
        "kills": killed,
        "recordings_after_each_attempt": done,
        "seconds_undisturbed": first + rest,
        "files": len(contents(folder / "undisturbed")),
        "equal": equal,
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """What is printed, and stands in the documentation."""
    answer = "equal byte for byte" if figures["equal"] else "DIFFERENT"
    return [
        f"{figures['recordings']} recordings of AVIA's layout, killed {figures['kills']} times; whole recordings after "
        "each attempt:",
        "  " + " ".join(map(str, figures["recordings_after_each_attempt"])),
        f"archives of {figures['files']} files, killed and undisturbed: {answer}",
    ]


def importing(root: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "acoustill", "import", "avia", str(root), str(out), "--jobs", "2"]
    return subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )


def kill(running: subprocess.Popen[bytes]) -> None:
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_avia(root: Path, recordings: int, frames: int) -> None:
    """Noise in AVIA's layout."""
    rng = np.random.default_rng(0)
    for number in range(recordings):
        name = f"Location_{number // 42 + 1:02d}/Subject_{number // 14 % 3 + 1:02d}/Action_{number % 14:02d}"
        maps, audio, video = (
            root / "matfiles" / name / "MFCC_Image",
            *(root / "sync" / name / kind for kind in ("audio", "video")),
        )
        for folder in (maps, audio, video):
            folder.mkdir(parents=True)
        for frame in range(1, frames + 1):
            scipy.io.savemat(maps / f"Data_{frame}.mat", {"MFCC": rng.standard_normal((36, 48, 12))})
            np.save(audio / f"A_{frame:06d}.npy", rng.integers(-(2**23), 2**23, (1, 1024), dtype=np.int32))
            picture = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
            (video / f"I_{frame:06d}.jpeg").write_bytes(simplejpeg.encode_jpeg(picture, quality=60))


if __name__ == "__main__":
    main()
