"""`python -m central …`: the reference platform, its demo, its tools."""

import sys

from central.cli import main

sys.exit(main())
