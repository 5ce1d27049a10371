// common.js: what the peers share: their place, timing, rows of results.
//
// A peer of eval/w has, for each case, several forms of the same question. All
// run, all answers are checked against ours, the fastest form is the peer's.
//
// SPDX-License-Identifier: Apache-2.0

'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');

const RUNS_MIN = 7;
const RUNS_MAX = 200;
const SECONDS = 1.0;

// The arguments that bench/peers/run gives: directory of the exported data,
// our own rows of the same run, and the shape of the output.
function readArguments() {
    const [dir, ours, shape] = process.argv.slice(2);
    return { dir: path.resolve(dir), ours, json: shape === 'json' };
}

// Our rows by case; they carry n and the answer.
function readOurs(file, bench) {
    const rows = new Map();
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
        if (line === '') continue;
        const row = JSON.parse(line);
        if (row.bench === bench && !rows.has(row.case)) {
            rows.set(row.case, row);
        }
    }
    return rows;
}

function median(numbers) {
    const sorted = [...numbers].sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
}

// Runs `act` warm: median microseconds, how many runs, and its last answer.
async function measure(act, seconds = SECONDS) {
    const times = [];
    let answer = await act();
    const begin = performance.now();
    while (times.length < RUNS_MIN ||
           (times.length < RUNS_MAX &&
            performance.now() - begin < seconds * 1e3)) {
        const start = performance.now();
        answer = await act();
        times.push((performance.now() - start) * 1e3);
    }
    return { us: median(times), runs: times.length, answer: Number(answer) };
}

// ---- rows ----

function pad(text, width) {
    return String(text).padStart(width);
}

// One object a line, or a table whose columns are those of the first row.
class Report {
    constructor(json) {
        this.json = json;
        this.bench = '';
        this.ok = true;
    }

    // A row gets the load average: other work on the machine shows there.
    row({ answer_ok: right, ...rest }) {
        const row = { ...rest, load: round(os.loadavg()[0], 1),
                      answer_ok: right };
        this.ok = this.ok && right;
        if (this.json) {
            console.log(JSON.stringify(row));
            return;
        }
        const names = Object.keys(row).slice(2);
        const width = (name) =>
            Math.max(name.length, typeof row[name] === 'string' ? 20 : 9);
        if (row.bench !== this.bench) {
            console.log(row.bench.padEnd(24) +
                        names.map((n) => '  ' + pad(n, width(n))).join(''));
            this.bench = row.bench;
        }
        console.log(row.case.padEnd(24) +
                    names.map((n) => '  ' + pad(row[n], width(n))).join(''));
    }
}

function round(number, digits) {
    return Number(number.toFixed(digits));
}

// A peer is {name, version, threads}.
//
// Measures each case in its forms. `ask(form)` answers one form once;
// `forms(case)` names them: {form: question}. `share` divides what was
// measured when `ask` does the same work several times.
async function evalW(peer, report, ours, forms, ask, share = 1) {
    let logs = 0;
    let logsOurs = 0;
    let cases = 0;
    for (const [name, row] of ours) {
        if (name === 'geomean') continue;
        let best = null;
        let ok = row.answer_ok;
        for (const [form, question] of Object.entries(forms(name))) {
            const got = await measure(() => ask(question));
            if (got.answer !== row.answer) {
                console.error(`${peer.name}: ${name} by ${form}: ` +
                              `${got.answer}, not ${row.answer}`);
                ok = false;
            }
            if (!best || got.us < best.us) best = { ...got, form };
        }
        const us = best.us / share;
        report.row({ bench: 'eval/w', case: name, n: row.n,
                     threads: peer.threads, ours_us: row.ours_us,
                     peer: peer.name, peer_us: round(us, 1),
                     ratio: round(us / row.ours_us, 2), runs: best.runs,
                     answer: row.answer, way: best.form,
                     version: peer.version, answer_ok: ok });
        logs += Math.log(us);
        logsOurs += Math.log(row.ours_us);
        cases++;
    }
    const n = ours.values().next().value.n;
    const theirs = Math.exp(logs / cases);
    const mine = Math.exp(logsOurs / cases);
    report.row({ bench: 'eval/w', case: 'geomean', n, threads: peer.threads,
                 ours_us: round(mine, 1), peer: peer.name,
                 peer_us: round(theirs, 1), ratio: round(theirs / mine, 2),
                 runs: cases, answer: 0, way: '', version: peer.version,
                 answer_ok: report.ok });
}

// A row of ingest: how long the same facts took, ours and theirs.
function ingestRow(report, ours, peer, form, facts, seconds, ok) {
    report.row({ bench: 'ingest/peers', case: `${peer.name}-${form}`,
                 users: facts.users, facts: facts.facts,
                 ours_s: ours.seconds, peer: peer.name,
                 peer_s: round(seconds, 3),
                 ratio: round(seconds / ours.seconds, 2),
                 peer_facts_s: Math.round(facts.facts / seconds),
                 version: peer.version,
                 answer_ok: ok && ours.answer_ok });
}

async function seconds(act) {
    const start = performance.now();
    await act();
    return (performance.now() - start) / 1e3;
}

function readFacts(dir) {
    return JSON.parse(fs.readFileSync(path.join(dir, 'facts.json'), 'utf8'));
}

// Runs the peer's program; its exit code says whether all answers were right.
function main(work) {
    const given = readArguments();
    const report = new Report(given.json);
    work(given, report).then(
        () => { process.exitCode = report.ok ? 0 : 1; },
        (error) => {
            console.error(error);
            process.exitCode = 1;
        });
}

module.exports = { main, readOurs, measure, evalW, ingestRow, seconds,
                   readFacts };
