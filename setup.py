"""The compiled kernels: one extension for each ext/*.pyx; metadata is in pyproject.toml."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# -ffp-contract=off and no -ffast-math: the compiler must not change what is computed. Nobody reads errno or the traps
# of floating point, and without them more loops become vectors.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

extensions = [
    Extension(
        f"simlab.kernels.{source.stem}",
        [source.as_posix()],
        depends=[header.as_posix() for header in sorted(Path("ext").glob("*.h"))],
        include_dirs=["ext"],
        extra_compile_args=FLAGS,
    )
    for source in sorted(Path("ext").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=["ext"],
        build_dir="build/cython",
        language_level=3,
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    )
)
