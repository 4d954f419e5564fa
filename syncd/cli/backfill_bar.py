"""What `syncd backfill` draws on a terminal: a bar with rate and time left, and below it what came of the records so far.

Used by `syncd.cli.backfill` alone. The counts have lines of their own: beside the bar they would leave no room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from syncd.backfill_report import Progress, counted


class _Rate(ProgressColumn):
    """Records a second, of this run."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "")


class _Counted(Bars):
    """The bar of one task, with its counts below."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text("\n".join(task.fields["counts"] for task in self.tasks))


@contextmanager
def bar(name: str, console: Console) -> Iterator[Callable[[Progress], None]]:
    """Draws until it is left, and takes away what it drew; `name` is the backfill's."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with _Counted(*columns, console=console, transient=True, expand=True) as bars:
        task = bars.add_task(name, total=None, counts="")

        def told(progress: Progress) -> None:
            bars.update(
                task,
                total=progress.read + progress.left,
                completed=progress.read,
                counts=counted(progress.counts),
            )

        yield told
