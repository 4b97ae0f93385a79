"""simlab: what would this squat look like if that muscle were weak?

    import simlab

    weak = simlab.subject.change(simlab.subject.Subject(), ["right.gluteus_medius_strength=0.6"])
    result = simlab.simulate.simulate(simlab.model.build(weak), simlab.tasks.load("squat"))
    print(simlab.export.measure(result)["right"]["fppa_peak_deg"])

The modules in `__all__` are the public door; each is imported when it is first used.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

__all__ = [
    "attribution",
    "beside",
    "clinical",
    "compare",
    "control",
    "dose",
    "errors",
    "explain",
    "export",
    "loads",
    "metrics",
    "mocap",
    "model",
    "motion",
    "movie",
    "origin",
    "population",
    "recording",
    "scene",
    "simulate",
    "subject",
    "sweep",
    "tasks",
    "training",
    "validate",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
