"""What a stored run was made with, as the code that judges it wants it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.config import Endpoint
from harness.store import Store


def endpoints_of(store: Store, run_id: int) -> Mapping[str, Endpoint]:
    """Return the endpoints as a run's own config had them."""
    tables = json.loads(store.run_header(run_id).config_json)["endpoints"]
    return {name: Endpoint.model_validate_json(json.dumps(table)) for name, table in tables.items()}
