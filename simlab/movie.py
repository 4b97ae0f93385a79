"""The whole squat as an MP4: the sheet of simlab.scene, one instant after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simlab.motion import Array
from simlab.scene import Figure, Sheet, bend, deepest

SIZE = (1280, 720)
ENCODING = (
    *("-crf", "18", "-preset", "veryfast", "-movflags", "+faststart"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"),
)
"""Options of ffmpeg: nearly lossless, colours as players expect them, and nothing that differs from run to run."""


def write(
    figures: Sequence[Figure],
    captured: Figure | None,
    path: str | Path,
    *,
    fps: float = 30.0,
    size: tuple[int, int] = SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """An MP4 (H.264, yuv420p) in real time, every person from its own start; returns the path.

    The same input gives the same bytes on the same machine.

    A captured squat has its own tempo: it is stretched so that going down and standing up coincide with the first
    person's. `progress` is called with (frames written, frames in all).
    Errors: ValueError without anybody to draw or for an odd size; OSError if the file cannot be written.
    """
    from imageio_ffmpeg import write_frames

    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"size: H.264 needs even numbers of pixels, got {size[0]} x {size[1]}")
    frames = timeline(figures, captured, fps)
    sheet = Sheet(figures, captured, size=size, frames=frames.T.tolist(), fine=False)
    target = Path(path)
    encoder = write_frames(
        str(target), sheet.plotter.window_size, fps=fps, codec="libx264", quality=None, macro_block_size=1,
        output_params=[*_averaged(size), *ENCODING],
    )  # fmt: skip
    try:
        encoder.send(None)
        for done, indices in enumerate(frames, start=1):
            sheet.draw(indices.tolist())
            encoder.send(sheet.pixels())
            if progress is not None:
                progress(done, len(frames))
    finally:
        encoder.close()
        sheet.plotter.close()
    return target


def _averaged(size: tuple[int, int]) -> tuple[str, str]:
    """The filter of ffmpeg that averages the larger drawing down to `size`, which smooths every edge."""
    area = f"scale={size[0]}:{size[1]}:flags=area+accurate_rnd+bitexact:out_color_matrix=bt709"
    return "-vf", area


def timeline(figures: Sequence[Figure], captured: Figure | None, fps: float) -> np.ndarray:
    """The instant of each person in each frame, shape (frames, persons), captured last."""
    everyone = [*figures, *([captured] if captured is not None else [])]
    if not everyone:
        raise ValueError("a movie needs at least one person")
    lead = everyone[0]
    length = max(person.time[-1] - person.time[0] for person in (figures or everyone))
    clock = np.arange(int(np.floor(length * fps + 1e-9)) + 1) / fps
    columns = [nearest(person.time, person.time[0] + clock) for person in figures]
    if captured is not None:
        columns.append(nearest(captured.time, np.interp(lead.time[0] + clock, phases(lead), phases(captured))))
    return np.stack(columns, axis=1)


def phases(figure: Figure) -> Array:
    """Times at which the knees start to bend, are deepest and are straight again [s], shape (3,).

    Start and end: 10 % of the bending range, as repetitions are bounded in simlab.metrics.
    """
    angle, peak = bend(figure.landmarks), deepest(figure)
    low = angle < angle.min() + 0.1 * (angle[peak] - angle.min())
    before, after = np.flatnonzero(low[:peak]), np.flatnonzero(low[peak:])
    first = before[-1] if len(before) else 0
    last = peak + after[0] if len(after) else len(angle) - 1
    return figure.time[[first, peak, last]]


def nearest(times: Array, wanted: Array) -> np.ndarray:
    """Index of the sample nearest to each wanted time; before the start the first, after the end the last."""
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.where(wanted - times[right - 1] < times[right] - wanted, right - 1, right)
