"""Times imports, each in a process that has imported nothing else: `python -I -S bare.py PATH`.

PATH is a list of folders as JSON. It reads names of modules, one on a line, and writes for each the seconds that a
process computed for its import. Such a process is forked from this one, so all of them begin alike, and what it costs
to start Python does not hide what is measured. It imports nothing more than it needs itself, for the same reason.
"""

import os
import sys
import time


def imported(module: str) -> str:
    here, there = os.pipe()
    child = os.fork()
    if not child:
        begun = time.process_time()
        __import__(module)
        os.write(there, repr(time.process_time() - begun).encode())
        os._exit(0)
    os.close(there)
    os.waitpid(child, 0)
    said = os.read(here, 100).decode()
    os.close(here)
    return said


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1:]
    for line in sys.stdin:
        print(imported(line.strip()), flush=True)
