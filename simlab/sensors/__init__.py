"""Sensors: what an instrument would have recorded of a motion whose truth is known. Pure functions of a motion."""
