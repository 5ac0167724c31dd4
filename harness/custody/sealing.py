"""Making a seal over a database, and checking the database against the seals it has."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509

from harness import __version__
from harness.custody import manifest as form
from harness.custody.keys import PublicKey, SigningKey
from harness.custody.manifest import Manifest, ManifestError, SealedRun, read_manifest
from harness.custody.merkle import Accumulator, leaf_hash
from harness.custody.timestamps import Post, Timestamp, TimestampError, check, claimed, obtain
from harness.errors import EvidenceError, HarnessError, StoreError
from harness.records import RunStatus, sha256, utc_text
from harness.store import Problem, RunState, SealRow, Store
from harness.store.connection import STEPS


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal that was made."""

    row: SealRow
    manifest: Manifest
    timestamp: Timestamp | None
    warning: str | None
    """Why it has no timestamp though a service is configured."""


@dataclass(frozen=True, slots=True)
class Period:
    """Which runs a seal is over, by when they started; without bounds, all that no seal has as they stand."""

    since_us: int | None = None
    until_us: int | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether one of the bounds is given."""
        return self.since_us is not None or self.until_us is not None


@dataclass(frozen=True, slots=True)
class TimeService:
    """An RFC 3161 service, the certificates it is trusted by, and how to send."""

    url: str
    roots: Sequence[x509.Certificate]
    post: Post


def make_seal(
    store: Store,
    key: SigningKey,
    *,
    now_us: int,
    period: Period = Period(),
    service: TimeService | None = None,
) -> Sealed | None:
    """Seal a period: a manifest over its runs, signed, stamped where a service is given, and stored.

    Returns:
        The seal, or None when everything is sealed already.

    Raises:
        EvidenceError: there is nothing in the period.
        StoreError: it cannot be stored.
    """
    rows = store.seals.all()
    earlier = [read_manifest(row.manifest) for row in rows]
    known = {run.run: run for each in earlier for run in each.runs}
    runs = [_sealed_run(state) for state in store.seals.run_states(period.since_us, period.until_us)]
    if not period.is_bounded:
        runs = [run for run in runs if known.get(run.run) != run]
    sealed_commitments = {each.number for manifest in earlier for each in manifest.commitments}
    commitments = tuple(
        form.SealedCommitment(number=row.number, sha256=row.sha256)
        for row in store.seals.commitments()
        if row.number not in sealed_commitments
    )
    sealed_findings = {each.id for manifest in earlier for each in manifest.findings}
    numbers = {run.run for run in runs}
    findings = tuple(
        form.SealedFinding(id=finding_id, sha256=own)
        for finding_id, run_id, own in store.seals.finding_digests()
        if (run_id in numbers if period.is_bounded else finding_id not in sealed_findings)
    )
    if not runs and not commitments and not findings:
        if period.is_bounded or not rows:
            raise EvidenceError(f"{store.path}: no run started in this period; there is nothing to seal")
        return None
    head, last = store.seals.chain_head()
    periods, newest_period, updates, newest_update = store.seals.findings_head()
    suites = tuple(
        form.SealedSuite(
            name=each.name, version=each.version, content_hash=each.content_hash, sha256=each.sha256
        )
        for each in store.seals.suite_states([run.run for run in runs])
    )
    missing = [form.Gap(run=run.run, missing=max(0, run.planned - run.completed)) for run in runs]
    draft = Manifest(
        number=len(rows) + 1,
        made_us=now_us,
        since_us=period.since_us,
        until_us=period.until_us,
        previous=form.PreviousSeal(number=rows[-1].number, sha256=_digest(rows[-1].manifest))
        if rows
        else None,
        chain=form.ChainHead(runs=head, last=last),
        findings_chain=form.FindingsChain(
            periods=periods, period=newest_period, updates=updates, update=newest_update
        ),
        runs=tuple(runs),
        suites=suites,
        findings=findings,
        commitments=commitments,
        leaves=form.Leaves(
            suites=len(suites),
            runs=len(runs),
            events=sum(run.events for run in runs),
            exchanges=sum(run.exchanges for run in runs),
            findings=len(findings),
            commitments=len(commitments),
        ),
        root="0" * 64,
        gaps=form.Gaps(
            calls=sum(each.missing for each in missing),
            runs=tuple(each for each in missing if each.missing),
            unfinished=tuple(run.run for run in runs if run.status is not RunStatus.DONE),
        ),
        versions=form.Versions(harness=__version__, python=platform.python_version(), schema_steps=STEPS),
        public_key=key.public.raw.hex(),
    )
    manifest = draft.model_copy(update={"root": stored_root(store, draft)})
    encoded = manifest.encode()
    stamp, warning = None, None
    if service is not None:
        try:
            stamp = obtain(service.url, encoded, service.roots, service.post)
        except HarnessError as error:
            warning = str(error)
    row = SealRow(manifest.number, now_us, encoded, key.sign(encoded), key.public.raw, stamp)
    store.seals.add(row)
    read = None if stamp is None or service is None else check(stamp, encoded, service.roots)
    return Sealed(row, manifest, read, warning)


def _sealed_run(state: RunState) -> SealedRun:
    return SealedRun(
        run=state.run_id,
        hash=state.hash,
        status=RunStatus(state.status),
        started_us=state.started_us,
        finished_us=state.finished_us,
        planned=state.planned,
        completed=state.completed,
        exchanges=state.exchanges,
        last=state.last,
        events=state.events,
        event=state.event,
    )


def _standing(run: SealedRun | RunState) -> tuple[object, ...]:
    """Return how a run stands, sealed or stored, to compare the two."""
    return (
        *(run.hash, str(run.status), run.started_us, run.finished_us, run.planned, run.completed),
        *(run.exchanges, run.last, run.events, run.event),
    )


def _digest(data: bytes) -> str:
    return sha256(data).removeprefix("sha256:")


def stored_leaves(
    store: Store, manifest: Manifest, tell: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """Yield the hashes of all leaves of a seal's tree, from the rows as they are now."""
    events = (
        (run.run, number, each)
        for run in manifest.runs
        for number, each in enumerate(store.seals.event_hashes(run.run, run.events), 1)
    )
    for leaf in form.leaves_before(manifest, events):
        yield leaf_hash(leaf)
    for run in manifest.runs:
        for number, each in store.seals.exchange_hashes(run.run, run.exchanges):
            yield leaf_hash(form.exchange_leaf(run.run, number, each))
            tell()
    for leaf in form.leaves_after(manifest):
        yield leaf_hash(leaf)


def stored_root(store: Store, manifest: Manifest, tell: Callable[[], None] = lambda: None) -> str:
    """Make the root of a seal's tree from the rows as they are now, hex."""
    tree = Accumulator()
    for leaf in stored_leaves(store, manifest, tell):
        tree.add(leaf)
    return tree.root().hex()


# --- checking ---------------------------------------------------------------------------------


def check_signature(row: SealRow) -> Manifest:
    """Return a seal's manifest if it is one and its signature holds.

    Raises:
        ManifestError: says what does not hold.
    """
    manifest = read_manifest(row.manifest)
    if manifest.public_key != row.public_key.hex() or manifest.number != row.number:
        raise ManifestError("says another number or key than is stored with it")
    if not PublicKey(row.public_key).verifies(row.signature, row.manifest):
        raise ManifestError("its signature does not hold")
    return manifest


def check_chain(rows: Sequence[SealRow]) -> Iterator[tuple[int, str]]:
    """Yield (number, what is wrong) for seals that do not follow the one before, by number and hash."""
    for before, row in zip((None, *rows), rows, strict=False):
        try:
            told = read_manifest(row.manifest).previous
        except ManifestError:
            continue
        wanted = None if before is None else (before.number, _digest(before.manifest))
        if (None if told is None else (told.number, told.sha256)) != wanted:
            yield row.number, "does not follow the seal before it"


def check_seals(
    store: Store, roots: Sequence[x509.Certificate] = (), progress: Callable[[int, int], None] | None = None
) -> tuple[list[Problem], list[str]]:
    """Check a database against its own seals.

    Args:
        store: to read from.
        roots: certificates by which timestamps are trusted; without any, what they say is only told.
        progress: called with (exchanges checked, exchanges there are).

    Returns:
        What is wrong, and notes.
    """
    rows = store.seals.all()
    problems = [Problem("seals", str(number), words) for number, words in check_chain(rows)]
    notes: list[str] = []
    manifests: list[Manifest] = []
    for row in rows:
        try:
            manifests.append(check_signature(row))
            notes.append(stamp_note(row, roots))
        except (ManifestError, TimestampError) as error:
            problems.append(Problem("seals", str(row.number), str(error)))
    total = sum(manifest.leaves.exchanges for manifest in manifests)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None and (done % 10_000 == 0 or done == total):
            progress(done, total)

    for manifest in manifests:
        try:
            found = list(_check_against(store, manifest, tell))
        except (StoreError, ValueError, TypeError, AttributeError) as error:
            found = [f"cannot be compared with the rows: {error}"]
        problems.extend(Problem("seals", str(manifest.number), words) for words in found)
    sealed = {run.run: _standing(run) for manifest in manifests for run in manifest.runs}
    if rows and not problems:
        count = sum(1 for state in store.seals.run_states() if sealed.get(state.run_id) != _standing(state))
        if count:
            notes.append(f"{count} runs are not sealed as they stand: harness seal")
    return problems, notes


def stamp_note(row: SealRow, roots: Sequence[x509.Certificate]) -> str:
    """Return one line: who signed a seal, and when, by whose word.

    Raises:
        TimestampError: its timestamp does not hold.
    """
    key = PublicKey(row.public_key).fingerprint
    made = utc_text(row.made_us)
    if row.timestamp is None:
        return f"seal {row.number}: signed by {key}; made {made} by the maker's own clock, no timestamp"
    if roots:
        stamp = check(row.timestamp, row.manifest, roots)
        return f"seal {row.number}: signed by {key}; existed {utc_text(stamp.at_us)}, says {stamp.service}"
    stamp = claimed(row.timestamp, row.manifest)
    return (
        f"seal {row.number}: signed by {key}; its timestamp says {utc_text(stamp.at_us)} by {stamp.service or '?'}, "
        f"not checked: name the service's certificate in [custody] timestamp_ca, or with --timestamp-ca"
    )


def _check_against(store: Store, manifest: Manifest, tell: Callable[[], None]) -> Iterator[str]:
    """Yield how the rows differ from what was sealed."""
    now = {state.run_id: state for state in store.seals.run_states()}
    head, _ = store.seals.chain_head()
    if head < manifest.chain.runs:
        yield f"was made when there were {manifest.chain.runs} runs; there are {head}"
    for run in manifest.runs:
        state = now.get(run.run)
        if state is None:
            yield f"run {run.run} is missing"
        elif state.hash != run.hash:
            yield f"run {run.run} is not the one that was sealed (its hash was {run.hash[:16]})"
        elif state.exchanges < run.exchanges or state.events < run.events:
            yield f"run {run.run} had {run.exchanges} exchanges and {run.events} events; some are missing"
        else:
            if run.exchanges and store.seals.exchange_hash(run.run, run.exchanges) != run.last:
                yield f"run {run.run}: its exchanges up to {run.exchanges} are not those that were sealed"
            events = store.seals.event_hashes(run.run, run.events)
            if (events[-1] if events else state.hash) != run.event:
                yield f"the end of run {run.run} is not the one that was sealed"
    suites = [each.sha256 for each in store.seals.suite_states([run.run for run in manifest.runs])]
    if suites != [each.sha256 for each in manifest.suites]:
        yield "its runs used other suites than were sealed"
    commitments = {row.number: row.sha256 for row in store.seals.commitments()}
    for each in manifest.commitments:
        if commitments.get(each.number) != each.sha256:
            yield f"commitment {each.number} is not the one that was sealed"
    chain = manifest.findings_chain
    if store.seals.findings_hashes(chain.periods, chain.updates) != (chain.period, chain.update):
        yield "the alpha ledger or the chain of findings is not the one that was sealed"
    findings = {finding_id: own for finding_id, _, own in store.seals.finding_digests()}
    for sealed in manifest.findings:
        if findings.get(sealed.id) != sealed.sha256:
            yield f"finding {sealed.id} is not the one that was sealed"
    if stored_root(store, manifest, tell) != manifest.root:
        yield f"the exchanges of {_runs_words(manifest)} are not those that were sealed"


def _runs_words(manifest: Manifest) -> str:
    numbers = [run.run for run in manifest.runs]
    if not numbers:
        return "no run"
    return f"run {numbers[0]}" if len(numbers) == 1 else f"runs {numbers[0]} to {numbers[-1]}"
