"""A copy of what a project cannot make again, taken while it is in use, and put back.

contents.py   which files those are
snapshot.py   several SQLite files as they were in one moment
archive.py    the copy as one file: a manifest, and all that it names
restore.py    puts it in the place of what is there: all of it, or nothing
using.py      who has the project open, so that nothing is replaced under them
"""

from ragstone.state.backups.archive import Backup, back_up
from ragstone.state.backups.restore import restore
from ragstone.state.backups.using import Using

__all__ = ["Backup", "Using", "back_up", "restore"]
