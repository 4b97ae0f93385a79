"""Filters of captured signals."""

from __future__ import annotations

import numpy as np

from simlab.errors import RecordingError
from simlab.motion import Array


def low_pass(time: Array, values: Array, cutoff_hz: float, source: str) -> Array:
    """Zero-lag 4th-order Butterworth (2nd order, forward and back) along the first axis.

    time [s] (n,); values (n, ...). Errors: RecordingError, naming the source, when the sampling rate is too low for the
    cutoff or the recording too short.
    """
    from scipy.signal import butter, filtfilt

    rate = (len(time) - 1) / float(np.ptp(time)) if len(time) > 12 else 0.0
    if rate <= 2 * cutoff_hz:
        expected = f"13 frames or more, faster than {2 * cutoff_hz:g} Hz"
        raise RecordingError(f"{source}: expected {expected}, found {len(time)} at {rate:.4g} Hz")
    # Two passes lose 6 dB where one loses 3; a cutoff raised by (sqrt(2) - 1)^(1/4) puts -3 dB at cutoff_hz
    # (Winter 2009, Biomechanics and Motor Control of Human Movement, doi 10.1002/9780470549148, chapter 3).
    b, a = butter(2, min(cutoff_hz / (2**0.5 - 1) ** 0.25, 0.49 * rate), fs=rate)
    return np.asarray(filtfilt(b, a, values, axis=0))
