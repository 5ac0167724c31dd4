"""How far a run's answers to border inputs lie from a frozen reference: one number a run.

Border inputs are short prompts whose first token is a near-tie, so that the least change of the weights, the
numerics or the model behind the name shifts the shares. The distance feeds `step_score` with its sign turned:
there, larger is better.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def identity_distance(counts: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Return the squared distance of this run's shares of first tokens from the reference.

        D = J mean_j sum_v (c_jv / n_j - ref_jv)^2

    over the J prompts; prompts without an answer are missing, and the mean runs over the others. Sampling
    alone makes D positive, about sum_jv ref_jv (1 - ref_jv) / n_j: judge it against other runs of the same
    plan, never against 0.

    Hypothesis: none by itself; NS-SR tests that D of later runs ranks like D of earlier ones.

    Args:
        counts: Answers by prompt and token, shape (prompts, tokens).
        reference: Shares by prompt and token, frozen before the first run, from calls of their own; they sum
            to at most 1 (tokens seen later belong into a column of their own with reference 0).

    Raises:
        ValueError: shapes differ, negative counts, shares that are none, or no prompt was answered.

    Source: the squared maximum mean discrepancy with the Hamming kernel, as in Gao, Liang and Guestrin
    (2024), 2410.20247, on the border inputs of Chauvin et al. (2026), 2602.11083.
    """
    seen, frozen = np.asarray(counts, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if seen.ndim != 2 or seen.shape != frozen.shape:
        raise ValueError(
            f"counts and reference must match (prompts, tokens), got {seen.shape} and {frozen.shape}"
        )
    if not np.isfinite(seen).all() or (seen < 0).any():
        raise ValueError("counts must be finite and not negative")
    if not np.isfinite(frozen).all() or (frozen < 0).any() or (frozen.sum(1) > 1 + 1e-9).any():
        raise ValueError("reference shares must lie within 0..1 and sum to at most 1 for each prompt")
    n = seen.sum(1)
    asked = n > 0
    if not asked.any():
        raise ValueError("no prompt was answered: the run is missing, leave it out")
    apart = ((seen[asked] / n[asked, None] - frozen[asked]) ** 2).sum(1)
    return float(apart.mean() * len(seen))


def logprob_distance(logprobs: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Return the squared distance of this run's mean logprobs from the reference.

        D = cells mean over cells of (mean logprob - reference)^2

    a cell being one first-token candidate of one prompt. A candidate that fell out of the returned list has
    no logprob: it is NaN, missing, and the mean runs over the others.

    Args:
        logprobs: Mean logprob per prompt and candidate, NaN where missing.
        reference: The same from the reference calls, finite.

    Raises:
        ValueError: shapes differ, a reference that is not finite, or nothing measured.

    Source: Chauvin et al. (2025), 2512.03816.
    """
    seen, frozen = np.asarray(logprobs, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if seen.shape != frozen.shape or not np.isfinite(frozen).all() or np.isinf(seen).any():
        raise ValueError(f"logprobs must match a finite reference, got {seen.shape} and {frozen.shape}")
    here = ~np.isnan(seen)
    if not here.any():
        raise ValueError("no logprob was returned: the run is missing, leave it out")
    return float(((seen - frozen)[here] ** 2).mean() * seen.size)
