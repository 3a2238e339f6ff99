"""Builds lwIP as a library for the host tests, configured as the kernel's, into build/host/.

Once for all programs that are compiled with the same flags.
"""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tools import build, sources
from tools.cache import locked

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "tests" / "host" / "lwip"


@dataclass(frozen=True)
class Lwip:
    includes: tuple[str, ...]
    """Flags for what is compiled against it."""
    library: Path


@functools.cache
def build_lwip(command: tuple[str, ...]) -> Lwip:
    """Built where it is stale. `command`: the compiler and its flags, from the repository's top."""
    tree = sources.lwip()
    includes = ("-Ikernel/net", f"-I{tree}/src/include")
    compiler, flags = command[0], [*command[1:], *includes]
    kind = hashlib.sha256(" ".join(command).encode()).hexdigest()[:8]
    directory = ROOT / "build" / "host" / f"lwip-{kind}"
    variables = {
        "LWIP_DIR": str(tree),
        "BUILD": str(directory),
        "CC": compiler,
        "FLAGS": " ".join(flags),
    }
    unseen = {"rules": (RULES / "Makefile").read_text()}
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("MAKE")}
    with locked(directory.parent / f"{directory.name}.lock"):
        build.discard_if_changed(directory, {**variables, **unseen})
        build.run_make(RULES, variables, environment, directory / "build.log", lambda _: None)
    return Lwip(includes, directory / "liblwip.a")
