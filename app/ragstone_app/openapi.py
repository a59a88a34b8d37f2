"""The OpenAPI document: what every route may answer beside its own, and the routes that FastAPI does not know.

What a door refuses or an error says is the same for all routes, and is written here once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ragstone_app.openai.embedding import EmbeddingRequest
from ragstone_app.openai.requests import ChatRequest
from ragstone_app.shapes import Problem

__all__ = ["CHAT", "EMBEDDINGS", "documented"]

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
OPEN = ("/healthz", "/readyz")
METHODS = ("get", "put", "post", "delete", "patch")
REFERENCE = "#/components/schemas/{model}"

DOORS = {
    401: "There is no access key in the request, or one that does not count.",
    429: "A limit or a budget is reached; Retry-After says when to come again.",
    503: "A part that is needed cannot be used at the moment.",
}
"""What any route that wants a key may answer."""

ROUTES = {
    400: "The request is wrong.",
    403: "The key does not allow this.",
    404: "There is no such thing, or not for this caller.",
    409: "Something else is under way that keeps it from being done.",
    422: "The request has another form, or a check has ended it.",
    500: "Anything else.",
}

BODIES = {
    408: "The body did not come in time.",
    413: "The body is too long.",
    415: "The body is no JSON.",
}

OPENAI_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error in OpenAI's shape.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}

COMPLETION: dict[str, Any] = {
    "type": "object",
    "description": "A completion in OpenAI's shape.",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {"type": "string"},
        "choices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "message", "finish_reason"],
                "properties": {
                    "index": {"type": "integer"},
                    "message": {
                        "type": "object",
                        "required": ["role", "content"],
                        "properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}},
                    },
                    "finish_reason": {"type": ["string", "null"]},
                },
            },
        },
        "usage": {"type": "object"},
        "ragstone": {"type": "object", "description": "What only Ragstone knows of it."},
    },
}


EMBEDDED: dict[str, Any] = {
    "type": "object",
    "description": "Vectors in OpenAI's shape.",
    "required": ["object", "data", "model", "usage"],
    "properties": {
        "object": {"const": "list"},
        "model": {"type": "string"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]},
                },
            },
        },
        "usage": {"type": "object"},
    },
}

FAILED: dict[str, Any] = {
    "502": {"description": "The project's own key was refused, or the answer is of no use."},
    "504": {"description": "The time was over."},
}
"""Of what asks a model by way of OpenAI's API."""


def documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What makes the document when it is first asked for, and keeps it. It takes the place of the app's `openapi`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=SUMMARY, routes=app.routes)
            app.openapi_schema = _completed(made)
        return app.openapi_schema

    return openapi


SUMMARY = "Ask your own documents and get an answer you can check."


def _completed(made: dict[str, Any]) -> dict[str, Any]:
    paths, components = made["paths"], made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= _schemas(Problem, ChatRequest, EmbeddingRequest)
    schemas |= {"OpenAIProblem": OPENAI_PROBLEM, "Completion": COMPLETION, "Embeddings": EMBEDDED}
    paths[CHAT], paths[EMBEDDINGS] = {"post": _chat()}, {"post": _embeddings()}
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key of `ragstone key create`."}
    }
    for path, operations in paths.items():
        for method in METHODS:
            if method in operations:
                _complete(operations[method], path)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return made


def _complete(operation: dict[str, Any], path: str) -> None:
    """Adds what the doors may say, and an error's shape to every error that has none of its own."""
    given: dict[str, Any] = operation["responses"]
    if path not in OPEN:
        operation["security"] = [{"key": []}]
        for status, says in (DOORS | ROUTES | (BODIES if "requestBody" in operation else {})).items():
            given.setdefault(str(status), {"description": says})
    shape = {"$ref": REFERENCE.format(model="OpenAIProblem" if path.startswith("/v1/") else "Problem")}
    for status, response in given.items():
        ours = status == "422" or "content" not in response  # FastAPI gives 422 a shape that no error of ours has
        if status >= "400" and ours:
            response["content"] = {"application/json": {"schema": shape}}
    operation["responses"] = dict(sorted(given.items()))


def _chat() -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model="ChatRequest")}
    sent = {
        "application/json": {"schema": {"$ref": REFERENCE.format(model="Completion")}},
        "text/event-stream": {},
    }
    return {
        "tags": ["openai"],
        "summary": "Completions",
        "operationId": "completions",
        "description": "An answer from the documents, or from the models of a pipeline, for clients of OpenAI.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "The completion, or its chunks.", "content": sent}, **FAILED},
    }


def _embeddings() -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model="EmbeddingRequest")}
    sent = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Embeddings")}}}
    return {
        "tags": ["openai"],
        "summary": "Embeddings",
        "operationId": "embeddings",
        "description": "The vectors of texts, for clients of OpenAI.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "A vector for each text, in order.", "content": sent}, **FAILED},
    }


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of these models and of those inside them, none of which begins with an underscore."""
    _, made = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    return {_public(name): _renamed(schema) for name, schema in made["$defs"].items()}


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reference(one) if key == "$ref" else _renamed(one) for key, one in value.items()}
    return [_renamed(one) for one in value] if isinstance(value, list) else value


def _reference(given: str) -> str:
    return re.sub(r"[^/]+$", lambda name: _public(name[0]), given)


def _public(name: str) -> str:
    return f"Chat{name.lstrip('_')}" if name.startswith("_") and not name.startswith("__") else name
