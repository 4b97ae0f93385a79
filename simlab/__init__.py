"""simlab: what would this squat look like if that muscle were weak?"""

__version__ = "0.1.0"
