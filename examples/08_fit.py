"""Which deficit is it? A squat with a known cause is recorded with markers of 2 mm noise, and the cause is sought.

With a recording of your own: simlab fit squat.trc --static standing.trc --joint-centres clusters
"""

from simlab import fit
from simlab.subject import Subject, change
from simlab.tasks.squat import Squat

pronated = change(Subject(), ["both.foot_pronation_deg=4"])
task = Squat(depth_deg=65.0, descent_s=0.8, ascent_s=0.8)
recording = fit.measured(fit.Candidate(subject=pronated, task=task, joint_centres="clusters"), noise_mm=2.0, seed=7)
assert not isinstance(recording, float), "fell"

dials = {"both.foot_pronation_deg": (0.0, 8.0), "both.external_rotator_strength": (0.4, 1.0)}
found = fit.fit(recording, Subject(), dials, evaluations=20)
for one in found.estimates:
    print(f"{fit.plain(one.dial.name):28} {one.value:5.2f} ± {one.sd:.2f}  {one.verdict}")
print(*found.sentences, sep="\n")

assert found.dominant is not None and found.dominant.dial.name == "both.foot_pronation_deg"
