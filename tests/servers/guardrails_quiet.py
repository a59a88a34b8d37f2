"""Imports, asks and ends, and prints as JSON every address that was looked up meanwhile. Runs in .venv-guardrails.

python guardrails_quiet.py theirs|ours [FOLDER with a nltk that downloads]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import warnings

OUT = os.dup(1)
seen: list[str] = []


def note(event: str, given: tuple[object, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.connect", "subprocess.Popen"):
        seen.append(f"{event} {given[:2]!r}")
        raise OSError("nothing leaves this machine, whoever asks")


sys.addaudithook(note)
warnings.simplefilter("ignore")
sys.path += sys.argv[2:]


async def ours() -> bool:
    from ragstone.connectors.guardrails import GuardrailsCheck
    from ragstone.types import Context
    from ragstone.verdicts import Subject

    check = GuardrailsCheck(validators=["local_validators.NoPhone"])
    import local_validators
    from guardrails import Guard

    guard = Guard().use(local_validators.NoPhone(on_fail="noop"))  # it reads the settings, and telemetry is on again
    both = [check, GuardrailsCheck(guard=guard)]
    import litellm  # as a validator may

    assert litellm.model_cost
    subject = Subject(text="Call 030 1234567.", stage="output")
    found = [(await each.check(subject, context=Context())).passed for each in both]
    guard.validate("Call 030 1234567.")  # a program that uses Guardrails beside us
    from guardrails.utils.hub_telemetry_utils import HubTelemetry

    assert HubTelemetry()._tracer is None
    return any(found)


def theirs() -> bool:
    import local_validators
    from guardrails import Guard

    import litellm  # isort: skip

    assert litellm.model_cost
    return bool(Guard().use(local_validators.NoPhone(on_fail="noop")).validate("Call 030 1234567.").validation_passed)


passed = asyncio.run(ours()) if sys.argv[1] == "ours" else theirs()
if sys.argv[1] == "theirs":
    from guardrails.utils.hub_telemetry_utils import HubTelemetry

    HubTelemetry()._processor.force_flush(500)
time.sleep(0.1)
os.write(OUT, json.dumps({"passed": passed, "seen": seen}).encode())
os._exit(0) if sys.argv[1] == "theirs" else None
