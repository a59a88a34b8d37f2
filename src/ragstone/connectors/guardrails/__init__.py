"""Any validator or Guard of Guardrails as a check of ours.

check.py       GuardrailsCheck: what the rest of Ragstone sees
validators.py  from names and living objects to validators, and from their results to findings
guard.py       what a Guard asks of a text
form.py        what a Guard asks of each part of an answer that is JSON
vendor.py      Guardrails itself, imported quietly
aside.py       threads for what blocks, of which some may never come back
"""

from ragstone.connectors.guardrails.check import GuardrailsCheck

__all__ = ["GuardrailsCheck"]
