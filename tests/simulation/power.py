"""A disk that keeps only what was synced: the model of a power loss for SQLite.

While a `Disk` is mounted, SQLite opens its files through a layer that passes every call on to the real file system and, at
each sync of a file, keeps a copy of what that file then holds. A power loss puts these copies in place of the files: what
was written and never synced is gone, the write-ahead log and its tail included, and so is the shared-memory index. It is the
harshest disk that keeps its word: nothing reaches it before it is told to.
"""

from __future__ import annotations

import _sqlite3
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_void_p, cast
from pathlib import Path
from typing import Any

_METHODS = "Close Read Write Truncate Sync FileSize Lock Unlock CheckReservedLock FileControl SectorSize \
DeviceCharacteristics ShmMap ShmLock ShmBarrier ShmUnmap Fetch Unfetch"
_CALLS = (
    "Open Delete Access FullPathname DlOpen DlError DlSym DlClose Randomness Sleep CurrentTime GetLastError \
CurrentTimeInt64 SetSystemCall GetSystemCall NextSystemCall"
)


class _Methods(Structure):
    """sqlite3_io_methods."""

    _fields_ = [("version", c_int), *((name, c_void_p) for name in _METHODS.split())]


class _File(Structure):
    """sqlite3_file."""

    _fields_ = [("methods", POINTER(_Methods))]


class _Vfs(Structure):
    """sqlite3_vfs."""

    _fields_ = [
        ("version", c_int),
        ("size_of_file", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        *((name, c_void_p) for name in _CALLS.split()),
    ]


# the name stays a pointer: SQLite keeps it, and parameters of the URL lie behind it
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class Disk:
    """What is on the disk, by path. `mounted` puts it between SQLite and the file system."""

    def __init__(self) -> None:
        self._synced: dict[str, bytes] = {}
        self._paths: dict[int, str] = {}
        self._left: dict[str, bytes] = {}
        self._watched: set[str] = set()
        self._methods: dict[int, tuple[_Methods, Any]] = {}
        self.syncs = 0
        # through the module: whatever library of SQLite it was linked with
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        self._library.sqlite3_vfs_unregister.argtypes = [c_void_p]

    @contextmanager
    def mounted(self) -> Iterator[Disk]:
        """For files that are opened while the block runs."""
        real = self._library.sqlite3_vfs_find(None)
        layer = _Vfs.from_buffer_copy(real.contents)
        layer.name = b"losing"
        really_open = _OPEN(real.contents.Open)

        def opened(_vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
            path = ctypes.string_at(name).decode() if name else ""
            if path.endswith("-wal") and not Path(path).exists():
                self._synced.pop(path, None)  # a new log, not the one that was deleted
            code = int(really_open(cast(real, c_void_p), name, file, flags, out))
            if code == 0 and path in self._watched:
                self._paths[file] = path
                self._listen(cast(file, POINTER(_File)).contents)
            return code

        callback = _OPEN(opened)
        layer.Open = cast(callback, c_void_p)
        self._library.sqlite3_vfs_register(ctypes.addressof(layer), 1)
        try:
            yield self
        finally:
            self._library.sqlite3_vfs_unregister(ctypes.addressof(layer))

    def _listen(self, file: _File) -> None:
        address = ctypes.addressof(file.methods.contents)
        if address not in self._methods:
            real = _SYNC(file.methods.contents.Sync)

            def synced(which: int, flags: int) -> int:
                code = int(real(which, flags))
                if code == 0:
                    self.syncs += 1
                    path = self._paths[which]
                    self._synced[path] = Path(path).read_bytes()
                return code

            callback = _SYNC(synced)
            layer = _Methods.from_buffer_copy(file.methods.contents)
            layer.Sync = cast(callback, c_void_p)
            self._methods[address] = (layer, callback)
        file.methods = ctypes.pointer(self._methods[address][0])

    def keep(self, path: Path) -> None:
        """A database that nobody has open is on the disk as it stands; from now on its syncs count."""
        for name in (str(path), f"{path}-wal"):
            self._watched.add(name)
            self._synced.pop(name, None)
            if Path(name).exists():
                self._synced[name] = Path(name).read_bytes()

    def synced(self, path: Path) -> dict[str, bytes]:
        """What would be left of a database if the power failed now, by the end of the name."""
        found = {suffix: self._synced.get(f"{path}{suffix}") for suffix in ("", "-wal")}
        return {suffix: content for suffix, content in found.items() if content is not None}

    def fail(self) -> None:
        """The power fails: nothing that is synced from now on counts."""
        self._watched.clear()
        self._left = dict(self._synced)

    def left(self, path: Path) -> None:
        """A database that nobody has open any more is as it was when the power failed."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        for name in (str(path), f"{path}-wal"):
            if name in self._left:
                Path(name).write_bytes(self._left[name])
        self.keep(path)
