"""A captured squat through simlab and through OpenSim, on this machine, in one run: python benchmarks/captured.py

Inverse kinematics of the whole recording and static optimisation of one repetition, the same person (OpenSim's scaled
model in simlab's layout), the same markers, the same frames. How far the answers are apart stands beside the times.
Takes four minutes on one core, nearly all of them OpenSim's. See README.md here.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bodies import of_opensim
from figures import OPENCAP
from reference import opensim_runs
from run import machine

from simlab import dynamics, ik, landmarks, mocap, recruitment
from simlab.model import build
from simlab.subject import Subject

PERSON, STANDING = OPENCAP / "manually_scaled.osim", OPENCAP / "static1.trc"
SQUATS, PLATES = OPENCAP / "squats1.trc", OPENCAP / "squats1_grf.mot"
ACCURACY = 1e-5
"""Of OpenSim's inverse kinematics; its default 1e-3 is faster and 24 mm off the markers where 12 are possible."""
REPETITION = 2.9, 5.2
"""The second squat of the recording [s]."""
JOINTS = tuple(
    f"{name}_{side}"
    for side in "rl"
    for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
)


# --- simlab's side ---------------------------------------------------------------------------------------------------


def simlab_ik(names: tuple[str, ...]) -> tuple[ik.Tracked, np.ndarray, float]:
    """What simlab's inverse kinematics finds, marker distances [m] (n, markers), and its wall time [s]."""
    body, recorded = of_opensim(), mocap.read(SQUATS)
    began = time.perf_counter()
    tracked = ik.solve(body, recorded, knee="hinge")
    seconds = time.perf_counter() - began
    return tracked, tracked.error[:, [tracked.body.markers.index(name) for name in names]], seconds


def simlab_so(tracked: ik.Tracked, first: float, last: float) -> tuple[tuple[str, ...], np.ndarray, float]:
    """Muscles, activations (n, muscles) and wall time [s] of simlab's inverse dynamics and static optimisation."""
    points = landmarks.locate(mocap.read(SQUATS), mocap.read(STANDING), "clusters")
    reaction = mocap.read_ground_reaction(PLATES, points)
    model = build(Subject(mass_kg=60.05, height_m=1.66))
    moving = dynamics.smooth(tracked)
    inside = (moving.time >= first - 1e-9) & (moving.time <= last + 1e-9)
    began = time.perf_counter()
    part = replace(moving, **{name: getattr(moving, name)[inside] for name in ("time", "q", "v", "a")})
    solved = recruitment.solve(model, dynamics.inverse(part, reaction), passive_share=0.0)
    seconds = time.perf_counter() - began
    names = tuple(name + side for side in ("_r", "_l") for name in solved.muscles)
    return names, solved.activation.reshape(len(solved.time), -1), seconds


# --- the comparison -------------------------------------------------------------------------------------------------


def ik_lines(theirs: opensim_runs.Tracked) -> list[str]:
    tracked, error, seconds = simlab_ik(theirs.markers)
    n, span = len(theirs.time), len(theirs.time) * float(np.diff(theirs.time).mean())
    out = [row("inverse kinematics, whole recording", n, span, seconds, theirs.seconds)]
    rms = [1e3 * float(np.sqrt((e**2).mean())) for e in (error, theirs.error)]
    out.append(f"  markers: simlab {rms[0]:.3f} mm (RMS of {error.shape[1]}), OpenSim {rms[1]:.3f}")
    apart = {name: tracked.angle(name) - theirs.values[:, theirs.names.index(name)] for name in JOINTS}
    sizes = {name: np.degrees(np.sqrt((d**2).mean())) for name, d in apart.items()}
    worst = max(sizes, key=lambda name: sizes[name])
    middle = np.median(list(sizes.values()))
    out.append(f"  legs' angles differ by {middle:.2f} deg (median RMS), {worst} by {sizes[worst]:.2f}")
    return out


def so_lines(tracked: opensim_runs.Tracked) -> list[str]:
    muscles, ours, seconds = simlab_so(simlab_ik(tracked.markers)[0], *REPETITION)
    values = tracked.time, tracked.names, tracked.values, PLATES
    theirs = opensim_runs.static_optimisation(PERSON, *values, *REPETITION)
    span = REPETITION[1] - REPETITION[0]
    out = [row("static optimisation, one repetition", len(theirs.time), span, seconds, theirs.seconds)]
    shared = [name for name in theirs.names if name in muscles]
    a = ours[:, [muscles.index(name) for name in shared]]
    b = theirs.control[:, [theirs.names.index(name) for name in shared]]
    rms, alike = np.sqrt(((a - b) ** 2).mean()), np.corrcoef(a.ravel(), b.ravel())[0, 1]
    out.append(
        f"  activations of {len(shared)} muscles differ by {rms:.3f} (RMS), r {alike:.2f}; OpenSim's time includes"
    )
    out.append(f"  preparing {theirs.span_s:.1f} s of motion, and its muscles have no passive force here")
    return out


def row(name: str, frames: int, span: float, ours: float, theirs: float) -> str:
    each = [f"{1e3 * s / frames:12.3f}{s / span:10.4f}" for s in (ours, theirs)]
    return f"{name:38}{frames:7}{each[0]}{each[1]}{theirs / ours:9.0f}"


def main() -> None:
    print(machine())
    theirs = opensim_runs.inverse_kinematics(PERSON, SQUATS, ACCURACY)
    print(f"\n{'work':38}{'frames':>7}{'simlab ms':>12}{'s per s':>10}{'OpenSim ms':>12}{'s per s':>10}{'ratio':>9}")
    for lines in (ik_lines, so_lines):
        print(*lines(theirs), sep="\n", flush=True)


if __name__ == "__main__":
    main()
