#!/usr/bin/env python3
"""Check a bundle of harness with Python's standard library and openssl alone: `verify_bundle.py BUNDLE`.

Prints `intact` and ends with 0, or the first thing that is not as it was written and ends with 1. Checks every file,
record, body, chain, signature, Merkle root and proof. Not checked: timestamps (`openssl ts -verify`), and whose keys
they are: compare the fingerprints. Unpacks nothing but seals, into a temporary folder. docs/custody.md has the forms.
"""

import base64, hashlib, json, subprocess, sys, tarfile, tempfile, zipfile
from pathlib import Path

LIMIT = 64 << 20  # bytes of a line, or of a file read whole
KINDS = ("suites", "runs", "events", "exchanges", "findings", "commitments")


def need(truth, words):
    if not truth:
        sys.exit(f"NOT INTACT: {words}")


def canon(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def form(record, name, fields, **more):
    """Hash the chosen fields of a record under the name of a form (docs/database.md)."""
    picked = {field: record[field] for field in fields.split()}
    return sha(canon(picked | more | {"algorithm": "sha256", "format": name}))


def lines(opened, name):
    with opened(name) as file:
        while line := file.readline(LIMIT):
            need(line.endswith(b"\n"), f"{name}: a line breaks off or is too long")
            yield json.loads(line)


def check_shared(opened, index):
    suites, probes, endpoints = {}, set(index["redacted"]["probes"]), set()
    for x in lines(opened, "suites.jsonl"):
        if x["format"] == "harness.record.probe/1":
            made = sha(canon(x["suite"]) + b"\n" + canon(x["probe"]))
            probes.add(made)
        else:
            fields = "content_hash name probes version"
            made = form(x, "harness.suite/1", fields, header_sha256=sha(canon(x["header"])))
            suites[made] = x["probes"]
        need(made == x["sha256"], f"suites.jsonl: {x['sha256']} does not match its hash")
    missing = {probe for each in suites.values() for probe in each} - probes
    need(index["selection"] or not missing, "suites.jsonl: a probe is missing")
    for x in lines(opened, "endpoints.jsonl"):
        made = form(x, "harness.endpoint/1", "model name parameters protocol url vantage")
        need(made == x["sha256"], f"endpoints.jsonl: {x['name']} does not match its hash")
        endpoints.add(made)
    return set(suites), endpoints


def check_run(x, before, suites, endpoints):
    where = f"run {x['run']}"
    fields = "endpoints previous run suites"
    made = form(x, "harness.run/1", fields, header_sha256=sha(canon(x["header"])))
    need(made == x["hash"], f"{where} does not match its hash")
    need(before is None or x["previous"]["hash"] == before["hash"], f"{where} does not follow the one before")
    need(suites >= set(x["suites"]) and endpoints >= set(x["endpoints"]), f"{where} used what is not here")
    trigger, origin = x["header"]["trigger"], x["origin"]
    source = "import:" + form(origin, "harness.origin/1", " ".join(origin)) if origin else None
    need(source == (trigger if trigger.startswith("import:") else None), f"{where} comes from elsewhere")
    previous, fields = x["hash"], "number event at_us status completed exchanges last"
    for event in x["events"]:
        previous = form(event, "harness.event/1", fields, previous=previous, run=x["run"])
        need(previous == event["hash"], f"event {event['number']} of {where} does not match its hash")
    last = x["events"][-1] if x["events"] else {"event": "resumed"}
    going_on = last["event"] == "resumed"
    told = {"status": "running", "finished_us": None} if going_on else last | {"finished_us": last["at_us"]}
    stands = all(
        x[field] == told.get(field, x[field])
        for field in ["status", "finished_us", "completed", "exchanges", "last"]
    )
    need(stands, f"{where} does not stand as its last event says")


def check_exchange(x, run, mine, left_out, whole):
    where, parts = f"exchange {x['number']} of run {x['run']}", {}
    for side in ("request", "response"):
        body = x[side]["body"]
        forms = [body["text"], body["base64"]]
        data = forms[0].encode() if forms[0] is not None else base64.b64decode(forms[1] or "")
        gone = forms == [None, None] and body["sha256"] in left_out
        same = None in forms and sha(data) == body["sha256"] and len(data) == body["size"]
        need(gone or same, f"{where}: a body does not match its hash, or is missing")
        parts[f"{side}_body_sha256"] = body["sha256"]
        parts[f"{side}_headers_sha256"] = sha(canon(x[side]["headers"]))
    parts |= {"method": x["request"]["method"], "url": x["request"]["url"], "status": x["response"]["status"]}
    fields = "attempt call_id endpoint failure failure_detail final index previous probe_id protocol redacted"
    made = form(x, "harness.exchange/1", fields + " sample seed streamed suite timing", **parts)
    need(made == x["hash"], f"{where} does not match its hash")
    last = next(reversed(mine), 0)
    need(x["number"] == last + 1 or (not whole and x["number"] > last), f"{where}: one before it is missing")
    before = run["hash"] if x["number"] == 1 else mine.get(x["number"] - 1, x["previous"])
    need(x["previous"] == before, f"{where} does not follow the one before it")
    mine[x["number"]] = x["hash"]
    run["finals"] = run.get("finals", 0) + x["final"]


def leaf(kind, *parts):
    return hashlib.sha256(b"\x00" + canon([f"harness.{kind}/1", *parts])).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(level):
    while len(level) > 1:
        pairs = [node(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0] if level else hashlib.sha256().digest()


def root_by(path, index, size, found):
    for sibling in path:
        last = size - 1
        while index == last and not index % 2 and index:  # an odd last one is carried up
            index, last, size = index // 2, last // 2, (size + 1) // 2
        found = node(sibling, found) if index % 2 else node(found, sibling)
        index, size = index // 2, (size + 1) // 2
    return found


def read_seal(opened, number, before):
    name = f"seals/seal-{number:04d}"
    with tempfile.TemporaryDirectory() as folder:
        for part in ("json", "sig", "pem"):
            Path(folder, part).write_bytes(opened(f"{name}.{part}").read(LIMIT))
        raw, pem = Path(folder, "json").read_bytes(), Path(folder, "pem").read_text()
        words = [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "pem",
            "-rawin",
            "-in",
            "json",
            "-sigfile",
            "sig",
        ]
        done = subprocess.run(words, cwd=folder, capture_output=True)
    key, seal = base64.b64decode("".join(pem.splitlines()[1:-1]))[-32:], json.loads(raw)
    need(done.returncode == 0 and seal["public_key"] == key.hex(), f"{name}: its signature does not hold")
    need(canon(seal) == raw and seal["number"] == number, f"{name} is not in canonical form")
    need(seal["previous"] == before, f"{name} does not follow the one before")
    print_ = base64.b64encode(hashlib.sha256(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + key).digest()).decode()
    print(f"seal {number} by SHA256:{print_.rstrip('=')}")
    return seal, {"number": number, "sha256": sha(raw)}


def check_seal(seal, covers, runs, found, sealed):
    tree = [leaf("suite", each["sha256"]) for each in seal["suites"]]
    tree += [leaf("run", each["run"], each["hash"]) for each in seal["runs"]]
    for each in seal["runs"]:
        run = runs.get(each["run"])
        need(run or covers != "whole", f"seal {seal['number']}: run {each['run']} is missing")
        events = run["events"][: each["events"]] if run else []
        newest = events[-1]["hash"] if events else each["hash"]
        same = run is None or (run["hash"], newest) == (each["hash"], each["event"])
        need(same, f"seal {seal['number']}: run {each['run']} is not the one that was sealed")
        tree += [leaf("event", each["run"], event["number"], event["hash"]) for event in events]
    for each in seal["runs"] if covers == "whole" else ():
        for number in range(1, each["exchanges"] + 1):
            tree.append(leaf("exchange", each["run"], number, found[each["run"]].get(number)))
            sealed.add((each["run"], number))
    tree += [leaf("finding", each["id"], each["sha256"]) for each in seal["findings"]]
    tree += [leaf("commitment", each["number"], each["sha256"]) for each in seal["commitments"]]
    same = covers != "whole" or root_of(tree).hex() == seal["root"]
    need(same, f"seal {seal['number']}: its root is not that of what is here")


def check_proof(x, seal, found):
    run, number, words = x["run"], x["number"], f"the proof of exchange {x['number']} of run {x['run']}"
    place = sum(seal["leaves"][kind] for kind in KINDS[:3]) + number - 1
    place += sum(each["exchanges"] for each in seal["runs"] if each["run"] < run)
    start = leaf("exchange", run, number, found[run][number])
    made = root_by(map(bytes.fromhex, x["path"]), place, sum(seal["leaves"].values()), start)
    need(x["index"] == place and made.hex() == seal["root"], f"{words} does not hold")


def main(path):
    zipped = zipfile.is_zipfile(path)
    with zipfile.ZipFile(path) if zipped else tarfile.open(path, "r:") as archive:
        names = archive.namelist() if zipped else archive.getnames()
        check(names, archive.open if zipped else archive.extractfile)


def check(names, opened):
    raw = opened("bundle.json").read(LIMIT)
    index = json.loads(raw)
    need(
        canon(index) == raw and index["format"] == "harness.bundle/1", "bundle.json is not in canonical form"
    )
    need(
        sorted({*names} - {"bundle.sig"}) == sorted({*index["files"], "bundle.json"}),
        "bundle.json lists other files",
    )
    need(len(names) == len(set(names)), "a name is there twice")
    for name, entry in index["files"].items():
        with opened(name) as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
        need(digest.hexdigest() == entry["sha256"], f"{name} is not the file that bundle.json lists")
    shared, runs, found, seals, sealed, before = check_shared(opened, index), {}, {}, {}, set(), None
    for x in lines(opened, "runs.jsonl"):
        need(x["run"] > max(runs, default=0), f"run {x['run']} is out of order, or there twice")
        check_run(x, runs.get(x["run"] - 1), *shared)
        runs[x["run"]], found[x["run"]] = x, {}
    whole = all(word.startswith("run:") for word in index["selection"] or ())
    for x in lines(opened, "exchanges.jsonl"):
        check_exchange(x, runs[x["run"]], found[x["run"]], set(index["redacted"]["bodies"]), whole)
    for run, mine in found.items():
        ends = (len(mine), mine.get(len(mine), runs[run]["hash"])) == (
            runs[run]["exchanges"],
            runs[run]["last"],
        )
        ends = ends and runs[run].get("finals", 0) == runs[run]["completed"]
        need(ends or not whole, f"run {run} ends elsewhere")
    for entry in index["seals"]:
        seals[entry["number"]], before = read_seal(opened, entry["number"], before)
        check_seal(seals[entry["number"]], entry["covers"], runs, found, sealed)
    for x in lines(opened, "proofs.jsonl"):
        check_proof(x, seals[x["seal"]], found)
        sealed.add((x["run"], x["number"]))
    known = {each["id"]: each["sha256"] for seal in seals.values() for each in seal["findings"]}
    for x in lines(opened, "findings.jsonl"):
        own = sha(canon(x["finding"]))
        need(
            known.get(x["finding"]["id"], own) == own,
            f"finding {x['finding']['id']} is not the one that was sealed",
        )
    count = sum((run, number) in sealed for run in found for number in found[run])
    total = sum(map(len, found.values()))
    print(f"intact: {total} exchanges in {len(runs)} runs, {count} of them under {len(seals)} seals")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:
        sys.exit(f"NOT INTACT: cannot be read as a bundle: {error!r}")
