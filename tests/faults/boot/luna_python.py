"""`luna-python -m MODULE …` on a node whose client gives up sooner than the true one, which tries for 40 seconds."""

import runpy
import sys

from luna_core.node import fetch

setattr(fetch, "PAUSES_S", (0.0, 0.1, 0.1))  # noqa: B010 - it is Final for others
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
