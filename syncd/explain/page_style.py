"""The style of the page that `page` writes: light and dark, wide and narrow, screen and paper. Nothing is loaded."""

CSS = """
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1b1f24; --soft: #57606a; --line: #d5dae1; --code: #eef1f4;
  --seen: #2f6fbf; --decided: #7a4fbf; --sent: #0b7285; --good: #2b7a3d; --warn: #9a6100; --bad: #b42318; --person: #5b4a3a;
  --on: #ffffff; --shade: #b9c0c9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161b; --card: #1b2129; --text: #e4e8ed; --soft: #9aa7b4; --line: #343d48; --code: #262e38;
    --seen: #79b0f2; --decided: #bd9cf2; --sent: #5cc5d6; --good: #74c98a; --warn: #e8b155; --bad: #f28b82; --person: #d3b899;
    --on: #12161b; --shade: #05070a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; padding: 1.5rem clamp(0.75rem, 4vw, 3rem) 3rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; overflow-wrap: anywhere;
}
main { max-width: 76rem; margin: 0 auto; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 0.82rem; letter-spacing: 0.06em; text-transform: uppercase; color: var(--soft); margin: 1.6rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0 0 0.35rem; }
p { margin: 0.2rem 0; }
.about { color: var(--soft); margin-top: 0.35rem; }
.state {
  display: inline-block; font-size: 0.9rem; font-weight: 600; padding: 0.05rem 0.6rem; border-radius: 1rem; vertical-align: 0.2em;
  border: 1px solid var(--line); background: var(--card); margin-left: 0.35rem;
}
article + article { margin-top: 3rem; border-top: 2px solid var(--line); padding-top: 2rem; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.8rem 1rem; margin: 0 0 0.6rem;
}
.card ul { margin: 0; padding-left: 1.1rem; }
.plain { list-style: none; padding-left: 0 !important; }
.drawing {
  overflow-x: auto; padding: 0.4rem 0;
  /* a shade at an edge behind which the drawing goes on */
  background:
    linear-gradient(90deg, var(--card) 40%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(270deg, var(--card) 40%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) left / 0.9rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--shade), transparent) right / 0.9rem 100% no-repeat scroll,
    var(--card);
}
.legend { color: var(--soft); font-size: 0.85rem; margin: 0 0 0.6rem; } .legend svg { display: inline; vertical-align: -1px; }
.legend span { margin-right: 1rem; white-space: nowrap; }
svg { display: block; font: 11px system-ui, "Segoe UI", Roboto, sans-serif; }
svg .name { fill: var(--soft); font-size: 12px; }
svg .time { fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .row { stroke: var(--line); }
svg .tick { stroke: var(--soft); }
svg .pause { stroke: var(--soft); stroke-dasharray: 2 4; }
svg .number { fill: var(--on); font-size: 10px; font-weight: 700; }
svg .bar { stroke-width: 6; opacity: 0.45; }
.seen { fill: var(--seen); } .decided, .gate { fill: var(--decided); } .linked, .happened { fill: var(--soft); }
.sent, .tried { fill: var(--sent); } .person { fill: var(--person); }
.answered { fill: var(--soft); stroke: none; } .done, .overtaken { fill: var(--good); } .parked { fill: var(--bad); }
.indoubt, .notsent { fill: var(--warn); }
.bar.answered { stroke: var(--soft); } .bar.done, .bar.overtaken { stroke: var(--good); } .bar.parked { stroke: var(--bad); }
.bar.indoubt, .bar.notsent { stroke: var(--warn); }
ol.moments { list-style: none; margin: 0; padding: 0; }
ol.moments li {
  display: grid; grid-template-columns: 2.2rem 10.5rem 5.6rem minmax(0, 1fr); gap: 0 0.6rem; padding: 0.4rem 0;
  border-top: 1px solid var(--line);
}
ol.moments li:first-child { border-top: 0; }
ol.moments li:target { background: var(--code); }
.n, time { color: var(--soft); font-variant-numeric: tabular-nums; }
.n { text-align: right; }
time { white-space: nowrap; }
.word { font-weight: 600; }
.word.seen { color: var(--seen); } .word.decided, .word.gate { color: var(--decided); } .word.person { color: var(--person); }
.word.sent, .word.tried { color: var(--sent); } .word.linked, .word.happened { color: var(--soft); }
.word.answered { color: var(--soft); } .word.done, .word.overtaken { color: var(--good); }
.word.parked { color: var(--bad); } .word.indoubt, .word.notsent { color: var(--warn); }
.details { color: var(--soft); font-size: 0.9em; margin: 0.15rem 0 0; padding: 0; list-style: none; }
.details li { display: list-item !important; border: 0 !important; padding: 0 !important; }
code {
  font: 0.88em/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; background: var(--code); padding: 0.1em 0.35em;
  border-radius: 0.25rem;
}
.next { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0.2rem 0.8rem; }
.next dt { font-weight: 600; } .next dd { margin: 0; }
.next dt.parked { color: var(--bad); } .next dt.doubt, .next dt.polled { color: var(--warn); }
footer { color: var(--soft); font-size: 0.85rem; margin-top: 2rem; }
@media (max-width: 46rem) {
  body { padding-top: 1rem; }
  h1 { font-size: 1.25rem; }
  ol.moments li { grid-template-columns: 1.6rem auto minmax(0, 1fr); }
  ol.moments .text { grid-column: 2 / -1; }
  .next { grid-template-columns: minmax(0, 1fr); } .next dd { margin-bottom: 0.5rem; }
  .card { padding: 0.6rem 0.7rem; }
}
@media print {
  :root { --back: #ffffff; }
  body { padding: 0; font-size: 11px; } .card { break-inside: avoid; border-color: #cccccc; } .drawing { overflow: hidden; }
  .drawing svg { max-width: 100%; height: auto; }
}
"""
