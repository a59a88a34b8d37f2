"""Any server that speaks OpenAI's Chat Completions: OpenAI itself, Azure, vLLM, SGLang, TGI, Ollama, llama.cpp.

model.py        OpenAIModel: the protocol
channel.py      one request at a time: the client, its errors made ours, and what a reply must be
errors.py       what a refusal means, and what to change
hosts.py        what is known of servers by their address
load.py         how busy vLLM is
optional.py     fields that a server may refuse without harm
outputs.py      how an answer of a fixed form is asked for
prefix.py       what a prefix cache is told
probing.py      what a server obeys, found out once and kept for a day
replies.py      what is read of a reply
requests.py     what a request holds
"""

from ragstone.connectors.openai.model import OpenAIModel

__all__ = ["OpenAIModel"]
