"""Write a LoRA adapter of seeded noise: a real, silent degradation of a real model, with a volume knob.

    python tests/lora.py OUT.gguf

At scale 0 the server answers exactly as without it; the further from 0, the worse the answers, under the same
model name and fingerprint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
from gguf import quants

from harness.local import KNOWN
from harness.local.weights import find_weights

RANK = 8
LOUDNESS = 0.1
"""Standard deviation of the noise at scale 1, as a share of that of the weights it is added to."""

_TENSORS = ("attn_output.weight", "ffn_down.weight")


def write_noise_lora(weights: Path, target: Path, *, loudness: float = LOUDNESS, seed: int = 0) -> None:
    """Write an adapter that adds noise of low rank to every block's two output projections.

    Args:
        weights: the GGUF file it is made for.
        target: where to write.
        loudness: standard deviation of the noise at scale 1, as a share of the weights' own.
        seed: the same seed gives the same bytes.
    """
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    # The runtime multiplies by alpha / rank: this leaves the scale as the only factor.
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for tensor in gguf.GGUFReader(weights).tensors:
        if not tensor.name.endswith(_TENSORS):
            continue
        inputs, outputs = (int(size) for size in tensor.shape)
        spread = float(quants.dequantize(tensor.data, tensor.tensor_type).std())
        down = rng.standard_normal((RANK, inputs), dtype=np.float32)
        up = rng.standard_normal((outputs, RANK), dtype=np.float32) * np.float32(
            loudness * spread / RANK**0.5
        )
        writer.add_tensor(f"{tensor.name}.lora_a", down)
        writer.add_tensor(f"{tensor.name}.lora_b", up)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Write the adapter for the known model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, metavar="OUT.gguf")
    parser.add_argument("--loudness", type=float, default=LOUDNESS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    weights = find_weights(KNOWN["smollm2-135m-instruct"])
    if weights is None:
        parser.error("the weights are not installed: harness local install")
    write_noise_lora(weights, options.target, loudness=options.loudness, seed=options.seed)


if __name__ == "__main__":
    main()
