"""Two people whose knees fall in by as much: one needs an orthopaedist, the other needs exercise, insoles and a cue.

What the bones alone would do is structural; the rest is dynamic.
"""

from simlab import tasks
from simlab.origin import origin
from simlab.subject import Subject, change

PEOPLE = {
    "bent bones": ["both.genu_valgum_deg=4"],
    "weak rotators, tight adductors, pronated feet": [
        "both.external_rotator_strength=0.6",
        "both.adductor_tightness=0.4",
        "both.foot_pronation_deg=4",
    ],
}
legs = {}
for name, dials in PEOPLE.items():
    found, _ = origin(change(Subject(), dials), tasks.load("squat"))
    legs[name] = found["right"]
    print(f"{name}: {' '.join(found['right'].sentences())}\n")

bones, habit = legs.values()
assert abs(bones.valgus - habit.valgus) < 2  # the photograph shows the same
assert (bones.verdict, habit.verdict) == ("structural", "dynamic")
