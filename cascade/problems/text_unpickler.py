"""Reads a pickle that holds one text, as LiveCodeBench's private tests do, and builds nothing else."""

import base64
import binascii
import io
import pickle
import pickletools
import zlib

#: The largest text that is unpacked: a file may claim any size (the largest published tests take 0.3 GB).
MAX_BYTES = 1 << 30
# What a pickle of one text consists of. Anything that imports, calls or builds is not among them.
ALLOWED = frozenset(
    (
        "PROTO",
        "FRAME",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "PUT",
        "BINPUT",
        "LONG_BINPUT",
    )
) | {"MEMOIZE", "STOP"}


class _TextOnly(pickle.Unpickler):
    """An unpickler that has no classes and functions to give, whatever the data name."""

    def find_class(self, module: str, name: str) -> object:
        raise ValueError(f"it names {module}.{name}")

    def persistent_load(self, pid: object) -> object:
        raise ValueError("it refers to something outside")


def unpickled_text(data: bytes) -> str:
    """The text in a pickle.

    Raises:
        ValueError: the data are no pickle, or hold anything but one text; nothing of it was built.
    """
    try:
        for operation, _argument, _at in pickletools.genops(data):
            if operation.name not in ALLOWED:
                raise ValueError(f"its pickle holds more than a text ({operation.name})")
        text = _TextOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError(f"not a pickle ({error})") from error
    if not isinstance(text, str):
        raise ValueError("its pickle holds no text")
    return text


def packed_text(packed: str) -> str:
    """The text in base64 of zlib of a pickle.

    Raises:
        ValueError: one of the three layers is broken, or the text is larger than `MAX_BYTES`.
    """
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(packed.strip(), validate=True), MAX_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"neither JSON nor compressed ({error})") from error
    if unpacker.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
    if not unpacker.eof:
        raise ValueError("its compressed data end too early")
    return unpickled_text(data)
