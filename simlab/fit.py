"""Which deficits best explain a recording? Dials are found whose simulated squat, measured as the recording was, looks
like it; with how sure they are, and with a plain answer where the recording cannot tell them apart.

Every candidate is simulated, carries the same markers as the person (`sensors.markers`), and is located by the same
functions as the recording. What is compared are frontal-plane quantities at fixed knee flexions, so that tempo does not
count. Each is weighed by its noise: of the markers, propagated through the same functions, and of the mean over the
repetitions. Where the feet stand and how deep it went is not known exactly either (`NUISANCE`): its linear effect is
fitted along with every candidate. The search is CMA-ES (Hansen 2016, arXiv:1604.00772), then Gauss-Newton steps; the
uncertainty is that of the linearised model at the optimum (Fisher information), widened by the misfit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from simlab import capture, export, metrics
from simlab import recording as recordings
from simlab.errors import InputError
from simlab.model import build
from simlab.motion import Array, Landmarks
from simlab.recording import Recording
from simlab.sensors import markers as optical
from simlab.simulate import simulate
from simlab.subject import Subject, change, dial_keys, toml
from simlab.tasks.squat import Squat

DIALS = {
    "both.gluteus_medius_strength": (0.4, 1.0),
    "both.external_rotator_strength": (0.4, 1.0),
    "both.adductor_tightness": (0.0, 0.8),
    "both.foot_pronation_deg": (0.0, 8.0),
}
"""What is sought unless something else is asked for, with its bounds."""
LEVELS = 12
"""Knee flexions at which a repetition is looked at, going down and coming up ..."""
SHALLOW, DEEP = 0.4, 0.97
"""... between these shares of its depth."""
QUANTITIES = (
    "fppa_deg",
    "medial_knee_displacement_mm",
    "knee_over_toe_mm",
    "ankle_over_foot_mm",
    "foot_progression_deg",
)
"""What is compared, of each leg."""
INDEPENDENT = 1 / 3
"""Share of independent samples: noise of neighbouring levels passes the same 6 Hz filter. Counted on 40 noisy copies of
a squat: 75 to 78 of 240."""
NOISE_RUNS = 12
"""Noisy copies of a simulated recording from which the noise of what is compared is taken."""
FLOOR = {"_deg": 0.25, "_mm": 0.5}
"""The least noise of a quantity: what joint centres and the filter leave undetermined."""
STEP = 0.06
"""Finite difference of a dial, in shares of its range."""
LINE = 9
"""Values that a single dial is tried at."""
POLISH = 4
"""Gauss-Newton steps, at most, before and after the task is settled."""
NUISANCE = {"toe_out_deg": 4.0, "stance_width_m": 0.02, "depth_deg": 3.0}
"""Settings of the task that are not known exactly, and how far they may be off: dials change how they are measured."""
UNSURE = 1 / 3
"""A dial whose standard deviation is more than this share of its range is not identifiable ..."""
TIED = 0.9
"""... nor are two whose estimates correlate more than this."""
PRIOR = 1.5
"""Standard deviation of a dial, in shares of its range, before anything is known: keeps what is unseen finite."""
EDGE = 0.01
BAD = 1e7
"""Chi-square of a simulation that falls."""
MISFIT = 3.0
"""Chi-square per independent sample beyond which the model does not explain the recording."""

Tell = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A dial, its bounds, and the value at which it explains nothing. name: as `--set` takes it."""

    name: str
    low: float
    high: float
    neutral: float

    def value(self, share: float) -> float:
        """The dial's value at a share of its range."""
        return self.low + (self.high - self.low) * share

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What was found of a dial. sd: standard deviation; verdict: `estimated`, `at its bound` or `not identifiable`;
    explains: rise of chi-square, per independent sample, when the dial goes back to neutral; fppa_deg, medial_mm: what
    it adds to projection angle and medial displacement at peak flexion, mean of both legs, None after a fall."""

    dial: Dial
    value: float
    sd: float
    verdict: str
    explains: float
    fppa_deg: float | None
    medial_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The answer. chi2: per independent sample, 1 where noise explains all that is left; healthy: that of the person
    without deficits; correlation (k, k): of the estimates; evaluations: simulations it took. names, observed, fitted,
    noise (n,): what was compared."""

    estimates: tuple[Estimate, ...]
    correlation: Array
    chi2: float
    healthy: float
    task: Squat
    subject: Subject
    evaluations: int
    seed: int
    names: tuple[str, ...]
    observed: Array
    fitted: Array
    noise: Array
    sentences: tuple[str, ...]

    @property
    def dominant(self) -> Estimate | None:
        """The dial that explains most, if any explains more than noise does."""
        best = max(self.estimates, key=lambda one: one.explains)
        return best if best.explains > 1.0 / max(len(self.observed) * INDEPENDENT, 1.0) * 4.0 else None

    def report(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "dials": {
                one.dial.name: {
                    "value": one.value,
                    "sd": one.sd if math.isfinite(one.sd) else None,
                    "bounds": [one.dial.low, one.dial.high],
                    "neutral": one.dial.neutral,
                    "verdict": one.verdict,
                    "explains_chi2": one.explains,
                    "fppa_peak_deg": one.fppa_deg,
                    "medial_knee_displacement_mm": one.medial_mm,
                }
                for one in self.estimates
            },
            "dominant": None if self.dominant is None else self.dominant.dial.name,
            "correlation": self.correlation.tolist(),
            "chi2_per_sample": self.chi2,
            "chi2_per_sample_without_deficits": self.healthy,
            "explained": self.chi2 <= MISFIT,
            "task": self.task.model_dump(),
            "simulations": self.evaluations,
            "seed": self.seed,
            "sentences": list(self.sentences),
        }


# --- what is compared -------------------------------------------------------------------------------------------------


def quantities(points: Landmarks) -> dict[str, Array]:
    """The frontal-plane quantities of each leg over time, shape (n, 2)."""
    ankle = replace(points, knee=points.ankle)
    return {
        "fppa_deg": np.degrees(metrics.fppa(points)),
        "medial_knee_displacement_mm": 1e3 * metrics.medial_knee_displacement(points),
        "knee_over_toe_mm": 1e3 * metrics.knee_over_toe(points),
        "ankle_over_foot_mm": 1e3 * metrics.knee_over_toe(ankle),
        "foot_progression_deg": np.degrees(metrics.foot_progression(points)),
    }


def features(recording: Recording) -> tuple[tuple[str, ...], Array]:
    """Names and values (repetitions, n) of what is compared: each quantity at `LEVELS` knee flexions, down and up."""
    points = recording.landmarks
    flexion, series = metrics.knee_flexion(points), quantities(points)
    rows: list[Array] = []
    names: list[str] = []
    for one in recording.repetitions:
        row, names = [], []
        for leg, side in enumerate(("right", "left")):
            inside = np.flatnonzero((points.time >= one.start) & (points.time <= one.end))
            bend = flexion[inside, leg]
            deepest = int(np.argmax(bend))
            levels = np.linspace(SHALLOW, DEEP, LEVELS) * bend[deepest]
            for phase, part in (("down", slice(0, deepest + 1)), ("up", slice(deepest, None))):
                at = bend[part] if phase == "down" else bend[part][::-1]
                rising = np.maximum.accumulate(at)
                for name in QUANTITIES:
                    values = series[name][inside, leg][part]
                    values = values if phase == "down" else values[::-1]
                    row.append(np.interp(levels, rising, values))
                    names += [f"{name} {side} {phase} {k}" for k in range(LEVELS)]
        rows.append(np.concatenate(row))
    return tuple(names), np.array(rows)


# --- one candidate ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """All that decides a simulated recording. hip: one of `landmarks.HIPS`."""

    subject: Subject
    task: Squat
    joint_centres: str
    hip: str = "auto"


def measured(one: Candidate, noise_mm: float = 0.0, seed: int = 0) -> Recording | float:
    """The recording that markers on a simulated squat give; or the share of the task that was done before a fall."""
    result = simulate(build(one.subject), one.task)
    if not result.success:
        return float(len(result.run.time) / len(result.plan.time))
    return _recorded(result, one, noise_mm, seed)


def _recorded(result: Any, one: Candidate, noise_mm: float, seed: int) -> Recording:
    model, run = result.model, result.run
    worn = optical.markers(model, run.time, run.q, noise_mm=noise_mm, seed=seed)
    still = optical.standing(model, result.plan.values[0], noise_mm=noise_mm, seed=seed)
    points = recordings.located(worn, still, one.joint_centres, hip=one.hip)
    return recordings.assemble(worn, still, points, None, one.joint_centres)


def definition_of(recording: Recording) -> dict[str, str]:
    """How the joint centres of a recording were found, for its candidates: the definition decides every number, so
    captured and simulated share it. Errors: InputError for one that markers on the model cannot follow."""
    said = recording.landmarks.definition
    follows = {
        "lateral-markers": "half a width" not in said,
        "clusters": True,
        "functional": "of the static trial inward; ankle: clusters" in said,
    }
    if not follows.get(recording.joint_centres, False):
        raise InputError(
            f"{recording.path}: expected joint centres that simulated markers have too (lateral-markers without "
            f"widths, clusters, or functional with a standing trial), found {said}"
        )
    hip = "harrington" if "Harrington" in said else "functional" if "SCoRE" in said else "auto"
    return {"joint_centres": recording.joint_centres, "hip": hip}


def _features_of(one: Candidate) -> tuple[Array | None, float, tuple[float, float]]:
    """What a candidate looks like, the share it did, and its FPPA [deg] and medial displacement [mm] at peak."""
    found = measured(one)
    if isinstance(found, float):
        return None, found, (math.nan, math.nan)
    peak = recordings.measure(found)["metrics"]
    at_peak = [
        float(np.mean([peak[side][name]["mean"] for side in ("right", "left")]))
        for name in ("fppa_peak_deg", "medial_knee_displacement_mm")
    ]
    return features(found)[1].mean(axis=0), 1.0, (at_peak[0], at_peak[1])


def noise(one: Candidate, noise_mm: float, seed: int) -> Array:
    """Standard deviation of what is compared under white marker noise, shape (n,)."""
    result = simulate(build(one.subject), one.task)
    if not result.success:
        raise InputError(f"fit: expected a person who can do the captured squat, found: {result.run.message}")
    runs = [features(_recorded(result, one, noise_mm, seed + 1 + k))[1].mean(axis=0) for k in range(NOISE_RUNS)]
    return np.asarray(np.std(runs, axis=0, ddof=1), dtype=np.float64)


def _floor(names: Sequence[str]) -> Array:
    return np.array([next(v for suffix, v in FLOOR.items() if name.split()[0].endswith(suffix)) for name in names])


# --- the search -------------------------------------------------------------------------------------------------------


def dials(chosen: Mapping[str, tuple[float, float]], base: Subject) -> tuple[Dial, ...]:
    """The dials to seek. Errors: InputError for an unknown one, or bounds that it does not take."""
    out = []
    for name, (low, high) in chosen.items():
        if name not in dial_keys():
            raise InputError(f"--dial {name}: expected a dial, such as {next(iter(DIALS))}, found {name!r}")
        if not low < high:
            raise InputError(f"--dial {name}: expected LOW below HIGH, found {low:g}:{high:g}")
        for value in (low, high):
            change(base, [f"{name}={value!r}"], "--dial")
        rest = 1.0 if name.endswith(("_strength", ".strength", "arch_stiffness")) else 0.0
        out.append(Dial(name=name, low=low, high=high, neutral=min(max(rest, low), high)))
    return tuple(out)


def fit(
    recording: Recording,
    base: Subject | None = None,
    chosen: Mapping[str, tuple[float, float]] | None = None,
    *,
    marker_noise_mm: float = 2.0,
    evaluations: int = 120,
    seed: int = 0,
    workers: int = 1,
    tell: Tell = lambda done, total, failed: None,
) -> Fit:
    """The dials that explain a recording best.

    base: the person without the deficits sought, scaled from the recording by `capture.analyse`, or the generic adult.
    chosen: dial -> bounds, `DIALS` by default. evaluations: simulations of the global search; the rest is a few times
    the number of dials more. The answer does not depend on workers. Errors: InputError.
    """
    base = base or Subject()
    sought = dials(chosen or DIALS, base)
    with _pool(workers) as pool:
        return _Search(recording, base, sought, marker_noise_mm, evaluations, seed, pool, tell).run()


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    if workers < 2:
        yield None
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool


class _Search:
    def __init__(
        self,
        recording: Recording,
        base: Subject,
        sought: tuple[Dial, ...],
        noise_mm: float,
        evaluations: int,
        seed: int,
        pool: Executor | None,
        tell: Tell,
    ) -> None:
        self.dials, self.base, self.pool, self.tell, self.seed = sought, base, pool, tell, seed
        self.count, self.failed, self.budget = 0, 0, evaluations
        self.total = evaluations + (2 * POLISH + 1) * (len(sought) + 3) + len(sought) + 12
        self.definition = definition_of(recording)
        self.names, each = features(recording)
        self.observed = each.mean(axis=0)
        plain = change(base, [f"{dial.name}={dial.neutral!r}" for dial in sought])
        self.task = self._matched(plain, recording)
        spread = each.std(axis=0, ddof=1) / math.sqrt(len(each)) if len(each) > 1 else np.zeros(len(self.observed))
        markers = noise(self._candidate(self._neutral()), noise_mm, seed) / math.sqrt(len(each))
        self.noise = np.sqrt(spread**2 + markers**2 + _floor(self.names) ** 2)
        self.nuisance = np.zeros((len(self.observed), 0))

    def _matched(self, plain: Subject, recording: Recording) -> Squat:
        """The task whose simulated recording has the captured stance and depth: markers do not sit in the joint
        centres that the task speaks of."""
        wanted, self.clipped = capture.task_of(recording)
        task = wanted
        for _ in range(2):
            found = measured(Candidate(subject=plain, task=task, **self.definition))
            self.count += 1
            if isinstance(found, float):
                return task
            got, _ = capture.task_of(found)
            changed: dict[str, Any] = {}
            for name in ("depth_deg", "descent_s", "ascent_s", "stance_width_m", "toe_out_deg"):
                low, high = capture.limits(name)
                value = getattr(task, name) + getattr(wanted, name) - getattr(got, name)
                changed[name] = round(float(np.clip(value, low, high)), 3)
            task = task.model_copy(update=changed)
        return task

    def _neutral(self) -> Array:
        return np.array([dial.share(dial.neutral) for dial in self.dials])

    def _candidate(self, shares: Array) -> Candidate:
        values = [dial.value(float(np.clip(x, 0, 1))) for dial, x in zip(self.dials, shares, strict=True)]
        settings = [f"{dial.name}={round(value, 6)!r}" for dial, value in zip(self.dials, values, strict=True)]
        return Candidate(subject=change(self.base, settings), task=self.task, **self.definition)

    def _all(self, points: Sequence[Array]) -> list[tuple[Array | None, float, tuple[float, float]]]:
        return self._run([self._candidate(point) for point in points])

    def _run(self, candidates: Sequence[Candidate]) -> list[tuple[Array | None, float, tuple[float, float]]]:
        run = map(_features_of, candidates) if self.pool is None else self.pool.map(_features_of, candidates)
        out = []
        for found in run:
            self.count += 1
            self.failed += found[0] is None
            self.tell(self.count, self.total, self.failed)
            out.append(found)
        return out

    def _chi2(self, found: tuple[Array | None, float, tuple[float, float]]) -> float:
        """Per sample; of a fall, the worse the earlier."""
        if found[0] is None:
            return BAD * (2.0 - found[1])
        miss = (self.observed - found[0]) / self.noise
        return float((miss @ self._without_nuisance(miss)) / len(miss))

    def _without_nuisance(self, columns: Array) -> Array:
        """Noise-weighted columns (n, ...) less what the nuisance, held by its spread, accounts for."""
        N = self.nuisance
        return np.asarray(columns - N @ np.linalg.solve(N.T @ N + np.eye(N.shape[1]), N.T @ columns))

    def _find_nuisance(self, at: Array) -> None:
        """The noise-weighted change of what is compared with each of `NUISANCE`, in units of its spread."""
        here, settings = self._candidate(at), list(NUISANCE.items())
        tasks = [self.task, *(self._moved({name: spread / 2}) for name, spread in settings)]
        found = self._run([replace(here, task=task) for task in tasks])
        looks = [one[0] for one in found]
        if looks[0] is None:
            return
        columns = [
            np.zeros(len(self.observed)) if one is None else (one - looks[0]) * 2 / self.noise for one in looks[1:]
        ]
        self.nuisance = np.array(columns).T

    def _moved(self, by: Mapping[str, float]) -> Squat:
        changed: dict[str, Any] = {}
        for name, step in by.items():
            low, high = capture.limits(name)
            changed[name] = round(float(np.clip(getattr(self.task, name) + step, low, high)), 4)
        return self.task.model_copy(update=changed)

    def _settle(self, at: Array) -> None:
        """Move the task to where the nuisance has it."""
        (found,) = self._all([at])
        if found[0] is None:
            return
        miss, N = (self.observed - found[0]) / self.noise, self.nuisance
        off = np.linalg.solve(N.T @ N + np.eye(N.shape[1]), N.T @ miss)
        self.task = self._moved({name: spread * x for (name, spread), x in zip(NUISANCE.items(), off, strict=True)})

    def run(self) -> Fit:
        self._find_nuisance(self._neutral())
        best = self._polished(self._explored())
        self._settle(best)
        self._find_nuisance(best)
        best = self._polished(best)
        centre, jacobian = self._slopes(best)
        if centre[0] is None:
            raise InputError("fit: expected a person who can do the captured squat, found that all who were tried fall")
        chi2 = self._chi2(centre)
        covariance = self._covariance(jacobian, max(chi2, 1.0))
        neutral = self._neutral()
        without = self._all([np.where(np.arange(len(best)) == k, neutral, best) for k in range(len(best))] + [neutral])
        estimates = self._estimates(best, covariance, chi2, centre, without[:-1])
        sd = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(sd, sd)
        sentences = self.clipped + _sentences(estimates, correlation, chi2, self._chi2(without[-1]))
        return Fit(
            estimates=estimates,
            correlation=correlation,
            chi2=chi2,
            healthy=self._chi2(without[-1]),
            task=self.task,
            subject=self._candidate(best).subject,
            evaluations=self.count,
            seed=self.seed,
            names=self.names,
            observed=self.observed,
            fitted=centre[0],
            noise=self.noise,
            sentences=sentences,
        )

    def _explored(self) -> Array:
        """The best point of CMA-ES within the bounds; of a single dial, of evenly spread values."""
        if len(self.dials) == 1:
            line = [np.array([x]) for x in np.linspace(0.0, 1.0, min(self.budget, LINE))]
            return line[int(np.argmin([self._chi2(found) for found in self._all(line)]))]
        import cma

        options = {"bounds": [0.0, 1.0], "seed": self.seed + 1, "verbose": -9, "popsize": 4 + 2 * len(self.dials)}
        options["maxfevals"] = self.budget
        start = self._neutral() + 0.25 * (0.5 - self._neutral()) * 2
        search = cma.CMAEvolutionStrategy(start, 0.25, options)
        best, lowest = start, math.inf
        spent = self.count
        while not search.stop() and self.count - spent < self.budget:
            points = search.ask()
            values = [self._chi2(found) for found in self._all(points)]
            search.tell(points, values)
            if min(values) < lowest:
                lowest, best = min(values), np.array(points[int(np.argmin(values))])
        return np.clip(best, 0.0, 1.0)

    def _polished(self, best: Array) -> Array:
        """Gauss-Newton steps within the bounds, as long as they help."""
        from scipy.optimize import lsq_linear

        for _ in range(POLISH):
            centre, jacobian = self._slopes(best)
            if centre[0] is None:
                return best
            miss = (self.observed - centre[0]) / self.noise
            ridge = 1e-3 * np.eye(len(best)) * math.sqrt(len(miss))
            step = lsq_linear(
                np.vstack([self._without_nuisance(jacobian), ridge]),
                np.concatenate([self._without_nuisance(miss), np.zeros(len(best))]),
                (-best - 1e-12, 1 - best + 1e-12),
            ).x
            trials = [np.clip(best + share * step, 0, 1) for share in (1.0, 0.4)]
            values = [self._chi2(found) for found in self._all(trials)]
            now = self._chi2(centre)
            if min(values) > now * (1 - 1e-4):
                return best
            best = trials[int(np.argmin(values))]
            if np.abs(step).max() < 0.005:
                return best
        return best

    def _slopes(self, at: Array) -> tuple[tuple[Array | None, float, tuple[float, float]], Array]:
        """What the point looks like, and the noise-weighted change of it with each dial's share (n, k)."""
        steps = np.where(at + STEP <= 1.0, STEP, -STEP)
        points = [at, *(at + step * unit for step, unit in zip(steps, np.eye(len(at)), strict=True))]
        found = self._all(points)
        centre = found[0]
        jacobian = np.zeros((len(self.observed), len(at)))
        for k, (one, step) in enumerate(zip(found[1:], steps, strict=True)):
            if centre[0] is not None and one[0] is not None:
                jacobian[:, k] = (one[0] - centre[0]) / step / self.noise
        return centre, jacobian

    def _covariance(self, jacobian: Array, misfit: float) -> Array:
        """Of the shares; with `PRIOR`."""
        information = INDEPENDENT * jacobian.T @ self._without_nuisance(jacobian) / misfit
        return np.asarray(np.linalg.inv(information + np.eye(len(information)) / PRIOR**2))

    def _estimates(
        self,
        best: Array,
        covariance: Array,
        chi2: float,
        centre: tuple[Array | None, float, tuple[float, float]],
        without: Sequence[tuple[Array | None, float, tuple[float, float]]],
    ) -> tuple[Estimate, ...]:
        sd = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(sd, sd)
        out = []
        for k, dial in enumerate(self.dials):
            tied = np.abs(np.delete(correlation[k], k)).max(initial=0.0) > TIED and sd[k] > 0.05
            if sd[k] > UNSURE or tied:
                verdict = "not identifiable"
            elif min(best[k], 1 - best[k]) < EDGE and abs(best[k] - dial.share(dial.neutral)) > EDGE:
                verdict = "at its bound"
            else:
                verdict = "estimated"
            fell = without[k][0] is None or centre[0] is None
            change_ = [None if fell else centre[2][i] - without[k][2][i] for i in (0, 1)]
            out.append(
                Estimate(
                    dial=dial,
                    value=dial.value(float(best[k])),
                    sd=float(sd[k] * (dial.high - dial.low)),
                    verdict=verdict,
                    explains=max(self._chi2(without[k]) - chi2, 0.0),
                    fppa_deg=change_[0],
                    medial_mm=change_[1],
                )
            )
        return tuple(out)


# --- in words, in files -----------------------------------------------------------------------------------------------


def _sentences(estimates: Sequence[Estimate], correlation: Array, chi2: float, healthy: float) -> tuple[str, ...]:
    ranked = sorted(estimates, key=lambda one: -one.explains)
    first = ranked[0]
    out = []
    if chi2 > MISFIT:
        out.append(
            f"The model does not explain this recording: what is left is {math.sqrt(chi2):.1f} times the noise "
            f"(without deficits {math.sqrt(healthy):.1f}). The numbers describe, they do not diagnose."
        )
    if first.explains > 0.0:
        said = f"{plain(first.dial.name)} explains most ({first.value:.2g} ± {first.sd:.1g})"
        second = f", then {plain(ranked[1].dial.name)}" if len(ranked) > 1 and ranked[1].explains > 0.0 else ""
        out.append(said + second + ".")
    for i, one in enumerate(estimates):
        for j in range(i):
            r = correlation[i, j]
            if abs(r) > TIED and "not identifiable" in (one.verdict, estimates[j].verdict):
                other = estimates[j]
                known = "their sum" if r < 0 else "their difference"
                out.append(
                    f"{plain(other.dial.name)} and {plain(one.dial.name)} trade off (r {r:.2f}): the recording tells "
                    f"{known}, in shares of their ranges, not each of them."
                )
    out += [
        f"{plain(one.dial.name)} is not identifiable from this recording: ± {one.sd:.2g} on a range of "
        f"{one.dial.high - one.dial.low:g}."
        for one in estimates
        if one.verdict == "not identifiable" and one.sd > UNSURE * (one.dial.high - one.dial.low)
    ]
    out += [f"{plain(one.dial.name)} is at its bound." for one in estimates if one.verdict == "at its bound"]
    return tuple(out)


def plain(name: str) -> str:
    """A dial in words."""
    side, _, dial = name.partition(".")
    words = (dial or side).replace("_deg", "").replace("_", " ")
    return words if side == "both" or not dial else f"{side} {words}"


def save(found: Fit, folder: str | Path) -> dict[str, str]:
    """Write fit.json, fitted.toml (a subject) and fit.png; all appear or none. Returns the paths by name."""
    with export.whole(folder) as draft:
        (draft / "fit.json").write_text(json.dumps(found.report(), indent=2) + "\n", encoding="utf-8")
        (draft / "fitted.toml").write_text(toml(found.subject), encoding="utf-8")
        plot(draft / "fit.png", found)
        names = sorted(path.name for path in draft.iterdir())
    return {name: str(Path(folder) / name) for name in names}


def plot(path: str | Path, found: Fit) -> None:
    """Estimates with their standard deviations, their correlations, and observed beside fitted, as PNG, PDF or SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 6.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.15))
    top, bottom = parts
    bars, matrix = top.subplots(1, 2, width_ratios=(1.6, 1.0))
    labels = [plain(one.dial.name) for one in found.estimates]
    rows = np.arange(len(labels))[::-1]
    colours = {"estimated": "#0072B2", "at its bound": "#E69F00", "not identifiable": "0.65"}
    for row, one in zip(rows, found.estimates, strict=True):
        share, sd = one.dial.share(one.value), one.sd / (one.dial.high - one.dial.low)
        neutral = one.dial.share(one.dial.neutral)
        bars.barh(row, share - neutral, left=neutral, height=0.55, color=colours[one.verdict])
        reach = [[share - max(share - sd, 0.0)], [min(share + sd, 1.0) - share]]  # nothing is known beyond the range
        bars.errorbar(share, row, xerr=reach, color="0.15", capsize=4, linewidth=1.3)
        note = f"{one.value:.2f} ± {one.sd:.2f}" + ("" if one.verdict == "estimated" else f", {one.verdict}")
        bars.text(1.03, row, note, va="center", fontsize=8)
        bars.text(-0.01, row - 0.42, f"{one.dial.low:g}", fontsize=7, color="0.45", ha="center")
        bars.text(1.0, row - 0.42, f"{one.dial.high:g}", fontsize=7, color="0.45", ha="center")
    bars.set_yticks(rows, labels, fontsize=9)
    bars.set_xlim(-0.05, 1.75)
    bars.set_xticks([])
    bars.set_title("Estimate ± SD over the range of each dial", fontsize=10, loc="left")
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    image = matrix.imshow(found.correlation, vmin=-1, vmax=1, cmap="RdBu_r")
    matrix.set_xticks(np.arange(len(labels)), [str(i + 1) for i in range(len(labels))])
    matrix.set_yticks(np.arange(len(labels)), [f"{i + 1}" for i in range(len(labels))])
    for i in range(len(labels)):
        for j in range(len(labels)):
            r = found.correlation[i, j]
            matrix.text(j, i, f"{r:.2f}", ha="center", va="center", fontsize=8, color="w" if abs(r) > 0.6 else "0.1")
    matrix.set_title("Correlation of the estimates", fontsize=10, loc="left")
    top.colorbar(image, ax=matrix, shrink=0.8)
    axes = bottom.subplots(1, len(QUANTITIES))
    n = 2 * LEVELS
    span = np.linspace(SHALLOW, DEEP, LEVELS)
    flexion = 100 * np.concatenate([span, (2 * DEEP - span)[::-1]])
    for axis, name in zip(axes, QUANTITIES, strict=True):
        for side, style in (("right", "-"), ("left", "--")):
            chosen = [i for i, label in enumerate(found.names) if label.startswith(f"{name} {side} ")]
            order = np.concatenate([np.arange(LEVELS), np.arange(n - 1, LEVELS - 1, -1)])
            index = np.array(chosen)[order]
            axis.fill_between(
                flexion,
                found.observed[index] - found.noise[index],
                found.observed[index] + found.noise[index],
                color="0.85",
            )
            axis.plot(flexion, found.observed[index], style, color="0.25", label=f"observed, {side}")
            axis.plot(flexion, found.fitted[index], style, color="#D55E00", label=f"fitted, {side}")
        axis.set_title(name.replace("_mm", " [mm]").replace("_deg", " [deg]").replace("_", " "), fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xticks(100 * np.array([SHALLOW, DEEP, 2 * DEEP - SHALLOW]), ["down", "deepest", "up"], fontsize=7)
    axes[0].legend(fontsize=7, frameon=False)
    figure.savefig(path)
