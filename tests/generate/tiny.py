"""Tiny checkpoints of the three paper families' architectures, each with a tokenizer of its own."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    CodeGenConfig,
    Gemma3TextConfig,
    GPTBigCodeConfig,
    GptOssConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    Starcoder2Config,
)

EOS = "<|endoftext|>"
TEXTS = [
    "def task_1(xs: list):\n    return sum(x for x in xs if x >= 2)\n",
    "assert task_1([1, 2, 3]) == 5\nassert task_1([]) == 0\n",
]
CONFIGS = {
    "codegen": lambda n: CodeGenConfig(
        vocab_size=n, n_positions=256, n_ctx=256, n_embd=32, n_layer=2, n_head=4, rotary_dim=4
    ),
    "gpt_bigcode": lambda n: GPTBigCodeConfig(
        vocab_size=n, n_positions=256, n_embd=32, n_layer=2, n_head=4, multi_query=True
    ),
    "llama": lambda n: LlamaConfig(
        vocab_size=n,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
    ),
}

_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
# Layers that keep a part of the past only: every second one, of 16 tokens.
_WINDOW = {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
WINDOWED = {
    "gemma3": lambda n: Gemma3TextConfig(vocab_size=n, **_SMALL, **_WINDOW, query_pre_attn_scalar=8),
    "gpt_oss": lambda n: GptOssConfig(
        vocab_size=n, **_SMALL, **_WINDOW, num_local_experts=4, num_experts_per_tok=2
    ),
}
# Others whose layers keep everything.
OTHERS = {
    "qwen2": lambda n: Qwen2Config(vocab_size=n, **_SMALL),
    "qwen3": lambda n: Qwen3Config(vocab_size=n, **_SMALL),
    "qwen3_moe": lambda n: Qwen3MoeConfig(vocab_size=n, **_SMALL, **_EXPERTS),
    "starcoder2": lambda n: Starcoder2Config(vocab_size=n, **_SMALL, sliding_window=None),
}


def save_tiny(folder: Path, architecture: str, seed: int) -> None:
    """Write a random model and its tokenizer as `save_pretrained` does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    # No padding token, as Codegen has none.
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS).save_pretrained(folder)
    torch.manual_seed(seed)
    config = {**CONFIGS, **OTHERS, **WINDOWED}[architecture](tokenizer.get_vocab_size())
    config.bos_token_id = config.eos_token_id = 0
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
