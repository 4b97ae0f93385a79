"""Does `simlab fit` name the cause? Ten synthetic people with known deficits, measured as a laboratory would, with 2 mm
of marker noise: python benchmarks/fit_study.py [WORKERS [PEOPLE]]. Takes ten minutes on two cores.

The truths are drawn before anything is simulated: each person has a size and one main deficit in the stronger half of
its range (the four dials in turn), and every second one a second, milder deficit. The dominant truth is the dial whose
removal changes the noiseless recording most, in the units of the noise: what `Estimate.explains` means. The
fit is told sex, mass and height, as any laboratory knows them; the lengths of the segments it takes from the standing
trial.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from simlab import fit, scale
from simlab.subject import Subject, change
from simlab.tasks.squat import Squat

PEOPLE, NOISE_MM, REPETITIONS, SEED = 10, 2.0, 5, 20261128


def people() -> list[tuple[Subject, dict[str, float], Squat]]:
    """Person without deficits, deficits, task."""
    rng, names, out = np.random.default_rng(SEED), list(fit.DIALS), []
    for k in range(PEOPLE):
        sex = ("female", "male")[k % 2]
        height = rng.normal(*((1.66, 0.06) if sex == "female" else (1.78, 0.07)))
        base = Subject(sex=sex, height_m=round(height, 2), mass_kg=round(rng.normal(22.5, 2.0) * height**2, 1))
        main = names[k % len(names)]
        truth = {main: severity(main, rng.uniform(0.5, 0.9))}
        if k % 2:
            other = names[(k + 1 + int(rng.integers(0, 3))) % len(names)]
            if other != main:
                truth[other] = severity(other, rng.uniform(0.1, 0.4))
        task = Squat(depth_deg=round(rng.uniform(65, 85), 1), stance_width_m=round(rng.uniform(0.22, 0.32), 3))
        out.append((base, truth, task))
    return out


def severity(dial: str, share: float) -> float:
    """A dial's value at a share of the way from healthy to its worse bound."""
    low, high = fit.DIALS[dial]
    return round(high - share * (high - low) if dial.endswith("_strength") else low + share * (high - low), 3)


def recorded(base: Subject, truth: dict[str, float], task: Squat, noise_mm: float, seed: int) -> fit.Recording:
    person = change(base, [f"{name}={value!r}" for name, value in truth.items()])
    found = fit.measured(fit.Candidate(subject=person, task=task, joint_centres="clusters"), noise_mm, seed)
    if isinstance(found, float):
        raise SystemExit(f"{truth}: fell")
    return found


def dominant(base: Subject, truth: dict[str, float], task: Squat) -> str:
    """The dial whose removal changes the noiseless recording most."""
    floor = fit.noise(fit.Candidate(subject=base, task=task, joint_centres="clusters"), NOISE_MM, 0)
    floor = np.sqrt(floor**2 / REPETITIONS + fit._floor(fit.features(recorded(base, truth, task, 0.0, 0))[0]) ** 2)
    whole = fit.features(recorded(base, truth, task, 0.0, 0))[1][0]
    moved = {}
    for name in truth:
        rest = {other: value for other, value in truth.items() if other != name}
        moved[name] = float((((fit.features(recorded(base, rest, task, 0.0, 0))[1][0] - whole) / floor) ** 2).mean())
    return max(moved, key=lambda name: moved[name])


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1
    chosen = people()[: int(sys.argv[2]) if len(sys.argv) > 2 else PEOPLE]
    right, scores = 0, []
    for k, (base, truth, task) in enumerate(chosen):
        began = time.perf_counter()
        several = task.model_copy(update={"repetitions": REPETITIONS})
        recording = recorded(base, truth, several, NOISE_MM, 100 + k)
        known = Subject(sex=base.sex)
        person = scale.scale(recording.standing, known, mass_kg=base.mass_kg, height_m=base.height_m).subject
        found = fit.fit(recording, person, marker_noise_mm=NOISE_MM, seed=k, workers=workers)
        cause, named = dominant(base, truth, task), found.dominant
        hit = named is not None and named.dial.name == cause
        right += hit
        print(f"{k + 1:2} {'named ' if hit else 'MISSED'} {cause}  chi2 {found.chi2:.2f} ({found.healthy:.1f} healthy)")
        size = f"{base.sex} {base.height_m} m {base.mass_kg} kg, {task.depth_deg} deg"
        print(f"   {size}; {time.perf_counter() - began:.0f} s")
        for one in found.estimates:
            was = truth.get(one.dial.name, one.dial.neutral)
            scores.append((one.value - was) / one.sd)
            print(f"   {one.dial.name:32} true {was:5.2f}  found {one.value:5.2f} ± {one.sd:.2f}  {one.verdict}")
        print(*(f"   {sentence}" for sentence in found.sentences), sep="\n", flush=True)
    print(f"the dominant cause is named in {right} of {len(chosen)}")
    within = [float(np.mean(np.abs(scores) <= limit)) for limit in (1.0, 2.0)]
    print(f"of {len(scores)} estimates {within[0]:.0%} lie within one standard deviation, {within[1]:.0%} within two")


if __name__ == "__main__":
    main()
