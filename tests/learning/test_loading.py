"""Loaders: batches are cut at the same instant in every stream, the same however many processes read them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from acoustill.archive import Archive, Clip, Protocol, split_archive
from acoustill.errors import AcoustillError
from acoustill.learning.loading import ClipLoader, random_clip_loader, regular_clip_loader, specified_clip_loader
from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.processes import Share, processes_of_node, share_of_process
from acoustill.models import Specification
from small_archives import IMAGE_SPECIFICATION, SAMPLES_PER_FRAME, small_archive

FRAMES = 48  # 4 s
STREAMS = ("audio", "image", "video")


def telling(number: int) -> dict[str, Any]:
    """Every stream tells the time and the recording: audio in samples, images and video in frames."""
    frames = np.arange(FRAMES)
    audio = np.arange(FRAMES * SAMPLES_PER_FRAME, dtype=np.float32) + 100_000 * number
    return {
        "frames": FRAMES,
        "audio": np.stack([audio, audio + 50_000]),
        "image": np.broadcast_to((frames + 100 * number)[:, None, None, None], (FRAMES, 3, 4, 2)).astype(np.float16),
        "video": np.broadcast_to((5 * frames)[:, None, None, None], (FRAMES, 16, 24, 3)).astype(np.uint8),
        "label": ("clap", "door", None)[number % 3],
        "subject": f"s{number}",
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return small_archive(tmp_path_factory.mktemp("telling") / "archive", [telling(number) for number in range(9)])


LABELLED = ("r000", "r001", "r003", "r004", "r006", "r007")
UNLABELLED_ONES = ("r002", "r005", "r008")


def random_batches(archive: Archive, streams: Any = ("audio", "image"), **given: Any) -> list[dict[str, Any]]:
    usual = {"seed": 3, "steps": 5, "unlabelled": UNLABELLED_ONES, "unlabelled_batch": 4}
    return list(random_clip_loader(archive, LABELLED, streams, 1.0, 8, **usual | given))


def assert_equal(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    assert len(one) == len(other)
    for mine, yours in zip(one, other, strict=True):
        assert mine.keys() == yours.keys()
        assert mine["recording"] == yours["recording"]
        for name in mine.keys() & {"label", "start", "offset", "step"}:
            assert torch.equal(mine[name], yours[name])
        for stream, view in mine["views"].items():
            assert torch.equal(view, yours["views"][stream])


def clips_of(batches: list[dict[str, Any]]) -> Iterator[tuple[str, int, dict[str, torch.Tensor]]]:
    for batch in batches:
        for i, (recording, start) in enumerate(zip(batch["recording"], batch["start"].tolist(), strict=True)):
            yield recording, start, {stream: view[i] for stream, view in batch["views"].items()}


# synchrony --------------------------------------------------------------------------------------------------


def assert_synchronous(batches: list[dict[str, Any]], frames: int) -> None:
    for recording, start, views in clips_of(batches):
        number = int(recording[1:])
        first = start * SAMPLES_PER_FRAME + 100_000 * number
        heard = torch.arange(first, first + frames * SAMPLES_PER_FRAME, dtype=torch.float32)
        assert torch.equal(views["audio"], heard)
        seen = torch.arange(start, start + frames)
        assert views["image"].shape == (frames, 3, 4, 2)
        assert torch.equal(views["image"][:, 2, 1, 0].int(), seen.int() + 100 * number)
        assert (views["video"].float().mean((1, 2, 3)) / 5 - seen).abs().max() < 0.45


def test_random_crops_show_the_same_instant_in_every_stream(archive: Archive) -> None:
    batches = random_batches(archive, STREAMS)
    assert_synchronous(batches, 12)
    assert len({(recording, start) for recording, start, _ in clips_of(batches)}) > 40
    assert all(0 <= start <= FRAMES - 12 for _, start, _ in clips_of(batches))


def test_regular_clips_show_the_same_instant_in_every_stream(archive: Archive) -> None:
    batches = list(regular_clip_loader(archive, ("r003", "r001"), STREAMS, 1.5, 3))
    assert_synchronous(batches, 18)
    assert [(recording, start) for recording, start, _ in clips_of(batches)] == [
        *(("r003", start) for start in (0, 18)),
        *(("r001", start) for start in (0, 18)),
    ]


def test_a_specification_says_how_clips_are_read(archive: Archive) -> None:
    rig = archive.rig
    specification = Specification(
        streams=("image", "video"),
        classes=("a", "b"),
        sample_rate=rig.sample_rate,
        samples_per_frame=SAMPLES_PER_FRAME,
        clip_frames=18,
        image_shape=(3, 4, 2),
        image=IMAGE_SPECIFICATION.to_json(),
        video_shape=(8, 12),
    )
    (batch,) = specified_clip_loader(specification, archive, ["r001"])
    assert batch["start"].tolist() == [0, 18]
    assert {stream: tuple(view.shape[1:]) for stream, view in batch["views"].items()} == {
        stream: specification.view_shape(stream) for stream in specification.streams
    }
    (seen,) = specified_clip_loader(specification, archive, ["r001"], streams=["video"])
    assert list(seen["views"]) == ["video"]
    other = {
        "frame rate is 6 Hz, expected 12 Hz": {"samples_per_frame": 2 * SAMPLES_PER_FRAME},
        "image specification is None": {"image": None},
        "sample rate is 600 Hz, expected 1200 Hz": {
            "streams": ("audio",),
            "sample_rate": rig.sample_rate // 2,
            "samples_per_frame": SAMPLES_PER_FRAME // 2,
        },
    }
    for complaint, change in other.items():
        with pytest.raises(AcoustillError, match=f"loader: {complaint}"):
            specified_clip_loader(specification.model_copy(update=change), archive, ["r001"])


def test_crops_of_audio_alone_may_start_at_any_sample(archive: Archive) -> None:
    batches = random_batches(archive, ("audio",), any_sample=True)
    starts = []
    for batch in batches:
        for i, recording in enumerate(batch["recording"]):
            start = int(batch["start"][i]) * SAMPLES_PER_FRAME + int(batch["offset"][i])
            first = start + 100_000 * int(recording[1:])
            assert torch.equal(batch["views"]["audio"][i], torch.arange(first, first + 1200, dtype=torch.float32))
            starts.append(start)
    assert len({start % SAMPLES_PER_FRAME for start in starts}) > 30
    assert all(0 <= start <= (FRAMES - 12) * SAMPLES_PER_FRAME for start in starts)
    with pytest.raises(AcoustillError, match=r"start at any sample is \['audio', 'image'\], expected audio alone"):
        random_batches(archive, any_sample=True)


def test_crops_that_fill_their_extent_start_with_it(archive: Archive) -> None:
    for any_sample in (False, True):
        loader = random_clip_loader(
            archive, [Clip("r000", 7, 12)], ["audio"], 1.0, 2, seed=0, steps=3, any_sample=any_sample
        )
        for batch in loader:
            assert batch["start"].tolist() == [7, 7]
            assert batch["offset"].tolist() == [0, 0]


def test_labels_are_the_archives_and_unlabelled_clips_come_last(archive: Archive) -> None:
    for batch in random_batches(archive):
        labels = [archive.entries[recording].label for recording in batch["recording"]]
        assert batch["label"].tolist() == [-1 if one is None else archive.classes.index(one) for one in labels]
        assert [label == UNLABELLED for label in batch["label"].tolist()] == [False] * 8 + [True] * 4


def test_any_microphone_is_heard_if_asked_for(archive: Archive) -> None:
    def rows(**given: Any) -> set[bool]:
        return {bool(view["audio"][0] % 100_000 >= 50_000) for _, _, view in clips_of(random_batches(archive, **given))}

    assert rows() == {False}
    assert rows(other_microphones=True) == {False, True}


# the same for any number of workers and processes, and from any step on ---------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(archive: Archive, workers: int) -> None:
    assert_equal(random_batches(archive), random_batches(archive, workers=workers))


class Louder:
    """Twice as loud in the first step, three times in the next one, and so on."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        factors = batch["step"] + 2
        return batch | {"views": batch["views"] | {"audio": batch["views"]["audio"] * factors[:, None]}}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_varied_by_who_reads_them(archive: Archive, workers: int) -> None:
    plain = random_batches(archive, start_step=1)
    varied = random_batches(archive, start_step=1, vary=Louder(), workers=workers)
    assert [batch["step"].unique().tolist() for batch in varied] == [[1], [2], [3], [4]]
    for step, (one, other) in enumerate(zip(plain, varied, strict=True), 1):
        assert torch.equal(other["views"]["audio"], (step + 2) * one["views"]["audio"])
        assert torch.equal(other["views"]["image"], one["views"]["image"])


@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_at_a_step_is_the_tail_of_an_undisturbed_run(archive: Archive, workers: int) -> None:
    undisturbed = random_batches(archive)
    for start_step in (1, 3) if workers == 0 else (2,):
        tail = random_batches(archive, start_step=start_step, workers=workers)
        assert_equal(tail, undisturbed[start_step:])


def test_rounds_follow_each_other(archive: Archive) -> None:
    """Two rounds of three steps are one of six; the second can be begun at its own step."""
    whole = random_batches(archive, steps=6)
    loader = random_clip_loader(
        archive, LABELLED, ("audio", "image"), 1.0, 8, seed=3, steps=3, unlabelled=UNLABELLED_ONES, unlabelled_batch=4
    )
    rounds = []
    for number in range(2):
        loader.batch_sampler.sampler.set_epoch(number)  # type: ignore[union-attr]
        rounds += list(loader)
    assert_equal(rounds, whole)
    assert_equal(random_batches(archive, steps=3, start_step=4), whole[4:])
    assert len(loader) == 3


def test_workers_outlive_a_round(archive: Archive) -> None:
    loader = random_clip_loader(archive, LABELLED, ("audio",), 1.0, 8, seed=3, steps=2, workers=1)
    first = list(loader)
    worker = loader._iterator._workers[0].pid  # type: ignore[union-attr]
    assert_equal(list(loader), first)
    assert loader._iterator._workers[0].pid == worker  # type: ignore[union-attr]


def joined(shares: list[dict[str, Any]]) -> dict[str, Any]:
    """One step of several processes: their labelled clips, then their unlabelled ones."""
    labelled, unlabelled = 8 // len(shares), 4 // len(shares)

    def join(parts: list[torch.Tensor]) -> torch.Tensor:
        assert all(len(part) == labelled + unlabelled for part in parts)
        return torch.cat([*(part[:labelled] for part in parts), *(part[labelled:] for part in parts)])

    names = [share["recording"] for share in shares]
    return {
        "views": {stream: join([share["views"][stream] for share in shares]) for stream in shares[0]["views"]},
        "recording": [*chain(*(part[:labelled] for part in names)), *chain(*(part[labelled:] for part in names))],
        **{name: join([share[name] for share in shares]) for name in ("label", "start", "offset", "step")},
    }


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_all_processes_together_read_what_one_would(archive: Archive, world_size: int) -> None:
    shares = [random_batches(archive, rank=rank, world_size=world_size, start_step=1) for rank in range(world_size)]
    together = [joined(list(step)) for step in zip(*shares, strict=True)]
    assert_equal(together, random_batches(archive, start_step=1))


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_regular_clips_are_read_by_one_process_each(archive: Archive, world_size: int) -> None:
    """Eighteen clips: their number divides neither by the batch nor by four; none is read twice or left out."""
    alone = [clip[:2] for clip in clips_of(list(regular_clip_loader(archive, LABELLED, ["image"], 1.3, 12)))]
    loaders = [
        regular_clip_loader(archive, LABELLED, ["image"], 1.3, 12, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    shares = [[clip[:2] for clip in clips_of(list(loader))] for loader in loaders]
    assert len(alone) == len(set(alone)) == 18
    assert sorted(chain(*shares)) == sorted(alone)
    for rank, share in enumerate(shares):
        assert share == alone[rank::world_size]
    first = [next(iter(loader))["recording"] for loader in loaders]
    assert sorted(chain(*first)) == sorted(recording for recording, _ in alone[:12])


def of_one_process(rank: int, world_size: int, archive: Path, folder: Path) -> None:
    """What each of two real processes does."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world_size
    )
    batches = random_batches(Archive(archive))
    read = torch.stack([batch["views"]["audio"] for batch in batches])
    parts = [torch.empty_like(read) for _ in range(world_size)]
    torch.distributed.all_gather(parts, read)
    if rank == 0:
        np.save(folder / "gathered.npy", torch.stack(parts).numpy())
    torch.distributed.destroy_process_group()


def test_two_processes_of_torch_distributed_take_their_shares(archive: Archive, tmp_path: Path) -> None:
    torch.multiprocessing.spawn(of_one_process, (2, archive.path, tmp_path), nprocs=2)
    gathered = torch.from_numpy(np.load(tmp_path / "gathered.npy"))
    for step, batch in enumerate(random_batches(archive, rank=0, world_size=1)):
        labelled, unlabelled = gathered[:, step, :4].flatten(0, 1), gathered[:, step, 4:].flatten(0, 1)
        assert torch.equal(torch.cat([labelled, unlabelled]), batch["views"]["audio"])


@pytest.mark.parametrize(
    ("environment", "share", "here"),
    [
        ({}, Share(0, 1), 1),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, Share(3, 8), 4),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Share(0, 1), 1),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "6", "SLURM_STEP_NUM_NODES": "3"}, Share(5, 6), 2),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "6"}, Share(0, 1), 1),  # a job's script, which srun did not start
    ],
)
def test_the_environment_says_which_process_this_is(
    environment: dict[str, str], share: Share, here: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert share_of_process() == share
    assert share_of_process(1, 2) == Share(1, 2)
    assert processes_of_node(share.processes) == here


def test_processes_and_batches_that_do_not_fit_are_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AcoustillError, match="batch size is 8, expected a multiple of the number of processes, 3"):
        random_batches(archive, rank=0, world_size=3)
    with pytest.raises(AcoustillError, match="batch size is 2, expected a multiple of the number of processes, 4"):
        random_batches(archive, unlabelled_batch=2, rank=0, world_size=4)
    with pytest.raises(AcoustillError, match="rank is 2, expected 0 to 1"):
        random_batches(archive, rank=2, world_size=2)
    with pytest.raises(AcoustillError, match="rank and world size is 0 and None, expected both, or none"):
        random_batches(archive, rank=0)
    with pytest.raises(AcoustillError, match="number of recordings is 0"):
        random_clip_loader(archive, [], ["audio"], 1.0, 8, seed=0, steps=1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(AcoustillError, match="environment: RANK is '', expected a whole number"):
        share_of_process()


# what must stay apart ---------------------------------------------------------------------------------------


def test_overlapping_sides_are_refused(archive: Archive) -> None:
    with pytest.raises(AcoustillError, match="recording r003 is in both training and what must stay apart"):
        random_batches(archive, apart_from=("r003",))
    with pytest.raises(AcoustillError, match="recording r005 is in both training and what must stay apart"):
        random_batches(archive, apart_from=("r005",))
    with pytest.raises(AcoustillError, match="recording r003 is in both evaluation and what must stay apart"):
        regular_clip_loader(archive, ["r003"], ["audio"], 1.0, 2, apart_from=LABELLED)
    with pytest.raises(AcoustillError, match="frames 40 to 44 of recording r003 are in both training and what must"):
        random_batches(archive, apart_from=[Clip("r003", 40, 4)])
    parts = [Clip("r000", 0, 24)]
    list(random_clip_loader(archive, parts, ["audio"], 1.0, 2, seed=0, steps=1, apart_from=[Clip("r000", 24, 24)]))


def test_equal_sound_is_refused_too(tmp_path: Path) -> None:
    audio = telling(0)["audio"]
    archive = small_archive(tmp_path / "archive", [telling(0), telling(1), telling(2) | {"audio": audio}])
    with pytest.raises(AcoustillError, match="r000 of training and r002 of what must stay apart hold the same audio"):
        random_clip_loader(archive, ["r000"], ["image"], 1.0, 2, seed=0, steps=1, apart_from=["r002"])


def test_a_split_gives_a_loader_its_sides(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="recordings"))
    apart = (*split.validation, *split.test)
    loader = random_clip_loader(archive, split.train, ["audio"], 1.0, 4, seed=0, steps=9, apart_from=apart)
    assert {recording for recording, _, _ in clips_of(list(loader))} == set(split.train)


# bad input --------------------------------------------------------------------------------------------------


def test_what_a_recording_lacks_is_said_before_anything_is_read(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="recording r000: length is 48 frames, expected a clip's 60 or more"):
        random_clip_loader(archive, LABELLED, ["audio"], 5.0, 8, seed=0, steps=1)
    with pytest.raises(AcoustillError, match="there is no recording 'other'"):
        random_clip_loader(archive, ["other"], ["audio"], 1.0, 8, seed=0, steps=1)
    silent = small_archive(tmp_path / "silent", [{"audio": None, "microphones": ()}])
    for loader in (random_clip_loader, regular_clip_loader):
        more = {"seed": 0, "steps": 1} if loader is random_clip_loader else {}
        with pytest.raises(AcoustillError, match=r"recording r000: streams is \['image', 'video'\], expected also"):
            loader(silent, ["r000"], ["audio"], 1.0, 2, **more)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"seconds": 0.0}, "loader: seconds is 0.0, expected the length of a clip, more than 0"),
        ({"seconds": -1.0}, "loader: seconds is -1.0"),
        ({"seconds": float("nan")}, "loader: seconds is nan"),
        ({"seconds": float("inf")}, "loader: seconds is inf"),
        ({"batch_size": 0}, "loader: batch size is 0, expected at least 1"),
        ({"batch_size": -2}, "loader: batch size is -2"),
        (
            {"streams": ()},
            r"loader: streams is \[\], expected some of \['audio', 'image', 'video', 'beams', 'direction'\]",
        ),
        ({"streams": ("audio", "smell")}, r"loader: streams is \['audio', 'smell'\]"),
        ({"streams": "audio"}, "loader: streams is "),
        ({"recordings": ("r000", "r001", "r000")}, "loader: recordings is 'r000' more than once, expected every one"),
        ({"recordings": (Clip("r000", 0, 24), Clip("r000", 0, 24))}, "more than once"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(archive: Archive, wrong: dict[str, Any], complaint: str) -> None:
    usual = {"recordings": ("r000",), "streams": ("audio",), "seconds": 1.0, "batch_size": 2}
    with pytest.raises(AcoustillError, match=complaint):
        random_clip_loader(archive, **usual | wrong, seed=0, steps=1)
    with pytest.raises(AcoustillError, match=complaint):
        regular_clip_loader(archive, **usual | wrong)


def test_unlabelled_recordings_and_their_places_come_together(archive: Archive) -> None:
    for given in ({"unlabelled": ()}, {"unlabelled_batch": 0}):
        with pytest.raises(
            AcoustillError, match=r"unlabelled recordings and unlabelled batch is \d and \d, expected both"
        ):
            random_batches(archive, **given)
    with pytest.raises(AcoustillError, match="'r002' more than once"):
        random_batches(archive, unlabelled=("r002", "r002"))


def test_a_recording_is_not_drawn_with_and_without_its_label(archive: Archive) -> None:
    with pytest.raises(AcoustillError, match=r"r003 (is|are) in both recordings and unlabelled"):
        random_batches(archive, unlabelled=("r002", Clip("r003", 3, 20)))


def test_unlabelled_places_show_no_label(archive: Archive) -> None:
    batches = list(
        random_clip_loader(
            archive,
            ("r000", "r001"),
            ["audio"],
            1.0,
            2,
            seed=0,
            steps=3,
            unlabelled=("r003", "r004"),
            unlabelled_batch=2,
        )
    )
    for batch in batches:
        assert set(batch["recording"][2:]) <= {"r003", "r004"}
        assert [label == UNLABELLED for label in batch["label"].tolist()] == [False, False, True, True]


def test_recordings_may_come_from_generators(archive: Archive) -> None:
    given = {"seed": 3, "steps": 2, "unlabelled_batch": 4}
    lists = list(random_clip_loader(archive, LABELLED, ["audio"], 1.0, 8, unlabelled=UNLABELLED_ONES, **given))  # type: ignore[arg-type]
    ones = random_clip_loader(
        archive,
        iter(LABELLED),
        iter(["audio"]),
        1.0,
        8,
        unlabelled=iter(UNLABELLED_ONES),
        **given,  # type: ignore[arg-type]
    )
    assert_equal(list(ones), lists)
    regular = regular_clip_loader(archive, iter(LABELLED), iter(["audio"]), 1.0, 8, apart_from=iter(UNLABELLED_ONES))
    assert_equal(list(regular), list(regular_clip_loader(archive, LABELLED, ["audio"], 1.0, 8)))
    with pytest.raises(AcoustillError, match="recording r003 is in both training and what must stay apart"):
        random_batches(archive, apart_from=iter(["r003"]))


@pytest.mark.parametrize("wrong", [None, np.zeros((1, FRAMES - 1, 2)), np.zeros((FRAMES, 2))])
def test_teachers_answers_must_be_there_for_every_frame(archive: Archive, wrong: np.ndarray | None) -> None:
    answers = {recording: np.zeros((1, FRAMES, 2), np.float32) for recording in (*LABELLED, *UNLABELLED_ONES)}
    random_batches(archive, teacher_logits=answers)
    if wrong is None:
        del answers["r005"]
    else:
        answers["r005"] = wrong
    with pytest.raises(
        AcoustillError, match=r"recording r005: teacher_logits is .*, expected \(teachers, 48 frames, cl"
    ):
        random_batches(archive, teacher_logits=answers)


class Complaining(torch.utils.data.Dataset[Any]):
    """Its error has two lines."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        raise AcoustillError("first line\nsecond line")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_keeps_all_of_its_lines(workers: int) -> None:
    with pytest.raises(AcoustillError) as says:
        list(ClipLoader(Complaining(), num_workers=workers))
    assert str(says.value) == "first line\nsecond line"


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_worker_meets_is_one_sentence(tmp_path: Path, workers: int) -> None:
    archive = small_archive(tmp_path / "archive", [telling(0)])
    (archive.path / "recordings" / "r000" / "audio.npy").unlink()
    loader = random_clip_loader(archive, ["r000"], ["audio"], 1.0, 2, seed=0, steps=1, workers=workers)
    with pytest.raises(AcoustillError, match=r"^.*audio\.npy: missing or not an array .*$") as says:
        list(loader)
    assert "\n" not in str(says.value)
    assert "Traceback" not in str(says.value)
