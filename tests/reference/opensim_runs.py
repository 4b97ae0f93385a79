"""What OpenSim makes of a recording: its inverse kinematics, inverse dynamics and static optimisation, as arrays.

The settings are those of its own tools unless they say otherwise. Two traps that cost much: a coordinate that a
constraint drives (the patella's) is read in radians from a file in degrees; and the muscles must be left out of inverse
dynamics, which never brings them into equilibrium and would count thousands of Nm of passive force.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEET = {1: "calcn_r", 2: "calcn_l"}
"""Plate number in the ground reaction file -> body."""
CUTOFF_HZ = 6.0
TRANSLATIONS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
RESERVE_NM, RESIDUAL = 1.0, 100.0
"""Moment of a leg's reserve actuator at a control of 1; moment [Nm] or force [N] of one of the pelvis."""
MARGIN_S = 0.5
"""How much of the motion before and after is handed to static optimisation."""


class Tracked(NamedTuple):
    time: Array  # (n,) [s]
    names: tuple[str, ...]  # all coordinates
    values: Array  # (n, len(names)) [rad or m]
    markers: tuple[str, ...]
    error: Array  # (n, len(markers)) distance of marker and model [m]
    seconds: float  # of the solver, reading the files apart


class Solved(NamedTuple):
    time: Array  # (n,) [s]
    names: tuple[str, ...]  # muscles and other actuators
    control: Array  # (n, len(names)): activation of the muscles
    force: Array  # (n, len(names)) [N or Nm]
    seconds: float  # the tool's, reading files and forming the states of `span_s` of motion included
    span_s: float


def library() -> Any:
    """The package, silent."""
    import opensim

    opensim.Logger.setLevelString("Off")
    return opensim


def inverse_kinematics(
    model: Path, trc: Path, accuracy: float = 1e-5, frames: slice = slice(None), markers: Sequence[str] | None = None
) -> Tracked:
    """Markers that file and model share (or those named), equal weights, constraints exact."""
    osim = library()
    body = osim.Model(str(model))
    table = osim.TimeSeriesTableVec3(str(trc))
    known = {body.getMarkerSet().get(i).getName() for i in range(body.getMarkerSet().getSize())}
    weights = osim.SetMarkerWeights()
    for name in table.getColumnLabels() if markers is None else markers:
        if name in known:
            weights.cloneAndAppend(osim.MarkerWeight(name, 1.0))
    reference = osim.MarkersReference(str(trc), weights, osim.Units("m"))
    state = body.initSystem()
    solver = osim.InverseKinematicsSolver(body, reference, osim.SimTKArrayCoordinateReference(), np.inf)
    solver.setAccuracy(accuracy)
    coordinates = [body.getCoordinateSet().get(i) for i in range(body.getCoordinateSet().getSize())]
    values, error, spent = [], [], 0.0
    moments = np.array(table.getIndependentColumn())[frames]
    used: tuple[str, ...] = ()
    for k, moment in enumerate(moments):
        state.setTime(float(moment))
        began = time.perf_counter()
        solver.track(state) if k else solver.assemble(state)
        spent += time.perf_counter() - began
        used = used or tuple(solver.getMarkerNameForIndex(i) for i in range(solver.getNumMarkersInUse()))
        values.append([c.getValue(state) for c in coordinates])
        error.append([solver.computeCurrentMarkerError(name) for name in used])
    names = tuple(c.getName() for c in coordinates)
    return Tracked(moments, names, np.array(values), used, np.array(error), spent)


def inverse_dynamics(
    model: Path, moments: Array, names: Sequence[str], values: Array, grf: Path, cutoff_hz: float = CUTOFF_HZ
) -> tuple[Array, float]:
    """Generalised forces [Nm or N], shape (n, len(names)), in the order of `names`, and the tool's wall time [s].

    The coordinates are low-passed by the tool, the ground reactions are not. No muscle.
    """
    osim = library()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        body = osim.Model(str(model))
        body.updForceSet().clearAndDestroy()
        body.finalizeConnections()
        body.initSystem()
        write_mot(where / "q.mot", moments, names, values)
        write_loads(where / "loads.xml", grf)
        tool = osim.InverseDynamicsTool()
        tool.setModel(body)
        tool.setCoordinatesFileName(str(where / "q.mot"))
        tool.setLowpassCutoffFrequency(cutoff_hz)
        tool.setStartTime(float(moments[0]))
        tool.setEndTime(float(moments[-1]))
        tool.setExternalLoadsFileName(str(where / "loads.xml"))
        tool.setResultsDir(folder)
        tool.setOutputGenForceFileName("tau.sto")
        began = time.perf_counter()
        tool.run()
        seconds = time.perf_counter() - began
        found, _, tau = read_sto(where / "tau.sto")
    columns = [name.rsplit("_", 1)[0] for name in found]
    return tau[:, [columns.index(name) for name in names]], seconds


def filtered(moments: Array, names: Sequence[str], values: Array, cutoff_hz: float = CUTOFF_HZ) -> Array:
    """Coordinates, rates and accelerations as OpenSim's tools filter and differentiate them, shape (3, n, names)."""
    osim = library()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.mot"
        write_mot(path, moments, names, values)
        storage = osim.Storage(str(path))
    storage.pad(storage.getSize() // 2)
    storage.lowpassIIR(cutoff_hz)
    splines = osim.GCVSplineSet(5, storage)
    out = np.empty((3, len(moments), len(names)))
    orders = [order * (0,) for order in range(3)]  # as tuples: of the modules' own vectors only one is ever accepted
    for i in range(len(names)):
        spline = splines.get(i)
        for k, moment in enumerate(moments):
            at = osim.Vector(1, float(moment))
            out[0, k, i] = spline.calcValue(at)
            out[1:, k, i] = [spline.calcDerivative(order, at) for order in orders[1:]]
    return out * np.array([np.pi / 180 if _in_degrees(name) else 1.0 for name in names])


def static_optimisation(
    model: Path, moments: Array, names: Sequence[str], values: Array, grf: Path, first: float, last: float
) -> Solved:
    """Squared activations, muscle physiology on; a weak reserve in every coordinate of a leg, a strong one in the six
    of the pelvis. `values` are low-passed before, all of them; the tool sees the span and `MARGIN_S` around it.
    """
    osim = library()
    smooth = filtered(moments, names, values)[0]
    near = (moments > first - MARGIN_S) & (moments < last + MARGIN_S)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        _with_reserves(osim, model, where / "model.osim")
        write_mot(where / "q.mot", moments[near], names, smooth[near])
        write_loads(where / "loads.xml", grf)
        analysis = osim.StaticOptimization()
        analysis.setName("so")
        analysis.setStartTime(first)
        analysis.setEndTime(last)
        analysis.setStepInterval(1)
        analysis.setUseModelForceSet(True)
        analysis.setActivationExponent(2)
        analysis.setUseMusclePhysiology(True)
        tool = osim.AnalyzeTool()
        tool.setName("run")
        tool.setModelFilename(str(where / "model.osim"))
        tool.setCoordinatesFileName(str(where / "q.mot"))
        tool.setLowpassCutoffFrequency(-1)
        tool.setExternalLoadsFileName(str(where / "loads.xml"))
        tool.setInitialTime(first)
        tool.setFinalTime(last)
        tool.setResultsDir(folder)
        tool.setReplaceForceSet(False)
        tool.updAnalysisSet().cloneAndAppend(analysis)
        tool.printToXML(str(where / "setup.xml"))
        tool = osim.AnalyzeTool(str(where / "setup.xml"), True)
        began = time.perf_counter()
        tool.run()
        seconds = time.perf_counter() - began
        found, at, control = read_sto(where / "run_so_activation.sto")
        columns, _, force = read_sto(where / "run_so_force.sto")
    span = float(np.ptp(moments[near]))
    return Solved(at, tuple(found), control, force[:, [columns.index(name) for name in found]], seconds, span)


def _with_reserves(osim: Any, model: Path, out: Path) -> None:
    body = osim.Model(str(model))
    body.initSystem()
    forces = [body.getForceSet().get(i) for i in range(body.getForceSet().getSize())]
    actuators = [a for a in map(osim.CoordinateActuator.safeDownCast, forces) if a]
    driven = {actuator.get_coordinate() for actuator in actuators}
    for i in range(body.getCoordinateSet().getSize()):
        name = body.getCoordinateSet().get(i).getName()
        if name in driven or name.endswith("_beta"):
            continue
        actuator = osim.CoordinateActuator(name)
        actuator.setName(f"reserve_{name}")
        actuator.setOptimalForce(RESIDUAL if name.startswith("pelvis") else RESERVE_NM)
        actuator.setMinControl(-1e3)
        actuator.setMaxControl(1e3)
        body.addForce(actuator)
    body.finalizeConnections()
    body.printToXML(str(out))


def write_loads(path: Path, grf: Path, feet: Mapping[int, str] = FEET) -> None:
    """An external loads file: plates of a ground reaction file on the feet."""
    osim = library()
    loads = osim.ExternalLoads()
    loads.setDataFileName(str(grf.resolve()))
    for plate, foot in feet.items():
        force = osim.ExternalForce()
        force.setName(f"grf_{plate}")
        force.set_applied_to_body(foot)
        force.set_force_expressed_in_body("ground")
        force.set_point_expressed_in_body("ground")
        force.set_force_identifier(f"ground_force_{plate}_v")
        force.set_point_identifier(f"ground_force_{plate}_p")
        force.set_torque_identifier(f"ground_force_{plate}_m")
        loads.cloneAndAppend(force)
    loads.printToXML(str(path))


def write_mot(path: Path, moments: Array, names: Sequence[str], values: Array) -> None:
    """A motion file in degrees, as OpenSim's tools read it."""
    scale = np.array([180 / np.pi if _in_degrees(name) else 1.0 for name in names])
    head = f"Coordinates\nversion=1\nnRows={len(moments)}\nnColumns={1 + len(names)}\ninDegrees=yes\nendheader\n"
    rows = np.column_stack([moments, values * scale])
    np.savetxt(path, rows, fmt="%.12g", delimiter="\t", comments="", header=head + "\t".join(["time", *names]))


def _in_degrees(name: str) -> bool:
    return name not in TRANSLATIONS and not name.endswith("_beta")


def read_sto(path: Path) -> tuple[list[str], Array, Array]:
    """Column names, times and values of a storage file."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "endheader") + 1
    rows = np.array([line.split() for line in lines[start + 1 :] if line.strip()], dtype=np.float64)
    return lines[start].split()[1:], rows[:, 0], rows[:, 1:]
