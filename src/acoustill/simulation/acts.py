"""How each action is seen: where the person stands, what stands still, and what moves in time with the sound.

Every act is drawn in metres from the acoustic centre. What a motion means at one moment comes from `Motion`.
Colours of things are the subject's own: they do not tell what is done with them.
"""

from __future__ import annotations

from acoustill.simulation import acts_hands, acts_mouth, acts_sheets, acts_table
from acoustill.simulation.stage import Act, no_furniture

ACTS: dict[str, Act] = {
    "clapping": Act((0.0, -0.43), no_furniture, acts_hands.clap),
    "snapping fingers": Act((-0.3, -0.1), no_furniture, acts_hands.snap, hanging=(-1,)),
    "speaking": Act(None, no_furniture, acts_mouth.speak, hanging=(-1, 1)),
    "whistling": Act(None, no_furniture, acts_mouth.whistle, hanging=(-1, 1)),
    "playing kendama": Act((-0.16, -0.42), no_furniture, acts_hands.play_kendama, hanging=(-1,)),
    "clicking": Act((-0.14, -0.44), acts_table.set_desk_for_clicking, acts_table.click),
    "typing": Act((0.0, -0.44), acts_table.set_desk_for_typing, acts_table.type_keys),
    "knocking": Act((0.5, -0.2), acts_table.set_door, acts_table.knock, hanging=(1,)),
    "hammering": Act((0.14, -0.48), acts_table.set_bench, acts_table.hammer),
    "peanut breaking": Act((0.0, -0.4), no_furniture, acts_hands.break_peanut),
    "paper ripping": Act((0.0, -0.42), no_furniture, acts_sheets.rip),
    "plastic crumpling": Act((0.0, -0.41), no_furniture, acts_sheets.crumple),
    "paper shaking": Act((0.0, -0.42), no_furniture, acts_sheets.shake),
    "stick dropping": Act((0.24, -0.5), acts_table.set_bench, acts_table.drop_stick, hanging=(1,)),
    "loudspeaker": Act((0.45, -0.35), acts_mouth.set_loudspeaker, acts_mouth.play, hanging=(1,)),
}
"""All actions of `acoustill.simulation.sources.ACTIONS`, and a loudspeaker that plays any other sound."""
