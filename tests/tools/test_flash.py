"""An application's files, and the ELF file that carries them: what is refused, and how."""

from pathlib import Path

import pytest

from tools import application, build, flash, sources
from tools.errors import UserError
from tools.romfs import make_romfs, read_romfs


@pytest.fixture(scope="module")
def mpy_cross() -> Path:
    return build.mpy_cross(sources.micropython())


@pytest.fixture(scope="module")
def firmware() -> Path:
    return build.build().elf


def tree(directory: Path, **files: str) -> Path:
    """Files by name, `__` for a slash and the last `_` for the dot."""
    for name, text in files.items():
        path = directory / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_source_is_compiled_and_data_is_kept(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="import a", lib__a_py="x = 1", data_txt="hello")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"")
    files = application.load(tmp_path, mpy_cross).files
    assert sorted(files) == ["data.txt", "lib/a.mpy", "main.mpy"]
    assert files["data.txt"] == b"hello"
    assert files["main.mpy"][:2] == b"M\x06"


def test_a_file_is_an_application(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, hello_py="print(1)")
    loaded = application.load(tmp_path / "hello.py", mpy_cross)
    assert (loaded.name, list(loaded.files)) == ("hello", ["main.mpy"])


def test_native_code_is_compiled(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="@micropython.native\ndef f(): return 1\n")
    assert application.load(tmp_path, mpy_cross).files["main.mpy"]


def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, mpy_cross: Path, firmware: Path
) -> None:
    outputs = []
    for name in ("one", "another"):
        directory = tmp_path / name
        directory.mkdir()
        tree(directory, main_py="import a\n", a_py="b = 2\n", lib__z_txt="z", b_txt="b")
        romfs = application.load(directory, mpy_cross).romfs
        outputs.append(flash.add_application(firmware, romfs))
    assert outputs[0] == outputs[1]


def test_a_syntax_error_tells_file_and_line(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="import lib.a", lib__a_py="x = 1\nif x\n")
    with pytest.raises(UserError, match=r"^lib/a\.py, line 2: SyntaxError: invalid syntax"):
        application.load(tmp_path, mpy_cross)


def test_a_directory_without_main_is_refused(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, a_py="x = 1")
    with pytest.raises(UserError, match=r"holds no main\.py"):
        application.load(tmp_path, mpy_cross)


def test_source_and_its_compiled_form_are_refused(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="", a_py="", a_mpy="")
    with pytest.raises(UserError, match=r"holds both a\.py and a\.mpy"):
        application.load(tmp_path, mpy_cross)


def test_what_is_flashed_is_read_again(firmware: Path, tmp_path: Path) -> None:
    files = {"main.mpy": b"M", "d/data": bytes(5000), "settings": b"on-exit=reset\n"}
    flashed = tmp_path / "x.elf"
    flashed.write_bytes(flash.add_application(firmware, make_romfs(files)))
    contents = flash.read_contents(flashed)
    assert contents.files == files
    assert contents.settings == "on-exit=reset\n"
    assert contents.build_id == flash.read_contents(firmware).build_id
    assert len(contents.build_id) == 40


def test_a_firmware_carries_one_application(firmware: Path, tmp_path: Path) -> None:
    flashed = tmp_path / "x.elf"
    flashed.write_bytes(flash.add_application(firmware, make_romfs({})))
    with pytest.raises(UserError, match="carries an application already"):
        flash.add_application(flashed, make_romfs({}))


def test_an_application_too_large_is_refused(
    firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "_MOST_MEMORY", 4 << 20)
    with pytest.raises(UserError, match=r"is [\d,]+ bytes too large"):
        flash.add_application(firmware, bytes(4 << 20))


@pytest.mark.parametrize("cut", [0, 60, 1000, 500_000])
def test_a_truncated_file_is_refused(firmware: Path, tmp_path: Path, cut: int) -> None:
    content = flash.add_application(firmware, make_romfs({"main.mpy": bytes(3000)}))
    flashed = tmp_path / "x.elf"
    flashed.write_bytes(content[:cut] if cut else content[:-1])
    with pytest.raises(UserError, match=r"is not a firmware|is broken"):
        flash.read_contents(flashed)


def test_a_changed_byte_is_noticed(firmware: Path, tmp_path: Path) -> None:
    content = bytearray(flash.add_application(firmware, make_romfs({"main.mpy": bytes(3000)})))
    content[-1000] ^= 1
    flashed = tmp_path / "x.elf"
    flashed.write_bytes(content)
    with pytest.raises(UserError, match="its checksum is wrong"):
        flash.read_contents(flashed)


def test_another_elf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a firmware of this project"):
        flash.read_contents(Path("/bin/true"))


def test_directories_nested_too_deep_are_not_read() -> None:
    assert len(read_romfs(make_romfs({"d/" * 32 + "f": b""}))) == 1
    with pytest.raises(ValueError, match="nested too deep"):
        read_romfs(make_romfs({"d/" * 33 + "f": b""}))


@pytest.mark.parametrize("length", [0, 3, 4, 10, 29])
def test_a_truncated_image_is_not_read(length: int) -> None:
    with pytest.raises(ValueError, match=r"cut short|does not begin"):
        read_romfs(make_romfs({"main.py": b"print(1)"})[:length])


def test_links_to_directories_are_followed_but_not_in_a_circle(
    tmp_path: Path, mpy_cross: Path
) -> None:
    app, library = tmp_path / "app", tmp_path / "library"
    app.mkdir()
    library.mkdir()
    (app / "main.py").touch()
    (library / "part.py").touch()
    (app / "one").symlink_to(library)
    (app / "two").symlink_to("../library")
    (library / "back").symlink_to(app)
    (app / "gone").symlink_to("nowhere")
    files = application.load(app, mpy_cross).files
    assert sorted(files) == ["main.mpy", "one/part.mpy", "two/part.mpy"]
