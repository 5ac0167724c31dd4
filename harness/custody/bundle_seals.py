"""The seals of a bundle: signatures, stamps, roots made again, and proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from cryptography import x509

from harness.custody import manifest as form
from harness.custody.archive import ArchiveReader
from harness.custody.keys import PublicKey, read_public_key
from harness.custody.layout import Index, Proof
from harness.custody.manifest import Manifest, ManifestError
from harness.custody.merkle import Accumulator, leaf_hash, root_from_path
from harness.custody.sealing import check_chain, check_signature, stamp_note
from harness.custody.timestamps import TimestampError
from harness.dataformat import ExchangeLine, FindingLine, RunLine
from harness.records import canonical_json
from harness.store import SealRow

Bad = Callable[[str, str, str], None]


class BundleSeals:
    """Reads all seals of a bundle and checks its content against them."""

    def __init__(self, archive: ArchiveReader, index: Index, bad: Bad, fingerprint: str | None) -> None:
        self._archive = archive
        self._bad = bad
        self._fingerprint = fingerprint
        self._covers = {entry.number: entry.covers for entry in index.seals}
        self._rows: list[SealRow] = []
        self._manifests: dict[int, Manifest] = {}
        self._first: dict[int, dict[int, int]] = {}
        """Seal -> run -> place of the run's first exchange among the leaves."""
        self._growing: dict[int, Accumulator] = {}
        self._by_run: dict[int, list[tuple[int, int]]] = {}
        """Run -> (seal here as a whole, how many exchanges of the run it covers)."""
        self._proved: tuple[int, int] | None = None
        self._unsealed = 0
        self._first_unsealed = ""
        self._unsealed_findings = 0
        self._read(archive.names())

    def _read(self, names: set[str]) -> None:
        wanted: set[str] = set()
        for place, number in enumerate(self._covers, 1):
            name = f"seals/seal-{number:04d}"
            wanted |= {f"{name}.{ending}" for ending in ("json", "sig", "pem", "tsr")}
            if number != place:
                self._bad(f"{name}.json", "", f"should be seal {place}: one before it is missing")
                return
            missing = [ending for ending in ("json", "sig", "pem") if f"{name}.{ending}" not in names]
            if missing:
                self._bad(f"{name}.{missing[0]}", "", "is missing")
                continue
            self._read_one(number, name)
        for stray in sorted(each for each in names if each.startswith("seals/") and each not in wanted):
            self._bad(stray, "", "belongs to no seal that the bundle lists")
        for number, words in check_chain(self._rows):
            self._bad(f"seals/seal-{number:04d}.json", "", words)

    def _read_one(self, number: int, name: str) -> None:
        try:
            public = read_public_key(self._archive.read(f"{name}.pem"))
        except ValueError as error:
            self._bad(f"{name}.pem", "", str(error))
            return
        row = SealRow(
            number,
            0,
            self._archive.read(f"{name}.json"),
            self._archive.read(f"{name}.sig"),
            public.raw,
            self._archive.read(f"{name}.tsr") or None,
        )
        try:
            manifest = check_signature(row)
        except ManifestError as error:
            self._bad(f"{name}.json", "", str(error))
            return
        self._rows.append(
            SealRow(number, manifest.made_us, row.manifest, row.signature, row.public_key, row.timestamp)
        )
        self._manifests[number] = manifest
        place = manifest.leaves.first_exchange
        first: dict[int, int] = {}
        for run in manifest.runs:
            first[run.run] = place
            place += run.exchanges
        self._first[number] = first

    def begin(self, runs: Mapping[int, RunLine]) -> None:
        """Compare the runs here with those that were sealed, and begin the trees of seals that are here as a whole."""
        for number, manifest in self._manifests.items():
            name = f"seals/seal-{number:04d}.json"
            for sealed in manifest.runs:
                run = runs.get(sealed.run)
                if run is not None:
                    self._compare(name, sealed, run)
                elif self._covers[number] == "whole":
                    self._bad(name, "", f"run {sealed.run}, which it seals, is not here")
            if self._covers[number] == "whole":
                self._begin(number, manifest, runs, name)

    def _compare(self, name: str, sealed: form.SealedRun, run: RunLine) -> None:
        events = [event.hash for event in run.events[: sealed.events]]
        newest = events[-1] if events else run.hash
        if (run.hash, len(events), newest) != (sealed.hash, sealed.events, sealed.event):
            self._bad(name, "", f"run {run.run} is not the one that was sealed")

    def _begin(self, number: int, manifest: Manifest, runs: Mapping[int, RunLine], name: str) -> None:
        here = [runs[sealed.run] for sealed in manifest.runs if sealed.run in runs]
        used = list(dict.fromkeys(sha256 for run in here for sha256 in run.suites))
        if used != [suite.sha256 for suite in manifest.suites]:
            self._bad(name, "", "its runs used other suites than were sealed")
        events = (
            (sealed.run, place, event.hash)
            for sealed in manifest.runs
            if sealed.run in runs
            for place, event in enumerate(runs[sealed.run].events[: sealed.events], 1)
        )
        tree = self._growing[number] = Accumulator()
        for leaf in form.leaves_before(manifest, events):
            tree.add(leaf_hash(leaf))
        for sealed in manifest.runs:
            self._by_run.setdefault(sealed.run, []).append((number, sealed.exchanges))

    def _counts(self, manifest: Manifest) -> bool:
        """Say whether a seal is by the key that is expected."""
        if self._fingerprint is None:
            return True
        return PublicKey(bytes.fromhex(manifest.public_key)).fingerprint == self._fingerprint

    def prove(self, name: str, proof: Proof, sha256: str) -> None:
        """Check that an exchange is among the leaves of a seal."""
        manifest = self._manifests.get(proof.seal)
        first = self._first.get(proof.seal, {}).get(proof.run)
        if manifest is None or first is None:
            self._bad("proofs.jsonl", name, f"names seal {proof.seal}, which does not hold run {proof.run}")
            return
        leaf = leaf_hash(form.exchange_leaf(proof.run, proof.number, sha256))
        path = [bytes.fromhex(each) for each in proof.path]
        root = root_from_path(leaf, proof.index, manifest.leaves.size, path)
        if proof.index != first + proof.number - 1 or root is None or root.hex() != manifest.root:
            words = f"does not show exchange {proof.number} of run {proof.run} to be under seal {proof.seal}"
            self._bad("proofs.jsonl", name, words)
        elif self._counts(manifest):
            self._proved = (proof.run, proof.number)

    def take(self, line: ExchangeLine) -> None:
        """Add an exchange to the trees it belongs to; it is sealed by one of them or by the proof before, or not."""
        sealed = self._proved == (line.run, line.number)
        for number, count in self._by_run.get(line.run, ()):
            if line.number <= count:
                leaf = form.exchange_leaf(line.run, line.number, line.hash)
                self._growing[number].add(leaf_hash(leaf))
                sealed = sealed or self._counts(self._manifests[number])
        if not sealed:
            self._unsealed += 1
            self._first_unsealed = self._first_unsealed or f"exchange {line.number} of run {line.run}"

    def finding(self, line: FindingLine) -> str | None:
        """Say what is wrong with a finding under the seals; None when nothing is."""
        sha256 = hashlib.sha256(canonical_json(line.finding)).hexdigest()
        for manifest in self._manifests.values():
            for sealed in manifest.findings:
                if sealed.id == line.finding.get("id"):
                    return (
                        None
                        if sealed.sha256 == sha256
                        else f"finding {sealed.id} is not the one that was sealed"
                    )
        self._unsealed_findings += 1
        return None

    def finish(self) -> None:
        """Compare the roots, and the commitments."""
        for number, tree in self._growing.items():
            manifest = self._manifests[number]
            for leaf in form.leaves_after(manifest):
                tree.add(leaf_hash(leaf))
            if tree.root().hex() != manifest.root:
                words = "its root is not that of what is here: an exchange was changed, taken out or put in"
                self._bad(f"seals/seal-{number:04d}.json", "", words)
        self._check_commitments()
        if self._fingerprint is not None and self._unsealed:
            words = f"{self._unsealed} exchanges are under no seal by {self._fingerprint}, {self._first_unsealed} first"
            self._bad("seals", "", words)

    def _check_commitments(self) -> None:
        for number, manifest in self._manifests.items():
            for sealed in manifest.commitments:
                name = f"commitments/commitment-{sealed.number:04d}.json"
                if hashlib.sha256(self._archive.read(name)).hexdigest() != sealed.sha256:
                    self._bad(name, "", f"is missing, or not the one that seal {number} is over")

    def notes(self, roots: Sequence[x509.Certificate]) -> Iterator[str]:
        """Yield what a reader should know: by whom and when, and what no seal covers."""
        for row in self._rows:
            try:
                yield stamp_note(row, roots)
            except TimestampError as error:
                self._bad(f"seals/seal-{row.number:04d}.tsr", "", str(error))
        for manifest in self._manifests.values():
            gaps = manifest.gaps
            if gaps.calls or gaps.unfinished:
                yield (
                    f"seal {manifest.number} tells of gaps: {gaps.calls} planned calls without an answer kept, "
                    f"{len(gaps.unfinished)} runs that were not done"
                )
        if not self._rows:
            yield "nothing is sealed: the record agrees with itself, and nobody stands by it"
        elif self._unsealed:
            yield f"{self._unsealed} exchanges are under no seal, {self._first_unsealed} first"
        if self._rows and self._fingerprint is None:
            yield "compare the fingerprint with one you got elsewhere, or give it with --key"
        if self._unsealed_findings:
            yield f"{self._unsealed_findings} findings are under no seal"
