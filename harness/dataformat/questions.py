"""The records of what was asked of whom: probes, suites, endpoints. See `harness.dataformat.lines`."""

from __future__ import annotations

from typing import Literal

from harness.dataformat.parts import AnyObject, Hash, Part, Text, Truth, Whole


class ToolData(Part):
    """A function offered with a question."""

    name: Text
    """Name the model calls it by."""
    description: Text
    """What it does, in words for the model."""
    parameters: AnyObject
    """JSON schema of its arguments."""


class MessageData(Part):
    """One turn of a question."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: Text
    """What is said."""


class ProbeData(Part):
    """One fixed question: what is asked, how the answer is graded, what it is about."""

    id: Text
    """Unique within the suite and never reused for another question."""
    messages: tuple[MessageData, ...]
    """The turns, in order."""
    grader: Text
    """Name of the grader; `label` where a log's own label is taken over."""
    target: tuple[Text, ...]
    """Accepted answers, first the canonical one; empty for graders that need none."""
    options: AnyObject
    """Options of the grader."""
    family: Text
    """Skill or theme it samples; empty where there is none."""
    pair: Text | None
    """Shared by the twins of a pair."""
    arm: Text | None
    """Side of the pair."""
    topic: Text | None
    """Topic, where the suite has topics."""
    language: Text
    """Language code of the question."""
    depth: Whole | None
    """How deep in its topic, 0 upwards."""
    difficulty: Whole | None
    """Rung of the family's difficulty ladder, 1 upwards."""
    anchor: Truth
    """Never changed: a fixed point to see other changes by."""
    template: Text | None
    """The template it was made from."""
    fresh: Truth
    """Its text was made for one run from the run's seed."""
    kind: Text | None
    """Task kind within the family."""
    parameters: AnyObject
    """Sampling settings the probe itself asks for."""
    tools: tuple[ToolData, ...] = ()
    """Functions offered with the question; the field is left out where there are none."""


class ProbeLine(Part):
    """A probe as sent: one per distinct text of a probe of a suite."""

    format: Literal["harness.record.probe/1"] = "harness.record.probe/1"
    """Name and version of the record."""
    suite: Text
    """Name of the suite."""
    sha256: Hash
    """Hash over the suite's name and the probe (docs/database.md)."""
    probe: ProbeData
    """The question itself."""


class SuiteLine(Part):
    """A suite as runs used it. Its probes are records of their own, named by their hash."""

    format: Literal["harness.record.suite/1"] = "harness.record.suite/1"
    """Name and version of the record."""
    name: Text
    """Name of the suite."""
    version: Whole
    """Version the suite declares."""
    content_hash: Text
    """Hash of the suite's files, as in the run's header."""
    header: AnyObject
    """The suite's header: title, description, licence, arms."""
    probes: tuple[Hash, ...]
    """`sha256` of its probes, in order."""
    sha256: Hash
    """Hash over the fields above (`harness.suite/1` in docs/database.md)."""


class EndpointLine(Part):
    """An endpoint as runs used it: what decides who answers and how."""

    format: Literal["harness.record.endpoint/1"] = "harness.record.endpoint/1"
    """Name and version of the record."""
    name: Text
    """Name in the config."""
    model: Text
    """Model as requested."""
    protocol: Text
    """Wire protocol; `imported` for a log that holds no wire bytes."""
    url: Text | None
    """Base URL; null for a local server or an imported log."""
    vantage: Text
    """From where and as whom it was asked: a name in the config."""
    parameters: AnyObject
    """Sampling settings and further request fields."""
    sha256: Hash
    """Hash over the fields above (`harness.endpoint/1` in docs/database.md)."""
