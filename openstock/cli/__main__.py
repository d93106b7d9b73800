"""`python -m openstock.cli`."""

import sys

from openstock.cli import main

sys.exit(main())
