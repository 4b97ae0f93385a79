"""How the page looks: light, dark and printed."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f7f8f9; --ink: #1d2329; --soft: #5b6570; --line: #d9dee3;
  --grid: #e9ecef; --band: #aab4be; --c0: #4a545e; --c1: #0072b2; --c2: #c4500a; --c3: #00805e; --warn: #9c3d00;
  --warn-paper: #fff4e8 }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --card: #1c2227; --ink: #e6eaed; --soft: #9aa6b1;
  --line: #353e46; --grid: #262d33; --band: #5d6974; --c0: #c3ccd4; --c1: #56b4e9; --c2: #f0883e; --c3: #2fc49a;
  --warn: #ffb37a; --warn-paper: #2e2117 } }
* { box-sizing: border-box }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 0 auto; padding: 2.2rem 1.2rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .5rem; letter-spacing: -.005em }
h3 { font-size: 1rem; margin: 0 0 .1rem }
p { margin: .35rem 0 .7rem; max-width: 50rem } a { color: var(--c1) }
.lead { font-size: 1.06rem } .small { color: var(--soft); font-size: .86rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: .9rem; margin: 1.2rem 0 }
.card { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--c); border-radius: 6px;
  padding: .8rem 1rem }
.card h3 span { font-weight: 400; color: var(--soft) }
.card dl { margin: .4rem 0 0; display: grid; grid-template-columns: auto 1fr; gap: .15rem .8rem; font-size: .86rem }
.card dt { color: var(--soft) } .card dd { margin: 0; overflow-wrap: anywhere }
.warn { background: var(--warn-paper); border-left: 4px solid var(--warn); border-radius: 4px; padding: .7rem 1rem;
  margin: 1rem 0 }
.warn p:last-child, .warn ul { margin-bottom: 0 } .warn b { color: var(--warn) }
ul { margin: .3rem 0 .8rem; padding-left: 1.2rem } li { margin: .15rem 0; max-width: 50rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1rem; font-size: .86rem }
th, td { text-align: left; vertical-align: baseline; padding: .28rem .7rem .28rem 0;
  border-bottom: 1px solid var(--line) }
th { font-weight: 600; border-bottom: 1.5px solid var(--soft) } tr.group th { border-bottom: 0; padding-bottom: 0 }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.first, th.first { border-left: 1px solid var(--line); padding-left: .9rem }
td small { color: var(--soft); font-size: .85em; padding-left: .3em }
tr.head td { font-weight: 600; padding-top: .9rem } .yes { font-weight: 600; white-space: nowrap }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; font-size: .88rem; margin: .6rem 0 }
.legend i { display: inline-block; width: 1.5rem; height: 0; border-top: 3px solid var(--c); vertical-align: middle;
  margin-right: .4rem }
.legend i.band { height: .8rem; border: 0; background: var(--band); opacity: .45 }
.legend i.dash { border-top: 2px dashed var(--warn) }
figure { margin: 1.4rem 0 1.8rem; break-inside: avoid }
figcaption { margin-bottom: .3rem } figcaption p { margin: 0 }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem 1rem }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--soft); font-size: 11px }
svg text.t { fill: var(--ink); font-weight: 600; font-size: 12px }
.axis { stroke: var(--soft); stroke-width: 1 } .grid { stroke: var(--grid); stroke-width: 1 }
.zero { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3 }
.deep { stroke: var(--line); stroke-width: 1 }
.band { fill: var(--band); opacity: .38 } .tint { opacity: .16 }
.one { fill: none; stroke: var(--c0); stroke-width: .8; opacity: .4 }
.odd { fill: none; stroke: var(--warn); stroke-width: 1.6; stroke-dasharray: 5 3 } svg text.oddt { fill: var(--warn) }
.mean { fill: none; stroke-width: 2.2; stroke-linejoin: round } .limit { stroke-width: 1.2; stroke-dasharray: 6 4 }
.s0 { stroke: var(--c0) } .s1 { stroke: var(--c1) } .s2 { stroke: var(--c2) } .s3 { stroke: var(--c3) }
.f0 { fill: var(--c0) } .f1 { fill: var(--c1) } .f2 { fill: var(--c2) } .f3 { fill: var(--c3) }
.k0 { --c: var(--c0) } .k1 { --c: var(--c1) } .k2 { --c: var(--c2) } .k3 { --c: var(--c3) }
.track { fill: var(--grid) }
@media (max-width: 46rem) { .pair { grid-template-columns: 1fr } }
@media print { :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --grid: #e4e4e4;
  --band: #999; --c0: #333; --c1: #0072b2; --c2: #c4500a; --c3: #00805e; --warn: #9c3d00; --warn-paper: #fff }
  body { max-width: none; padding: 0; font-size: 10pt } a { color: inherit; text-decoration: none }
  .card, .warn, tr, li { break-inside: avoid } h2, h3 { break-after: avoid } .pair { grid-template-columns: 1fr 1fr }
  .cards { grid-template-columns: 1fr 1fr } }
@page { margin: 14mm }
"""
