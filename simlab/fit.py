"""Which deficits best explain a recording? Dials are found whose simulated squat, measured as the recording was, looks
like it; with how sure they are, and with a plain answer where the recording cannot tell them apart.

Every candidate is simulated, carries the same markers as the person (`sensors.markers`), and is located by the same
functions as the recording. What is compared are frontal-plane quantities at fixed knee flexions, so that tempo does not
count. Each is weighed by its noise: of the markers, propagated through the same functions, and of the mean over the
repetitions. Where the feet stand and how deep it went is not known exactly either (`NUISANCE`): its linear effect is
fitted along with every candidate. The search is CMA-ES (Hansen 2016, arXiv:1604.00772), then Gauss-Newton steps; the
uncertainty is that of the linearised model at the optimum (Fisher information) with as many samples as are independent
(simlab.identify), widened by the misfit and by what simulations along the weakest direction say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from simlab import capture, export, identify, metrics
from simlab import recording as recordings
from simlab.errors import InputError
from simlab.model import build
from simlab.motion import SIDES, Array, Landmarks
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
    "pelvic_obliquity_deg",
)
"""What is compared, of each leg."""
NOISE_RUNS = 24
"""Noisy copies of a simulated recording, from which the noise of what is compared is taken."""
FLOOR = {"_deg": 0.25, "_mm": 0.5}
"""The least noise of a quantity: what joint centres and the filter leave undetermined."""
STEP = 0.06
"""Finite difference of a dial, in shares of its range."""
EVALUATIONS = 30
"""Simulations of the global search, for each dial."""
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
SIGNIFICANT = 4.0
"""Chi-square by which a dial must explain more than nothing: two standard deviations."""
CLEAR = 3.0
"""Odds against the runner-up from which a cause is called the dominant one."""
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
    it adds to projection angle and medial displacement at peak flexion, mean of the legs it is a dial of, None after a
    fall; leads: probability that no dial contributes more."""

    dial: Dial
    value: float
    sd: float
    verdict: str
    explains: float
    fppa_deg: float | None
    medial_mm: float | None
    leads: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """Two dials that the recording does not tell apart, r: correlation of their estimates; and what it does tell:
    first + factor * second = value, sd: its standard deviation."""

    first: str
    second: str
    r: float
    factor: float
    value: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The answer. chi2: per independent sample, 1 where noise explains all that is left; healthy: that of the person
    without deficits; samples: how many are independent; correlation (k, k): of the estimates; profile: the direction in
    which they are least sure; evaluations: simulations it took. names, observed, fitted, noise (n,): what was
    compared."""

    estimates: tuple[Estimate, ...]
    correlation: Array
    trade_offs: tuple[TradeOff, ...]
    profile: identify.Profile
    chi2: float
    healthy: float
    samples: float
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
    def ranked(self) -> tuple[Estimate, ...]:
        """The dials, by what they explain."""
        return tuple(sorted(self.estimates, key=lambda one: -one.explains))

    @property
    def dominant(self) -> Estimate | None:
        """The dial that explains most, if any explains more than noise does."""
        best = self.ranked[0]
        return best if best.explains * self.samples / max(self.chi2, 1.0) > SIGNIFICANT else None

    @property
    def odds(self) -> float | None:
        """That the dominant dial contributes more than the next; None without two that explain anything, and where the
        model does not explain the recording: odds are those of the model."""
        return _odds(self.ranked) if self.dominant is not None and self.chi2 <= MISFIT else None

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
                    "probability_of_contributing_most": one.leads,
                }
                for one in self.estimates
            },
            "dominant": None if self.dominant is None else self.dominant.dial.name,
            "runner_up": self.ranked[1].dial.name if _odds(self.ranked) is not None else None,
            "odds_against_runner_up": self.odds,
            "correlation": self.correlation.tolist(),
            "trade_offs": [asdict(one) for one in self.trade_offs],
            "weakest_direction": {
                "shares": {
                    one.dial.name: float(x) for one, x in zip(self.estimates, self.profile.direction, strict=True)
                },
                "sd": self.profile.sd,
                "chi2_rise_linear": self.profile.expected,
                "chi2_rise_simulated": self.profile.found,
                "variance_widened_by": self.profile.widening,
            },
            "independent_samples": self.samples,
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
        "pelvic_obliquity_deg": np.degrees(metrics.pelvic_obliquity(points)[:, None] * metrics.OUTWARD),
    }


def features(recording: Recording) -> tuple[tuple[str, ...], Array]:
    """Names and values (repetitions, n) of what is compared: each quantity at `LEVELS` knee flexions, down and up."""
    points = recording.landmarks
    flexion, series = metrics.knee_flexion(points), quantities(points)
    rows: list[Array] = []
    names: list[str] = []
    for one in recording.repetitions:
        row, names = [], []
        for leg, side in enumerate(SIDES):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What a candidate looks like: features (n,), None after a fall; done: the share of the task it did; peaks (2, 2):
    FPPA [deg] and medial displacement [mm] at peak flexion, by right and left leg."""

    features: Array | None
    done: float
    peaks: Array


def _look(one: Candidate) -> _Look:
    found = measured(one)
    if isinstance(found, float):
        return _Look(features=None, done=found, peaks=np.full((2, 2), math.nan))
    peak = recordings.measure(found)["metrics"]
    names = ("fppa_peak_deg", "medial_knee_displacement_mm")
    peaks = np.array([[peak[side][name]["mean"] for side in SIDES] for name in names])
    return _Look(features=features(found)[1].mean(axis=0), done=1.0, peaks=peaks)


def copies(one: Candidate, noise_mm: float, seed: int) -> Array:
    """What white marker noise does to what is compared, `NOISE_RUNS` times, shape (`NOISE_RUNS`, n)."""
    result = simulate(build(one.subject), one.task)
    if not result.success:
        raise InputError(f"fit: expected a person who can do the captured squat, found: {result.run.message}")

    def seen(noise_mm: float, seed: int) -> Array:
        return np.asarray(features(_recorded(result, one, noise_mm, seed))[1].mean(axis=0))

    still = seen(0.0, 0)
    return np.array([seen(noise_mm, seed + 1 + k) - still for k in range(NOISE_RUNS)])


def noise(one: Candidate, noise_mm: float, seed: int) -> Array:
    """Standard deviation of what is compared under white marker noise, shape (n,)."""
    return np.asarray(np.sqrt((copies(one, noise_mm, seed) ** 2).mean(axis=0)))


def _of_curve(values: Array) -> Array:
    """Each value replaced by the mean of its curve, one after another of `LEVELS` values, shape (n,)."""
    return np.repeat(values.reshape(-1, LEVELS).mean(axis=1), LEVELS)


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


def sided(chosen: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The dials with each leg by itself: right and left in the place of both."""
    out: dict[str, tuple[float, float]] = {}
    for name, bounds in chosen.items():
        part, dot, dial = name.partition(".")
        out |= {f"{side}.{dial}": bounds for side in SIDES} if dot and part == "both" else {name: bounds}
    return out


def fit(
    recording: Recording,
    base: Subject | None = None,
    chosen: Mapping[str, tuple[float, float]] | None = None,
    *,
    marker_noise_mm: float = 2.0,
    evaluations: int | None = None,
    seed: int = 0,
    workers: int = 1,
    tell: Tell = lambda done, total, failed: None,
) -> Fit:
    """The dials that explain a recording best.

    base: the person without the deficits sought, scaled from the recording by `capture.analyse`, or the generic adult.
    chosen: dial -> bounds, `DIALS` by default. evaluations: simulations of the global search, by default 30 a dial; the
    rest is a few times the number of dials more. The answer does not depend on workers. Errors: InputError.
    """
    base = base or Subject()
    sought = dials(chosen or DIALS, base)
    with _pool(workers) as pool:
        budget = evaluations or EVALUATIONS * len(sought)
        return _Search(recording, base, sought, marker_noise_mm, budget, seed, pool, tell).run()


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
        self.total = evaluations + (2 * POLISH + 1) * (len(sought) + 3) + len(sought) + 14
        self.definition = definition_of(recording)
        self.names, each = features(recording)
        self.observed = each.mean(axis=0)
        plain = change(base, [f"{dial.name}={dial.neutral!r}" for dial in sought])
        self.task = self._matched(plain, recording)
        jitter = copies(self._candidate(self._neutral()), noise_mm, seed)
        # Noise is in the spread between repetitions too. That of a few is only known for a curve as a whole.
        markers = (jitter**2).mean(axis=0)
        spread = _of_curve(each.var(axis=0, ddof=1)) if len(each) > 1 else np.zeros(len(self.observed))
        self.noise = np.sqrt(np.maximum(spread, markers) / len(each) + _floor(self.names) ** 2)
        self.samples = identify.effective(jitter / self.noise)
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

    def _all(self, points: Sequence[Array]) -> list[_Look]:
        return self._run([self._candidate(point) for point in points])

    def _run(self, candidates: Sequence[Candidate]) -> list[_Look]:
        run = map(_look, candidates) if self.pool is None else self.pool.map(_look, candidates)
        out = []
        for found in run:
            self.count += 1
            self.failed += found.features is None
            self.tell(self.count, self.total, self.failed)
            out.append(found)
        return out

    def _chi2(self, found: _Look) -> float:
        """Per sample; of a fall, the worse the earlier."""
        if found.features is None:
            return BAD * (2.0 - found.done)
        miss = (self.observed - found.features) / self.noise
        return float((miss @ self._without_nuisance(miss)) / len(miss))

    def _without_nuisance(self, columns: Array) -> Array:
        """Noise-weighted columns (n, ...) less what the nuisance, held by its spread, accounts for."""
        return np.asarray(columns - self.nuisance @ self._off(columns))

    def _off(self, columns: Array) -> Array:
        """How far the nuisance is off, in units of its spread: data count by their independent samples."""
        N, prior = self.nuisance, len(self.observed) / self.samples
        return np.asarray(np.linalg.solve(N.T @ N + prior * np.eye(N.shape[1]), N.T @ columns))

    def _find_nuisance(self, at: Array) -> None:
        """The noise-weighted change of what is compared with each of `NUISANCE`, in units of its spread."""
        here, settings = self._candidate(at), list(NUISANCE.items())
        tasks = [self.task, *(self._moved({name: spread / 2}) for name, spread in settings)]
        found = self._run([replace(here, task=task) for task in tasks])
        looks = [one.features for one in found]
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
        if found.features is None:
            return
        off = self._off((self.observed - found.features) / self.noise)
        self.task = self._moved({name: spread * x for (name, spread), x in zip(NUISANCE.items(), off, strict=True)})

    def run(self) -> Fit:
        self._find_nuisance(self._neutral())
        best = self._polished(self._explored())
        self._settle(best)
        self._find_nuisance(best)
        best = self._polished(best)
        centre, jacobian = self._slopes(best)
        if centre.features is None:
            raise InputError("fit: expected a person who can do the captured squat, found that all who were tried fall")
        chi2, neutral, samples = self._chi2(centre), self._neutral(), self.samples
        left = self._without_nuisance((self.observed - centre.features) / self.noise)
        samples = min(
            samples, identify.autocorrelated(left.reshape(-1, LEVELS))
        )  # what no dial explains moves together
        unit = samples / len(self.observed) / max(chi2, 1.0)
        information: Array = np.asarray(unit * jacobian.T @ self._without_nuisance(jacobian))
        covariance: Array = np.asarray(np.linalg.inv(information + np.eye(len(best)) / PRIOR**2), dtype=np.float64)
        checked = identify.profile(
            best,
            covariance,
            information,
            lambda points: [samples / max(chi2, 1.0) * (self._chi2(one) - chi2) for one in self._all(points)],
        )
        covariance = checked.widened(covariance)
        without = self._all([np.where(np.arange(len(best)) == k, neutral, best) for k in range(len(best))] + [neutral])
        healthy = self._chi2(without[-1])
        leads = identify.leads(best, covariance, neutral, np.diag(information), self.seed)
        estimates = self._estimates(best, covariance, chi2, centre, without[:-1], leads)
        trade_offs = _trade_offs(estimates, covariance)
        sentences = self.clipped + _sentences(estimates, trade_offs, chi2, healthy, samples)
        return Fit(
            estimates=estimates,
            correlation=identify.correlation(covariance),
            trade_offs=trade_offs,
            profile=checked,
            chi2=chi2,
            healthy=healthy,
            samples=samples,
            task=self.task,
            subject=self._candidate(best).subject,
            evaluations=self.count,
            seed=self.seed,
            names=self.names,
            observed=self.observed,
            fitted=centre.features,
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
            if centre.features is None:
                return best
            miss = (self.observed - centre.features) / self.noise
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

    def _slopes(self, at: Array) -> tuple[_Look, Array]:
        """What the point looks like, and the noise-weighted change of it with each dial's share (n, k)."""
        steps = np.where(at + STEP <= 1.0, STEP, -STEP)
        points = [at, *(at + step * unit for step, unit in zip(steps, np.eye(len(at)), strict=True))]
        found = self._all(points)
        centre = found[0]
        jacobian = np.zeros((len(self.observed), len(at)))
        for k, (one, step) in enumerate(zip(found[1:], steps, strict=True)):
            if centre.features is not None and one.features is not None:
                jacobian[:, k] = (one.features - centre.features) / step / self.noise
        return centre, jacobian

    def _estimates(
        self,
        best: Array,
        covariance: Array,
        chi2: float,
        centre: _Look,
        without: Sequence[_Look],
        leads: Array,
    ) -> tuple[Estimate, ...]:
        sd, correlation = np.sqrt(np.diag(covariance)), identify.correlation(covariance)
        out = []
        for k, dial in enumerate(self.dials):
            tied = np.abs(np.delete(correlation[k], k)).max(initial=0.0) > TIED and sd[k] > 0.05
            if sd[k] > UNSURE or tied:
                verdict = "not identifiable"
            elif min(best[k], 1 - best[k]) < EDGE and abs(best[k] - dial.share(dial.neutral)) > EDGE:
                verdict = "at its bound"
            else:
                verdict = "estimated"
            fell = without[k].features is None or centre.features is None
            legs = [SIDES.index(side) for side in SIDES if side == dial.name.split(".")[0]] or [0, 1]
            adds = [None if fell else float((centre.peaks - without[k].peaks)[i, legs].mean()) for i in (0, 1)]
            out.append(
                Estimate(
                    dial=dial,
                    value=dial.value(float(best[k])),
                    sd=float(sd[k] * (dial.high - dial.low)),
                    verdict=verdict,
                    explains=max(self._chi2(without[k]) - chi2, 0.0),
                    fppa_deg=adds[0],
                    medial_mm=adds[1],
                    leads=float(leads[k]),
                )
            )
        return tuple(out)


# --- in words, in files -----------------------------------------------------------------------------------------------


def _odds(ranked: Sequence[Estimate]) -> float | None:
    """That the first contributes more than the second, as far as draws can tell."""
    if len(ranked) < 2 or ranked[1].explains <= 0.0:
        return None
    return ranked[0].leads / max(ranked[1].leads, 1.0 / identify.DRAWS)


def _trade_offs(estimates: Sequence[Estimate], covariance: Array) -> tuple[TradeOff, ...]:
    """The pairs that the recording does not tell apart."""
    span = np.array([one.dial.high - one.dial.low for one in estimates])
    r, out = identify.correlation(covariance), []
    for j, second in enumerate(estimates):
        for i, first in enumerate(estimates[:j]):
            if abs(r[i, j]) > TIED and "not identifiable" in (first.verdict, second.verdict):
                factor, sd = identify.combination(covariance, i, j)
                factor *= float(span[i] / span[j])
                out.append(
                    TradeOff(
                        first=first.dial.name,
                        second=second.dial.name,
                        r=float(r[i, j]),
                        factor=factor,
                        value=first.value + factor * second.value,
                        sd=sd * float(span[i]),
                    )
                )
    return tuple(out)


def _sentences(
    estimates: Sequence[Estimate], trade_offs: Sequence[TradeOff], chi2: float, healthy: float, samples: float
) -> tuple[str, ...]:
    ranked = sorted(estimates, key=lambda one: -one.explains)
    first, odds, out = ranked[0], _odds(ranked), []
    if chi2 > MISFIT:
        out.append(
            f"The model does not explain this recording: what is left is {math.sqrt(chi2):.1f} times the noise "
            f"(without deficits {math.sqrt(healthy):.1f}). The numbers describe, they do not diagnose."
        )
    if first.explains * samples / max(chi2, 1.0) <= SIGNIFICANT:
        out.append("No dial explains more than noise does.")
    else:
        said = f"{plain(first.dial.name)} explains most ({first.value:.2g} ± {first.sd:.1g})"
        if odds is not None:
            against = f"{min(odds, 999.0):.{0 if odds >= 10 else 1}f} to 1"
            close = "" if odds >= CLEAR else ", too close to call"
            said += f", then {plain(ranked[1].dial.name)}"
            said += f"; odds {against}{close}" if chi2 <= MISFIT else ""
        out.append(said + ".")
    for one in trade_offs:
        sign, factor = "+-"[one.factor < 0.0], abs(one.factor)
        out.append(
            f"{plain(one.first)} and {plain(one.second)} trade off (r {one.r:.2f}): the recording tells "
            f"{plain(one.first)} {sign} {factor:.3g} x {plain(one.second)} = {one.value:.3g} ± {one.sd:.2g}, "
            "not each of them."
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
