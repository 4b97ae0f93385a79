"""Jobs that stand in for a simulation, where how a sweep deals with its workers is the point. Workers import them.

The folder in SWEEP_JOBS tells what was done: a file `done`, with a line "mass pid" for every job that was begun.
"""

import os
import signal
import time
from pathlib import Path

from simlab import export, metrics


def quick(request: dict) -> dict:
    """Numbers that follow from the dials."""
    asked = request["configuration"]
    with (_folder() / "done").open("a") as file:
        file.write(f"{asked['subject']['mass_kg']:g} {os.getpid()}\n")
    measured = {"both": dict.fromkeys(metrics.BOTH, 1.0)}
    for side in ("right", "left"):
        leg, mass = asked["subject"][side], asked["subject"]["mass_kg"]
        value = 10 * (1 - leg["gluteus_medius_strength"]) + leg["foot_pronation_deg"] + mass / 100
        measured[side] = dict.fromkeys(export.LEG, value)
    return {
        "hash": export.digest(asked),
        "success": True,
        "message": "",
        "simulated_s": 1.0,
        "qp_failures": 0,
        "metrics": measured,
        "curves": None,
    }


def slow(request: dict) -> dict:
    outcome = quick(request)
    time.sleep(0.3)
    return outcome


def endless(request: dict) -> dict:
    quick(request)
    time.sleep(600)
    raise AssertionError


def deadly(request: dict) -> dict:
    """Kills its process at 61 kg, always, and at 62 kg, the first time."""
    outcome = quick(request)
    mass, mark = request["configuration"]["subject"]["mass_kg"], _folder() / "killed"
    if mass == 61 or (mass == 62 and not mark.exists()):
        if mass == 62:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return outcome


def faulty(request: dict) -> dict:
    if request["configuration"]["subject"]["mass_kg"] == 61:
        raise ZeroDivisionError("a mistake")
    return quick(request)


def foreign(request: dict) -> dict:
    return quick(request) | {"hash": "of another version"}


def begun() -> list[tuple[float, int]]:
    """Mass and process of every job that was begun."""
    file = _folder() / "done"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(float(mass), int(pid)) for mass, pid in map(str.split, lines)]


def _folder() -> Path:
    return Path(os.environ["SWEEP_JOBS"])


def strong(request: dict) -> dict:
    """The knee of a person goes in less, the stronger the hip; who is lighter than 55 kg falls."""
    outcome, asked = quick(request), request["configuration"]["subject"]
    for side in ("right", "left"):
        value = -10 * asked[side]["hip_abductor_strength"] + 0.2 * asked["height_m"]
        outcome["metrics"][side] = dict.fromkeys(metrics.LEG, value)
    if asked["mass_kg"] < 55:
        outcome |= {"success": False, "message": "could not stand up"}
    return outcome


def fragile(request: dict) -> dict:
    """As `quick`, but who has a weak gluteus medius and a pronated foot at once falls."""
    outcome, leg = quick(request), request["configuration"]["subject"]["right"]
    if leg["gluteus_medius_strength"] < 1 and leg["foot_pronation_deg"] > 0:
        outcome |= {"success": False, "message": "could not stand up"}
    return outcome
