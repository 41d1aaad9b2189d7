"""Nucleus sampling without sorting the whole vocabulary, each row by a number of its own."""

import torch

# Nearly every nucleus at T = 0.8 is smaller; the rows of larger ones are sorted whole.
FIRST_LOOK = 64


def draw_tokens(
    logits: torch.Tensor, uniforms: torch.Tensor, temperature: float, top_p: float
) -> torch.Tensor:
    """One token for each row: the inverse of the nucleus's distribution function at the row's number.

    The nucleus is the smallest set of the likeliest tokens whose probability reaches top_p (Holtzman et
    al. 2020). A row's token depends on its own logits and number only, not on what is beside it.

    Args:
        logits: of shape (rows, vocabulary).
        uniforms: of shape (rows,), between 0 and 1.
        temperature, top_p: of the sampling.

    Returns:
        Token ids of shape (rows,).
    """
    probabilities = (logits.float() / temperature).softmax(-1)
    draws = uniforms.unsqueeze(-1)
    top, tokens = probabilities.topk(min(FIRST_LOOK, logits.shape[-1]))
    drawn = _draw(top, tokens, draws, top_p)
    wide = (top.sum(-1) < top_p).nonzero().squeeze(-1)
    if len(wide):
        top, tokens = probabilities[wide].sort(descending=True)
        drawn[wide] = _draw(top, tokens, draws[wide], top_p)
    return drawn.squeeze(-1)


def _draw(top: torch.Tensor, tokens: torch.Tensor, draws: torch.Tensor, top_p: float) -> torch.Tensor:
    """One token for each row of falling probabilities."""
    upto = top.cumsum(-1)
    inside = upto - top < top_p
    inside[:, 0] = True
    mass = (top * inside).sum(-1, keepdim=True)
    position = torch.searchsorted(upto, draws * mass, right=True)
    return tokens.gather(-1, torch.minimum(position, inside.sum(-1, keepdim=True) - 1))
