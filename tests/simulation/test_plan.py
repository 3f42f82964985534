"""Plans: which takes there are, and whose clips are whose."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from acoustill.errors import AcoustillError
from acoustill.simulation.plan import LARGEST_SEED, PRESETS, Plan, plan_avia_sim, plan_sounds
from acoustill.simulation.sources import ACTIONS

PLAN = Plan(("clapping", "paper shaking"), 3, 1, 2.0)


def files(count: int, form: str = "{}.wav") -> tuple[Path, ...]:
    return tuple(Path("clips") / form.format(i) for i in range(count))


def test_presets_are_the_sizes_of_avia() -> None:
    for name, seconds in (("small", 10.0), ("full", 30.0)):
        takes = plan_avia_sim(PRESETS[name], 0)
        assert len(takes) == 14 * 9 * 3
        assert {take.label for take in takes} == set(ACTIONS)
        assert {take.seconds for take in takes} == {seconds}
    assert len(plan_avia_sim(PRESETS["tiny"], 0, unlabelled=5)) == 6 * 6 * 3 + 5


def test_ids_have_no_spaces_and_labels_are_those_of_avia() -> None:
    takes = plan_avia_sim(PLAN, 0)
    shaking = next(take for take in takes if take.id == "office-s01-paper-shaking-t01")
    assert (shaking.label, shaking.action, shaking.scenario, shaking.subject) == (
        "paper shaking",
        "paper shaking",
        "office",
        "s01",
    )


def test_a_subject_is_the_same_person_everywhere_and_no_take_repeats_another() -> None:
    takes = plan_avia_sim(PLAN, 7, unlabelled=6)
    persons = {take.subject: take.subject_seed for take in takes}
    assert all(take.subject_seed == persons[take.subject] for take in takes)
    assert len(set(persons.values())) == len(persons) == 3 + 6
    assert len({take.seed for take in takes}) == len(takes)
    assert {take.rig_seed for take in takes} == {(7, 0)}  # one rig makes the whole data set
    assert not {take.seed for take in takes} & {take.seed for take in plan_avia_sim(PLAN, 8, unlabelled=6)}


def test_unlabelled_takes_are_of_nobody_known_in_places_of_their_own() -> None:
    takes = plan_avia_sim(PLAN, 7, unlabelled=6)
    unlabelled = [take for take in takes if take.label is None]
    assert len(unlabelled) == 6
    assert len({take.scenario for take in unlabelled}) == 6
    assert not {take.subject for take in unlabelled} & {take.subject for take in takes if take.label}


def test_unknown_actions_are_refused() -> None:
    with pytest.raises(AcoustillError, match="action is 'juggling', expected one of clapping"):
        plan_avia_sim(dataclasses.replace(PLAN, actions=("juggling",)), 0)


def test_no_clip_is_heard_from_two_people() -> None:
    takes = plan_avia_sim(PLAN, 0, unlabelled=4, clips={"clapping": files(9)})
    owners: dict[str, set[str]] = {}
    for take in takes:
        if take.action != "clapping":
            assert not take.sounds  # without clips, an action stays synthetic
            continue
        assert take.sounds
        for sound in take.sounds:
            owners.setdefault(sound, set()).add(take.subject if take.label else "unlabelled")
    assert len(owners) == 9
    assert all(len(who) == 1 for who in owners.values())
    assert set.union(*owners.values()) == {"s01", "s02", "s03", "unlabelled"}
    counts = [sum(who == {owner} for who in owners.values()) for owner in ("s01", "s02", "s03", "unlabelled")]
    assert max(counts) - min(counts) <= 1


def test_parts_of_one_original_stay_with_one_subject() -> None:
    parts = tuple(Path(f"1-{100 + i // 4}-{'ABCD'[i % 4]}-22.wav") for i in range(12))
    takes = plan_avia_sim(PLAN, 0, clips={"clapping": parts})
    owners: dict[str, set[str]] = {}
    for take in takes:
        for sound in take.sounds:
            owners.setdefault(Path(sound).stem.split("-")[1], set()).add(take.subject)
    assert {original: len(who) for original, who in owners.items()} == {"100": 1, "101": 1, "102": 1}


def test_the_takes_of_a_subject_do_not_all_begin_with_the_same_clip() -> None:
    plan = dataclasses.replace(PLAN, subjects=1, takes=8)
    takes = plan_avia_sim(plan, 0, clips={"clapping": files(8)})
    assert len({take.sounds[0] for take in takes if take.sounds}) > 3
    assert len({frozenset(take.sounds) for take in takes if take.sounds}) == 1


@pytest.mark.parametrize(
    ("count", "unlabelled", "says"),
    [(2, 0, "number of originals is 2, expected one for each of 3 subjects"), (3, 1, "and one for unlabelled takes")],
)
def test_too_few_clips_are_refused(count: int, unlabelled: int, says: str) -> None:
    with pytest.raises(AcoustillError, match=f"clips of clapping: .*{says}"):
        plan_avia_sim(PLAN, 0, unlabelled, {"clapping": files(count)})


def test_clips_of_other_actions_alone_are_refused() -> None:
    with pytest.raises(AcoustillError, match="clips of typing, and of no action of the plan"):
        plan_avia_sim(PLAN, 0, clips={"typing": files(9)})


def test_ids_of_unlabelled_takes_do_not_tell_the_action() -> None:
    plan = dataclasses.replace(PLAN, actions=ACTIONS)
    actions = [take.action for take in plan_avia_sim(plan, 7, unlabelled=140) if take.label is None]
    assert set(Counter(actions).values()) == {10}
    in_turn = sum(action == ACTIONS[i % 14] for i, action in enumerate(actions))
    assert in_turn < 30  # ten by chance
    assert len({tuple(actions[i : i + 14]) for i in range(0, 140, 14)}) == 10
    some = [take.action for take in plan_avia_sim(plan, 7, unlabelled=5) if take.label is None]
    assert len(set(some)) == 5  # as even as five can be


def test_seeds_that_would_be_another_one_are_refused() -> None:
    plan_avia_sim(PLAN, LARGEST_SEED)
    for seed in (-1, LARGEST_SEED + 1):
        with pytest.raises(AcoustillError, match=f"seed is {seed}, expected a number from 0 to 4294967295"):
            plan_avia_sim(PLAN, seed)


@pytest.mark.parametrize(
    ("scenarios", "says"),
    [
        (("office", "office"), "scenario 'office' stands there twice; give each once"),
        (("cellar",), "scenario is 'cellar', expected one of anechoic, office, outdoor, or place-NUMBER"),
        ((), "scenario is ''"),
    ],
)
def test_scenarios_that_make_no_sense_are_refused(scenarios: tuple[str, ...], says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        plan_avia_sim(dataclasses.replace(PLAN, scenarios=scenarios), 0)


def collection(folder: Path) -> Path:
    folder.mkdir()
    rows = ["filename,category,src_file,fold", *(f"{i}.wav,{'ab'[i % 2]},orig{i // 4},{i // 4}" for i in range(12))]
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    for i in range(12):
        (folder / f"{i}.wav").touch()
    return folder


def test_a_collection_shares_no_place_and_no_rig_with_avia_sim(tmp_path: Path) -> None:
    sounds = plan_sounds(collection(tmp_path / "sounds"), ("office",), 1.0, 7, unlabelled=12)
    actions = plan_avia_sim(PLAN, 7, unlabelled=12)
    places = [{take.scenario for take in takes if take.label is None} for takes in (sounds, actions)]
    assert len(places[0]) == len(places[1]) == 12
    assert not places[0] & places[1]
    for of in ("rig_seed", "seed", "subject_seed"):
        assert not {getattr(take, of) for take in sounds} & {getattr(take, of) for take in actions}, of


def test_an_original_looks_alike_and_keeps_its_fold_wherever_it_is_played(tmp_path: Path) -> None:
    takes = plan_sounds(collection(tmp_path / "sounds"), ("office", "outdoor"), 1.0, 7, unlabelled=24)
    looks = {(take.subject, take.subject_seed) for take in takes}
    assert len(looks) == len(dict(looks)) == len({seed for _, seed in looks}) == 3
    assert all(take.columns == {"fold": take.subject.removeprefix("orig")} for take in takes)
