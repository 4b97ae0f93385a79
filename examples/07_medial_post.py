"""Pronated feet, and what a wedge under them gives back: less eversion, and the knees follow."""

from simlab import export, tasks
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import Subject, change

PRONATED = "both.foot_pronation_deg=4"
PEOPLE = {
    "healthy": [],
    "pronated": [PRONATED],
    "with a post of 2.5 deg": [PRONATED, "supports.both.medial_post_deg=2.5"],
    "with a post of 5 deg": [PRONATED, "supports.both.medial_post_deg=5"],
}
valgus, eversion = [], []
print(f"{'':24}FPPA   rearfoot eversion   (right, at peak flexion, deg)")
for name, dials in PEOPLE.items():
    result = simulate(build(change(Subject(), dials)), tasks.load("squat"))
    assert result.success, result.run.message
    leg = export.measure(result)["right"]
    valgus.append(leg["fppa_peak_deg"])
    eversion.append(leg["rearfoot_eversion_at_peak_flexion_deg"])
    print(f"{name:22}{valgus[-1]:7.1f}{eversion[-1]:16.1f}")

healthy, pronated, some, more = valgus
assert pronated > healthy + 2  # the knees fall in over pronated feet
assert pronated > some > more  # and come back with the wedge
assert eversion[1] > eversion[2] > eversion[3]
