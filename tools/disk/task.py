# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The command line of the `disk` task: which action, with which options."""

from dataclasses import dataclass, fields
from pathlib import Path

from ..errors import UserError
from ..tasking import number
from . import command, littlefs
from .create import Wish
from .image import parse_size
from .isolation import isolated

ACTIONS = ("create", "ls", "put", "get", "check")
_PARTITIONS_MAX = 1024


@dataclass(frozen=True)
class Options:
    """As they were typed; empty where they were not."""

    size: str = ""
    fs: str = ""
    label: str = ""
    partition: str = ""
    block_size: str = ""
    from_: str = ""
    force: bool = False
    partition_number: str = ""


def run(action: str, image: Path, words: list[str], options: Options) -> int | None:
    """Do one action; the exit code."""
    return isolated(lambda: _run(action, image, words, options))


def _run(action: str, image: Path, words: list[str], options: Options) -> int | None:
    if action not in ACTIONS:
        raise UserError(f"There is no action {action!r}.", f"Actions: {', '.join(ACTIONS)}.")
    _refuse_others(action, options)
    text = options.partition_number
    partition = number("partition-number", text, 1, _PARTITIONS_MAX) if text else None
    if action == "create":
        _refuse_words(action, words)
        _create(image, options)
    elif action == "ls":
        _refuse_words(action, words[1:])
        command.list_files(image, partition, words[0] if words else "/")
    elif action == "put":
        command.put(image, partition, words)
    elif action == "get":
        command.get(image, partition, words)
    else:
        _refuse_words(action, words)
        return command.check(image, partition)
    return None


def _refuse_others(action: str, options: Options) -> None:
    """UserError for an option that is another action's."""
    for field in fields(options):
        is_for_create = field.name != "partition_number"
        if getattr(options, field.name) and is_for_create != (action == "create"):
            name = field.name.strip("_").replace("_", "-")
            raise UserError(f"disk {action} has no --{name}.")


def _refuse_words(action: str, words: list[str]) -> None:
    if words:
        raise UserError(f"disk {action}: what is {words[0]!r}?", "See ./inv disk --help")


def _create(image: Path, options: Options) -> None:
    if not options.size:
        raise UserError("disk create: how large?", "Give --size, as in --size 64M.")
    block_size = 0
    if options.block_size:
        if options.fs == "fat":
            raise UserError("--block-size is for littlefs.")
        least, most = littlefs.BLOCK_SIZE_MIN, littlefs.BLOCK_SIZE_MAX
        block_size = number("block-size", options.block_size, least, most)
        if block_size & block_size - 1:
            raise UserError(f"--block-size {block_size} is no power of two.")
    wish = Wish(
        size=parse_size("size", options.size),
        filesystem=options.fs or "littlefs",
        label=options.label,
        table=options.partition or "none",
        block_size=block_size,
    )
    source = Path(options.from_) if options.from_ else None
    command.create(image, wish, source=source, force=options.force)
