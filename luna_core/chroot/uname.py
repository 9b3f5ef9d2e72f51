"""uname(2) with the release of the image's kernel, for a command and all that it starts.

seccomp(2) hands each such call to process 1, which writes the answer into the caller's memory
(SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)). A namespace can't do it: UTS namespaces hold names only.
"""

import ctypes
import fcntl
import os
import struct
from contextlib import suppress

_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTIFICATION_BYTES = 80
_FIRST_ARGUMENT_AT = 32
_FIELD_BYTES = 65
_EFAULT = 14
# The number of seccomp(2), and those of uname(2) by audit architecture: the machine's own and its 32-bit programs'.
_CALLS = {
    "x86_64": (317, ((0xC000003E, 63), (0x40000003, 122))),
    "aarch64": (277, ((0xC00000B7, 160), (0x40000028, 122))),
}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def listen() -> int:
    """Hand over every uname(2) of this process and its children from now on; gives the descriptor to answer them on.

    It needs root, so that set-user-ID programs work on. Raises OSError where the kernel or the architecture can't.
    """
    machine = os.uname().machine
    if machine not in _CALLS:
        raise OSError(f"luna can't do it on {machine}")
    number, calls = _CALLS[machine]
    code = [instruction for call in calls for instruction in _hand_over(*call)]
    code.append(_Instruction(_RETURN, 0, 0, _ALLOW))
    program = _Program(len(code), (_Instruction * len(code))(*code))
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program)))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return descriptor


def answer(listener: int, release: str) -> None:
    """Answer the next call; a caller that has died meanwhile gets none."""
    notification = bytearray(_NOTIFICATION_BYTES)
    with suppress(OSError):
        fcntl.ioctl(listener, _RECEIVE, notification)
        number, process = struct.unpack_from("=QI", notification)
        (address,) = struct.unpack_from("=Q", notification, _FIRST_ARGUMENT_AT)
        error = 0 if _write(listener, number, process, address, _utsname(release)) else -_EFAULT
        fcntl.ioctl(listener, _SEND, bytearray(struct.pack("=QqiI", number, 0, error, 0)))


def _hand_over(architecture: int, call: int) -> tuple[_Instruction, ...]:
    return (
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _Instruction(_JUMP_IF_EQUAL, 0, 3, architecture),
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
        _Instruction(_JUMP_IF_EQUAL, 0, 1, call),
        _Instruction(_RETURN, 0, 0, _NOTIFY),
    )


def _write(listener: int, number: int, process: int, address: int, content: bytes) -> bool:
    try:
        memory = os.open(f"/proc/{process}/mem", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Only now is it certain that the memory is the caller's, and not that of another process with its number.
        fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", number))
        return os.pwrite(memory, content, address) == len(content)
    except OSError:
        return False
    finally:
        os.close(memory)


def _utsname(release: str) -> bytes:
    here = os.uname()
    fields = (here.sysname, here.nodename, release, here.version, here.machine, "(none)")
    return b"".join(os.fsencode(one)[: _FIELD_BYTES - 1].ljust(_FIELD_BYTES, b"\0") for one in fields)
