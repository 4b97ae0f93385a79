"""Many simulations from one file, and the table that they give: do two deficits simply add up?

On the command line: simlab sweep examples/sweep.toml --out out/sweep --plot
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

SPEC = Path(__file__).with_name("sweep.toml")
PRONATION, STRENGTH = "dial.both.foot_pronation_deg", "dial.both.external_rotator_strength"
CHANGE = "change.right.fppa_peak_deg"

with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-m", "simlab.cli", "sweep", str(SPEC), "--out", folder, "--workers", "2"]
    subprocess.run(command, check=True)
    rows = pl.read_parquet(Path(folder) / "results.parquet").filter(pl.col("success"))

print("FPPA at the peak, right, change against the healthy twin [deg]")
print(rows.pivot(STRENGTH, index=PRONATION, values=CHANGE))
change = {(row[PRONATION], row[STRENGTH]): row[CHANGE] for row in rows.iter_rows(named=True)}
alone = change[6, 1.0] + change[0, 0.6]
print(f"pronation and weak rotators together {change[6, 0.6]:.1f}, their sum {alone:.1f}")

assert change[0, 1.0] == 0 and change[6, 0.6] > max(change[6, 1.0], change[0, 0.6]) > 0
