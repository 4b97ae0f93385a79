"""Dynamic or structural: how much of a valgus goes away without load or with attention, and how much is bone.

The distinction decides between exercise and referral. Four simulations answer it: the person, the person told to keep
the knee over the second toe, the same bones without any deficit, and a straight-boned healthy person of the same size.
What the bones alone do is structural; what is left is dynamic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simlab import export, metrics
from simlab.control import Controller
from simlab.model import Model, build, landmarks, state
from simlab.motion import COORDINATES, SIDES
from simlab.simulate import Progress, simulate
from simlab.subject import Subject
from simlab.tasks import Task

METRIC = "fppa_peak_deg"
NOTICEABLE_DEG = 2.0
"""A smaller change of the projection angle is no valgus: the squats of one healthy person differ by as much (captured:
SD 0.8 and 2.3 deg)."""
MOSTLY = 2.0 / 3.0

Verdict = Literal["no valgus", "dynamic", "structural", "both", "not known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One leg. All angles [deg], as change of the projection angle against a straight-boned healthy person, valgus +.

    valgus: in the task; lying: bones alone, without load, straight knee; cued: in the task with full attention to the
    frontal plane; bones: in the task with these bones and nothing else; None: that simulation failed.
    """

    side: str
    valgus: float | None
    lying: float
    cued: float | None
    bones: float | None

    @property
    def dynamic(self) -> float | None:
        """What muscles, tissue, foot and attention account for [deg]."""
        return None if self.valgus is None or self.bones is None else self.valgus - self.bones

    @property
    def verdict(self) -> Verdict:
        """structural, dynamic, or both, where neither accounts for two thirds."""
        if self.valgus is None or self.bones is None:
            return "not known"
        if self.valgus < NOTICEABLE_DEG:
            return "no valgus"
        share = self.bones / self.valgus
        return "structural" if share >= MOSTLY else "dynamic" if share <= 1.0 - MOSTLY else "both"

    def sentences(self) -> list[str]:
        """The finding in plain words."""
        if self.verdict == "not known":
            return [f"The {self.side} leg cannot be judged: a simulation it needs did not end on its feet."]
        assert self.valgus is not None and self.bones is not None
        if self.verdict == "no valgus":
            return [f"The {self.side} knee goes {_in(self.valgus)} than a healthy one: no valgus to explain."]
        said = [
            f"The {self.side} knee goes {_in(self.valgus)} than a healthy, straight one.",
            f"The bones alone, with everything else healthy: {self.bones:+.1f} deg "
            f"(lying, without load: {self.lying:+.1f} deg). That part no exercise changes.",
            f"Muscles, soft tissue and feet: {self.valgus - self.bones:+.1f} deg.",
        ]
        said.append(
            "With full attention to the knee this person does not stay up, so what attention could do is not known."
            if self.cued is None
            else f"With full attention to the knee {self.cued:+.1f} deg are left."
        )
        return [*said, f"This valgus is {WORDS[self.verdict]}"]

    def as_dict(self) -> dict[str, Any]:
        return {
            "valgus_deg": self.valgus,
            "lying_deg": self.lying,
            "cued_deg": self.cued,
            "bones_deg": self.bones,
            "dynamic_deg": self.dynamic,
            "verdict": self.verdict,
            "sentences": self.sentences(),
        }


WORDS = {
    "structural": "structural: bone accounts for two thirds of it or more. Exercise cannot change that part; whether "
    "to act on it is a question for an orthopaedist, with images of the leg's alignment.",
    "dynamic": "dynamic: two thirds of it or more come from muscles, soft tissue, feet and control, which exercise, "
    "insoles and cues address.",
    "both": "both structural and dynamic: exercise can take away its dynamic part only.",
}
LIMITS = (
    "The model knows the bones it was told, it does not measure them: the verdict is as good as the angles entered.",
    "A person who grew up with bent bones may have muscles of another length and strength; the model's are generic.",
    "Clothes, skin and camera are not in the angle; a photograph shows something else (`simlab measure`).",
)
"""What the reader has to know."""


def _in(angle: float) -> str:
    return f"{abs(angle):.1f} deg farther {'in' if angle >= 0 else 'out'}"


def origin(
    subject: Subject, task: Task, *, seed: int = 0, progress: Progress | None = None
) -> tuple[dict[str, Origin], dict[str, str]]:
    """The origin of the valgus of each standing leg, by side, and why simulations failed, by their name."""
    tell = progress or (lambda stage, share: None)
    people = {
        "healthy": (subject.healthy(), Controller()),
        "bones": (subject.twin(), Controller()),
        "valgus": (subject, Controller()),
        "cued": (subject, Controller(cue=1.0)),
    }
    found, failed = {}, {}
    for name, (person, controller) in people.items():

        def told(stage: str, share: float, name: str = name) -> None:
            tell(f"{stage} ({name})", share)

        result = simulate(build(person), task, controller, seed=seed, progress=told)
        found[name] = export.measure(result) if result.success else None
        if not result.success:
            failed[name] = result.run.message

    def change(name: str, side: str) -> float | None:
        here, there = (None if one is None else one[side][METRIC] for one in (found[name], found["healthy"]))
        return None if here is None or there is None else here - there

    lying = _lying(build(subject)) - _lying(build(subject.healthy()))
    origins = {
        side: Origin(
            side=side,
            valgus=change("valgus", side),
            lying=float(lying[SIDES.index(side)]),
            cued=change("cued", side),
            bones=change("bones", side),
        )
        for side in task.standing
    }
    return origins, failed


def _lying(model: Model) -> Any:
    """Projection angle of the bones with every joint neutral [deg], right and left."""
    q = state(model, np.zeros(len(COORDINATES)))
    return np.degrees(metrics.fppa(landmarks(model, np.zeros(1), q[None])))[0]
