"""A BERT network in OpenVINO's own operators, so that neither torch nor an exported model is needed.

The network is that of Devlin et al., https://arxiv.org/abs/1810.04805: post-norm transformer layers with a GELU between
two dense layers. The names of the weights are those of Hugging Face's BertModel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.connectors.openvino.settings import Settings
from ragstone.errors import EmbedderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["build"]

_MASKED = -65504.0  # added to the scores of padding: e to this power is 0 in every precision


def build(ov: Any, settings: Settings, tensors: Mapping[str, NDArray[np.float32]]) -> Any:
    """The network as an `openvino.Model`. `ov` is the package; the tensors must outlive the model, which shares them.

    Inputs: `ids` (rows, tokens) and `lengths` (rows,), the count of each row's tokens before padding. Outputs: `pooled`
    (rows, dimensions) and `tokens` (rows, tokens, dimensions), neither of them scaled to length 1 yet.
    """
    return _Bert(ov, settings, tensors).model()


class _Bert:
    def __init__(self, ov: Any, settings: Settings, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        self.ov, self.op, self.settings = ov, ov.opset13, settings
        self.tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}

    def model(self) -> Any:
        op = self.op
        ids = self.named(op.parameter([-1, -1], np.int32), "ids")
        lengths = self.named(op.parameter([-1], np.int32), "lengths")
        count = op.convert(op.gather(op.shape_of(ids), self.integer(1), self.integer(0)), "i32")
        positions = op.range(self.integer(0), count, self.integer(1), "i32")
        real = op.less(op.unsqueeze(positions, self.integer(0)), op.unsqueeze(lengths, self.integer(1)))

        states = self.embeddings(ids, positions)
        bias = op.select(op.unsqueeze(real, self.integer([1, 2])), self.real(0.0), self.real(_MASKED))
        for number in range(self.settings.layers):
            states = self.layer(f"encoder.layer.{number}", states, bias)
        pooled = self.named(self.pool(states, real), "pooled")
        return self.ov.Model([pooled, self.named(states, "tokens")], [ids, lengths], "bert")

    def embeddings(self, ids: Any, positions: Any) -> Any:
        """The sum of what a token is, where it stands, and that it belongs to the first (here the only) text."""
        op, axis = self.op, self.integer(0)
        table = self.weight("embeddings.word_embeddings.weight")
        expected = [self.settings.vocabulary, self.settings.dimensions]
        if list(table.shape) != expected:
            raise EmbedderError(
                "the weights are not those of the config.json beside them",
                expected=f"word embeddings of shape {expected}",
                found=f"{list(table.shape)}",
            )
        words = op.gather(table, ids, axis)
        places = op.gather(self.weight("embeddings.position_embeddings.weight"), positions, axis)
        kind = op.gather(self.weight("embeddings.token_type_embeddings.weight"), self.integer(0), axis)
        return self.normalise("embeddings.LayerNorm", op.add(op.add(words, kind), places))

    def layer(self, name: str, states: Any, bias: Any) -> Any:
        op = self.op
        query, key, value = (
            self.split(self.dense(f"{name}.attention.self.{part}", states)) for part in ("query", "key", "value")
        )
        mixed = self.join(op.scaled_dot_product_attention(query, key, value, bias))
        attended = op.add(self.dense(f"{name}.attention.output.dense", mixed), states)
        states = self.normalise(f"{name}.attention.output.LayerNorm", attended)
        wide = op.gelu(self.dense(f"{name}.intermediate.dense", states), "erf")
        return self.normalise(f"{name}.output.LayerNorm", op.add(self.dense(f"{name}.output.dense", wide), states))

    def pool(self, states: Any, real: Any) -> Any:
        op, axis = self.op, self.integer(1)
        if self.settings.pooling == "cls":
            return op.gather(states, self.integer(0), axis)
        weights = op.convert(op.unsqueeze(real, self.integer(2)), "f32")
        return op.divide(op.reduce_sum(op.multiply(states, weights), axis), op.reduce_sum(weights, axis))

    def split(self, states: Any) -> Any:
        """(rows, tokens, dimensions) → (rows, heads, tokens, dimensions of one head)."""
        shape = self.integer([0, 0, self.settings.heads, -1])
        return self.op.transpose(self.op.reshape(states, shape, True), self.integer([0, 2, 1, 3]))

    def join(self, states: Any) -> Any:
        return self.op.reshape(self.op.transpose(states, self.integer([0, 2, 1, 3])), self.integer([0, 0, -1]), True)

    def dense(self, name: str, states: Any) -> Any:
        product = self.op.matmul(states, self.weight(f"{name}.weight"), False, True)
        return self.op.add(product, self.weight(f"{name}.bias"))

    def normalise(self, name: str, states: Any) -> Any:
        centred = self.op.mvn(states, self.integer([-1]), True, self.settings.epsilon, "inside_sqrt")
        return self.op.add(self.op.multiply(centred, self.weight(f"{name}.weight")), self.weight(f"{name}.bias"))

    def weight(self, name: str) -> Any:
        tensor = self.tensors.get(name)
        if tensor is None:
            raise EmbedderError(f"the weights lack the tensor {name}, which a BERT network has")
        return self.op.constant(tensor, shared_memory=True)

    def integer(self, value: int | list[int]) -> Any:
        return self.op.constant(np.asarray(value, np.int32))

    def real(self, value: float) -> Any:
        return self.op.constant(np.float32(value))

    def named(self, node: Any, name: str) -> Any:
        node.output(0).set_names({name})
        return node
