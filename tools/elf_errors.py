# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""An ELF file that cannot be read or understood, as an error for a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def reading_elf(path: Path, wrong: str, hint: str) -> Iterator[None]:
    """Whatever the body raises because of the file becomes a UserError; one of its own stays."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception:  # pyelftools raises one of many kinds for a file that is broken.
        raise UserError(f"{path} {wrong}", hint) from None
