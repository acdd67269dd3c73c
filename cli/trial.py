"""Tries settings on photos, side by side, without a server: `python -m cli try`.

The work is done by `python -m services.tagger.trial`, which is told what to try in JSON and
answers in JSON lines: the client speaks to the tagger by what it says and imports nothing of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cli.errors import TaglineError

LINE_BYTES: Final = 2**20
"""A line of an answer is far shorter."""

CANNOT_WORK: Final = 2
"""The exit code of a program that was given settings that cannot work."""


@dataclass(frozen=True)
class Column:
    """Settings to try, by their variables, and what sets them apart from the others."""

    settings: dict[str, str]
    title: tuple[str, ...]


@dataclass
class Trial:
    """What was tried, and what came of it: `cells` by file and column."""

    files: list[Path]
    columns: list[Column]
    locale: str | None
    found: list[dict[str, str | None]] = field(default_factory=list)
    cells: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(cell["error"] for cell in self.cells.values())

    async def run(self, told: Callable[[], None]) -> bool:
        """Try everything; `told` is called after each. Raises `TaglineError`.

        False if a setting cannot work: that has been said on stderr.
        """
        if importlib.util.find_spec("services") is None:
            raise TaglineError(0, "no_tagger", "there is no tagger here: start it in the clone")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.tagger.trial", limit=LINE_BYTES,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(json.dumps(self._request()).encode())
            process.stdin.close()
            async for line in process.stdout:
                self._take(json.loads(line))
                told()
            code = await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
        if code == CANNOT_WORK:
            return False
        if code or len(self.cells) < len(self.files) * len(self.columns):
            raise TaglineError(0, "broken_off", f"the trial broke off (exit code {code})")
        return True

    def _request(self) -> dict[str, Any]:
        return {
            "files": [str(path) for path in self.files],
            "settings": [column.settings for column in self.columns],
            "locale": self.locale,
        }

    def _take(self, line: dict[str, Any]) -> None:
        if "columns" in line:
            self.found = line["columns"]
        else:
            self.cells[line["file"], line["column"]] = line

    def title(self, number: int) -> str:
        """Return what a column is called."""
        provider, model = self.found[number]["provider"], self.found[number]["model"]
        parts = [provider, model, *self.columns[number].title]
        return "\n".join(part for part in parts if part)

    def as_json(self) -> list[str]:
        """Return a JSON object for each file and column."""
        return [
            json.dumps(
                {**cell, **self.found[number], "settings": self.columns[number].settings},
                ensure_ascii=False,
            )
            for (_, number), cell in sorted(
                self.cells.items(), key=lambda item: (self._place(item[0][0]), item[0][1])
            )
        ]

    def table(self) -> Table:
        """Return files by settings, to be printed."""
        table = Table("photo", show_lines=True, show_footer=True)
        table.columns[0].footer = "median, in all"
        for number in range(len(self.columns)):
            cells = [self.cells[str(path), number] for path in self.files]
            table.add_column(escape(self.title(number)), footer=_summary(cells))
        for path in self.files:
            row = [_cell(self.cells[str(path), each]) for each in range(len(self.columns))]
            table.add_row(escape(path.name), *row)
        return table

    def failures(self) -> list[str]:
        """Return a line for each file that failed, and why; once, if it is so everywhere."""
        lines = []
        for path in self.files:
            errors: dict[str, list[int]] = {}
            for number in range(len(self.columns)):
                error = self.cells[str(path), number]["error"]
                if error:
                    errors.setdefault(f"{error['message']} ({error['code']})", []).append(number)
            for what, numbers in errors.items():
                titles = ", ".join(" ".join(self.title(each).split("\n")) for each in numbers)
                where = "" if len(numbers) == len(self.columns) else f", with {titles}"
                lines.append(f"{path}{where}: {what}")
        return lines

    def _place(self, file: str) -> int:
        return [str(path) for path in self.files].index(file)


def columns_of(
    providers: Sequence[str],
    models: Sequence[str],
    prompts: Sequence[str],
    vocabularies: Sequence[str],
) -> list[Column]:
    """Return every combination; models and prompts are those of remote providers alone."""
    columns = []
    for provider, vocabulary in itertools.product(providers or [""], vocabularies or [""]):
        local = provider == "local"
        for model, (number, prompt) in itertools.product(
            [""] if local else models or [""],
            [(0, "")] if local else list(enumerate(prompts, 1)) or [(0, "")],
        ):
            given = {
                "TAGLINE_PROVIDER": provider,
                "OPENAI_MODEL": model,
                "TAGLINE_PROMPT": prompt,
                "TAGLINE_VOCABULARY": vocabulary,
            }
            title = (f"prompt {number}" if prompt else "", Path(vocabulary).name)
            settings = {name: value for name, value in given.items() if value}
            columns.append(Column(settings, tuple(filter(None, title))))
    return columns


async def tried(trial: Trial) -> bool:
    """Run `trial`, with a bar on a terminal. Returns and raises as it does."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("trying", total=len(trial.files) * len(trial.columns))
        return await trial.run(lambda: bar.update(task, completed=len(trial.cells)))


def _cell(cell: dict[str, Any]) -> Group | Text:
    if cell["error"]:
        return Text(cell["error"]["message"], style="red")
    tags = [
        Text.assemble(tag["name"], (f" {tag['confidence']:.0%}", "cyan"))
        if tag["confidence"] is not None
        else Text(tag["name"])
        for tag in cell["tags"]
    ] or [Text("no tags", style="dim")]
    figures = f"{cell['took_ms']:.0f} ms · {_usd(cell['cost_usd'])}"
    caption = [Text(cell["caption"], style="italic")] if cell["caption"] else []
    return Group(*tags, *caption, Text(figures, style="dim"))


def _summary(cells: Sequence[dict[str, Any]]) -> str:
    times = [cell["took_ms"] for cell in cells if cell["took_ms"] is not None]
    costs = [cell["cost_usd"] for cell in cells if not cell["error"]]
    cost = _usd(None if None in costs else sum(costs))
    return f"{statistics.median(times):.0f} ms · {cost}" if times else cost


def _usd(cost: float | None) -> str:
    """Return a cost; calls cost parts of a cent."""
    if cost is None:
        return "$ ?"
    return f"$ {cost:.6f}".rstrip("0").rstrip(".") if cost else "$ 0"
