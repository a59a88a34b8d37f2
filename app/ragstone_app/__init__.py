"""The service: Ragstone over HTTP, built on its public names alone."""

from ragstone_app.service import create as create

__all__ = ["create"]
