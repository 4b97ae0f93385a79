"""What a clinician would measure: passive range of motion of a model, by the tests that the tightness dials stand for.

Every test is quasi-static: no velocity, no activation (a relaxed patient), only the passive fibres of the model's own
muscles, its joint tissue and gravity. The pelvis is held, and the coordinates that a test does not name are at zero.
The lengths of muscles are known up to a limit (models/lengths_range.csv); a range beyond it is told as "at least".

hip abduction   supine, knee straight: how far the examiner's torque abducts the leg
hip extension   prone, knee straight: how far it extends the leg
Thomas test     modified: the thigh hangs over the edge of the table, the other is held to the chest
lunge           dorsiflexion under load with the knee bent (soleus) and straight (gastrocnemius)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simlab.errors import InputError
from simlab.kernels import kinematics
from simlab.model import GRAVITY, Model, build
from simlab.motion import LEG_COORDINATES, SIDES
from simlab.muscles import LEG, Muscles
from simlab.subject import Subject, change

END_FEEL = 0.3
"""Torque that ends a test [Nm per kg of body mass], the one free figure: it brings the healthy lunges nearest to the
published means with the knee straight and bent (best fit 0.29; models/SOURCES.md, clinical tests)."""
LUNGE_KNEE_DEG = 75.0
"""Flexion of the bent knee in the lunge (Baumbach et al. 2014, doi 10.1186/1471-2474-15-246)."""
PELVIC_TILT_DEG = 33.5
"""Pelvic tilt in the modified Thomas test: between the trunk's long axis and the line from hip to sacrum (Takenaka
et al. 2017, J Phys Fit Sports Med 6:349-354: 33.5 +- 7.6 deg in radiographs of 20 people)."""
PLACES = 40
"""Where the Thomas test looks for the thigh to sink, from its lowest to upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A range of motion [deg]. limit: ">=" or "<=" where the model's own range ends before the test does."""

    degrees: float
    limit: Literal["", ">=", "<="] = ""

    @property
    def limited(self) -> bool:
        return bool(self.limit)

    def __str__(self) -> str:
        return f"{self.limit} {self.degrees:.1f} deg".lstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegExamination:
    """The ranges of one leg: the smaller, the tighter.

    thomas_hip_extension: of the thigh below the horizontal, negative above; thomas_knee_flexion: of the hanging shank;
    the lunges: dorsiflexion.
    """

    hip_abduction: Range
    hip_extension: Range
    thomas_hip_extension: Range
    thomas_knee_flexion: Range
    lunge_knee_bent: Range
    lunge_knee_straight: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Both legs of a person."""

    right: LegExamination
    left: LegExamination


def examine(model: Model) -> Examination:
    """All tests on both legs, without bands or insoles."""
    model = replace(model, band=replace(model.band, stiffness=0.0))
    right, left = (_examine(_Patient(model, leg)) for leg in range(len(SIDES)))
    return Examination(right=right, left=left)


def _examine(patient: _Patient) -> LegExamination:
    hip, knee = thomas(patient)
    return LegExamination(
        hip_abduction=hip_abduction(patient),
        hip_extension=hip_extension(patient),
        thomas_hip_extension=hip,
        thomas_knee_flexion=knee,
        lunge_knee_bent=lunge(patient, LUNGE_KNEE_DEG),
        lunge_knee_straight=lunge(patient, 0.0),
    )


# --- the tests --------------------------------------------------------------------------------------------------------


class _Patient:
    """A relaxed leg (0 right, 1 left) that can be put into any pose."""

    def __init__(self, model: Model, leg: int) -> None:
        self.model, self.leg = model, leg
        self._muscles = Muscles(model)
        self._silent, self._still = np.zeros_like(model.muscles.F0), np.zeros(27)
        self._mass, self._bias = np.empty((27, 27)), np.empty(27)

    @property
    def end_feel(self) -> float:
        """The torque that ends a test [Nm]."""
        return END_FEEL * self.model.subject.mass_kg

    def range(self, coordinate: str) -> tuple[float, float]:
        """Where the lengths of the muscles are known [rad]."""
        j, paths = LEG_COORDINATES.index(coordinate), self.model.muscles.paths
        return float(paths.lo[self.leg, j]), float(paths.hi[self.leg, j])

    def torques(
        self, pose: dict[str, float], gravity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> dict[str, float]:
        """Torque that would move each coordinate of the leg [Nm] in a pose [rad]: passive tissue and gravity [m/s2], a
        vector in the frame of the pelvis."""
        q, s = np.zeros(28), self.model.skeleton
        q[6] = 1.0
        for name, angle in pose.items():
            q[10 + LEG_COORDINATES.index(name) :: LEG] = angle
        self._muscles.update(q, self._still)
        total = self._muscles.torque(self._silent, self._still)
        kinematics.mass_bias(
            s.parent, s.pos, s.axis, s.mass, s.com, s.inertia, q, self._still, np.array(gravity), self._mass, self._bias
        )
        total = (total - self._bias[6:])[3:].reshape(2, LEG)[self.leg]
        return dict(zip(LEG_COORDINATES, total.tolist(), strict=True))


def hip_abduction(patient: _Patient) -> Range:
    """Supine, knee straight, the leg's weight on the table: abduction that the examiner's torque reaches."""

    def torque(abduction: float) -> float:
        return patient.end_feel - patient.torques({"hip_adduction": -abduction})["hip_adduction"]

    low, high = patient.range("hip_adduction")
    return _range(*_balance(torque, -high, -low))


def hip_extension(patient: _Patient) -> Range:
    """Prone, knee straight, the leg's weight held: extension that the examiner's torque reaches."""

    def torque(extension: float) -> float:
        return patient.end_feel - patient.torques({"hip_flexion": -extension})["hip_flexion"]

    low, high = patient.range("hip_flexion")
    return _range(*_balance(torque, -high, -low))


def lunge(patient: _Patient, knee_deg: float) -> Range:
    """Dorsiflexion with the foot flat on the ground and the knee at `knee_deg`, under the same torque."""
    knee = math.radians(knee_deg)

    def torque(dorsiflexion: float) -> float:
        return patient.end_feel + patient.torques({"ankle_angle": dorsiflexion, "knee_angle": knee})["ankle_angle"]

    return _range(*_balance(torque, *patient.range("ankle_angle")))


def thomas(patient: _Patient) -> tuple[Range, Range]:
    """Modified Thomas test: extension of the thigh below the horizontal, and flexion of the knee, in equilibrium.

    The other thigh, held to the chest, tilts the pelvis back; hip adduction and rotation and the foot are at zero. Of
    several equilibria the lowest counts: the examiner lets the thigh down as far as it goes. For the knee a thigh that
    stays above the horizontal is pressed down to it.
    """
    tilt = _posterior_tilt(patient.model)
    gravity = (-GRAVITY * math.cos(tilt), GRAVITY * math.sin(tilt), 0.0)  # supine: the pelvis looks up

    def torques(hip: float, knee: float) -> dict[str, float]:
        return patient.torques({"hip_flexion": hip, "knee_angle": knee}, gravity)

    def knee_at(hip: float) -> tuple[float, str]:
        return _balance(lambda knee: torques(hip, knee)["knee_angle"], *patient.range("knee_angle"))

    def sinks(extension: float) -> float:
        return -torques(-extension, knee_at(-extension)[0])["hip_flexion"]

    lowest, vertical = -patient.range("hip_flexion")[0], tilt - math.pi / 2
    places = np.linspace(lowest, vertical, PLACES).tolist()
    above = next((place for place in places if sinks(place) >= 0.0), vertical)
    extension, limit = _balance(sinks, above, lowest)
    return _range(extension - tilt, limit), _range(*knee_at(-max(extension, tilt)))


def _posterior_tilt(model: Model) -> float:
    """How far the Thomas test tilts the pelvis back [rad] from where it is when the model stands straight."""
    place = {name: model.skeleton.pos[model.link(name)] for name in ("hip_1_r", "lumbar_1")}
    forward, _, _ = place["hip_1_r"] - place["lumbar_1"]
    up = (place["lumbar_1"] - place["hip_1_r"])[1]
    return math.radians(PELVIC_TILT_DEG) - math.atan2(forward, up)


def _balance(torque: Callable[[float], float], low: float, high: float) -> tuple[float, str]:
    """Where a torque that pushes an angle up to there, and down beyond, is zero; the end of the range if nowhere."""
    from scipy.optimize import brentq

    if torque(high) >= 0.0:
        return high, ">="
    if torque(low) <= 0.0:
        return low, "<="
    return brentq(torque, low, high, xtol=1e-12), ""


def _range(angle: float, limit: Any) -> Range:
    return Range(degrees=math.degrees(angle), limit=limit)


# --- what a dial means ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The test of a dial: its field in `LegExamination`, what it measures, and [deg] from where up a range is normal,
    from where down it is tight, and the published mean of healthy people (models/SOURCES.md, clinical tests)."""

    field: str
    words: str
    normal: float
    tight: float
    mean: float | None = None


TESTS = {
    "adductor_tightness": Test(
        field="hip_abduction", words="passive hip abduction, supine, knee straight", normal=40.0, tight=25.0
    ),
    "hip_flexor_tightness": Test(
        field="thomas_knee_flexion", words="modified Thomas test, knee flexion", normal=40.0, tight=40.0, mean=52.5
    ),
    "calf_tightness": Test(
        field="lunge_knee_bent", words="dorsiflexion lunge, knee bent", normal=35.0, tight=30.0, mean=39.0
    ),
}
"""Dial -> its test."""
STEPS = 20
"""Steps of a dial in its calibration."""


@cache
def calibration(dial: str) -> tuple[tuple[float, Range], ...]:
    """What the test of a tightness reads at values of the dial from 0 to 1: generic woman, every other dial at 0.

    Errors: InputError for a dial that has no test.
    """
    field = _test(dial).field
    return tuple((k / STEPS, getattr(_with(dial, k / STEPS), field)) for k in range(STEPS + 1))


def dial_for(dial: str, degrees: float) -> float:
    """The value of a tightness at which its test reads `degrees`, between the readings of `calibration`.

    Errors: InputError for a dial that has no test, or degrees that no value of it reaches within the model's range.
    """
    known = [(reading.degrees, value) for value, reading in reversed(calibration(dial)) if not reading.limited]
    x, y = zip(*known, strict=True)
    if not x[0] <= degrees <= x[-1]:
        raise InputError(
            f"{dial}: expected {x[0]:.1f} to {x[-1]:.1f} deg of {TESTS[dial].words}, "
            f"between which the dial moves it within the model's range, found {degrees:g}"
        )
    return float(np.interp(degrees, x, y))


def slope(dial: str) -> float:
    """Mean change of the test over the part of the dial that it can tell apart [deg per unit], negative."""
    known = [(value, reading.degrees) for value, reading in calibration(dial) if not reading.limited]
    (first, most), (last, least) = known[0], known[-1]
    return (least - most) / (last - first)


def _test(dial: str) -> Test:
    if dial not in TESTS:
        raise InputError(f"dial: expected one of {', '.join(TESTS)}, found {dial!r}")
    return TESTS[dial]


def _with(dial: str, value: float) -> LegExamination:
    return examine(build(change(Subject(), [f"right.{dial}={value}"]))).right


# --- picture ----------------------------------------------------------------------------------------------------------


def plot(path: str | Path) -> None:
    """Draw what each dial means: its test against its value, and where that is normal and tight, as PNG or SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (dial, test) in zip(figure.subplots(1, len(TESTS)), TESTS.items(), strict=True):
        _panel(axis, dial, test, calibration(dial))
    handles, labels = axis.get_legend_handles_labels()  # of the last panel, which has everything
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8)
    figure.savefig(path)


NORMAL, TIGHT, LINE = "#009E73", "#D55E00", "#0072B2"
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""


def _panel(axis: Any, dial: str, test: Test, readings: Iterable[tuple[float, Range]]) -> None:
    known = [(value, r.degrees) for value, r in readings if not r.limited]
    beyond = [(value, r.degrees) for value, r in readings if r.limited]
    every = [degrees for _, degrees in (*known, *beyond)] + [test.normal, test.tight]
    low, high = min(every) - 4.0, max(every) + 8.0
    axis.axhspan(test.normal, high, color=NORMAL, alpha=0.15, linewidth=0, label="normal")
    axis.axhspan(low, test.tight, color=TIGHT, alpha=0.15, linewidth=0, label="tight")
    axis.plot(*zip(*known, strict=True), color=LINE, marker="o", markersize=3, linewidth=1.7, label="simulated test")
    if test.mean is not None:
        axis.axhline(test.mean, color="0.35", linewidth=1.0, linestyle=(0, (4, 3)), label="published mean, healthy")
    marks = zip(*beyond, strict=True) if beyond else ((), ())
    axis.plot(*marks, color=LINE, marker="^", markersize=5, linestyle="", label="at least (end of the model's range)")
    axis.set(xlim=(-0.03, 1.03), ylim=(low, high))
    axis.set_title(test.words.replace(", ", ",\n", 1), fontsize=9)
    axis.set_xlabel(dial.replace("_", " "), fontsize=8.5)
    axis.set_ylabel("deg", fontsize=8.5)
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
