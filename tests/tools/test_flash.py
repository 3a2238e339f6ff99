# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Files that carry an application: what is refused, and how; what is read again."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tools.applications import MPY_HEAD, tree
from tools import build, flash
from tools.app_files import collect
from tools.errors import UserError
from tools.firmware_file import FirmwareFile
from tools.romfs import make_romfs
from tools.romfs_reader import read_romfs


@pytest.fixture(scope="module")
def firmware() -> Path:
    return build.build().elf


def flashed(firmware: Path, romfs: bytes, target: Path) -> Path:
    target.write_bytes(FirmwareFile.read(firmware).with_romfs(romfs))
    return target


@pytest.mark.parametrize("way", ["frozen", "added", "image"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, firmware: Path, way: str) -> None:
    outputs = []
    for name in ("one", "another"):
        app = tree(
            tmp_path / name / "app", main_py="import a\n", a_py="b = 2\n", lib__z_txt="z", b_txt="b"
        )
        outputs.append(made(way, app, firmware))
    assert outputs[0] == outputs[1]


def made(way: str, app: Path, firmware: Path) -> bytes:
    if way == "frozen":
        return flash.frozen(collect(app))
    return (flash.added if way == "added" else flash.image)(collect(app), firmware)


def test_applications_of_one_name_do_not_mix(tmp_path: Path, firmware: Path) -> None:
    apps = [tree(tmp_path / str(number) / "app", main_py=f"x{number} = 1") for number in range(3)]
    with ThreadPoolExecutor() as pool:
        at_once = list(pool.map(lambda app: made("frozen", app, firmware), apps))
    assert at_once == [made("frozen", app, firmware) for app in apps]
    assert len(set(at_once)) == len(apps)


@pytest.mark.parametrize(
    ("way", "frozen", "files"),
    [
        ("frozen", {"main.py", "lib/a.py"}, {"data.txt", "settings"}),
        ("added", set(), {"main.mpy", "lib/a.mpy", "data.txt", "settings"}),
        ("image", set(), {"main.mpy", "lib/a.mpy", "data.txt", "settings"}),
    ],
)
def test_what_is_flashed_is_inspected(
    tmp_path: Path, firmware: Path, way: str, frozen: set[str], files: set[str]
) -> None:
    app = tree(
        tmp_path / "app",
        main_py="__version__ = '1.2'\nimport a\n",
        lib__a_py="",
        data_txt="hello",
        settings="on-exit=reset A=1",
    )
    target = tmp_path / "file"
    target.write_bytes(made(way, app, firmware))
    contents = flash.read_contents(target)
    assert (contents.name, contents.version) == ("app", "1.2")
    assert (set(contents.frozen), set(contents.files)) == (frozen, files)
    assert contents.files["data.txt"] == b"hello"
    assert contents.settings == "on-exit=reset A=1"
    assert (contents.firmware is None) == (way == "image")
    if contents.firmware is not None:
        assert contents.firmware.version.startswith("v1.")
        assert len(contents.firmware.build_id) == 40


def test_without_a_compiler_a_firmware_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.elf does not exist"):
        flash.added(collect(tree(tmp_path / "app", main_py="")), tmp_path / "none.elf")


def test_without_a_compiler_none_is_called(
    tmp_path: Path, firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.build.run_make", lambda *_: pytest.fail("make was called"))
    monkeypatch.setattr("tools.build.ready_firmware", lambda: firmware)
    app = tree(tmp_path / "app", main_py="x = 1")
    for target in (tmp_path / "app.elf", tmp_path / "app.romfs"):
        flash.flash(app, target, compiler=False)
        assert flash.read_contents(target).files["main.mpy"].startswith(MPY_HEAD)


def test_a_missing_import_is_told_with_file_and_line(tmp_path: Path, firmware: Path) -> None:
    app = tree(tmp_path / "app", main_py="import os\nimport numpy.random\n")
    with pytest.raises(UserError, match=r"^main\.py, line 2: no module numpy\.random\."):
        flash.image(collect(app), firmware)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("colour=red", r"^settings: colour=red is not known\. Known: acpi, heap,"),
        ("A='b", "^settings: No closing quotation"),
        ("A=1 # one", "^settings: there are no comments; # would be an argument"),
        ("A=1\0", "^settings has a NUL byte"),
        ("A=" + "b" * 0xFFFE, "^settings has 65,536 bytes: 65,535 can be read"),
    ],
)
def test_settings_are_checked(
    tmp_path: Path, firmware: Path, settings: str, complaint: str
) -> None:
    app = tree(tmp_path / "app", main_py="", settings=settings)
    with pytest.raises(UserError, match=complaint):
        flash.image(collect(app), firmware)


def test_a_firmware_carries_one_application(firmware: Path, tmp_path: Path) -> None:
    target = flashed(firmware, make_romfs({}), tmp_path / "x.elf")
    with pytest.raises(UserError, match="carries an application already"):
        FirmwareFile.read(target).with_romfs(make_romfs({}))


def test_an_application_too_large_is_refused(
    firmware: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tree(tmp_path / "app", main_py="", small_txt="x")
    (app / "large.bin").write_bytes(bytes(4 << 20))
    monkeypatch.setattr("tools.firmware_file.MOST_MEMORY", 4 << 20)
    for way in ("frozen", "added"):
        with pytest.raises(
            UserError, match=r"is [\d,]+ bytes too large: .* large\.bin 4,194,304, "
        ):
            made(way, app, firmware)


@pytest.mark.parametrize("cut", [0, 60, 1000, 500_000])
def test_a_truncated_file_is_refused(firmware: Path, tmp_path: Path, cut: int) -> None:
    target = flashed(firmware, make_romfs({"main.mpy": bytes(3000)}), tmp_path / "x.elf")
    content = target.read_bytes()
    target.write_bytes(content[:cut] if cut else content[:-1])
    with pytest.raises(UserError, match="is not a whole firmware"):
        flash.read_contents(target)


def test_a_changed_byte_is_noticed(firmware: Path, tmp_path: Path) -> None:
    target = flashed(firmware, make_romfs({"main.mpy": bytes(3000)}), tmp_path / "x.elf")
    content = bytearray(target.read_bytes())
    content[-1000] ^= 1
    target.write_bytes(content)
    with pytest.raises(UserError, match="its checksum is wrong"):
        flash.read_contents(target)


def test_another_elf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a whole firmware of this project"):
        flash.read_contents(Path("/bin/true"))


@pytest.mark.parametrize("about", [b"[]", b'{"frozen": []}', b'{"frozen": {"a": "b"}}', b"{"])
def test_what_an_image_says_of_itself_is_checked(tmp_path: Path, about: bytes) -> None:
    target = tmp_path / "x.romfs"
    target.write_bytes(make_romfs({"main.py": b""}, about))
    with pytest.raises(UserError, match="is broken: "):
        flash.read_contents(target)


def test_long_names_are_shown_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.romfs"
    target.write_bytes(make_romfs({f"{'d' * 90}/{'e' * 90}.txt": b""}))
    flash.show(target)
    shown = re.sub(r"[^de]", "", capsys.readouterr().out)
    assert "d" * 90 + "e" * 90 in shown


@pytest.mark.parametrize("out", ["app.elf", "app.romfs"])
def test_what_is_written_into_the_application_is_no_part_of_it(
    tmp_path: Path, firmware: Path, out: str
) -> None:
    app = tree(tmp_path / "app", main_py="")
    target = app / out
    sizes = []
    for _ in range(2):
        flash.flash(app, target, firmware=firmware)
        sizes.append(target.stat().st_size)
        assert set(flash.read_contents(target).files) == {"main.mpy"}
    assert sizes[0] == sizes[1]
    assert {path.name for path in app.iterdir()} == {"main.py", out}


@pytest.mark.parametrize("name", ["main.py", "data.txt"])
def test_a_file_of_the_application_is_not_overwritten(
    tmp_path: Path, firmware: Path, name: str
) -> None:
    app = tree(tmp_path / "app", main_py="x = 1", data_txt="x = 1")
    for source in (app, app / name):
        with pytest.raises(UserError, match="is a file of the application"):
            flash.flash(source, app / name, firmware=firmware)
    assert (app / name).read_text() == "x = 1"


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, firmware: Path) -> None:
    app = tree(tmp_path / "app", main_py="")
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "none" / "x.elf", app / "main.py" / "x.elf"):
        with pytest.raises(UserError, match="cannot be written"):
            flash.flash(app, target, firmware=firmware)
    assert {path.name for path in tmp_path.iterdir()} == {"app", "folder"}


def test_directories_nested_too_deep_are_not_read() -> None:
    assert len(read_romfs(make_romfs({"d/" * 32 + "f": b""}))) == 1
    with pytest.raises(ValueError, match="nested too deep"):
        read_romfs(make_romfs({"d/" * 33 + "f": b""}))


@pytest.mark.parametrize("length", [0, 3, 4, 10, 29])
def test_a_truncated_image_is_not_read(length: int) -> None:
    with pytest.raises(ValueError, match=r"cut short|does not begin"):
        read_romfs(make_romfs({"main.py": b"print(1)"})[:length])
