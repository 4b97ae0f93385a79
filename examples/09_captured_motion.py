"""From markers to muscle forces: a squat whose truth is known is recorded with markers and analysed like any recording.

With files of your own: recording.read("squat.trc", "standing.trc", "squat_grf.mot", joint_centres="clusters")
"""

import numpy as np

from simlab import capture, recording, tasks
from simlab.model import build, motion
from simlab.sensors import markers
from simlab.simulate import simulate
from simlab.subject import Subject

person = Subject(name="tall", sex="male", mass_kg=80.0, height_m=1.80)
squat = simulate(build(person), tasks.load("squat"))
worn = markers.markers(squat.model, squat.run.time, squat.run.q, noise_mm=1.0)
standing = markers.standing(squat.model, squat.plan.values[0], noise_mm=1.0)
points = recording.located(worn, standing, "clusters")
captured = recording.assemble(worn, standing, points, None, "clusters")

found = capture.analyse(captured, Subject(sex="male"), mass_kg=80.0, height_m=1.80, estimate_forces=True)
print(found.person.definition)
print(f"markers fit to {1e3 * found.tracked.rms:.1f} mm")
peak = capture.report(found)["dynamics"]["knee_extension_moment_peak_nm_kg"]["right"]["mean"]
print(f"knee extension moment {peak:.2f} Nm/kg")

truth = motion(squat.model, squat.run.time, squat.run.q).coordinate("knee_angle_r")
apart = np.degrees(np.abs(found.motion.coordinate("knee_angle_r") - truth)).max()
print(f"knee flexion within {apart:.1f} deg of what was simulated")
assert apart < 4 and 0.3 < peak < 1.5
