"""XML from strangers: without entities, without DTDs, without the network."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["local_name", "root_of"]


def root_of(data: bytes, *, recover: bool = True) -> Any:
    """The root element of a document. Raises ValueError where nothing can be read, with `recover` only then."""
    etree: Any = import_module("lxml.etree")  # it has no types
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=recover, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    if root is None:
        raise ValueError("there is no element in it")
    return root


def local_name(element: Any) -> str:
    """An element's name without its namespace; "" for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
