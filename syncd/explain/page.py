"""An explanation as one HTML file that stands alone: to attach to a ticket, to read anywhere, to print.

Called by the command line. No script, nothing loaded from anywhere; whatever a remote system wrote is made printable and
escaped, and a policy in the page forbids the browser everything but its own style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from mappings.notes import label
from syncd.explain.page_style import CSS
from syncd.explain.story import Explanation, Moment, Next, Part, Story, called, instant
from syncd.explain.timeline import drawn, legend
from syncd.explain.told import headings, nothing_waits, title_of
from syncd.explain.unknown import unreadable
from syncd.log_lines import printable


def as_html(explanation: Explanation, written_at: datetime, version: str) -> str:
    """The whole file."""
    name = _text(explanation.name)
    body = [
        line for n, story in enumerate(explanation.stories, 1) for line in _story(story, n, explanation.at)
    ]
    loose = [*map(unreadable, explanation.quarantined), *explanation.unknown]
    if loose:
        head = [] if explanation.stories else [f"<h1>{name} is not known to syncd</h1>"]
        body += ["<article>", *head, '<div class="card">', *(f"<p>{_text(line)}</p>" for line in loose)]
        body += ["</div>", "</article>"]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{name}: explained by syncd</title>",
            f"<style>{CSS}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            f"<footer>Written {instant(written_at)} by syncd {_text(version)} with <code>syncd explain {name}</code>."
            " All times are UTC.</footer>",
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _story(story: Story, number: int, at: datetime | None) -> Iterator[str]:
    now, happened, next_ = headings(at)
    state = "" if at is not None else f' <span class="state">{_text(label(story.record))}</span>'
    yield "<article>"
    yield f"<h1>{_text(called(story.record))}{state}</h1>"
    yield from (f'<p class="about">{_text(line)}</p>' for line in story.about)
    yield f"<h2>{now}</h2>"
    for part in story.parts:
        yield from _part(part, alone=len(story.parts) == 1 and part.title == title_of(story, at))
    yield f"<h2>{next_}</h2>"
    yield from _next(story.next, at)
    prefix = f"s{number}-"
    yield f"<h2>{happened}</h2>"
    if story.moments:
        yield f'<div class="card drawing">{drawn(story.moments, prefix)}</div>'
        yield f'<p class="legend">an answer was: {legend()}</p>'
    yield from _moments(story.moments, prefix)
    yield "</article>"


def _part(part: Part, *, alone: bool) -> Iterator[str]:
    yield '<div class="card">'
    if not alone:
        yield f"<h3>{_text(part.title)}</h3>"
    yield '<ul class="plain">'
    yield from (f"<li>{_text(line)}</li>" for line in part.lines or ("nothing to tell",))
    yield "</ul></div>"


def _moments(moments: Sequence[Moment], prefix: str) -> Iterator[str]:
    if not moments:
        yield '<div class="card"><p>nothing that the ledger knows</p></div>'
        return
    yield '<div class="card"><ol class="moments">'
    for number, moment in enumerate(moments, 1):
        details = "".join(f"<li>{_text(line)}</li>" for line in moment.details)
        below = f'<ul class="details">{details}</ul>' if details else ""
        yield (
            f'<li id="{prefix}{number}"><span class="n">{number}</span>'
            f'<time datetime="{moment.at.isoformat()}">{instant(moment.at)}</time>'
            f'<span class="word {moment.word} {moment.outcome}">{moment.word}</span>'
            f'<div class="text">{_text(moment.line)}{below}</div></li>'
        )
    yield "</ol></div>"


def _next(waits: Sequence[Next], at: datetime | None) -> Iterator[str]:
    yield '<div class="card">'
    if not waits:
        yield f"<p>{nothing_waits(at)}</p>"
    else:
        yield '<dl class="next">'
        for one in waits:
            commands = "".join(f"<br><code>{_text(command)}</code>" for command in one.commands)
            word = one.status.split()[-1]
            yield f'<dt class="{word}">{one.status}</dt><dd>{_text(one.text)}{commands}</dd>'
        yield "</dl>"
    yield "</div>"


def _text(value: str) -> str:
    return escape(printable(value))
