"""Dose and response of a weak gluteus medius: two legs hardly care, on one leg the pelvis drops.

On two legs both feet are on the ground and hold the pelvis from both sides, so the abductors have little to do.
On one leg they alone keep the pelvis level.
"""

from simlab import export, tasks
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import Subject, change

STRENGTHS = (1.0, 0.7, 0.4)
TWO_LEGS = tasks.load("squat")
ONE_LEG = tasks.load("single_leg_squat", descent_s=0.8, ascent_s=0.8)


def measure(task: tasks.Task, strength: float) -> dict:
    weak = change(Subject(), [f"right.gluteus_medius_strength={strength}"])
    result = simulate(build(weak), task)
    assert result.success, result.run.message
    return export.measure(result)


valgus, drop = [], []
print("strength   double-leg FPPA at the peak   single-leg pelvic drop   (right, deg)")
for strength in STRENGTHS:
    valgus.append(measure(TWO_LEGS, strength)["right"]["fppa_peak_deg"])
    drop.append(measure(ONE_LEG, strength)["both"]["pelvic_drop_deg"])
    print(f"{strength:8.1f}{valgus[-1]:30.2f}{drop[-1]:25.2f}")

assert max(valgus) - min(valgus) < 3  # alone, it does not make a double-leg squat collapse
assert drop == sorted(drop) and drop[-1] > drop[0] + 0.5  # the weaker, the lower the free side
