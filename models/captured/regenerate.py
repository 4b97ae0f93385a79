"""Regenerate models/captured/opencap_subject4_squats.toml from the recording, with simlab's own analysis.

    python models/captured/regenerate.py FOLDER     # squats1.trc, squats1_grf.mot, static1.trc, static1_grf.mot

The recording itself is not part of simlab; it is in the OpenCap laboratory validation data (see `SOURCE`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from simlab import compare, recording
from simlab.landmarks import PLACES
from simlab.motion import SIDES, Array

DEFINITIONS = ("lateral-markers", "clusters")
NAME = "opencap_subject4_squats"
SOURCE = (
    "Five natural squats of subject 4 of the OpenCap laboratory validation (optical markers and force plates): "
    "Uhlrich et al. 2023, PLoS Comput Biol 19:e1011462, doi 10.1371/journal.pcbi.1011462, "
    "as redistributed with nimblephysics (github.com/keenon/nimblephysics)"
)
LICENCE = (
    "Derived statistics, not the recording: mean and SD of curves and mean landmark positions. "
    "The redistribution carries a licence in the style of BSD-2-Clause; cite Uhlrich et al. 2023"
)
HEADER = """\
# Mean and SD of captured squats, 101 points from start to end of a repetition (10 % of the flexion range).
# Written by models/captured/regenerate.py; do not edit. Two analyses of the same recording: the definition of the joint
# centres decides the value of every frontal-plane number. `clusters` is what a simulated joint centre compares with.
# points_mm: x, y, z of each landmark, point after point; origin on the ground below the ankles, X forward, Y up,
# Z right. FPPA valgus +, displacement medial +, GRF vertical in body weights.
"""


def main(folder: Path) -> None:
    analyses = {definition: analyse(folder, definition) for definition in DEFINITIONS}
    first = analyses[DEFINITIONS[0]]
    text = [HEADER, f'source = "{SOURCE}"', f'licence = "{LICENCE}"', f"body_weight_n = {first.body_weight:.1f}"]
    for definition, captured in analyses.items():
        text += ["", f"[joint_centres.{definition}]", f'definition = "{captured.joint_centres}"']
        text += [f"repetitions = {captured.repetitions}", f"duration_s = {captured.duration:.3f}"]
        for name in compare.LABELS:
            text += curve(f"joint_centres.{definition}.curves.{name}", captured, name)
        for place in PLACES:
            text += ["", f"[joint_centres.{definition}.points_mm.{place}]"]
            points = 1e3 * getattr(captured, place)
            text += [f"{side} = {numbers(points[:, leg].ravel(), 1)}" for leg, side in enumerate(SIDES)]
    Path(__file__).with_name(f"{NAME}.toml").write_text("\n".join(text) + "\n", encoding="utf-8")


def analyse(folder: Path, definition: str) -> compare.Captured:
    found = recording.read(
        folder / "squats1.trc",
        static=folder / "static1.trc",
        grf=folder / "squats1_grf.mot",
        static_grf=folder / "static1_grf.mot",
        joint_centres=definition,
    )
    return compare.summarise(found, NAME, SOURCE, LICENCE)


def curve(table: str, captured: compare.Captured, name: str) -> list[str]:
    text = []
    for side in SIDES:
        mean, spread = captured.mean[name][side], captured.sd[name][side]
        if mean is not None and spread is not None:
            places = 4 if name.endswith("_bw") else 2
            text += ["", f"[{table}.{side}]", f"mean = {numbers(mean, places)}", f"sd = {numbers(spread, places)}"]
    return text


def numbers(values: Array, places: int) -> str:
    return f"[{', '.join(f'{value:.{places}f}' for value in np.round(values, places) + 0.0)}]"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
