# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""That the benchmarks can measure the firmware, and Linux beside it, on this rung's VMM."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guests import build_kernel_guest
from tools import sources
from tools.bench import (
    boot_exits,
    boot_instructions,
    console,
    disk_pair,
    linux_guest,
    net_flow,
    net_http,
    net_pair,
    net_tls,
    python,
    smp_interpreter,
    smp_speedup,
    smp_waits,
    unix_port,
)
from tools.bench.disk_file_job import LARGE, LARGE_BYTES, SMALL_BYTES, FileJob
from tools.bench.disk_file_ours import OurFiles
from tools.bench.disk_files import FILESYSTEMS, make_images
from tools.bench.disk_job import MIB, Job
from tools.bench.disk_raw import Counted
from tools.bench.net_job import FLOWS, KINDS
from tools.disk.detect import open_filesystem
from tools.disk.image import open_image
from tools.guest import Guest
from tools.vmm import make_vmm
from tools.vmm.disk import Disk
from tools.vmm.qemu import Qemu

SIZE = 8 << 10


def test_console_benchmark_moves_its_bytes(guest: Guest) -> None:
    assert console.paste(guest, SIZE) > 0
    assert console.print_out(guest, SIZE) > 0


@pytest.mark.only_on("qemu")
def test_instructions_of_a_boot_are_counted(firmware: Path) -> None:
    figures = boot_instructions.measure(firmware)
    assert figures["instructions_to_prompt"] == sum(figures["by_function"].values())
    assert figures["instructions_to_prompt"] < figures["instructions_until_it_waits"]
    assert {"pvh_start", "boot_main", "app_main"} <= figures["by_function"].keys()


@pytest.mark.only_on("nested")
def test_exits_of_a_known_guest_are_counted(tiny_guest: Callable[[str], Path]) -> None:
    figures = boot_exits.measure(tiny_guest("prompt"), "never", b">>> ")
    exits = dict(figures["exits_by_reason"])
    exits.pop("interrupt", None)  # The host's.
    # Its one page, the four bytes of the prompt, its end.
    assert exits == {boot_exits.FIRST_TOUCH: 1, "io": 4, "hlt": 1}
    assert figures["console_bytes"] == 4
    assert figures["touched_guest_pages"] == 1
    assert figures["resident_guest_pages"] >= 1


@pytest.mark.only_on("qemu")
@pytest.mark.timeout(600)
def test_perfbench_runs_on_the_firmware_and_on_linux(firmware: Path, tmp_path: Path) -> None:
    name = "core_import_mpy_single"
    scripts = python.benchmark_scripts(sources.micropython().path / "tests")
    initramfs = tmp_path / "initramfs"
    linux_guest.write_initramfs(unix_port.build_unix_port(), scripts, initramfs)
    commands: dict[str, str] = {}
    with python.pair(firmware, initramfs, scripts, "2M", True, commands) as guests:
        counts = [guests.run(name) for _ in range(2)]
    ours, unix = zip(*counts, strict=True)
    # Counts hardly differ from one time to the next.
    assert max(ours) < 1.05 * min(ours)
    assert max(unix) < 1.05 * min(unix)
    assert all("-icount" in command for key, command in commands.items() if "counted" in key)


@pytest.mark.only_on("qemu")
def test_a_new_interpreter_is_counted(firmware: Path) -> None:
    figures = smp_interpreter.measure(firmware)
    assert sum(figures["parts"].values()) == figures["there"]
    assert sum(figures["by_function"].values()) == figures["there"] + figures["back"]
    assert {"interpreter_new", "call_next", "interpreter_close"} <= figures["by_function"].keys()
    assert 0 < figures["memory"]["created"] < figures["memory"]["idle"]
    assert all(budget.value < 1.5 * budget.limit for budget in smp_interpreter.budgets(figures))


@pytest.mark.only_on("qemu")
def test_interpreters_lose_nothing_to_each_other(firmware: Path) -> None:
    figures = smp_speedup.counted(firmware, (1, 4), 3, 1_000_000)
    for load, by_count in figures.items():
        assert smp_speedup.useful_share(by_count, 4) > 0.9, load


@pytest.mark.only_on("qemu")
def test_interpreters_are_timed(firmware: Path) -> None:
    figures = smp_speedup.timed(firmware, (1, 2), 2, 4, 20_000)
    for by_count in figures.values():
        assert by_count["2"]["cpu"] > by_count["1"]["cpu"] > 0


@pytest.mark.only_on("qemu")
def test_waits_are_counted(firmware: Path) -> None:
    figures = smp_waits.of_kernel(build_kernel_guest("switches"), counting=True)
    assert 50 < figures["yield"]["least"] < figures["semaphore, 2 CPUs"]["least"] < 2000
    figures = smp_waits.of_python(firmware, counting=True)
    for one in figures.values():
        # What is counted happens nearly alike each time.
        assert 0 <= one["least"] <= one["median"] < 1.5 * one["least"] + 100


@pytest.mark.only_on("qemu")
@pytest.mark.timeout(900)
def test_disks_of_both_guests_are_measured(tmp_path: Path) -> None:
    pair = disk_pair.make_pair(tmp_path)
    before = [image.read_bytes() for image in pair.images]
    assert before[0] == before[1]
    with pair.ours(Qemu()) as ours, pair.linux(Qemu()) as linux:
        for guest in (Counted(ours), Counted(linux)):
            one = guest.run(Job(False, True, 4096, 1, 50))
            assert one["microseconds"] > 0
            assert 0.9 < one["interrupts"] < 1.1
            assert guest.run(Job(False, True, 4096, 32, 64, 8))["microseconds"] > 0
            assert guest.run(Job(True, False, MIB, 32, 64))["microseconds"] > 0
    # Both have written zeros there.
    assert all(not any(image.read_bytes()[MIB : 2 * MIB]) for image in pair.images)


@pytest.mark.only_on("qemu")
@pytest.mark.timeout(900)
def test_files_of_both_guests_are_measured(tmp_path: Path) -> None:
    pair = disk_pair.make_pair(tmp_path)
    images = make_images(tmp_path)
    disks = [Disk(images[filesystem], serial=filesystem) for filesystem in FILESYSTEMS]
    with (
        pair.ours(Qemu(), more=disks) as ours,
        pair.linux(Qemu(), image=images["linux"]) as linux,
    ):
        files = OurFiles(ours)
        for job in (
            FileJob(False, True, 4096, 1, 20),
            FileJob(True, False, MIB, 32, 32),
            FileJob(True, False, 64 << 10, 1, 16, is_new=True),
        ):
            assert linux.run(job).microseconds > 0
            assert all(files.run(filesystem, job) > 0 for filesystem in FILESYSTEMS)
        assert all(files.first_write(filesystem) > 0 for filesystem in FILESYSTEMS)
    for image in images.values():
        with open_image(image, write=False) as area:
            filesystem = open_filesystem(area)
            sizes = {entry.name: entry.size for entry in filesystem.entries("/")}
            written = b"".join(filesystem.read("/7"))
        assert sizes == {LARGE: LARGE_BYTES, **{str(n): SMALL_BYTES for n in range(32)}}
        # The second half, of zeros.
        assert any(written[:MIB])
        assert not any(written[MIB:])


@pytest.mark.usefixtures("lan")
@pytest.mark.timeout(900)
def test_networks_of_both_guests_are_measured(vmm_name: str) -> None:
    with (
        net_pair.make_pair() as pair,
        pair.ours(make_vmm(vmm_name)) as ours,
        pair.linux(make_vmm(vmm_name)) as linux,
    ):
        for guest in (ours, linux):
            assert all(guest.flow(flow, 1) > 0 for flow in FLOWS)
            assert all(guest.turn(kind, kind.few) > 0 for kind in KINDS)
        if vmm_name == "nested":
            assert 0.5 < net_flow.exits_of(ours, KINDS[0]) < 20


@pytest.mark.usefixtures("lan")
@pytest.mark.timeout(900)
def test_pages_and_handshakes_are_served(vmm_name: str) -> None:
    with net_pair.make_pair() as pair:
        with pair.machine(make_vmm(vmm_name), cpus=2) as guest:
            net_http.start_servers(guest, 2)
            for load in net_http.LOADS:
                assert net_http.run(pair, load, 80)["failed"] == 0, load.name
        with net_tls.server(pair, make_vmm(vmm_name)):
            assert all(net_tls.shake_hands(pair, one, 1) > 0 for one in net_tls.VERSIONS.values())
