"""What a stored run was made with, as the code that judges it wants it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from pydantic import ValidationError

from harness.config import Endpoint
from harness.endpoints.imported import PROTOCOL
from harness.observe import Asked, Logged
from harness.store import Store


def endpoints_of(store: Store, run_id: int) -> Mapping[str, Asked]:
    """Return the endpoints as a run's own config had them; of an imported log, which has no config, their models.

    An endpoint that the stored config does not describe is left out: what it cost and asked for is not known.
    """
    tables = json.loads(store.run_header(run_id).config_json).get("endpoints", {})
    found: dict[str, Asked] = {}
    for name, table in tables.items():
        with suppress(ValidationError):
            found[name] = Endpoint.model_validate_json(json.dumps(table))
    logged = {each.name: Logged(each.model) for each in store.endpoints(run_id) if each.protocol == PROTOCOL}
    return {**found, **logged}
