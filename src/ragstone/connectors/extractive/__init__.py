"""The model that is there without a model: it answers with the best sentences of the passages, word for word.

    candidates → signals → calibration → model
                 vectors ↗

`candidates` finds the sentences that can be quoted, `signals` measures how well each meets the question, `vectors` adds
what the embedder knows, and `calibration` turns the measurements into log-odds that a sentence answers. `model` is what
the rest of Ragstone sees. The weights in calibration.json are made by benchmarks/calibrate_extractive.py.
"""

from ragstone.connectors.extractive.model import ExtractiveModel

__all__ = ["ExtractiveModel"]
