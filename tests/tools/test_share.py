# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`--share`: what it takes, the image that is made, and what comes back. The guest is stood in for
by whoever writes the image."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.disks import listed, opened, plant, put_into, tree
from tests.tools.test_disk_littlefs import resealed
from tools.disk.image import open_image
from tools.disk.littlefs import LittleFilesystem
from tools.errors import EXIT_FAILED, UserError
from tools.share import image
from tools.share.host_tree import Changed, HostTree
from tools.share.option import Share, parse_share
from tools.share.session import with_shares
from tools.vmm.base import VmSpec
from tools.vmm.disk import Disk

Guest = Callable[[Path], None]
"""Does something with the image."""


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where images are made."""
    directory = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "dir"
    made.mkdir()
    return made


def share(directory: Path, guest: Guest, *, code: int = 0, readonly: bool = False) -> int:
    def work(spec: VmSpec) -> int:
        guest(spec.disks[-1].path)
        return code

    return with_shares(VmSpec(Path()), [Share(directory, readonly=readonly)], work)


def writes(name: str, content: bytes) -> Guest:
    def guest(path: Path) -> None:
        source = path.with_name("source")
        source.write_bytes(content)
        put_into(path, source, target=name, into=False)

    return guest


def removes(*names: str) -> Guest:
    def guest(path: Path) -> None:
        with opened(path, write=True) as filesystem:
            assert isinstance(filesystem, LittleFilesystem)
            for name in names:
                filesystem._fs.remove(name)
            filesystem.commit()

    return guest


# What is typed.


@pytest.mark.parametrize(
    ("text", "point", "readonly"),
    [
        ("", "/share", False),
        (":ro", "/share", True),
        (":/data", "/data", False),
        (":/data:ro", "/data", True),
        (":/", "/", False),
    ],
)
def test_the_option(directory: Path, text: str, point: str, readonly: bool) -> None:
    assert parse_share(f"{directory}{text}") == Share(directory, point, readonly)


@pytest.mark.parametrize("point", ["/a/b", "/rom", "/disk1", "/..", "/.", "/a b", "/ä", "//"])
def test_where_it_cannot_be(directory: Path, point: str) -> None:
    with pytest.raises(UserError):
        parse_share(f"{directory}:{point}")


def test_what_is_no_directory(directory: Path) -> None:
    (directory / "file").touch()
    with pytest.raises(UserError, match="is no directory"):
        parse_share(f"{directory}/file")
    for text in (f"{directory}/none", "", ":ro"):
        with pytest.raises(UserError, match="does not exist"):
            parse_share(text)


def test_two_shares(directory: Path) -> None:
    def work(spec: VmSpec) -> int:
        assert [disk.serial for disk in spec.disks] == ["", "share0", "share1"]
        assert spec.cmdline == "mount=share0:/a mount=share1:/b words"
        return 0

    spec = VmSpec(Path(), disks=[Disk(Path("x"))], cmdline="words")
    shares = [Share(directory, "/a"), Share(directory, "/b")]
    assert with_shares(spec, shares, work) == 0
    with pytest.raises(UserError, match="both be at /a"):
        with_shares(spec, [shares[0]] * 2, work)
    spec = VmSpec(Path(), disks=[Disk(Path("share0"))])
    with pytest.raises(UserError, match="has the serial of a share"):
        with_shares(spec, shares, work)


# What the guest is given.


def test_all_of_it_is_in_the_image(directory: Path, scratch: Path) -> None:
    plant(directory)
    before = tree(directory)

    def guest(path: Path) -> None:
        sizes = {f"/{name}": -1 if it is None else len(it) for name, it in before.items()}
        assert listed(path) == sizes
        with opened(path) as filesystem:
            for name, content in before.items():
                if content is not None:
                    assert b"".join(filesystem.read(f"/{name}")) == content

    assert share(directory, guest) == 0
    assert tree(directory) == before
    assert list(scratch.iterdir()) == []


def test_links_are_left_out(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (directory / "file").touch()
    (directory / "link").symlink_to("file")
    (directory / "root").symlink_to("/")
    os.mkfifo(directory / "pipe")

    def guest(path: Path) -> None:
        assert listed(path) == {"/file": 0}

    assert share(directory, guest) == 0
    said = capfd.readouterr().err
    assert "not shared" in said
    assert all(f"{directory}/{name}\n" in said for name in ("link", "pipe", "root"))


def test_what_is_too_large(directory: Path, scratch: Path) -> None:
    (directory / "large").touch()
    os.truncate(directory / "large", image.BYTES_MAX + 1)
    with pytest.raises(UserError, match="too large to share"):
        share(directory, lambda path: pytest.fail("it was made"))
    assert list(scratch.iterdir()) == []


def test_too_many_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "FILES_MAX", 2)
    for name in "abc":
        (directory / name).touch()
    with pytest.raises(UserError, match="more than 2 files"):
        share(directory, lambda path: pytest.fail("it was made"))


def test_a_name_that_cannot_be(directory: Path, scratch: Path) -> None:
    Path(os.fsdecode(os.fsencode(directory) + b"/\xff")).touch()
    with pytest.raises(UserError, match="is no UTF-8"):
        share(directory, lambda path: pytest.fail("it was made"))
    assert list(scratch.iterdir()) == []


# What comes back.


def test_changes_come_back(directory: Path, scratch: Path) -> None:
    for name in ("same", "changed", "gone"):
        (directory / name).write_text(name)
    (directory / "changed").chmod(0o751)
    (directory / "old").mkdir()

    def guest(path: Path) -> None:
        writes("/changed", b"by the guest")(path)
        writes("/new/deep/file", b"n" * 5000)(path)
        removes("gone", "old")(path)

    same = (directory / "same").stat()
    assert share(directory, guest, code=3) == 3
    assert tree(directory) == {
        "same": b"same",
        "changed": b"by the guest",
        "new": None,
        "new/deep": None,
        "new/deep/file": b"n" * 5000,
    }
    assert (directory / "same").stat() == same
    assert stat.S_IMODE((directory / "changed").stat().st_mode) == 0o751
    assert list(scratch.iterdir()) == []


def test_a_directory_in_the_place_of_a_file_and_back(directory: Path) -> None:
    (directory / "a").write_text("a")
    (directory / "b").mkdir()
    (directory / "b/c").touch()

    def guest(path: Path) -> None:
        removes("a", "b/c", "b")(path)
        writes("/a/file", b"1")(path)
        writes("/b", b"2")(path)

    assert share(directory, guest) == 0
    assert tree(directory) == {"a": None, "a/file": b"1", "b": b"2"}


def test_what_the_host_has_changed_too_is_left(
    directory: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("both", "removed", "gone here"):
        (directory / name).write_text("before")

    def guest(path: Path) -> None:
        writes("/both", b"guest")(path)
        writes("/both new", b"guest")(path)
        writes("/gone here", b"guest")(path)
        writes("/alone", b"guest")(path)
        removes("removed")(path)
        (directory / "both").write_text("host")
        (directory / "both new").write_text("host")
        (directory / "removed").write_text("host")
        (directory / "gone here").unlink()

    assert share(directory, guest) == EXIT_FAILED
    assert tree(directory) == {
        "both": b"host",
        "both new": b"host",
        "removed": b"host",
        "alone": b"guest",
    }
    said = capfd.readouterr().err
    for name in ("both", "both new", "removed", "gone here"):
        assert f"{directory}/{name}: the host has changed it too\n" in said
    # Nothing of the guest's is lost.
    (kept,) = scratch.glob("share-*/share.img")
    assert f"./inv disk ls {kept}" in said
    with opened(kept) as filesystem:
        assert b"".join(filesystem.read("/gone here")) == b"guest"


def test_the_same_change_on_both_sides_is_none(directory: Path) -> None:
    (directory / "a").write_text("before")

    def guest(path: Path) -> None:
        writes("/a", b"after")(path)
        (directory / "a").write_text("after")

    assert share(directory, guest) == 0


def test_a_directory_with_something_of_the_host_stays(directory: Path) -> None:
    (directory / "d").mkdir()

    def guest(path: Path) -> None:
        removes("d")(path)
        (directory / "d/new").touch()

    assert share(directory, guest) == EXIT_FAILED
    assert tree(directory) == {"d": None, "d/new": b""}


def test_it_does_not_leave_the_directory_by_a_link(directory: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("outside")
    (directory / "d").mkdir()
    (directory / "d/file").write_text("outside")
    (directory / "link").symlink_to(outside / "file")

    def guest(path: Path) -> None:
        writes("/d/file", b"guest")(path)
        writes("/d/new", b"guest")(path)
        writes("/link", b"guest")(path)
        (directory / "d/file").unlink()
        (directory / "d").rmdir()
        (directory / "d").symlink_to(outside)

    assert share(directory, guest) == EXIT_FAILED
    assert tree(outside) == {"file": b"outside"}
    assert (directory / "link").is_symlink()


@pytest.mark.parametrize("name", [b"../../", b"/evil/", b"a\0b"])
def test_names_of_the_guest_do_not_lead_out(
    directory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: bytes
) -> None:
    honest = b"n" * len(name)

    def guest(path: Path) -> None:
        writes(f"/{honest.decode()}", b"guest")(path)
        with open_image(path, write=True) as area:
            for at in (0, image.BLOCK_SIZE):  # The root's.
                block = area.read(at, image.BLOCK_SIZE)
                if honest in block:
                    area.write(at, resealed(block.replace(honest, name), None))

    above = set(tmp_path.iterdir())
    assert share(directory, guest) == EXIT_FAILED
    assert tree(directory) == {}
    assert set(tmp_path.iterdir()) == above
    assert "What the guest has is kept" in capfd.readouterr().err


@pytest.mark.parametrize("content", [b"\0" * 8192, b"\xff" * 8192])
def test_a_guest_that_breaks_the_filesystem(
    directory: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (directory / "a").write_text("a")

    def guest(path: Path) -> None:
        with path.open("r+b") as file:
            file.write(content)

    assert share(directory, guest) == EXIT_FAILED
    assert tree(directory) == {"a": b"a"}
    assert "What the guest has is kept" in capfd.readouterr().err


def test_readonly_brings_nothing_back(directory: Path, scratch: Path) -> None:
    assert share(directory, writes("/a", b"a"), readonly=True) == 0
    assert tree(directory) == {}
    assert list(scratch.iterdir()) == []


def test_it_comes_back_also_where_the_work_fails(directory: Path) -> None:
    def guest(path: Path) -> None:
        writes("/log", b"so far")(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        share(directory, guest)
    assert tree(directory) == {"log": b"so far"}


def test_a_file_that_cannot_be_written_whole_is_as_before(directory: Path) -> None:
    (directory / "a").write_text("before")

    def pieces() -> "list[bytes]":
        raise OSError(28, "No space left on device")

    with HostTree(directory) as host:
        before = host.state("/a")
        with pytest.raises(OSError, match="No space"):
            host.write("/a", (piece for _ in range(1) for piece in pieces()), before)
        with pytest.raises(Changed):
            host.write("/a", [b"x"], b"another")
        with pytest.raises(Changed):
            host.write("/a", [b"x"], None)
    assert tree(directory) == {"a": b"before"}
