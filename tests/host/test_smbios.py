"""drivers/smbios.c: which machines have a UUID, and that nothing a host writes there does harm."""

import pytest

from tests.host import programs, smbios_images
from tests.host.images import Image
from tests.host.smbios_images import UUID, entry64, image, structure, table

AT = 0x1000


def uuid_in(memory: Image) -> str:
    return programs.run("probe_smbios", stdin=memory.encode()).stdout.decode()


@pytest.mark.parametrize("vmm", ["cloud_hypervisor", "qemu"])
def test_each_vmm_s_uuid_is_found(vmm: str) -> None:
    assert uuid_in(getattr(smbios_images, vmm)()) == UUID.hex


@pytest.mark.parametrize("uuid", [bytes(16), b"\xff" * 16])
def test_a_uuid_that_means_none_is_none(uuid: bytes) -> None:
    content = table(uuid)
    assert uuid_in(image(entry64(AT, len(content)), content=content, table_at=AT)) == "none"


def test_a_wrong_checksum_is_not_believed() -> None:
    entry = bytearray(entry64(AT, len(table())))
    entry[12] ^= 1
    assert uuid_in(image(bytes(entry), table_at=AT)) == "none"


def test_an_entry_cut_off_by_the_end_is_not_read() -> None:
    memory = image(entry64(AT, len(table()))[:16], at=0xFFF0, table_at=AT)
    assert uuid_in(memory) == "none"


def test_an_unreadable_table_is_none() -> None:
    assert uuid_in(image(entry64(0x5000, 64), table_at=AT)) == "none"


@pytest.mark.parametrize("length", [0, 3, 255])
def test_a_structure_of_impossible_length_ends_the_walk(length: int) -> None:
    content = bytes([1, length, 0, 0]) + bytes(40)
    assert uuid_in(image(entry64(AT, len(content)), content=content, table_at=AT)) == "none"


def test_strings_without_an_end_end_the_walk() -> None:
    content = structure(0, bytes(20))[:-2] + b"x" * 50
    assert uuid_in(image(entry64(AT, len(content)), content=content, table_at=AT)) == "none"


def test_a_table_without_system_structure_is_none() -> None:
    content = structure(0, bytes(20), (b"a",)) + structure(127, b"")
    assert uuid_in(image(entry64(AT, len(content)), content=content, table_at=AT)) == "none"
