"""Makes a BERT of 0.2 M random parameters that scores pairs of texts, with a tokenizer trained on the given texts.

Runs in vLLM's own environment:  .venv-vllm/bin/python tests/servers/make_tiny_cross_encoder.py FOLDER TEXT...
Its scores are noise. Everything around them is real: the pairs, the tokens, the window, the batches, the server.
"""

from __future__ import annotations

import sys

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

VOCABULARY = 2048
WINDOW = 512
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make(folder: str, texts: list[str], *, labels: int = 1) -> None:
    """Writes the tokenizer, the configuration and the weights into a folder."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.train(texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False))
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", SPECIAL.index("[CLS]")), ("[SEP]", SPECIAL.index("[SEP]"))],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=WINDOW,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=WINDOW,
        num_labels=labels,
        initializer_range=0.2,  # far apart, so that a score depends on the text
        pad_token_id=0,
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:])
