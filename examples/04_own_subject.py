"""A subject of your own, and what the nervous system makes of it: habit, a cue, compensation."""

from pathlib import Path

from simlab import export, tasks
from simlab.control import Controller
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import load_subject

subject = load_subject(Path(__file__).with_name("my_subject.toml"))
minds = {
    "habitual": Controller(),  # keeps the drive of the healthy twin
    "cued": Controller(cue=1.0),  # "knee over the second toe"
    "compensating": Controller(strategy="compensating"),  # knows the deficit and corrects it
}
valgus = {}
for name, mind in minds.items():
    result = simulate(build(subject), tasks.load("squat", depth_deg=75), mind)
    assert result.success, result.run.message
    valgus[name] = export.measure(result)["right"]["fppa_peak_deg"]
    print(f"{name:14} right FPPA at peak flexion {valgus[name]:6.1f} deg (valgus +)")

assert valgus["cued"] < valgus["habitual"] - 1  # the cue takes the knee back over the toe
assert valgus["compensating"] < valgus["habitual"] - 1
