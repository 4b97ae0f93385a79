"""Whole musculoskeletal models, run forward without any controller: how much faster than real time, ours and others'?

Each starts in its default pose, takes small excitations and does what gravity and the muscles make of it: open loop.
Ours is there with its controller too: nobody else's number is comparable to that one.
Time step (1 ms in both of MuJoCo's, as here), integrator, solver and tendons stay as their authors ship them, unless a
row says otherwise. They step in compiled code, 10 ms a call or more: at most a hundredth of what is timed is Python.
Runs go round the models, not one model after the other, so that a machine whose speed drifts is fair to all of them.
Times are medians of the runs, each from the same start, after one that is not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simlab import tasks
from simlab.model import build, state
from simlab.plant import plant
from simlab.simulate import simulate
from simlab.subject import Subject, change
from simlab.world import World

Array = np.ndarray
Excitation = Callable[[float], Array]

REPEATS = 15
MIXTURE = (
    "both.gluteus_medius_strength=0.6",
    "both.external_rotator_strength=0.6",
    "both.adductor_tightness=0.4",
    "both.foot_pronation_deg=4",
)
TICK_S, EXCITATION = 0.01, 0.1
"""Excitations change at the rate of a 100 Hz controller; their mean."""
OSIM = Path(__file__).resolve().parents[2] / "shared" / "models" / "LaiUhlrich2022.osim"
"""As in the tests: beside the repository, not in it. Distributed with opencap-processing (Apache-2.0)."""


class Row(NamedTuple):
    """One line of the table. dof: independent ones, so without coupled coordinates. A skipped model has nan times."""

    name: str
    dof: int
    muscles: int
    step_ms: float
    us_per_step: float
    real_time_factor: float
    note: str
    against: float = float("nan")
    """Real-time factor over that of MyoLegs under steady excitation in the same round: the median over rounds."""


def steady(muscles: int) -> Excitation:
    """The same small excitation of every muscle, at all times."""
    u = np.full(muscles, EXCITATION)
    return lambda t: u


def smooth(muscles: int, seed: int = 1) -> Excitation:
    """A sine of its own for every muscle, 0.5 to 3 Hz, from 0 to twice the steady excitation."""
    rng = np.random.default_rng(seed)
    omega, phase = 2 * np.pi * rng.uniform(0.5, 3, muscles), rng.uniform(0, 2 * np.pi, muscles)
    return lambda t: EXCITATION * (1 + np.sin(omega * t + phase))


def legs_xml(models: Path) -> str:
    """MyoLegs from the leg files of musclemimic-models, which ships them only as parts of its full body.

    As in MyoSuite's own MyoLegs the upper body is rigid and fixed to the pelvis; mass, centre and inertia are those of
    MyoFullBody's upper body in the default pose. It does not collide.
    """
    parts = ["scene/musclemimic_scene.xml", *(f"leg/assets/myolegs_{p}.xml" for p in ("assets", "tendon", "muscle"))]
    return f"""<mujoco model="MyoLegs">
      {"".join(f'<include file="{models / part}"/>' for part in parts)}
      <compiler angle="radian" meshdir="{models}" texturedir="{models / "scene"}"/>
      <worldbody><body name="root" pos="-.025 .1 1">
        <freejoint name="root"/><inertial mass="46.4" pos="0 .076 .254" diaginertia="9.8 10.2 8.7"/>
        <include file="{models / "leg/assets/myolegs_chain.xml"}"/>
      </body></worldbody>
    </mujoco>"""


class Ours:
    """The generic woman standing upright, 5 cm above the ground; she lands and gives way, as the others do."""

    SPAN_S = 1.0

    def __init__(self, kind: Callable[[int], Excitation]) -> None:
        self.model = build(Subject())
        self.kind, self.excite = kind.__name__, kind(2 * len(self.model.muscles.names))
        self.start = state(self.model, tasks.load("squat").plan(self.model).values[0])
        self.start[1] += 0.05
        self.name = "simlab, open loop"

    def run(self) -> tuple[float, float]:
        """Wall time [s] of `SPAN_S`, mean number of feet that are pushed by the ground."""
        ticks, dt, feet = round(self.SPAN_S / TICK_S), 1e-3, 0
        with World(self.model, dt) as world:
            world.reset(self.start)
            body, lumbar = plant(world), np.zeros(3)
            activation = np.full((2, len(self.model.muscles.names)), EXCITATION)
            began = time.perf_counter()
            for k in range(ticks):
                excitation = self.excite(k * TICK_S).reshape(activation.shape)
                ground = body.advance(round(TICK_S / dt), activation, excitation, lumbar)
                feet += np.count_nonzero(ground[:, 1])
            return time.perf_counter() - began, feet / ticks

    def row(self, wall: float, feet: float) -> Row:
        """From the medians of what the runs gave."""
        note = f"{self.kind} excitation; {feet:.1f} feet on the ground; rigid contact, rigid tendons, fitted paths"
        muscles = 2 * len(self.model.muscles.names)
        return Row(self.name, 27, muscles, 1.0, 1e3 * wall / self.SPAN_S, self.SPAN_S / wall, note)


class ClosedLoop:
    """Our squat of 3 s with its controller at 100 Hz; what the healthy twin has learned is known."""

    SPAN_S = 3.0

    def __init__(self, settings: tuple[str, ...]) -> None:
        self.model, self.task = build(change(Subject(), list(settings))), tasks.load("squat")
        self.name = "simlab, closed loop" + (", deficits" if settings else "")

    def run(self) -> tuple[float, float]:
        """Wall time [s] of the whole call, all preparation included."""
        result = simulate(self.model, self.task)
        if not result.success:
            raise RuntimeError(result.run.message)
        return result.wall_s, 0.0

    def row(self, wall: float, _: float) -> Row:
        """From the medians of what the runs gave."""
        muscles = 2 * len(self.model.muscles.names)
        note = "squat to 75 deg and up, controller at 100 Hz"
        return Row(self.name, 27, muscles, 1.0, 1e3 * wall / self.SPAN_S, self.SPAN_S / wall, note)


Runner = Any


class Myo:
    """MyoSuite's muscles and bones in MuJoCo, standing 5 cm above a floor on which they land and give way.

    MyoLegs: Caggiano et al. 2022, doi 10.48550/arXiv.2205.13600, after Rajagopal et al. 2016, doi
    10.1109/TBME.2016.2586891. MyoFullBody: MuscleMimic 2026, doi 10.48550/arXiv.2603.25544. Both Apache-2.0 and in the
    package musclemimic-models. Tendons are rigid; their paths wrap around cylinders and spheres in every step.
    """

    SPAN_S = 1.0

    def __init__(self, name: str, kind: Callable[[int], Excitation]) -> None:
        import mujoco
        import musclemimic_models

        if name == "MyoLegs":
            self.model = mujoco.MjModel.from_xml_string(legs_xml(musclemimic_models.MODELS_DIR))
        else:
            self.model, _ = musclemimic_models.load(name.lower())
        self.name, self.kind, self.excite = name, kind.__name__, kind(self.model.nu)
        self.data, self.reset, self.step = mujoco.MjData(self.model), mujoco.mj_resetData, mujoco.mj_step
        integrator = mujoco.mjtIntegrator(self.model.opt.integrator).name.removeprefix("mjINT_")
        solver = mujoco.mjtSolver(self.model.opt.solver).name.removeprefix("mjSOL_")
        self.options = f"{integrator}, {solver} <= {self.model.opt.iterations} iterations".lower()

    def run(self) -> tuple[float, float]:
        """Wall time [s] of `SPAN_S` from a reset, mean number of contact points."""
        model, data, contacts = self.model, self.data, 0
        ticks, steps = round(self.SPAN_S / TICK_S), round(TICK_S / model.opt.timestep)
        self.reset(model, data)
        began = time.perf_counter()
        for k in range(ticks):
            data.ctrl[:] = self.excite(k * TICK_S)
            self.step(model, data, steps)
            contacts += data.ncon
        wall = time.perf_counter() - began
        if abs(data.time - self.SPAN_S) > 1e-9:  # MuJoCo starts again by itself when it diverges
            raise RuntimeError("diverged, or its time step does not divide 10 ms")
        return wall, contacts / ticks

    def row(self, wall: float, contacts: float) -> Row:
        """From the medians of what the runs gave."""
        step_s = self.model.opt.timestep
        dof = self.model.nv - self.model.neq  # an equality of these models couples or locks one joint
        note = f"{self.kind} excitation; {contacts:.1f} contact points; {self.options}; rigid tendons that wrap"
        us = 1e6 * wall * step_s / self.SPAN_S
        return Row(self.name, dof, self.model.nu, 1e3 * step_s, us, self.SPAN_S / wall, note)


class OpenSim:
    """OpenSim's forward dynamics of LaiUhlrich2022, which falls freely: no contact, no joint locked, arms included.

    Seth et al. 2018, doi 10.1371/journal.pcbi.1006223 (Apache-2.0); the model: Rajagopal et al. 2016, doi
    10.1109/TBME.2016.2586891, Lai et al. 2017, doi 10.1007/s10439-017-1920-7, Uhlrich et al. 2022, doi
    10.1038/s41598-022-13386-9. Muscles of Millard et al. 2013, doi 10.1115/1.4023390: as shipped with elastic tendons,
    which start in equilibrium with the fibres, or, as ours, with rigid ones. The step varies: its mean is given.
    """

    SPAN_S = 0.1

    def __init__(self, file: Path, rigid: bool) -> None:
        if not file.is_file():
            raise FileNotFoundError(f"no ../{file.parent.parent.name}/{file.parent.name}/{file.name}")
        import opensim

        opensim.Logger.removeFileSink()  # else it leaves opensim.log in the working directory
        opensim.Logger.setLevelString("Error")
        self.model, self.manager = opensim.Model(str(file)), opensim.Manager
        self.tendons = "rigid" if rigid else "elastic"
        muscles = [self.model.updMuscles().get(i) for i in range(self.model.getMuscles().getSize())]
        for muscle in muscles if rigid else ():
            muscle.set_ignore_tendon_compliance(True)
        self.model.initSystem()
        controls = opensim.Vector(self.model.getNumControls(), 0.0)  # the torque motors of trunk and arms stay off
        for i in range(len(muscles)):
            controls.set(i, EXCITATION)  # the force set has the muscles first
        self.model.setDefaultControls(controls)
        self.start = self.model.initializeState()
        for muscle in muscles:
            muscle.setActivation(self.start, EXCITATION)
        self.model.equilibrateMuscles(self.start)  # once, before everything that is timed
        self.muscles, joints = len(muscles), self.model.getCoordinateSet()
        self.dof = sum(not joints.get(i).isConstrained(self.start) for i in range(joints.getSize()))

    def run(self) -> tuple[float, float]:
        """Wall time [s] of `SPAN_S` from the start, number of steps."""
        manager = self.manager(self.model)
        manager.initialize(self.start)
        began = time.perf_counter()
        manager.integrate(self.SPAN_S)
        wall = time.perf_counter() - began
        return wall, manager.getStateStorage().getSize() - 1

    def row(self, wall: float, steps: float) -> Row:
        """From the medians of what the runs gave."""
        integrator = "Runge-Kutta-Merson, accuracy 1e-3"  # what a Manager does unless told otherwise
        note = f"steady excitation; no contact, it falls; {integrator}; {self.tendons} tendons that wrap"
        step_ms, us = 1e3 * self.SPAN_S / steps, 1e6 * wall / steps
        return Row("OpenSim LaiUhlrich2022", self.dof, self.muscles, step_ms, us, self.SPAN_S / wall, note)


def cases(osim: Path) -> Iterator[tuple[str, Callable[[], Runner]]]:
    """Name and maker of every model and way to run it."""
    for settings in ((), MIXTURE):
        yield "simlab, closed loop", partial(ClosedLoop, settings)
    for kind in (steady, smooth):
        yield "simlab, open loop", partial(Ours, kind)
    for name in ("MyoLegs", "MyoFullBody"):
        for kind in (steady, smooth):
            yield name, partial(Myo, name, kind)
    for rigid in (False, True):
        yield "OpenSim LaiUhlrich2022", partial(OpenSim, osim, rigid)


def table(osim: Path = OSIM) -> Iterator[Row]:
    """A row for every model and way to run it; one that says why where a package or the OpenSim model is missing."""
    models: dict[int, Runner] = {}
    why: dict[int, str] = {}
    made = list(cases(osim))
    for k, (_, make) in enumerate(made):
        try:
            model = make()
            model.run()
            models[k] = model
        except (ImportError, FileNotFoundError, RuntimeError) as error:
            why[k] = str(error)
    runs = [{k: model.run() for k, model in models.items()} for _ in range(REPEATS)]
    legs = next((k for k, model in models.items() if model.name == "MyoLegs"), None)
    for k, (name, _) in enumerate(made):
        if k in why:
            yield Row(name, 0, 0, float("nan"), float("nan"), float("nan"), f"skipped: {why[k]}")
        else:
            wall, count = (statistics.median(column) for column in zip(*(r[k] for r in runs), strict=True))
            row = models[k].row(wall, count)
            if legs is not None:
                spans = models[k].SPAN_S / models[legs].SPAN_S
                row = row._replace(against=statistics.median(spans * r[legs][0] / r[k][0] for r in runs))
            yield row


def lines(osim: Path = OSIM) -> Iterator[str]:
    """The table as text."""
    times = f"{'step ms':>9}{'us/step':>9}{'real-time factor':>18}{'x MyoLegs':>11}"
    yield f"{'a whole model':30}{'dof':>4}{'muscles':>9}{times}"
    for row in table(osim):
        times = f"{row.step_ms:9.2f}{row.us_per_step:9.0f}{row.real_time_factor:18.2f}{row.against:11.2f}"
        yield f"{row.name:30}{row.dof:4}{row.muscles:9}{times}  {row.note}"


if __name__ == "__main__":
    print(*lines(), sep="\n")
