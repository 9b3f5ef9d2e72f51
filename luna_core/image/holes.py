"""Where a sparse file holds data (lseek(2), SEEK_DATA)."""

import errno
import os

Region = tuple[int, int]


def data_regions(descriptor: int, start: int, end: int) -> list[Region]:
    """The regions of an open file that hold data between `start` and `end`, as pairs of offset and length."""
    regions = []
    while start < end:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        if start < end:
            stop = min(os.lseek(descriptor, start, os.SEEK_HOLE), end)
            regions.append((start, stop - start))
            start = stop
    return regions
