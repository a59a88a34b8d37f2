"""Conversations over HTTP: those of one person, who asks with one key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

import ragstone
from ragstone import errors
from ragstone.streams import AnswerStream
from ragstone.types import CachePolicy
from ragstone_app.access import Caller, caller_of
from ragstone_app.asking import STREAMED, UNKEPT, PipelineName, begun
from ragstone_app.requests import Asking, Name, Tenant
from ragstone_app.wording import error_reply
