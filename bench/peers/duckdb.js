// duckdb.js: DuckDB as a peer, with two threads, in memory.
//
// eval/w in three forms: users with their flags, days and interests as bits
// of whole numbers; users with a boolean column a flag; and a BIT value a
// plane. All are built from users.native.
//
// SPDX-License-Identifier: Apache-2.0

'use strict';

const fs = require('fs');
const path = require('path');
const { DuckDBInstance, DuckDBDataChunk, USMALLINT, UTINYINT, UINTEGER,
        UBIGINT } = require('@duckdb/node-api');
const { main, readOurs, evalW, ingestRow, seconds, readFacts } =
    require('./common.js');

const THREADS = 2;
const CHUNK = 2048;
const TYPES = { UInt8: [UTINYINT, 1, 'UTINYINT'],
                UInt16: [USMALLINT, 2, 'USMALLINT'],
                UInt32: [UINTEGER, 4, 'UINTEGER'],
                UInt64: [UBIGINT, 8, 'UBIGINT'] };

// ---- loading ----

// Blocks of users.native (export_w.c): columns with name, type and bytes.
function* readBlocks(file) {
    const bytes = fs.readFileSync(file);
    let at = 0;
    const varint = () => {
        let n = 0;
        for (let shift = 0; ; shift += 7) {
            const byte = bytes[at++];
            n += (byte & 0x7f) * 2 ** shift;
            if (byte < 0x80) return n;
        }
    };
    const string = () => {
        const len = varint();
        at += len;
        return bytes.toString('latin1', at - len, at);
    };
    while (at < bytes.length) {
        const block = { columns: [], rows: 0 };
        const columns = varint();
        block.rows = varint();
        for (let i = 0; i < columns; i++) {
            const name = string();
            const [type, width, sql] = TYPES[string()];
            at += block.rows * width;
            block.columns.push({ name, type, width, sql,
                bytes: bytes.subarray(at - block.rows * width, at) });
        }
        yield block;
    }
}

function appendBlock(appender, block) {
    for (let from = 0; from < block.rows; from += CHUNK) {
        const rows = Math.min(CHUNK, block.rows - from);
        const chunk = DuckDBDataChunk.create(
            block.columns.map((c) => c.type), rows);
        block.columns.forEach((c, i) => {
            const vector = chunk.getColumnVector(i);
            const { items } = vector;
            Buffer.from(items.buffer, items.byteOffset, items.byteLength)
                .set(c.bytes.subarray(from * c.width,
                                      (from + rows) * c.width));
            vector.flush();
        });
        appender.appendDataChunk(chunk);
    }
}

async function loadUsers(db, file) {
    let appender = null;
    for (const block of readBlocks(file)) {
        if (!appender) {
            const columns = block.columns.map((c) => `${c.name} ${c.sql}`);
            await db.run(`CREATE TABLE users (${columns.join(', ')})`);
            appender = await db.createAppender('users');
        }
        appendBlock(appender, block);
    }
    appender.closeSync();
}

// ---- questions ----

function range(letter, from, to) {
    const names = [];
    for (let i = from; i <= to; i++) names.push(letter + i);
    return names;
}

const FLAGS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'run1', 'run2',
               'run3'];
const COUNTRIES = range('c', 5, 14);
const OLD = range('v', 7, 29);
const NEW = range('v', 0, 6);
const FIRST = range('i', 10, 14);
const SECOND = range('i', 20, 24);
const EIGHT = range('i', 8, 15);

// What each plane that is asked for is, in terms of `users`.
function conditions() {
    const of = {};
    FLAGS.forEach((name, i) => { of[name] = `flags & ${1 << i} != 0`; });
    for (const name of COUNTRIES) of[name] = `country = ${name.slice(1)}`;
    for (const name of [...NEW, ...OLD]) {
        of[name] = `visits & ${1 << Number(name.slice(1))} != 0`;
    }
    for (const name of [...EIGHT, ...SECOND]) {
        of[name] = `interest0 & ${1 << Number(name.slice(1))} != 0`;
    }
    return of;
}

async function makePlanes(db) {
    const of = conditions();
    const names = Object.keys(of);
    const count = await ask(db, 'SELECT count(*) FROM users');
    const booleans = [...FLAGS, ...EIGHT, ...SECOND];
    await db.run(`CREATE TABLE booleans AS SELECT country, visits, ${
        booleans.map((n) => `(${of[n]}) AS ${n}`).join(', ')} FROM users`);
    await db.run('CREATE TABLE planes AS SELECT ' + names.map((n) =>
        `bitstring_agg(rowid, 0, ${count - 1}) FILTER (${of[n]}) AS ${n}`)
        .join(', ') + ' FROM users');
}

const join = (names, word) => `(${names.join(` ${word} `)})`;
const masks = (condition) => `SELECT count(*) FROM users WHERE ${condition}`;
const columns = (condition) =>
    `SELECT count(*) FROM booleans WHERE ${condition}`;
const bits = (set) => `SELECT bit_count(${set}) FROM planes`;

function threeOfEight() {
    const half = ([a, b, c, d]) => [
        `(${a} | ${b} | ${c} | ${d})`,
        `((${a} & ${b}) | (${c} & ${d}) | ((${a} | ${b}) & (${c} | ${d})))`,
        `((${a} & ${b} & (${c} | ${d})) | (${c} & ${d} & (${a} | ${b})))`];
    const x = half(EIGHT.slice(0, 4));
    const y = half(EIGHT.slice(4));
    return `${x[2]} | ${y[2]} | (${x[1]} & ${y[0]}) | (${x[0]} & ${y[1]})`;
}

const QUESTIONS = {
    E1: { masks: masks('flags & 3 = 3'),
          booleans: columns('a AND b'),
          bits: bits('a & b') },
    E2: { masks: masks('flags & 7 = 3 OR flags & 24 = 24'),
          booleans: columns('(a AND b AND NOT c) OR (d AND e)'),
          bits: bits('(a & b & ~c) | (d & e)') },
    E3: { masks: masks('country BETWEEN 5 AND 14 AND flags & 1 = 1'),
          booleans: columns('country BETWEEN 5 AND 14 AND a'),
          bits: bits(`${join(COUNTRIES, '|')} & a`) },
    E4: { masks: masks('visits != 0 AND visits & 127 = 0'),
          bits: bits(`${join(OLD, '|')} & ~${join(NEW, '|')}`) },
    E5: { masks: masks('interest0 & 31744 != 0 AND ' +
                       'interest0 & 32505856 != 0 AND flags & 9 = 1'),
          booleans: columns(`${join(FIRST, 'OR')} AND ${join(SECOND, 'OR')}` +
                            ' AND a AND NOT d'),
          bits: bits(`${join(FIRST, '|')} & ${join(SECOND, '|')} & a & ~d`) },
    E6: { masks: masks('bit_count(interest0 & 65280) >= 3'),
          booleans: columns(EIGHT.map((n) => `${n}::UTINYINT`).join(' + ') +
                            ' >= 3'),
          bits: bits(threeOfEight()) },
    E7: { masks: masks('flags & 97 = 97'),
          booleans: columns('f AND g AND a'),
          bits: bits('f & g & a') },
    E8: { masks: masks('flags & 3584 = 1536'),
          booleans: columns('run1 AND run2 AND NOT run3'),
          bits: bits('run1 & run2 & ~run3') },
};

// ---- work ----

async function ask(db, sql) {
    const got = await db.runAndReadAll(sql);
    return Number(got.getRows()[0][0]);
}

async function describe(db) {
    const got = await db.runAndReadAll('SELECT version()');
    return { name: 'duckdb', threads: THREADS,
             version: got.getRows()[0][0] };
}

async function evaluate(given, report, db) {
    const ours = readOurs(given.ours, 'eval/w');
    await loadUsers(db, path.join(given.dir, 'users.native'));
    await makePlanes(db);
    await evalW(await describe(db), report, ours,
                (name) => QUESTIONS[name], (sql) => ask(db, sql));
}

async function ingest(given, report, db) {
    const ours = readOurs(given.ours, 'ingest/load').get('ndjson');
    const facts = readFacts(given.dir);
    await db.run('CREATE TABLE facts ("user" UINTEGER, attribute USMALLINT, ' +
                 'value UINTEGER, provider UTINYINT, day USMALLINT)');
    const took = await seconds(async () => {
        await db.run(`COPY facts FROM '${
            path.join(given.dir, 'facts.csv')}' (HEADER false)`);
        await db.run('CHECKPOINT');
    });
    ingestRow(report, ours, await describe(db), 'copy', facts, took,
              await ask(db, 'SELECT count(*) FROM facts') === facts.facts &&
              await ask(db, 'SELECT count(DISTINCT "user") FROM facts') ===
                  facts.users);
}

main(async (given, report) => {
    const ingesting = fs.existsSync(path.join(given.dir, 'facts.json'));
    const instance = await DuckDBInstance.create(
        ingesting ? path.join(given.dir, 'facts.duckdb') : ':memory:',
        { threads: String(THREADS) });
    const db = await instance.connect();
    await (ingesting ? ingest : evaluate)(given, report, db);
    db.closeSync();
});
