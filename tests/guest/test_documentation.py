# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the documentation shows at the prompt is what a guest says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.conftest import Boot

DOCS = Path(__file__).parents[2] / "docs"


def sessions(text: str) -> list[str]:
    blocks = text.split("\n```\n")[1::2]
    return [block for block in blocks if block.startswith(">>> ")]


def statements(session: str) -> Iterator[tuple[str, str]]:
    """Each statement, and what it prints."""
    for part in ("\n" + session).split("\n>>> ")[1:]:
        lines = part.split("\n")
        count = 1
        while count < len(lines) and lines[count].startswith("..."):
            count += 1
        source = [lines[0], *(line[4:] for line in lines[1:count])]
        yield "\n".join(source) + "\n", "\n".join(lines[count:])


@pytest.mark.parametrize("name", ["interpreters.md", "threads.md"])
def test_what_is_shown_is_what_happens(boot: Boot, name: str) -> None:
    """Of an exception its last line is shown, and no more."""
    guest = boot(cpus=2)
    guest.wait_for_prompt()
    found = sessions((DOCS / name).read_text())
    assert found
    for session in found:
        for source, shown in statements(session):
            run = (
                f"try: exec(compile({source!r}, '<stdin>', 'single'))\n"
                "except Exception as e: print(type(e).__name__ + ':', str(e).split('\\n')[0])"
            )
            assert (source, guest.output_of(run).rstrip("\n")) == (source, shown)
