"""Builds MicroPython's core as a library for the host tests, with sanitizers, into build/host/.

Out of the pinned source tree, as the configuration in tests/host/micropython says. Once for all
programs: unit tests and fuzzers are compiled by clang, with the same sanitizers.
"""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import build, sources
from tools.cache import locked

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "tests" / "host" / "micropython"
BUILD = ROOT / "build" / "host" / "micropython"

# The collector scans the real stack, so no variable may live elsewhere.
SANITIZERS = (
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "-fsanitize-address-use-after-return=never",
)


@dataclass(frozen=True)
class Core:
    includes: tuple[str, ...]
    """Flags for what is compiled against it."""
    library: Path


@functools.cache
def build_core(clang: str, tested: tuple[str, ...]) -> Core:
    """Built where it is stale. `tested`: what else uses MP_QSTR_ names, of this repository."""
    tree = sources.micropython()
    variables = {
        "MPY_DIR": str(tree.path),
        "BUILD": str(BUILD),
        "CC": clang,
        "PYTHON": sys.executable,
        "SANITIZE": " ".join(SANITIZERS),
        "TESTED": " ".join(str(ROOT / path) for path in tested),
    }
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True)
    unseen = {
        "clang": version.stdout,
        **{path.name: path.read_text() for path in sorted(CONFIGURATION.glob("*"))},
    }
    with locked(BUILD.parent / "micropython.lock"):
        build.discard_if_changed(BUILD, {**variables, **unseen})
        log = BUILD / "build.log"
        build.run_make(CONFIGURATION, variables, build.environment_of(tree), log, lambda _: None)
    includes = (f"-I{CONFIGURATION.relative_to(ROOT)}", f"-I{BUILD.relative_to(ROOT)}")
    return Core((*includes, f"-I{tree.path}"), BUILD / "libmicropython.a")
