"""A first squat: a healthy adult goes down to 75 deg of knee flexion and stands up again, driven by 84 muscles."""

from simlab import export, tasks
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import Subject

model = build(Subject(mass_kg=62, height_m=1.68))
result = simulate(model, tasks.load("squat", depth_deg=75))
measured = export.measure(result)

print(f"{'':40}{'right':>10}{'left':>10}")
for name in measured["right"]:
    right, left = (measured[side][name] for side in ("right", "left"))
    print(f"{name:40}{right:10.1f}{left:10.1f}")

strongest = result.run.force.max(axis=(0, 1)).argsort()[::-1][:5]
print("largest forces:", ", ".join(model.muscles.names[k] for k in strongest))

assert result.success, result.run.message
assert abs(measured["right"]["knee_flexion_peak_deg"] - 75) < 2
assert measured["right"]["fppa_peak_deg"] < 0  # knees out over the toes, as healthy squats are: no valgus
