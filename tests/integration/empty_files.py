"""Many empty files in one directory: made, listed and removed; and the memory that this takes."""
import dataclasses
import os
import subprocess
import time


def peak_mib(program):
    """Most resident memory that a process ever had, in MiB."""
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def create(directory, count):
    for number in range(count):
        os.close(os.open(f"{directory}/file-{number:07}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def list_long(directory, count):
    listing = subprocess.run(["ls", "-l", directory], check=True, stdout=subprocess.PIPE).stdout
    assert listing.count(b"\n") == count + 1


def remove(directory, count):
    subprocess.run(["rm", "-r", directory], check=True)
    assert not os.path.exists(directory)


@dataclasses.dataclass
class Step:
    name: str
    seconds: float
    metadata_mib: float  # peak resident memory so far, of the metadata-server
    client_mib: float    # and of the mount

    @property
    def worst_mib(self):
        return max(self.metadata_mib, self.client_mib)


def steps(cluster, mount, count):
    """Does one step after the other, and gives what each took."""
    directory = mount / "many"
    directory.mkdir()
    for step in (create, list_long, remove):
        started = time.monotonic()
        step(directory, count)
        yield Step(step.__name__, time.monotonic() - started, peak_mib(cluster.metadata),
                   peak_mib(mount.program))
