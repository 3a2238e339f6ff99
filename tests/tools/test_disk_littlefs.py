# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""littlefs as others make it, torn superblocks, and damage."""

import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from littlefs import LittleFS, UserContext, UserContextFile

from tests.tools.disks import disk, files_of, listed, make, opened, plant, put_into
from tools.disk import command, littlefs
from tools.disk.create import Wish
from tools.disk.filesystem import Broken, Filesystem
from tools.disk.image import open_image
from tools.disk.isolation import isolated
from tools.disk.littlefs import LittleFilesystem, find_superblock
from tools.errors import UserError


def checked(path: Path) -> int:
    with opened(path) as filesystem:
        assert isinstance(filesystem, LittleFilesystem)
        return filesystem.check()


@pytest.mark.parametrize("block_size", [128, 256, 512, 1024, 4096, 65536])
@pytest.mark.parametrize("prog_size", [16, 0])
def test_images_of_littlefs_python(tmp_path: Path, block_size: int, prog_size: int) -> None:
    image = tmp_path / "disk.img"
    count = (4 << 20) // block_size
    memory = UserContext(count * block_size)
    theirs = _theirs(memory, block_size, count, prog_size)
    theirs.format()
    theirs.mount()
    theirs.makedirs("/a/b")
    with theirs.open("/a/b/über", "wb") as file:
        file.write(b"x" * 10_000)
    theirs.unmount()
    image.write_bytes(memory.buffer)
    assert listed(image) == {"/a": -1, "/a/b": -1, "/a/b/über": 10_000}
    source = plant(tmp_path / "source")
    put_into(image, source / "sub" / "large.bin", source / "sizes")
    assert checked(image) == 2 + files_of(source / "sizes")
    theirs = _theirs(UserContextFile(str(image)), block_size, count, prog_size)
    theirs.mount()
    with theirs.open("/large.bin", "rb") as file:
        assert file.read() == (source / "sub" / "large.bin").read_bytes()


def _theirs(context: UserContext, block_size: int, count: int, prog_size: int) -> LittleFS:
    return LittleFS(
        context, mount=False, block_size=block_size, block_count=count, prog_size=prog_size
    )


def test_the_time_is_where_micropython_has_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    os.utime(file, (1_900_000_000, 1_900_000_000))
    image = make(tmp_path / "disk.img", Wish(1 << 20))
    put_into(image, file)
    theirs = LittleFS(UserContextFile(str(image)), mount=False, block_size=4096, block_count=0)
    theirs.mount()
    assert int.from_bytes(theirs.getattr("/a", 1), "little") == 1_900_000_000 * 10**9


@pytest.mark.parametrize("block_size", [512, 4096])
@pytest.mark.parametrize("torn", [0, 1])
def test_one_superblock_is_enough(tmp_path: Path, block_size: int, torn: int) -> None:
    source = plant(tmp_path / "source")
    image = make(tmp_path / "disk.img", Wish(2 << 20, block_size=block_size), source)
    older = -1
    while older != torn:  # What is torn is the one that was not written last.
        put_into(image, source / "README")
        with open_image(image, write=False) as area:
            older, _ = sorted(
                range(2), key=lambda block: struct.unpack("<I", area.read(block * block_size, 4))
            )
    with open_image(image, write=True) as area:
        area.write(torn * block_size, bytes(block_size))
        superblock = find_superblock(area)
        assert superblock is not None and superblock.block_size == block_size
    assert checked(image) == files_of(source)


def test_both_superblocks_torn_is_damage(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(1 << 20))
    with open_image(image, write=True) as area:
        for block in range(2):
            area.write(block * 4096 + 40, b"\x55" * 64)
    with pytest.raises(Broken, match=r"littlefs is damaged: the superblock: LFS_ERR_CORRUPT"):
        listed(image)


def test_an_image_that_was_cut_short(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(2 << 20), plant(tmp_path / "source"))
    os.truncate(image, 1 << 20)
    with pytest.raises(Broken, match="made for 2,097,152 bytes, there are 1,048,576"):
        listed(image)


def large_file(filesystem: Filesystem, path: str) -> list[int]:
    """The blocks of a file."""
    assert isinstance(filesystem, LittleFilesystem)
    entry = filesystem.find(path)
    assert entry is not None
    return sorted(filesystem._blocks_of(entry))


def test_a_block_that_two_files_have(tmp_path: Path) -> None:
    """Each block of a file begins with the number of the one before it: SPEC.md of littlefs."""
    image = make(tmp_path / "disk.img", Wish(1 << 20))
    for name in "ab":
        (tmp_path / name).write_bytes(os.urandom(20_000))
        put_into(image, tmp_path / name)
    assert checked(image) == 2
    with opened(image) as filesystem:
        a, b = large_file(filesystem, "/a"), large_file(filesystem, "/b")
    numbers = {struct.pack("<I", number): struct.pack("<I", a[0]) for number in b}
    with open_image(image, write=True) as area:
        for block in b:
            pointer = area.read(block * 4096, 4)
            if pointer in numbers:
                area.write(block * 4096, numbers[pointer])
    with pytest.raises(Broken, match=f"block {a[0]} is part of /a and of /b"):
        checked(image)


def test_a_directory_that_is_torn_in_both_blocks(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(2 << 20), plant(tmp_path / "source"))
    content = image.read_bytes()
    blocks = [at for at in range(0, len(content), 4096) if b"large.bin" in content[at : at + 4096]]
    assert blocks
    with open_image(image, write=True) as area:
        for at in blocks:
            area.write(at + 4, bytes(64))
    with pytest.raises(Broken, match="littlefs is damaged"):
        checked(image)


def resealed(block: bytes, chance: random.Random | None) -> bytes:
    """A metadata block with some of its content changed, and checksums that are right for it."""
    made = bytearray(block)
    checksum, at, before = _crc(0xFFFFFFFF, made[:4]), 4, 0xFFFFFFFF
    while at + 4 <= len(made):
        tag = int.from_bytes(made[at : at + 4], "big") ^ before
        kind, size = tag >> 20 & 0x7FF, tag & 0x3FF
        size = 0 if size == 0x3FF else size
        if tag >> 31 or at + 4 + size > len(made):
            break
        checksum = _crc(checksum, made[at : at + 4])
        if kind & 0x780 == 0x500:
            made[at + 4 : at + 8] = struct.pack("<I", checksum)
            checksum, before = 0xFFFFFFFF, tag ^ (kind & 1) << 31
        else:
            if chance is not None and size and chance.random() < 0.1:
                made[at + 4 + chance.randrange(size)] = chance.choice([0, 1, 2, 255])
            checksum, before = _crc(checksum, made[at + 4 : at + 4 + size]), tag
        at += 4 + size
    return bytes(made)


def _crc(checksum: int, content: bytes | bytearray) -> int:
    return zlib.crc32(content, checksum ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def test_no_damage_does_more_than_be_refused(tmp_path: Path) -> None:
    """What lies under the checksums is wrong, and they are right."""
    image = make(tmp_path / "disk.img", Wish(256 << 10, block_size=512))
    source = plant(tmp_path / "source")
    put_into(image, source / "sub" / "deep", source / "sizes")
    content = image.read_bytes()
    blocks = [content[at : at + 512] for at in range(0, len(content), 512)]
    directories = [at for at, block in enumerate(blocks) if resealed(block, None) == block]
    chance = random.Random(3)
    found = {True: 0, False: 0}
    for _ in range(60):
        changed = list(blocks)
        for at in directories:
            changed[at] = resealed(blocks[at], chance)
        image.write_bytes(b"".join(changed))
        try:
            found[isolated(lambda: command.check(image, None)) == 0] += 1
        except UserError:
            found[False] += 1
    assert found[False] > found[True]


def test_a_superblock_that_divides_by_zero(tmp_path: Path) -> None:
    """The C of littlefs does, and its process ends; the task goes on and says so."""
    image = make(tmp_path / "disk.img", Wish(1 << 20))
    with open_image(image, write=True) as area:
        for block in range(2):
            raw = bytearray(area.read(block * 4096, 4096))
            # The newer one, block 1, is what counts; block 0 is looked at for the block size.
            raw[28:32] = bytes(4) if block == 1 else raw[28:32]
            area.write(block * 4096, resealed(bytes(raw), None))
    done = disk("check", image)
    assert done.returncode == 1
    assert "The filesystem is damaged: what reads it ended with SIGFPE" in done.stderr


def test_names_of_255_bytes(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(1 << 20))
    name = "é" * 127 + "x"
    (tmp_path / name).write_text("1")
    put_into(image, tmp_path / name)
    assert listed(image) == {f"/{name}": 1}
    with opened(image) as filesystem, pytest.raises(UserError, match="names of 255 bytes"):
        filesystem.check_name("é" * 128)


def test_a_name_that_is_no_utf8_is_shown(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    memory = UserContext(1 << 20)
    theirs = LittleFS(memory, block_size=4096, block_count=256, filename_encoding="latin-1")
    with theirs.open("/\xff\x1b[1m", "w") as file:
        file.write("x")
    image.write_bytes(memory.buffer)
    done = disk("ls", image)
    assert done.returncode == 0 and r"/\udcff\x1b[1m" in done.stdout


def test_too_small_and_too_many_blocks(tmp_path: Path) -> None:
    for wish, said in [
        (Wish(4096), "too small for littlefs"),
        (Wish(1 << 40, block_size=128), "no more than 2,147,483,647 blocks"),
    ]:
        with pytest.raises(UserError, match=said):
            make(tmp_path / "disk.img", wish)
    assert not list(tmp_path.iterdir())
    assert littlefs.block_size_for(8192) == 4096
    assert checked(make(tmp_path / "disk.img", Wish(8192))) == 0
