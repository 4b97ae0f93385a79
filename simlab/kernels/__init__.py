"""Compiled kernels (sources in ext/): kinematics, path, muscle, passive."""
