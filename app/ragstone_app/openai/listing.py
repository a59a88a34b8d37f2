"""`/v1/models`: what OpenAI's clients may name as a model."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ragstone_app.openai.errors import ChatError
from ragstone_app.openai.names import Names
from ragstone_app.shapes import ModelShape, ModelsShape, sends

__all__ = ["model_routes"]


def model_routes(names: Names) -> APIRouter:
    """Lists the models, and shows one."""
    routes = APIRouter(tags=["openai"])

    @routes.get("/v1/models", **sends(ModelsShape))
    async def models() -> dict[str, Any]:
        """What OpenAI's clients may name as a model."""
        return await names.listed()

    @routes.get("/v1/models/{name:path}", **sends(ModelShape))
    async def model(name: str) -> dict[str, Any] | JSONResponse:
        """One of them."""
        try:
            return await names.shown(name)
        except ChatError as error:
            return JSONResponse(error.body, error.status, error.headers)

    return routes
