"""Random crops from an archive against the same recordings in other stores, in one process.

    python -m benchmarks.archive                      # about three minutes, 2 GB of a temporary folder
    python -m benchmarks.archive --results results.json

The task: recordings of 30 s with acoustic images (36 x 48 x 12, float16), the audio of one microphone (12,288 Hz) and
video (480 x 640, 12 frames a second), from which a training draws synchronous crops of 1 to 5 s at random. All files
are in the page cache; medians of CPU time of one thread over rounds in which every store is asked for the same crops.

- acoustill: `read_clip` on an archive, images and audio, or all three streams (every frame decoded from its JPEG);
- HDF5: one file a recording, chunks of a second, no compression, by h5py;
- tar: shards of samples of a second (`.npy` members), with an index of where each lies;
- Zarr: one group a recording, chunks of a second in shards of 30 s, no compression, by zarr-python;
- TFRecord: as the paper's code wrote and read it: a GZIP file a second with float32 images, int32 audio and raw RGB
  frames, which cannot be read without inflating all three; parsed by protobuf's own parser. Crops begin on seconds.

It ends with how long an archive of 10,000 recordings takes to open, and its memory.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import h5py
import numpy as np
import zarr
from benchmarks.imaging import machine
from tfrecord import example_pb2
from tfrecord.writer import TFRecordWriter
from zarr.storage import LocalStore

from acoustill.archive import Archive, ImageHeader, Recording, create_archive, finish_archive, write_recording
from acoustill.archive.clips import Clip, read_clip
from acoustill.imaging import ImageSpecification
from acoustill.rig import preset

SECONDS, FRAMES_A_SECOND, SAMPLES = 30, 12, 1024
FRAMES = SECONDS * FRAMES_A_SECOND
IMAGE, PICTURE = (36, 48, 12), (480, 640, 3)
TFRECORDS = 2  # recordings of that store: eleven megabytes a second are slow to write
OURS = "acoustill, images + audio"
Store = Callable[[Clip], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=16)
    parser.add_argument("--crops", type=int, default=200, help="a round; a fiftieth of them from TFRecords")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments)
    if arguments.results:
        arguments.results.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(lines(figures)))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    archive = make_archive(folder / "archive", arguments.recordings)
    stores = {
        OURS: ours(archive, ("audio", "image")),
        "acoustill, all three streams": ours(archive, ("audio", "image", "video")),
        "HDF5": hdf5(archive, folder / "hdf5"),
        "tar with an index": tar(archive, folder / "tar"),
        "Zarr": zarr_groups(archive, folder / "zarr"),
        "TFRecord, gzip": tfrecords(archive, folder / "tfrecord"),
    }
    rng = np.random.default_rng(1)
    times: dict[str, list[float]] = {name: [] for name in stores}
    for _ in range(arguments.rounds + 1):  # the first only fills caches
        crops = draw_crops(archive, rng, arguments.crops)
        for name, store in stores.items():
            asked = on_seconds(archive, crops) if name.startswith("TFRecord") else crops
            started = time.process_time()
            for clip in asked:
                store(clip)
            times[name].append((time.process_time() - started) / len(asked))
    rows = {name: {"ms_per_crop": 1e3 * statistics.median(found[1:])} for name, found in times.items()}
    return {"machine": machine(), "rows": with_ratios(rows), "opening": opening(folder)}


def with_ratios(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for row in rows.values():
        row["crops_per_second"] = 1e3 / row["ms_per_crop"]
        row["times_ours"] = row["ms_per_crop"] / rows[OURS]["ms_per_crop"]
    return rows


def lines(figures: dict[str, Any]) -> list[str]:
    """What is printed, and stands in the documentation."""
    found = [figures["machine"], f"{'crops of 1 to 5 s, one core':34s}{'ms a crop':>11s}{'crops/s':>9s}{'x ours':>8s}"]
    for name, row in figures["rows"].items():
        found.append(f"{name:34s}{row['ms_per_crop']:11.3f}{row['crops_per_second']:9.0f}{row['times_ours']:8.1f}")
    opened = figures["opening"]
    told = f"{opened['seconds']:.2f} s with all imports, {opened['manifest_seconds']:.2f} s without"
    return [*found, f"10,000 recordings open in {told}, in {opened['peak_mb']:.0f} MB"]


def make_archive(path: Path, recordings: int) -> Archive:
    """Smooth images and pictures with noise: what compresses is compressible, what does not is not."""
    rig = preset("dualcam")
    create_archive(path, rig, ImageHeader(ImageSpecification(), None))
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: PICTURE[0], : PICTURE[1]]
    for number in range(recordings):
        image = rng.standard_normal((FRAMES, 9, 12, 12)).repeat(4, axis=1).repeat(4, axis=2)
        scene = 128 + 60 * np.sin(rows / (40 + number)) * np.cos(columns / 60)
        video = np.empty((FRAMES, *PICTURE), np.uint8)
        for frame in range(FRAMES):
            moved = np.roll(scene, 4 * frame, axis=1)[..., None] + rng.normal(0, 4, (*PICTURE[:2], 1))
            video[frame] = np.clip(moved + np.array([0, 10, -10]), 0, 255)
        write_recording(
            path,
            f"r{number:03d}",
            frames=FRAMES,
            audio=rng.standard_normal((1, FRAMES * SAMPLES)).astype(np.float32),
            microphones=[0],
            image=image.astype(np.float16),
            video=video,
            label=f"class {number % 4}",
        )
    finish_archive(path)
    return Archive(path)


def draw_crops(archive: Archive, rng: np.random.Generator, count: int) -> list[Clip]:
    ids, crops = list(archive.entries), []
    for _ in range(count):
        frames = FRAMES_A_SECOND * int(rng.integers(1, 6))
        crops.append(Clip(ids[rng.integers(len(ids))], int(rng.integers(FRAMES - frames + 1)), frames))
    return crops


def on_seconds(archive: Archive, crops: list[Clip]) -> list[Clip]:
    """A few of the crops, begun on seconds, in the recordings that are there as TFRecords."""
    ids = list(archive.entries)[:TFRECORDS]
    few = crops[: max(2, len(crops) // 50)]
    return [
        Clip(ids[i % TFRECORDS], clip.start // FRAMES_A_SECOND * FRAMES_A_SECOND, clip.frames)
        for i, clip in enumerate(few)
    ]


def ours(archive: Archive, streams: tuple[str, ...]) -> Store:
    opened: dict[str, Recording] = {}

    def read(clip: Clip) -> Any:
        if clip.recording not in opened:
            opened[clip.recording] = archive[clip.recording]
        return read_clip(opened[clip.recording], clip, streams, SAMPLES)

    return read


def hdf5(archive: Archive, folder: Path) -> Store:
    folder.mkdir()
    for name in archive.entries:
        with h5py.File(folder / f"{name}.h5", "w") as file:
            recording = archive[name]
            file.create_dataset("image", data=recording.image, chunks=(FRAMES_A_SECOND, *IMAGE))
            file.create_dataset("audio", data=recording.audio, chunks=(1, FRAMES_A_SECOND * SAMPLES))
    opened: dict[str, h5py.File] = {}

    def read(clip: Clip) -> Any:
        if clip.recording not in opened:
            opened[clip.recording] = h5py.File(folder / f"{clip.recording}.h5", "r")
        file, stop = opened[clip.recording], clip.start + clip.frames
        return file["audio"][0, clip.start * SAMPLES : stop * SAMPLES], file["image"][clip.start : stop]

    return read


def tar(archive: Archive, folder: Path) -> Store:
    folder.mkdir()
    index: dict[tuple[str, int, str], tuple[int, int]] = {}
    for name in archive.entries:
        recording = archive[name]
        with tarfile.open(folder / f"{name}.tar", "w") as shard:
            for second in range(SECONDS):
                frames = slice(second * FRAMES_A_SECOND, (second + 1) * FRAMES_A_SECOND)
                samples = slice(frames.start * SAMPLES, frames.stop * SAMPLES)
                for stream, part in (("image", recording.image[frames]), ("audio", recording.audio[:, samples])):
                    buffer = BytesIO()
                    np.save(buffer, part)
                    member = tarfile.TarInfo(f"{second:06d}.{stream}.npy")
                    member.size = len(buffer.getvalue())
                    index[name, second, stream] = shard.offset + tarfile.BLOCKSIZE, member.size
                    shard.addfile(member, BytesIO(buffer.getvalue()))
    opened: dict[str, Any] = {}

    def read(clip: Clip) -> Any:
        if clip.recording not in opened:
            opened[clip.recording] = (folder / f"{clip.recording}.tar").open("rb")
        file = opened[clip.recording]
        first, last = clip.start // FRAMES_A_SECOND, (clip.start + clip.frames - 1) // FRAMES_A_SECOND
        parts: dict[str, list[np.ndarray]] = {"image": [], "audio": []}
        for second in range(first, last + 1):
            for stream, found in parts.items():
                offset, size = index[clip.recording, second, stream]
                file.seek(offset)
                found.append(np.load(BytesIO(file.read(size))))
        start = clip.start - first * FRAMES_A_SECOND
        image = np.concatenate(parts["image"])[start : start + clip.frames]
        audio = np.concatenate(parts["audio"], axis=1)[0, start * SAMPLES : (start + clip.frames) * SAMPLES]
        return np.array(audio), np.array(image)

    return read


def zarr_groups(archive: Archive, folder: Path) -> Store:
    for name in archive.entries:
        group, recording = zarr.create_group(LocalStore(folder / name)), archive[name]
        streams = {
            "image": (recording.image, (FRAMES_A_SECOND, *IMAGE)),
            "audio": (recording.audio, (1, FRAMES_A_SECOND * SAMPLES)),
        }
        for stream, (array, chunks) in streams.items():
            group.create_array(stream, data=np.array(array), chunks=chunks, shards=array.shape, compressors=None)
    opened: dict[str, Any] = {}

    def read(clip: Clip) -> Any:
        if clip.recording not in opened:
            group = zarr.open_group(LocalStore(folder / clip.recording), mode="r")
            opened[clip.recording] = group["audio"], group["image"]
        audio, image = opened[clip.recording]
        stop = clip.start + clip.frames
        return audio[0, clip.start * SAMPLES : stop * SAMPLES], image[clip.start : stop]

    return read


def tfrecords(archive: Archive, folder: Path) -> Store:
    for name in list(archive.entries)[:TFRECORDS]:
        (folder / name).mkdir(parents=True)
        for second in range(SECONDS):
            write_tfrecord(archive[name], second, folder / name / f"Data_{second + 1:03d}.tfrecord")

    def read(clip: Clip) -> Any:
        first = clip.start // FRAMES_A_SECOND
        seconds = range(first, first + clip.frames // FRAMES_A_SECOND)
        parts = [read_tfrecord(folder / clip.recording / f"Data_{second + 1:03d}.tfrecord") for second in seconds]
        return [np.concatenate(stream) for stream in zip(*parts, strict=True)]

    return read


def write_tfrecord(recording: Recording, second: int, path: Path) -> None:
    frames = range(second * FRAMES_A_SECOND, (second + 1) * FRAMES_A_SECOND)
    audio = (recording.signals() * 2**24).astype(np.int32)
    sizes = {"audio_image": ("height", "width", "depth"), "video": ("height", "width", "depth")}
    shapes = {"audio_image": IMAGE, "video": PICTURE}
    context = {f"{s}/{n}": (shapes[s][i], "int") for s, names in sizes.items() for i, n in enumerate(names)}
    context |= {"audio_data/mics": (1, "int"), "audio_data/samples": (SAMPLES, "int"), "action": (0, "int")}
    lists = {
        "audio/image": ([recording.image[i].astype("<f4").tobytes() for i in frames], "byte"),
        "audio/data": ([audio[:, i * SAMPLES : (i + 1) * SAMPLES].tobytes() for i in frames], "byte"),
        "video/image": ([recording.frame(i)[..., ::-1].tobytes() for i in frames], "byte"),
    }
    plain = path.with_suffix(".plain")
    with contextlib.closing(TFRecordWriter(str(plain))) as writer:
        writer.write(context, lists)
    path.write_bytes(gzip.compress(plain.read_bytes(), 6))
    plain.unlink()


def read_tfrecord(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = gzip.decompress(path.read_bytes())
    (length,) = struct.unpack_from("<Q", content)
    example = example_pb2.SequenceExample.FromString(content[12 : 12 + length])
    streams = example.feature_lists.feature_list
    parts = [
        b"".join(feature.bytes_list.value[0] for feature in streams[name].feature)
        for name in ("audio/data", "audio/image")
    ]
    return np.frombuffer(parts[0], np.int32), np.frombuffer(parts[1], np.float32).reshape(-1, *IMAGE)


OPENING = """
import sys, time
started = time.perf_counter()
from acoustill.archive import Archive
imported = time.perf_counter()
archive = Archive(sys.argv[1])
done = time.perf_counter()
assert len(archive) == 10_000
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(done - started, done - imported, peak)
"""


def opening(folder: Path) -> dict[str, float]:
    """An archive of 10,000 recordings, of which only the manifest is there, in processes of their own."""
    path = folder / "archive"
    entry = json.loads((path / "manifest.jsonl").read_text().splitlines()[0])
    rows = [json.dumps(entry | {"id": f"r{i:05d}", "content": f"{i:064x}"}) for i in range(10_000)]
    (path / "manifest.jsonl").write_text("\n".join(rows) + "\n")
    command = [sys.executable, "-c", OPENING, str(path)]
    found = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(5)]
    whole, manifest, peak = (statistics.median(float(one) for one in column) for column in zip(*found, strict=True))
    return {"seconds": whole, "manifest_seconds": manifest, "peak_mb": peak / 1e3}


if __name__ == "__main__":
    main()
