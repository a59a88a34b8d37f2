"""The parts of benchmarks/load.py.

kinds.py       what users ask, and what of a response is right, declared shedding, or an error
users.py       many of them at once, as a process of its own
growing.py     documents that are added meanwhile, each acknowledged by an ingestion
watching.py    the memory of each process of the stack
restarting.py  parts that are restarted meanwhile
kept.py        what was acknowledged, beside what the stores hold
figures.py     what all that comes to
"""
