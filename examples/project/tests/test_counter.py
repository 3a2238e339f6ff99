"""The application in a guest, by the fixtures that micropython-cloud-hypervisor gives to pytest."""

import pytest


def test_sum_is_told_and_is_the_exit_code(guest):
    guest.write(b"20\n")
    guest.read_until(b"sum 20\n")
    guest.write(b"22\n")
    outcome = guest.wait()
    assert (outcome.status, outcome.output) == (42, b"sum 20\nsum 42\n")


def test_zero_ends_it(guest):
    guest.write(b"5\n0\n7\n")
    assert guest.wait().status == 5


@pytest.mark.guest(memory="16M", cpus=2)
def test_wrong_input_is_an_exception(guest):
    guest.write(b"five\n")
    outcome = guest.wait()
    assert outcome.status == 1
    assert b"\nValueError: invalid syntax for integer" in outcome.error


def test_two_machines_know_nothing_of_each_other(boot_guest):
    first, second = boot_guest(), boot_guest()
    first.write(b"1\n")
    first.read_until(b"sum 1\n")
    second.write(b"2\n")
    assert second.wait().status == 2
    assert first.wait().status == 1
