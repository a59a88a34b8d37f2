"""`python -m rows.guarding.nothing MODULE` says that a package ships no check of what comes in."""

from __future__ import annotations

import sys
from importlib import import_module

from bench.side import report

import_module(sys.argv[1])
report({}, "nothing built in looks for injections")
