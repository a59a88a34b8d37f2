"""Claude, by Anthropic's Messages API.

model.py      AnthropicModel: the protocol
channel.py    one request at a time: the client, and its errors made ours
errors.py     what a refusal means
families.py   what is known of models by their names
replies.py    what is read of a reply
requests.py   what a request holds, and where its prefix is marked for the cache
"""

from ragstone.connectors.anthropic.model import AnthropicModel

__all__ = ["AnthropicModel"]
