"""`python -m luna_core.web` is `lweb`."""

from luna_core.web.server import main

main()
