"""A captured squat beside two simulated ones: the healthy twin and the mixture of deficits that clinicians meet.

The captured curves travel with simlab. With a recording of your own (TRC or C3D):
    real = compare.summarise(recording.read("squat.trc", static="standing.trc", joint_centres="clusters"), "mine")
"""

import sys
from pathlib import Path

from simlab import beside, compare, tables
from simlab.control import Controller
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import load_subject
from simlab.tasks import load

deficit = load_subject(Path(str(tables.models() / "subjects" / "mixture.toml")))
task, mind = load("squat", depth_deg=90), Controller(strategy="habitual")
squats = {subject.name: simulate(build(subject), task, mind) for subject in (deficit.healthy(), deficit)}
simulated = {name: beside.curves(result) for name, result in squats.items()}
real = compare.captured(joint_centres="clusters")

print(f"against {real.name}, {real.repetitions} repetitions, {real.joint_centres}")
for name, curves in simulated.items():
    for curve, sides in compare.compare(curves, real)["curves"].items():
        for side, found in sides.items():
            if found is not None:
                print(
                    f"{name:24}{curve:30}{side:6} RMSE {found['rmse']:6.1f}   captured SD {found['captured_sd']:5.1f}"
                )
if len(sys.argv) > 1:
    compare.plot(sys.argv[1], simulated, real)  # such as curves.png

healthy, weak = (curves["fppa_deg"]["right"] for curves in simulated.values())
bent = healthy.argmin()
assert weak[bent] > healthy[bent] + 3  # the mixture lets the knee fall in
