"""Files of a folder, of this machine or of a store that fsspec reaches.

source.py        FilesSource: the protocol
local.py         the walk through a folder of this machine
remote.py        the listing of s3://, gs://, az://, https:// and memory://
patterns.py      which paths are listed
inbox.py         files that are put into the folder
permissions.py   who may see a file: sidecars and front matter
"""

from ragstone.connectors.files.permissions import FrontMatter, Sidecar
from ragstone.connectors.files.source import FilesSource

__all__ = ["FilesSource", "FrontMatter", "Sidecar"]
