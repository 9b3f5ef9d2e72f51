"""What can go wrong on a node while its image is put in place."""


class DownloadError(Exception):
    """The image can't be fetched by any way; the text is a sentence that says why."""


class UnpackError(Exception):
    """The image can't be put in place; the text is a sentence that says why."""


class DamagedShard(UnpackError):
    """A shard's bytes are not those that the manifest names (too early, cut short or altered): fetch it again."""


def shown(path: bytes) -> str:
    """A path of any bytes as printable text on one line, in quotes."""
    return ascii(path.decode("utf-8", "backslashreplace")) if not path.isascii() else repr(path.decode())
