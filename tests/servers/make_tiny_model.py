"""Makes a Llama of 0.7 M random parameters that vLLM can serve, with a tokenizer trained on the given texts.

Runs in vLLM's own environment:  .venv-vllm/bin/python tests/servers/make_tiny_model.py FOLDER TEXT...
What it says is noise. Everything around it is real: the chat template, the tokens counted, the stream, the limits.
"""

from __future__ import annotations

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 4096
WINDOW = 8192
QUOTES = 10  # how much more a quotation mark is wanted, or not, than any other token
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
FOREIGN = ["<|im_start|>", "<|im_end|>", "[INST]", "</s>", "<｜User｜>", "<turn|>"]  # of other families' templates
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make(folder: str, texts: list[str]) -> None:
    """Writes the tokenizer, the configuration and the weights into a folder."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # every byte has a token, so nothing is unknown
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL + FOREIGN, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[0], pad_token=SPECIAL[0], chat_template=CHAT_TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=False,  # tied, a random model repeats the last token it was given
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[: len(SPECIAL + FOREIGN)] = 0  # a greedy answer never ends or falls silent by chance
        quotes = [number for token, number in tokenizer.get_vocab().items() if '"' in token]
        model.lm_head.weight[quotes] *= QUOTES  # or a text in JSON goes on for hundreds of tokens
    model.to(torch.bfloat16).save_pretrained(folder)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:])
