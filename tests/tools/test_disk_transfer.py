# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Files go into images and come out as they were; what does not fit leaves no trace."""

import os
import time
from pathlib import Path

import pytest

from tests.tools.disks import (
    FAT_12,
    FAT_16,
    KINDS,
    NAMES,
    files_of,
    fsck,
    get_from,
    listed,
    make,
    opened,
    plant,
    put_into,
    tree,
)
from tools.disk.create import Wish
from tools.disk.filesystem import DiskFull
from tools.errors import UserError

BOTH = pytest.mark.parametrize(
    "kind", [Wish(FAT_12, "fat"), Wish(2 << 20)], ids=["fat", "littlefs"]
)


@pytest.mark.parametrize("wish", KINDS, ids=NAMES)
def test_what_goes_in_comes_out(tmp_path: Path, wish: Wish) -> None:
    source = plant(tmp_path / "source")
    image = make(tmp_path / "disk.img", wish, source)
    assert tree(get_from(image, "/", tmp_path / "out")) == tree(source)
    put_into(image, source)
    assert tree(get_from(image, "/source", tmp_path / "again")) == tree(source)
    if wish.filesystem == "fat":
        fsck(image, 0 if wish.table == "none" else 1 << 20)


@pytest.mark.parametrize("wish", KINDS, ids=NAMES)
def test_all_again_in_their_places(tmp_path: Path, wish: Wish) -> None:
    """The blocks of what was replaced are free again."""
    source = plant(tmp_path / "source")
    image = make(tmp_path / "disk.img", wish, source)
    with opened(image) as filesystem:
        free = filesystem.free
    for _ in range(3):
        put_into(image, *source.iterdir())
    with opened(image) as filesystem:
        slack = 0 if wish.filesystem == "fat" else 64 * filesystem.unit  # Directories are logs.
        assert abs(filesystem.free - free) <= slack
    assert tree(get_from(image, "/", tmp_path / "out")) == tree(source)


@BOTH
def test_where_files_go(tmp_path: Path, kind: Wish) -> None:
    image = make(tmp_path / "disk.img", kind)
    (tmp_path / "dir").mkdir()
    for name in ("a", "b", "dir/c"):
        (tmp_path / name).write_text(name)
    a, b, directory = (tmp_path / name for name in ("a", "b", "dir"))
    put_into(image, a, target="/x/renamed", into=False)
    put_into(image, a, target="/x/y", into=True)
    put_into(image, a, b, target="/several", into=False)
    put_into(image, directory, target="/copy", into=False)
    put_into(image, directory, target="/x", into=False)
    assert set(listed(image)) == {
        *("/x", "/x/renamed", "/x/y", "/x/y/a", "/x/dir", "/x/dir/c"),
        *("/several", "/several/a", "/several/b", "/copy", "/copy/c"),
    }
    assert get_from(image, "/x/renamed", tmp_path / "new").read_text() == "a"
    get_from(image, "/x/renamed", tmp_path / "dir")
    get_from(image, "/x", tmp_path / "dir")
    assert set(tree(tmp_path / "dir")) == {
        *("c", "renamed", "x", "x/renamed", "x/y", "x/y/a", "x/dir", "x/dir/c")
    }


@BOTH
def test_times_are_kept(tmp_path: Path, kind: Wish) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"")
    when = time.mktime((2031, 5, 6, 7, 8, 10, 0, 0, -1))
    os.utime(source, (when, when))
    image = make(tmp_path / "disk.img", kind)
    put_into(image, source)
    assert get_from(image, "/a", tmp_path / "b").stat().st_mtime == when


@BOTH
def test_a_full_disk_is_as_it_was(tmp_path: Path, kind: Wish) -> None:
    source = plant(tmp_path / "source")
    image = make(tmp_path / "disk.img", kind)
    put_into(image, source / "README")
    before = listed(image)
    (source / "z").write_bytes(os.urandom(3 << 20))
    with pytest.raises(
        DiskFull, match=rf"{files_of(source)} files.*/source/z is the first.*Nothing was written"
    ):
        put_into(image, source)
    assert listed(image) == before
    (source / "z").unlink()
    put_into(image, source)
    assert tree(get_from(image, "/source", tmp_path / "out")) == tree(source)


@BOTH
def test_a_file_is_replaced_only_where_both_fit(tmp_path: Path, kind: Wish) -> None:
    image = make(tmp_path / "disk.img", kind)
    file = tmp_path / "a"
    file.write_bytes(b"1" * 1_400_000)
    put_into(image, file)
    file.write_bytes(b"2" * 1_400_000)
    with pytest.raises(DiskFull):
        put_into(image, file)
    assert get_from(image, "/a", tmp_path / "b").read_bytes() == b"1" * 1_400_000


@BOTH
def test_what_cannot_be_put(tmp_path: Path, kind: Wish) -> None:
    image = make(tmp_path / "disk.img", kind)
    file, directory = tmp_path / "file", tmp_path / "directory"
    file.write_text("x")
    directory.mkdir()
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / os.fsdecode(b"\xff")).write_text("")
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "again").symlink_to(tmp_path / "circle")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    put_into(image, file)
    put_into(image, directory)
    before = listed(image)
    for source, target, said in [
        (tmp_path / "none", "/", "does not exist"),
        (tmp_path / "bytes", "/", "no UTF-8"),
        (tmp_path / "circle", "/", "a link to a directory that it is in"),
        (tmp_path / "dangling", "/", "neither a file nor a directory"),
        (tmp_path / "pipe", "/", "neither a file nor a directory"),
        (file, "/file/below", "/file is a file in the image"),
        (directory, "/file", "/file is a file in the image"),
        (file, "/" + "d/" * 70 + "f", "more than 64 directories"),
    ]:
        with pytest.raises(UserError, match=said):
            put_into(image, source, target=target, into=False)
    two = tmp_path / "other" / "file"
    two.parent.mkdir()
    two.write_text("y")
    with pytest.raises(UserError, match="two files /file"):
        put_into(image, file, two)
    assert listed(image) == before


@BOTH
def test_what_cannot_be_got(tmp_path: Path, kind: Wish) -> None:
    image = make(tmp_path / "disk.img", kind)
    (tmp_path / "a").write_text("x")
    put_into(image, tmp_path / "a")
    for path, target, said in [
        ("/none", "b", "has no /none"),
        ("/a/b", "b", "has no /a/b"),
        ("/a", "none/b", "cannot be written"),
        ("/", "a", "cannot be made"),
    ]:
        with pytest.raises(UserError, match=said):
            get_from(image, path, tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "disk.img"]


@pytest.mark.parametrize("wish", [Wish(FAT_16, "fat"), Wish(FAT_16)], ids=["fat", "littlefs"])
def test_many_files_in_one_directory(tmp_path: Path, wish: Wish) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(1000):
        (source / f"measurement of the day {number:05}.csv").write_text(str(number))
    image = make(tmp_path / "disk.img", wish)
    put_into(image, source)
    assert len(listed(image)) == 1001
    assert tree(get_from(image, "/many", tmp_path / "out")) == tree(source)
    if wish.filesystem == "fat":
        fsck(image)
