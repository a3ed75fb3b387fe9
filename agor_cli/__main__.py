"""`python -m agor_cli` is `agor`."""

import sys

from agor_cli.main import main

sys.exit(main())
