"""`docs/redis.md` names every key of the code, and no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from shared import keys
from shared.broker import QueueKeys

DOCS = Path(__file__).parents[2] / "docs" / "redis.md"
EXAMPLES = {"photo_id": 7, "tag_id": 7, "number": 7, "minute": 7, "day": 7}


def test_the_table_of_keys_is_that_of_the_code() -> None:
    made = set()
    for name, function in inspect.getmembers(keys, inspect.isfunction):
        if name in {"new_socket_id", "lane_of"}:
            continue
        arguments = [EXAMPLES.get(p, "x") for p in inspect.signature(function).parameters]
        key = function(*arguments).removeprefix("{tagline:0}:")
        made.add(re.sub(r":(7|x)", ":<>", key))
    queue = QueueKeys.of(keys.SHARD, "q")
    made |= {key.removeprefix("{tagline:0}:queue:q:") for key in queue.all}
    cells = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", DOCS.read_text(), re.MULTILINE)
    told = {re.sub(r"<\w+>", "<>", key) for cell in cells for key in re.findall(r"`([^`]+)`", cell)}

    assert told == made
