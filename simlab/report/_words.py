"""What curves and numbers are called on the page, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simlab import compare, page
from simlab.motion import SIDES

LEGS = tuple(reversed(SIDES))
"""On paper the left leg is on the left."""

CURVES = {
    "knee_flexion_deg": ("Knee flexion", "°", "0 is a straight knee."),
    "fppa_deg": (
        "Frontal plane projection angle (FPPA)",
        "°",
        "Above zero the knee points inward (valgus). It loses its meaning as the thigh nears the horizontal.",
    ),
    "medial_knee_displacement_mm": (
        "Medial knee displacement",
        "mm",
        "How far the knee lies medial of the line from hip to ankle.",
    ),
    "hip_adduction_deg": ("Hip adduction", "°", "A joint angle needs a model: joint centres alone do not define it."),
    "hip_internal_rotation_deg": ("Hip internal rotation", "°", "Of captured motion the least certain of the three."),
    "knee_abduction_deg": (
        "Knee abduction",
        "°",
        "The joint angle in three dimensions, not its projection. Skin markers see it to 3° at best.",
    ),
    "grf_bw": ("Vertical ground reaction", "BW", "Of each foot, in body weights."),
}
"""Title, unit and a note of the curves; others are shown by their label in `compare.LABELS` or their name."""
UNITS = {"_deg": "°", "_mm": "mm", "_bw": "BW", "_nm_kg": "N m/kg", "_nm": "N m"}
METRICS = {
    "knee_flexion_peak_deg": "Knee flexion, peak",
    "fppa_30_deg": "FPPA at 30° of flexion",
    "fppa_45_deg": "FPPA at 45° of flexion",
    "fppa_60_deg": "FPPA at 60° of flexion",
    "fppa_peak_deg": "FPPA at peak flexion",
    "knee_abduction_peak_deg": "Knee abduction, peak",
    "knee_abduction_at_peak_flexion_deg": "Knee abduction at peak flexion",
    "knee_abduction_change_deg": "Knee abduction, change since the start",
    "hip_adduction_at_peak_flexion_deg": "Hip adduction at peak flexion",
    "hip_internal_rotation_at_peak_flexion_deg": "Hip internal rotation at peak flexion",
    "medial_knee_displacement_mm": "Medial knee displacement at peak flexion",
    "medial_knee_travel_mm": "Medial knee travel since the start",
    "knee_over_toe_mm": "Knee medial of the second toe",
    "rearfoot_eversion_at_peak_flexion_deg": "Rearfoot eversion at peak flexion",
    "foot_progression_deg": "Foot progression (toes out +)",
    "grf_peak_bw": "Vertical ground reaction, peak",
    "grf_peak_bw_total": "Vertical ground reaction of both feet, peak",
    "knee_ankle_separation_ratio_min": "Knee to ankle separation ratio, least",
    "knee_ankle_separation_ratio_at_peak_flexion": "Knee to ankle separation ratio at peak flexion",
    "pelvic_drop_deg": "Pelvic drop",
    "trunk_lean_deg": "Trunk lean to the side",
}
"""The metrics on the page, for a leg or for both."""
PLOTTED = ("knee_flexion_peak_deg", "fppa_60_deg", "fppa_peak_deg", "medial_knee_displacement_mm", "grf_peak_bw")
"""The metrics with a Bland-Altman plot."""


def curve_words(name: str) -> tuple[str, str, str]:
    if name in CURVES:
        return CURVES[name]
    title, bracket, unit = compare.LABELS.get(name, "").replace("\n", " ").partition("[")
    if bracket:
        return title.strip(), unit.partition("]")[0], ""
    unit = next((sign for suffix, sign in UNITS.items() if name.endswith(suffix)), "")
    return name.replace("_", " ").capitalize(), unit, ""


def unit_of(name: str) -> str:
    return next((f" {sign}" if sign != "°" else sign for suffix, sign in UNITS.items() if name.endswith(suffix)), "")


def digits_of(name: str) -> int:
    return 0 if name.endswith("_mm") else 1 if name.endswith("_deg") else 2


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    return page.number(value, digits, sign, none="\N{EN DASH}")


def p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def numbers(value: Any) -> tuple[float | None, float | None, int]:
    """Mean, SD and number of a metric, of several repetitions or of one."""
    if isinstance(value, Mapping):
        return value["mean"], value["sd"], sum(one is not None for one in value["values"])
    return (None if value is None else float(value)), None, 1


def stretch(one: Mapping[str, Any]) -> str:
    start, end = one["start_percent"], one["end_percent"]
    return str(start) if start == end else f"{start}\N{EN DASH}{end}"
