#pragma once

#include <string_view>

namespace tailrace::admin {

/// The page at `/`: one file without anything from elsewhere. It asks the JSON API every two
/// seconds and works out rates from the differences.
inline constexpr std::string_view kPage = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tailrace</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #888; --bad: #c33; --good: #2a7; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap }
.quiet { color: var(--quiet) } .bad { color: var(--bad) } .good { color: var(--good) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; white-space: nowrap }
th { font-weight: 600; color: var(--quiet) } th.l, td.l { text-align: left }
td.l { overflow: hidden; text-overflow: ellipsis; max-width: 34rem }
</style></head><body>
<header><h1>tailrace</h1><span id="state" class="quiet">asking…</span>
<span class="quiet"><a href="metrics">metrics</a> · <a href="readyz">ready</a></span></header>
<div id="complaints"></div>
<h2>Flow</h2>
<div class="scroll"><table><thead><tr><th class="l">input → pipeline → output</th><th>records/s</th>
<th>MiB/s</th><th>taken</th><th>delivered</th><th>waiting</th><th>filtered</th><th>refused</th>
<th>dropped</th></tr></thead><tbody id="flow"></tbody></table></div>
<h2>Sources <span class="quiet" id="count"></span></h2>
<div class="scroll"><table><thead><tr><th class="l">source</th><th class="l">state</th><th>lag</th>
<th>behind</th><th>position</th><th>not settled</th></tr></thead><tbody id="files"></tbody></table></div>
<section id="scrapes" hidden><h2>Targets <span class="quiet" id="up"></span></h2>
<div class="scroll"><table><thead><tr><th class="l">job</th><th class="l">target</th>
<th class="l">labels</th><th class="l">state</th><th>last</th><th>took</th><th>samples</th>
<th class="l">error</th></tr></thead><tbody id="targets"></tbody></table></div></section>
<script>
const n = x => Math.round(x).toLocaleString('en');
const mib = x => (x / 1048576).toFixed(2);
const bytes = x => x < 1024 ? n(x) + ' B' : x < 1048576 ? (x / 1024).toFixed(1) + ' KiB' : mib(x) + ' MiB';
const cell = (row, text, cls) => { const td = row.insertCell(); td.textContent = text; if (cls) td.className = cls; };
const get = path => fetch(path, {cache: 'no-store'}).then(r => r.ok ? r.json() : Promise.reject(new Error(path + ': ' + r.status)));
let last = {}, lastTime = 0;
async function refresh() {
  const state = document.getElementById('state');
  try {
    const [status, ledger, files, scrapes] = await Promise.all([get('api/v1/status'), get('api/v1/ledger'), get('api/v1/files'), get('api/v1/targets')]);
    const now = performance.now(), seconds = (now - lastTime) / 1000;
    state.textContent = `${status.version} · ${status.state} · up ${n(status.uptime_seconds)} s · ${status.lanes} lane${status.lanes === 1 ? '' : 's'}` + (ledger.balanced ? ' · books close' : ' · BOOKS DO NOT CLOSE');
    state.className = ledger.balanced && status.complaints.length === 0 ? 'good' : 'bad';
    const box = document.getElementById('complaints'); box.replaceChildren();
    for (const c of status.complaints) { const p = document.createElement('p'); p.className = 'bad'; p.textContent = `output ${c.output}: ${c.text}`; box.append(p); }
    const flow = document.getElementById('flow'); flow.replaceChildren();
    const seen = {};
    for (const c of ledger.cells) {
      const key = `${c.input} → ${c.pipeline} → ${c.output}`; seen[key] = c;
      const before = last[key], row = flow.insertRow();
      cell(row, key, 'l');
      cell(row, before ? n((c.delivered.records - before.delivered.records) / seconds) : '–');
      cell(row, before ? mib((c.delivered.bytes - before.delivered.bytes) / seconds) : '–');
      for (const side of ['taken', 'delivered', 'waiting', 'filtered', 'refused', 'dropped'])
        cell(row, n(c[side].records), (side === 'refused' || side === 'dropped') && c[side].records ? 'bad' : '');
    }
    last = seen; lastTime = now;
    const rows = files.files.sort((a, b) => b.lag_bytes - a.lag_bytes || (a.path < b.path ? -1 : 1));
    document.getElementById('count').textContent = `${n(rows.length)}` + (rows.length > 200 ? ', the 200 furthest behind' : '');
    const body = document.getElementById('files'); body.replaceChildren();
    for (const f of rows.slice(0, 200)) {
      const row = body.insertRow();
      cell(row, f.path, 'l'); cell(row, f.state, 'l'); cell(row, bytes(f.lag_bytes));
      cell(row, f.lag_seconds.toFixed(1) + ' s'); cell(row, bytes(f.position)); cell(row, bytes(f.waiting_bytes));
    }
    const targets = scrapes.data.activeTargets, order = {down: 0, unknown: 1, up: 2};
    const dropped = Object.values(scrapes.data.droppedTargetCounts).reduce((a, b) => a + b, 0);
    document.getElementById('scrapes').hidden = targets.length === 0 && dropped === 0;
    document.getElementById('up').textContent = `${n(targets.filter(t => t.health === 'up').length)} of ${n(targets.length)} up, ${n(dropped)} dropped` + (targets.length > 200 ? ', the first 200' : '');
    targets.sort((a, b) => order[a.health] - order[b.health] || (a.scrapeUrl < b.scrapeUrl ? -1 : 1));
    const list = document.getElementById('targets'); list.replaceChildren();
    for (const t of targets.slice(0, 200)) {
      const row = list.insertRow(), ago = (Date.now() - Date.parse(t.lastScrape)) / 1000;
      cell(row, t.scrapePool, 'l'); cell(row, t.scrapeUrl, 'l');
      cell(row, Object.entries(t.labels).map(([k, v]) => `${k}="${v}"`).join(' '), 'l');
      cell(row, t.health, t.health === 'up' ? 'l good' : t.health === 'down' ? 'l bad' : 'l');
      cell(row, t.lastScrape.startsWith('0001') ? 'never' : ago.toFixed(1) + ' s ago');
      cell(row, (t.lastScrapeDuration * 1000).toFixed(1) + ' ms'); cell(row, n(t.lastSamples));
      cell(row, t.lastError, 'l');
    }
  } catch (error) { state.textContent = 'no answer: ' + error.message; state.className = 'bad'; }
  setTimeout(refresh, 2000);
}
refresh();
</script></body></html>
)page";

}  // namespace tailrace::admin
