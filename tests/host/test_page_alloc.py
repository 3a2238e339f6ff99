"""kernel/page_alloc.c: what cannot be seen from inside of a C program."""

import re
import subprocess
from pathlib import Path

from tests.host import programs


def test_code_under_a_lock_stays_on_the_stack_that_the_lock_made_present(tmp_path: Path) -> None:
    """All functions of the allocator together use less: none is recursive, so that is more than
    any chain of calls can."""
    spinlock = (programs.ROOT / "boot" / "spinlock.h").read_text()
    limit = re.search(r"#define NOFAULT_STACK (\d+)", spinlock)
    assert limit is not None
    sizes = {}
    for source in ("kernel/page_alloc.c", "kernel/page_buddy.c"):
        usage = tmp_path / "usage.su"
        compile_command = [programs.compiler("gcc"), "-std=gnu99", "-O2", "-fstack-usage", "-I."]
        subprocess.run(
            [*compile_command, "-c", source, "-o", str(usage.with_suffix(".o"))],
            cwd=programs.ROOT,
            timeout=60,
            check=True,
        )
        for line in usage.read_text().splitlines():
            function, size, kind = line.split("\t")
            assert kind == "static", line
            sizes[function] = int(size)
    assert len(sizes) > 10
    # Each call also pushes its return address and may align the stack.
    assert sum(sizes.values()) + 16 * len(sizes) < int(limit[1])
