"""BERT in NumPy: a second runtime that shares no line with the first, and small networks to be broken in tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TABLES = {"word": 30522, "position": 512, "token_type": 2}
TINY = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "vocab_size": TABLES["word"],
    "max_position_embeddings": TABLES["position"],
    "layer_norm_eps": 1e-12,
}


def read(path: Path) -> dict[str, Any]:
    """The float32 tensors of a safetensors file."""
    whole = memoryview(path.read_bytes())
    length = int.from_bytes(whole[:8], "little")
    entries, data = json.loads(bytes(whole[8 : 8 + length])), whole[8 + length :]
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in entries.items()
        if entry.get("dtype") == "F32"
    }


def erf(x: Any) -> Any:
    """Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: within 1.5e-7."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - series * np.exp(-x * x))


class Reference:
    """Runs one text at a time, without padding, in float32."""

    def __init__(self, folder: Path) -> None:
        self.weights = read(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())

    def states(self, ids: list[int]) -> Any:
        """The last layer's vectors of tokens, special ones included, shape (tokens, dimensions)."""
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm("embeddings.LayerNorm", x + self.weights["embeddings.token_type_embeddings.weight"][0])
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(f"encoder.layer.{number}.", x)
        return x

    def layer(self, name: str, x: Any) -> Any:
        heads, (tokens, width) = self.config["num_attention_heads"], x.shape
        q, k, v = (
            self.dense(f"{name}attention.self.{part}", x).reshape(tokens, heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / np.sqrt(width // heads)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = ((weights / weights.sum(-1, keepdims=True)) @ v).swapaxes(0, 1).reshape(tokens, width)
        x = self.norm(f"{name}attention.output.LayerNorm", x + self.dense(f"{name}attention.output.dense", mixed))
        h = self.dense(f"{name}intermediate.dense", x)
        h = self.dense(f"{name}output.dense", h * (1 + erf(h / np.sqrt(2))) / 2)
        return self.norm(f"{name}output.LayerNorm", x + h)

    def dense(self, name: str, x: Any) -> Any:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def unit(x: Any) -> Any:
    """Scales each vector to length 1."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def save(path: Path, tensors: dict[str, Any]) -> None:
    """Writes a safetensors file."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    head = json.dumps(header).encode()
    body = b"".join(tensor.tobytes() for tensor in tensors.values())
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)


def change(path: Path, keys: dict[str, Any]) -> None:
    """Sets keys in a JSON file, which need not be there yet."""
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**found, **keys}))


def write_tiny(folder: Path, tokenizer: Path) -> None:
    """A BERT of one layer with eight dimensions, two heads and random weights."""
    embeddings, layer = "embeddings.", "encoder.layer.0."
    matrices = {f"{embeddings}{name}_embeddings": (rows, 8) for name, rows in TABLES.items()}
    denses = {f"{layer}attention.self.{name}": (8, 8) for name in ("query", "key", "value")}
    denses |= {f"{layer}attention.output.dense": (8, 8)}
    denses |= {f"{layer}intermediate.dense": (16, 8), f"{layer}output.dense": (8, 16)}
    norms = [f"{name}LayerNorm" for name in (embeddings, f"{layer}attention.output.", f"{layer}output.")]

    random = np.random.default_rng(3)
    tensors = {f"{name}.weight": random.normal(size=shape) for name, shape in (matrices | denses).items()}
    tensors |= {f"{name}.bias": random.normal(size=shape[0]) for name, shape in denses.items()}
    tensors |= {f"{name}.{part}": random.normal(1, 0.1, 8) for name in norms for part in ("weight", "bias")}
    (folder / "1_Pooling").mkdir(parents=True)
    save(folder / "model.safetensors", {name: tensor.astype(np.float32) for name, tensor in tensors.items()})
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    change(folder / "config.json", TINY)
