"""The folder of an OpenCap session: its trials, and what it says of the person.

Source: Uhlrich et al. (2023) OpenCap, PLoS Comput Biol 19(10):e1011462, doi 10.1371/journal.pcbi.1011462, and the
folders that its service hands out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simlab.errors import RecordingError

LONGEST = 10_000
"""No description of a session is longer than this [bytes]."""
SEX = {"f": "female", "female": "female", "m": "male", "male": "male"}
PLAUSIBLE = {"mass_kg": (1.0, 500.0), "height_m": (0.3, 2.8)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One recording: its markers (TRC) and the joint angles that OpenCap found (MOT); None where there is no file."""

    name: str
    markers: Path | None
    motion: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session: trials by name, the standing trial among them, the scaled model; mass [kg], height [m] and sex
    (female, male) of the person. None where the folder does not say."""

    folder: Path
    trials: tuple[Trial, ...]
    static: Trial | None
    model: Path | None
    subject: str | None
    mass: float | None
    height: float | None
    sex: str | None

    def trial(self, name: str) -> Trial:
        """A trial by its name. Errors: RecordingError with the names that there are."""
        for trial in self.trials:
            if trial.name == name:
                return trial
        names = ", ".join(trial.name for trial in self.trials)
        raise RecordingError(f"{self.folder}: expected a trial {name!r}, found {names}")


def is_session(folder: Path) -> bool:
    """Whether a folder looks like an OpenCap session."""
    return (folder / "sessionMetadata.yaml").is_file() or (folder / "MarkerData").is_dir()


def read_session(folder: str | Path) -> Session:
    """The session in a folder (`OpenCapData_...`), or in the only such folder inside it. Errors: RecordingError."""
    folder = Path(folder)
    if not is_session(folder):
        inside = sorted(path for path in folder.glob("OpenCapData_*") if is_session(path)) if folder.is_dir() else []
        if len(inside) != 1:
            found = ", ".join(path.name for path in inside) or "neither"
            raise RecordingError(
                f"{folder}: expected MarkerData and sessionMetadata.yaml of one OpenCap session, found {found}"
            )
        folder = inside[0]
    markers = {path.stem: path for path in sorted((folder / "MarkerData").glob("*.trc"))}
    motions = {path.stem: path for path in sorted((folder / "OpenSimData" / "Kinematics").glob("*.mot"))}
    names = sorted(markers.keys() | motions.keys())
    if not names:
        raise RecordingError(f"{folder}: expected trials (MarkerData/*.trc, OpenSimData/Kinematics/*.mot), found none")
    trials = tuple(Trial(name=name, markers=markers.get(name), motion=motions.get(name)) for name in names)
    standing = [trial for trial in trials if trial.markers and trial.name.lower().startswith(("neutral", "static"))]
    models = sorted((folder / "OpenSimData" / "Model").rglob("*.osim"))
    path = folder / "sessionMetadata.yaml"
    said = _metadata(path) if path.is_file() else {}
    sex = said.get("gender_mf", said.get("sex", "")).lower()
    return Session(
        folder=folder,
        trials=trials,
        static=standing[0] if standing else None,
        model=models[0] if len(models) == 1 else None,
        subject=said.get("subjectID") or None,
        mass=_number(said, "mass_kg", path),
        height=_number(said, "height_m", path),
        sex=SEX.get(sex),
    )


def _metadata(path: Path) -> Mapping[str, str]:
    """The words of a session's description by their key. Nothing in it is run, and no `n` is taken for false."""
    import yaml

    try:
        if path.stat().st_size > LONGEST:
            raise RecordingError(f"{path}: expected up to {LONGEST} bytes, found {path.stat().st_size}")
        found = yaml.load(path.read_text(encoding="utf-8", errors="replace"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise RecordingError(f"{path}, line {line}: expected YAML, found {getattr(error, 'problem', error)}") from None
    if not isinstance(found, dict):
        raise RecordingError(f"{path}: expected keys such as mass_kg, found {str(found)[:40]!r}")
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _number(said: Mapping[str, str], key: str, path: Path) -> float | None:
    if not said.get(key, "").strip():
        return None
    low, high = PLAUSIBLE[key]
    try:
        value = float(said[key])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise RecordingError(f"{path}, {key}: expected a number from {low:g} to {high:g}, found {said[key][:40]!r}")
    return value
