"""Lets the loader of Linux take a library that was linked for Android, with bionic.c beside it.

    loader.py PATCHELF LIBRARY.so
"""

import pathlib
import struct
import subprocess
import sys

RENAMED = ("dlsym", "fclose", "fflush", "fileno", "fprintf", "fputc", "fwrite", "memalign",
           "strerror_r", "sysconf", "vfprintf")
ANDROIDS = ("libc.so", "libdl.so", "liblog.so", "libm.so")
DYNAMIC = 2  # type of the segment that tells the loader what to bind
VERSIONS = {0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF}


def rename(patchelf: str, library: pathlib.Path) -> None:
    """Names Android's meaning of functions, and asks for bionic.c in place of its libraries."""
    names = library.with_suffix(".names")
    names.write_text("".join(f"{name} android_{name}\n" for name in RENAMED), encoding="ascii")
    removed = [part for name in ANDROIDS for part in ("--remove-needed", name)]
    subprocess.run([patchelf, "--rename-dynamic-symbols", names, *removed, "--add-needed",
                    "libbionic.so", "--set-rpath", "$ORIGIN", library], check=True)
    names.unlink()


def forget_versions(library: pathlib.Path) -> None:
    """Drops the versions of symbols, such as `malloc@LIBC`, which glibc does not have."""
    data = bytearray(library.read_bytes())
    table, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for at in range(table, table + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, at)
        if kind == DYNAMIC:
            entries = list(struct.iter_unpack("<QQ", data[offset:offset + length]))
            kept = [entry for entry in entries if entry[0] not in VERSIONS]
            kept += [(0, 0)] * (len(entries) - len(kept))
            data[offset:offset + length] = b"".join(struct.pack("<QQ", *each) for each in kept)
    library.write_bytes(data)


if __name__ == "__main__":
    rename(sys.argv[1], pathlib.Path(sys.argv[2]))
    forget_versions(pathlib.Path(sys.argv[2]))
