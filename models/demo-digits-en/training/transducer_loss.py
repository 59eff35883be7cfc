"""The transducer (RNNT) loss on a CPU.

Forward-backward over the lattice of T frames x U+1 emitted tokens, on the log-probabilities of blank and of the next
label alone, compiled by numba. `fastemit` is FastEmit's lambda: it makes labels worth emitting early.
"""

import numba
import numpy as np
import torch

NEVER = -1e30


@numba.njit(cache=True, fastmath=True)
def _log_add(x, y):
    m = max(x, y)
    return m + np.log(np.exp(x - m) + np.exp(y - m))


@numba.njit(cache=True, fastmath=True)
def _forward_backward(blank, label, frames, lengths, fastemit, losses, blank_grad, label_grad):
    """Losses [B], and their gradients by the log-probabilities [B, T, U+1], written into the last three arguments."""
    for b in range(blank.shape[0]):
        T, U = frames[b], lengths[b]
        alpha = np.full((T, U + 1), NEVER)
        beta = np.full((T, U + 1), NEVER)
        alpha[0, 0] = 0.0
        for t in range(T):
            for u in range(U + 1):
                if t == 0 and u == 0:
                    continue
                by_blank = alpha[t - 1, u] + blank[b, t - 1, u] if t > 0 else NEVER
                by_label = alpha[t, u - 1] + label[b, t, u - 1] if u > 0 else NEVER
                alpha[t, u] = _log_add(by_blank, by_label)
        total = alpha[T - 1, U] + blank[b, T - 1, U]
        losses[b] = -total
        for t in range(T - 1, -1, -1):
            for u in range(U, -1, -1):
                if t == T - 1 and u == U:
                    beta[t, u] = blank[b, t, u]
                    continue
                by_blank = beta[t + 1, u] + blank[b, t, u] if t < T - 1 else NEVER
                by_label = beta[t, u + 1] + label[b, t, u] if u < U else NEVER
                beta[t, u] = _log_add(by_blank, by_label)
        for t in range(T):
            for u in range(U + 1):
                if t < T - 1:
                    blank_grad[b, t, u] = -np.exp(alpha[t, u] + blank[b, t, u] + beta[t + 1, u] - total)
                elif u == U:
                    blank_grad[b, t, u] = -np.exp(alpha[t, u] + blank[b, t, u] - total)
                if u < U:
                    share = np.exp(alpha[t, u] + label[b, t, u] + beta[t, u + 1] - total)
                    label_grad[b, t, u] = -(1.0 + fastemit) * share


class _TransducerLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, blank, label, frames, lengths, fastemit):
        blank, label = blank.detach().double().numpy(), label.detach().double().numpy()
        losses = np.zeros(blank.shape[0])
        blank_grad, label_grad = np.zeros_like(blank), np.zeros_like(label)
        _forward_backward(blank, label, frames, lengths, fastemit, losses, blank_grad, label_grad)
        ctx.save_for_backward(torch.from_numpy(blank_grad).float(), torch.from_numpy(label_grad).float())
        return torch.from_numpy(losses).float()

    @staticmethod
    def backward(ctx, grad):
        blank_grad, label_grad = ctx.saved_tensors
        scale = grad[:, None, None]
        return blank_grad * scale, label_grad * scale, None, None, None


def transducer_loss(log_probs, targets, frames, lengths, blank, fastemit=0.0):
    """Loss per utterance [B].

    log_probs: [B, T, U+1, V+1]; targets: [B, U] token ids; frames, lengths: [B], how much of T and U is used.
    """
    vocabulary = log_probs.shape[-1]
    ids = targets.clamp(max=vocabulary - 1)[:, None, :, None].expand(-1, log_probs.shape[1], -1, 1)
    return _TransducerLoss.apply(
        log_probs[..., blank],
        log_probs[:, :, :-1].gather(3, ids).squeeze(3),
        frames.numpy().astype(np.int64),
        lengths.numpy().astype(np.int64),
        fastemit,
    )
