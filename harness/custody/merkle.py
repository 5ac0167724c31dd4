"""Merkle trees as in RFC 6962, section 2.1: one root for many leaves, and short proofs that a leaf is among them.

Leaves and inner nodes are hashed with different first bytes, so that neither can pass for the other. A tree of n
leaves splits at the largest power of two below n; pairing neighbours level by level, with an odd last one carried up
unchanged, makes the same tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash one leaf: SHA-256 over a zero byte and its data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: SHA-256 over a one byte and the hashes of its children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Accumulator:
    """Takes leaf hashes one after the other and gives their root; keeps one hash per level."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        """Roots of the complete subtrees so far, largest first: one for each 1 in the size's binary digits."""

    def add(self, leaf: bytes) -> None:
        """Take the next leaf's hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self._peaks.pop(), carry)
            size >>= 1
        self._peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        *left, root = self._peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


class Tree:
    """A whole tree in memory, 64 bytes a leaf: gives the proof of any leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.size = len(leaves)
        self._levels: list[Sequence[bytes]] = [leaves]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            level = [node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            if len(below) % 2:
                level.append(below[-1])
            self._levels.append(level)

    def root(self) -> bytes:
        """Return the root."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def path(self, index: int) -> list[bytes]:
        """Return the hashes that lead from a leaf to the root, lowest first.

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        path: list[bytes] = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return path


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a proof leads to; None where the proof does not fit a tree of that size.

    Args:
        leaf: the leaf's hash.
        index: its place, from 0.
        size: leaves of the tree.
        path: the proof, lowest hash first (RFC 9162, section 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    last, found, at = size - 1, leaf, iter(path)
    for sibling in at:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = node_hash(sibling, found)
            while index and not index & 1:
                index >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        index >>= 1
        last >>= 1
    return found if last == 0 else None
