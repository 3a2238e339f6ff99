"""The project's tasks: some of its own, made of the package's, and the package's as they are."""

from pathlib import Path

from invoke import Collection, Context, task
from micropython_cloud_hypervisor import flash as flashing
from micropython_cloud_hypervisor import tasks as guest


@task
def run(context: Context) -> None:
    """Run the application at your terminal."""
    guest.run(context, "app")


@task
def flash(context: Context) -> None:
    """Make build/counter.elf."""
    Path("build").mkdir(exist_ok=True)
    flashing.flash(Path("app"), Path("build/counter.elf"))


namespace = Collection(run, flash, guest=guest)
