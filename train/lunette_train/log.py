"""What a stage did, as JSON lines, so that figures come from files and not from memory."""

from __future__ import annotations

import json
import time
from pathlib import Path


class Log:
    """Appends, so that a resumed stage goes on in the same file."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, event: str, /, **values: object) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
