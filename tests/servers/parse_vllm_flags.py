"""Has vLLM's own parser read command lines, and says what it offers. Runs in vLLM's environment; JSON in and out."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, get_args

from vllm.config.cache import CacheConfig, CacheDType
from vllm.config.lora import MaxLoRARanks
from vllm.config.speculative import SpeculativeMethod
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
from vllm.utils.argparse_utils import FlexibleArgumentParser

SHOWN = (
    *("model", "max_model_len", "max_num_seqs", "tensor_parallel_size", "dtype", "quantization", "kv_cache_dtype"),
    *("speculative_config", "enable_prefix_caching", "enable_prompt_tokens_details", "max_lora_rank"),
    *("gpu_memory_utilization", "max_num_batched_tokens", "max_num_queued_reqs"),
)


class Refused(Exception):
    pass


class Parser(FlexibleArgumentParser):
    def error(self, message: str) -> None:
        raise Refused(message)


def flat(value: Any) -> list[str]:
    """The words of a Literal, also of one made of others."""
    return [word for one in get_args(value) for word in (flat(one) if get_args(one) else [one])]


def read(words: list[str]) -> dict[str, Any]:
    parser = make_arg_parser(Parser())
    try:
        given = parser.parse_args(["--model", *words])
        validate_parsed_serve_args(given)
    except (Refused, argparse.ArgumentError, TypeError, ValueError) as error:
        return {"refused": str(error)}
    modules = [[one.name, one.path] for one in given.lora_modules or []]
    return {name: getattr(given, name) for name in SHOWN} | {"lora_modules": modules}


print(
    json.dumps(
        {
            "read": [read(words) for words in json.load(sys.stdin)],
            "quantization": QUANTIZATION_METHODS,
            "kv_cache_dtype": flat(CacheDType),
            "max_lora_rank": flat(MaxLoRARanks),
            "speculation": flat(SpeculativeMethod),
            "gpu_memory_utilization": CacheConfig.__dataclass_fields__["gpu_memory_utilization"].default.default,
        }
    )
)
