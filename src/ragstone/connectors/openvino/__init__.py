"""The default embedder: BERT networks such as all-MiniLM-L6-v2 on OpenVINO, without torch.

    weights → settings, safetensors → graph → runtime → embedder
                                      batches ↗   tokenizer ↗

`embedder` is what the rest of Ragstone sees. Each of the others knows one thing: where the files of a model are found
(`weights`, and `download` as the last resort), what its JSON files say (`settings`), how tensors are stored
(`safetensors`), what the network is (`graph`), which rows run together (`batches`), how it is compiled and run
(`runtime`), and what is kept between runs (`cache`).
"""

from ragstone.connectors.openvino.embedder import OpenVINOEmbedder

__all__ = ["OpenVINOEmbedder"]
