"""Small tar archives in every dialect, for crates/data/src/source/tar/tests.rs.

    python3 golden/tar.py      # writes golden/tars/*.tar.gz; needs GNU tar for the sparse ones

Written by CPython's tarfile (ustar, pax, GNU) and by GNU tar 1.34 (sparse). Names and sizes are those of FILES.
"""
import gzip
import io
import os
import subprocess
import tarfile
import tempfile

LONG = "d" * 90 + "/" + "e" * 90 + ".jpg"
LONGER = "f" * 300 + "/a.b.txt"
FILES = [("a.txt", 3), (LONG, 513), ("grüße.txt", 0), ("folder/x.png", 512)]
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tars")


def content(name, size):
    return bytes((len(name) + at) % 251 for at in range(size))


def pack(name, data):
    with open(os.path.join(OUT, name + ".tar.gz"), "wb") as file:
        file.write(gzip.compress(data, mtime=0))


def dialect(name, form, files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for path, size in files:
            member = tarfile.TarInfo(path)
            member.size = size
            archive.addfile(member, io.BytesIO(content(path, size)))
        for path, kind in (("link.txt", tarfile.SYMTYPE), ("hard.txt", tarfile.LNKTYPE), ("pipe.txt", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(path)
            member.type, member.linkname = kind, "a.txt"
            archive.addfile(member)
        last = tarfile.TarInfo("last.txt")
        last.size = 4
        archive.addfile(last, io.BytesIO(b"last"))
    pack(name, data.getvalue().rstrip(b"\0") + b"\0" * 2048)


def sparse(name, form):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "holes.bin"), "wb") as file:
            for at in range(12):
                file.seek(at * 65536)
                file.write(b"x" * 4096)
            file.truncate(13 * 65536)
        with open(os.path.join(folder, "last.txt"), "w") as file:
            file.write("last")
        data = subprocess.run(
            ["tar", "-C", folder, "--sparse", "--format=" + form, "--owner=0", "--group=0", "--mtime=@0",
             "--pax-option=delete=atime,delete=ctime" if form == "posix" else "--numeric-owner",
             "-cf", "-", "holes.bin", "last.txt"],
            check=True, stdout=subprocess.PIPE).stdout
    pack(name, data)


os.makedirs(OUT, exist_ok=True)
dialect("ustar", tarfile.USTAR_FORMAT, FILES)
dialect("pax", tarfile.PAX_FORMAT, FILES + [(LONGER, 7)])
dialect("gnu", tarfile.GNU_FORMAT, FILES + [(LONGER, 7)])
sparse("sparse_gnu", "gnu")
sparse("sparse_pax", "posix")
