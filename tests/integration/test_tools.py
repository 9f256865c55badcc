"""Programs that people use, on a mount: databases, archives, version control, a build, fio."""
import concurrent.futures
import pathlib

import pytest

from cluster import MIB, ROOT, SANITIZED, run
from files import check_same_tree, copy_some


def test_sqlite(home):
    database = home / "db.sqlite"
    script = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
          INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;
        CREATE INDEX byText ON t (text);
        DELETE FROM t WHERE id % 3 = 0;
        VACUUM;
        PRAGMA integrity_check;
        SELECT count(*) FROM t;
    """
    assert run("sqlite3", database, input=script).stdout.split() == ["ok", "13334"]
    for _ in range(20):  # many small transactions, each with its own syncs
        run("sqlite3", database, "INSERT INTO t (text) VALUES ('more');")
    out = run("sqlite3", database, "PRAGMA integrity_check; SELECT count(*) FROM t;").stdout
    assert out.split() == ["ok", "13354"]


@pytest.mark.parametrize("journal", ("delete", "wal"))
def test_sqlite_with_several_connections(home, journal):
    """Transactions of three processes exclude each other, and none is lost."""
    database = home / "db.sqlite"
    made = run("sqlite3", database, f"PRAGMA journal_mode = {journal}; CREATE TABLE t (text TEXT);"
               "CREATE TABLE sum (n INTEGER); INSERT INTO sum VALUES (0);").stdout
    assert made.split() == [journal]
    transactions = 10 if SANITIZED else 40
    script = ".timeout 120000\n" + """
        BEGIN IMMEDIATE;
        INSERT INTO t VALUES (hex(randomblob(2000)));
        UPDATE sum SET n = (SELECT count(*) FROM t);
        COMMIT;
    """ * transactions
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for work in [pool.submit(run, "sqlite3", "-bail", database, input=script) for _ in range(3)]:
            work.result()
    out = run("sqlite3", database,
              "PRAGMA integrity_check; SELECT count(*) FROM t; SELECT n FROM sum;").stdout
    assert out.split() == ["ok", str(3 * transactions), str(3 * transactions)]


def test_tar_and_rsync(home, scratch, mount_a):
    source = scratch / "tools-tree"
    copy_some(pathlib.Path("/usr/share/doc"), source, (3 if SANITIZED else 10) * MIB)
    run("tar", "-C", source.parent, "--format=posix", "-cf", home / "tree.tar", source.name)
    (home / "out").mkdir()
    run("tar", "-C", home / "out", "-xf", home / "tree.tar")
    check_same_tree(source, home / "out" / source.name)
    run("rsync", "-a", f"{source}/", home / "synced")
    mount_a.remount()
    run("rsync", "-a", "--checksum", "--delete", f"{source}/", home / "synced")
    assert run("rsync", "-a", "--checksum", "--dry-run", "--itemize-changes", f"{source}/",
               home / "synced").stdout == ""
    check_same_tree(source, home / "synced")


def test_git(home):
    run("git", "init", "-q", "--bare", home / "bare.git")
    run("git", "-c", "safe.directory=*", "-c", "protocol.file.allow=always", "clone", "-q", "--no-local",
        ROOT, home / "clone", timeout=300)
    run("git", "-C", home / "clone", "-c", "safe.directory=*", "fsck", "--full", timeout=300)
    run("git", "-C", home / "clone", "-c", "safe.directory=*", "status", "--porcelain")
    run("git", "-C", home / "clone", "push", "-q", home / "bare.git", "HEAD:refs/heads/main")


def test_a_build_with_cmake(home):
    """Configures and builds a small project: many short-lived files, renames, mmap by the linker."""
    project = home / "project"
    project.mkdir()
    names = [f"part{number}" for number in range(8)]
    for name in names:
        (project / f"{name}.cc").write_text(f"int {name}() {{ return 1; }}\n")
    (project / "main.cc").write_text(
        "".join(f"int {name}();\n" for name in names) +
        f"int main() {{ return {' + '.join(name + '()' for name in names)} - {len(names)}; }}\n")
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(p CXX)\n"
        f"add_executable(p main.cc {' '.join(name + '.cc' for name in names)})\n")
    run("cmake", "-G", "Ninja", "-S", project, "-B", project / "build", timeout=300)
    run("cmake", "--build", project / "build", timeout=300)
    run(project / "build" / "p")


@pytest.mark.parametrize("engine", ("psync", "mmap"))
def test_fio_verify(home, mount_a, scratch, engine):
    job = ["fio", "--name=verify", f"--directory={home}", f"--ioengine={engine}",
           f"--size={16 if SANITIZED else 64}m",
           "--verify=crc32c", "--verify_fatal=1", "--numjobs=2", "--bsrange=4k-256k",
           "--rw=randwrite", "--randseed=17", "--group_reporting"]
    run(*job, timeout=300, cwd=scratch)  # fio leaves its state there
    mount_a.remount()
    run(*job, "--verify_only", timeout=300, cwd=scratch)
