"""The default embedder: BERT networks such as all-MiniLM-L6-v2 on OpenVINO, without torch.

    files → settings, safetensors → graph → runtime ← batches
                    tokenizer → embedder

`embedder` is what the rest of Ragstone sees; the others each know one thing: where weights are found (`files`), what
the model's JSON files say (`settings`), how weights are stored (`safetensors`), what the network is (`graph`), and how it
is compiled and fed (`runtime`, `batches`).
"""

from ragstone.connectors.openvino.embedder import OpenVINOEmbedder

__all__ = ["OpenVINOEmbedder"]
