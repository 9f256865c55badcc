"""stress-ng's file-system stressors, each of which checks what it does (--verify)."""
import subprocess

# A choice of those whose calls reach the file system. mmapfork is left out: for two seconds of work it took
# half a minute to end, on ext4 too. stress-ng also ends well where it finds that it cannot do something.
_STRESSORS = {
    "access": (), "aio": (), "chdir": (), "chmod": (), "chown": (), "copy-file":
    ("--copy-file-bytes", "128M"), "dentry": ("--dentries", "200"), "dir": (), "dirdeep":
    ("--dirdeep-inodes", "2000"), "dnotify": (), "fallocate": ("--fallocate-bytes", "32M"), "fcntl":
    (), "filename": (), "flock": (), "fpunch": (), "fsize": (), "fstat": (), "getdent": (),
    "handle": (), "hdd": ("--hdd-bytes", "32M"), "inotify": (), "io": (), "iomix":
    ("--iomix-bytes", "32M"), "link": (), "locka": (), "lockf": (), "lockofd": (), "mknod": (),
    "mmap": ("--mmap-file", "--mmap-bytes", "16M"), "msync": ("--msync-bytes", "4M"), "open": (),
    "readahead": ("--readahead-bytes", "16M"), "rename": (), "revio": ("--revio-bytes", "16M"),
    "seek": ("--seek-size", "8M"), "sendfile": (), "splice": (), "symlink": (), "sync-file":
    ("--sync-file-bytes", "16M"), "touch": (), "utime": (), "xattr": ()
}
NAMES = tuple(_STRESSORS)
# After its time a stressor removes what it made; one that takes longer for that hangs.
_PATIENCE = 240


def run(name, directory, seconds, seed, workers=2):
    """What stress-ng complains of; None where it is content. `directory` must be empty and is so again."""
    command = [
        "stress-ng", f"--{name}",
        str(workers), *_STRESSORS[name], "--timeout",
        str(seconds), "--verify", "--seed",
        str(seed), "--temp-path",
        str(directory)
    ]
    try:
        done = subprocess.run(command,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              text=True,
                              timeout=seconds + _PATIENCE,
                              check=False)
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)} does not end"
    if done.returncode != 0:
        return f"{' '.join(command)} exits with {done.returncode}:\n{done.stdout[-1500:]}"
    return None
