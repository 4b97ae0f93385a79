"""Results on disk: what is written can be read again, by us and by others, and equal runs give equal bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from simulations import MIXTURE, measured, run, settings

from simlab import export, metrics, mocap
from simlab.errors import InputError
from simlab.model import landmarks, motion


def test_files_hold_the_run(tmp_path: Path) -> None:
    result = run(settings("both", *MIXTURE))
    files = export.save(result, tmp_path / "a")
    assert sorted(files) == ["metrics.json", "motion.mot", "result.nc"]
    with xr.open_dataset(files["result.nc"], engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["q"], result.run.q)
        assert all("units" in data[name].attrs for name in export.UNITS)
        assert json.loads(data.attrs["configuration"])["subject"]["right"]["adductor_tightness"] == 0.4
        assert list(data["muscle"].to_numpy()) == list(result.model.muscles.names)
    written = json.loads(Path(files["metrics.json"]).read_text())
    assert (
        written["metrics"]["right"]["fppa_peak_deg"] == measured(settings("both", *MIXTURE))["right"]["fppa_peak_deg"]
    )
    back = mocap.opensim.read_mot(files["motion.mot"])
    ours = motion(result.model, result.run.time, result.run.q)
    np.testing.assert_allclose(back.values, ours.values, atol=1e-7)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    result = run()
    first, second = (export.save(result, tmp_path / name) for name in ("first", "second"))
    for name, path in first.items():
        assert Path(path).read_bytes() == Path(second[name]).read_bytes(), name


def test_a_loaded_result_is_the_saved_one(tmp_path: Path) -> None:
    result = run(settings("both", *MIXTURE))
    export.save(result, tmp_path)
    back = export.load(tmp_path)
    assert export.report(back) == export.report(result)
    with pytest.raises(InputError, match=r"nothing\.nc"):
        export.load(tmp_path / "nothing.nc")
    (tmp_path / "other.nc").write_bytes(b"not a netCDF file")
    with pytest.raises(InputError, match=r"other\.nc.*not a result"):
        export.load(tmp_path / "other.nc")


def test_opensim_opens_the_motion(tmp_path: Path) -> None:
    import opensim

    result = run()
    files = export.save(result, tmp_path)
    storage = opensim.Storage(files["motion.mot"])
    assert storage.isInDegrees() and storage.getSize() == len(result.run.time)
    assert storage.getColumnLabels().get(1) == "pelvis_tilt"


def test_simulated_motion_is_measured_by_the_functions_for_captured_motion() -> None:
    result = run()
    points = landmarks(result.model, result.run.time, result.run.q)
    (repetition,) = metrics.repetitions(points)
    by_hand = metrics.measure(points, window=repetition.window)
    assert measured()["right"]["fppa_60_deg"] == by_hand["right"]["fppa_60_deg"]
    assert measured()["both"]["knee_ankle_separation_ratio_min"] == by_hand["both"]["knee_ankle_separation_ratio_min"]


def test_a_folder_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"--out .*file"):
        export.writable(tmp_path / "file")


def test_nothing_is_half_written(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), export.whole(tmp_path) as draft:
        (draft / "one.txt").write_text("one")
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []
