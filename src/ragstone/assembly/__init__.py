"""Puts pipelines together: from the files of a project folder, or from parts that a program hands over.

parts.py     what both give: Assembly
project.py   from a project folder
loose.py     from parts given by hand
"""

from ragstone.assembly.loose import LooseParts
from ragstone.assembly.parts import Assembly
from ragstone.assembly.project import ProjectParts

__all__ = ["Assembly", "LooseParts", "ProjectParts"]
