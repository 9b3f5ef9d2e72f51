"""What a node has as Python's `encodings.idna`, by which socket encodes every host's name: names of ASCII alone.

Python's own brings along the 0.3 MB of Unicode's tables, for names that luna's URLs don't have.
"""

import codecs


def getregentry() -> codecs.CodecInfo:
    """The codec, as Python's `encodings` asks for it."""
    return codecs.CodecInfo(name="idna", encode=codecs.ascii_encode, decode=codecs.ascii_decode)
