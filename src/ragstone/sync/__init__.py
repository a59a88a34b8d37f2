"""The one synchronous face."""

from ragstone.sync.faces import Batch, Chat, Route, Stream
from ragstone.sync.rag import Rag

__all__ = ["Batch", "Chat", "Rag", "Route", "Stream"]
