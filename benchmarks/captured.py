"""A captured squat through simlab and through OpenSim, on this machine, in one run: python benchmarks/captured.py

Inverse kinematics of the whole recording and static optimisation of one repetition, the same person (OpenSim's scaled
model in simlab's layout), the same markers, the same frames. How far the answers are apart stands beside the times.
Takes four minutes on one core, nearly all of them OpenSim's. See README.md here.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from figures import OPENCAP
from reference import opensim_runs, osim
from run import machine

from simlab import mocap

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


# --- simlab's side: what to change when its functions change --------------------------------------------------------


def simlab_ik(person: osim.Tree, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Coordinates [rad] (n,), marker distances [m] (n, markers) and wall time [s] of simlab's inverse kinematics."""
    from simlab import ik

    recorded = mocap.read(SQUATS)
    body = ik.Body(**{name: getattr(person, name) for name in person._fields})
    began = time.perf_counter()
    tracked = ik.solve(body, recorded)
    seconds = time.perf_counter() - began
    values = {name: tracked.angles[:, i] for i, name in enumerate(person.coordinates)}
    return values, tracked.error[:, [tracked.markers.index(name) for name in names]], seconds


def simlab_so(person: osim.Tree, first: float, last: float) -> tuple[tuple[str, ...], np.ndarray, float]:
    """Muscles, activations (n, muscles) and wall time [s] of simlab's static optimisation over a span of frames."""
    from simlab import ik, landmarks, statics
    from simlab.model import build
    from simlab.subject import Subject

    recorded = mocap.read(SQUATS)
    body = ik.Body(**{name: getattr(person, name) for name in person._fields})
    tracked = ik.solve(body, recorded)
    points = landmarks.locate(recorded, mocap.read(STANDING), "clusters")
    reaction = mocap.read_ground_reaction(PLATES, points)
    model = build(Subject())
    began = time.perf_counter()
    solved = statics.solve(model, tracked.motion, reaction, first=first, last=last)
    return solved.muscles, solved.activation, time.perf_counter() - began


# --- the comparison -------------------------------------------------------------------------------------------------


def ik_lines(person: osim.Tree, theirs: opensim_runs.Tracked) -> list[str]:
    values, error, seconds = simlab_ik(person, theirs.markers)
    n, span = len(theirs.time), len(theirs.time) * float(np.diff(theirs.time).mean())
    out = [row("inverse kinematics, whole recording", n, span, seconds, theirs.seconds)]
    rms = [1e3 * float(np.sqrt((e**2).mean())) for e in (error, theirs.error)]
    out.append(f"  markers: simlab {rms[0]:.3f} mm (RMS of {error.shape[1]}), OpenSim {rms[1]:.3f}")
    apart = {name: values[name] - theirs.values[:, theirs.names.index(name)] for name in JOINTS}
    sizes = {name: np.degrees(np.sqrt((d**2).mean())) for name, d in apart.items()}
    worst = max(sizes, key=lambda name: sizes[name])
    middle = np.median(list(sizes.values()))
    out.append(f"  legs' angles differ by {middle:.2f} deg (median RMS), {worst} by {sizes[worst]:.2f}")
    return out


def so_lines(person: osim.Tree, tracked: opensim_runs.Tracked) -> list[str]:
    muscles, ours, seconds = simlab_so(person, *REPETITION)
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
    person = osim.tree(PERSON)
    theirs = opensim_runs.inverse_kinematics(PERSON, SQUATS, ACCURACY)
    print(f"\n{'work':38}{'frames':>7}{'simlab ms':>12}{'s per s':>10}{'OpenSim ms':>12}{'s per s':>10}{'ratio':>9}")
    for lines in (ik_lines, so_lines):
        try:
            print(*lines(person, theirs), sep="\n")
        except ImportError as error:
            print(f"{lines.__name__}: {error}")


if __name__ == "__main__":
    main()
