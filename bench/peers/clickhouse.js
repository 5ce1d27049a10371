// clickhouse.js: embedded ClickHouse (chdb) as a peer.
//
// eval/w in three forms: groupBitmap states in a MergeTree, one a plane, by
// bitmap functions over subqueries; the same by an aggregate function over
// rows; and plain columns of users. Threads and settings as ClickHouse has
// them.
//
// SPDX-License-Identifier: Apache-2.0

'use strict';

const fs = require('fs');
const path = require('path');
const { Session } = require('chdb');
const { main, readOurs, evalW, ingestRow, seconds, readFacts } =
    require('./common.js');

const STATE = 'AggregateFunction(groupBitmap, UInt32)';
const FACT = 'user UInt32, attribute UInt16, value UInt32, provider UInt8, ' +
             'day UInt16';

function quoted(names) {
    return names.map((name) => `'${name}'`).join(', ');
}

function range(letter, from, to) {
    const names = [];
    for (let i = from; i <= to; i++) names.push(letter + i);
    return names;
}

// ---- questions ----

const one = (name) => `(SELECT rows FROM planes WHERE name = '${name}')`;
const any = (names) => '(SELECT groupBitmapOrState(rows) FROM planes ' +
                       `WHERE name IN (${quoted(names)}))`;
const all = (names) => 'SELECT groupBitmapAnd(rows) FROM planes ' +
                       `WHERE name IN (${quoted(names)})`;
const users = (condition) => `SELECT count() FROM users WHERE ${condition}`;

const E4_OLD = range('v', 7, 29);
const E4_NEW = range('v', 0, 6);

// At least 3 of 8 from two halves of four.
function threeOfEight(names) {
    const half = (s, at) => {
        const [a, b, c, d] = names.slice(at, at + 4).map(one);
        return `${a} AS ${s}a, ${b} AS ${s}b, ${c} AS ${s}c, ${d} AS ${s}d, ` +
            `bitmapOr(${s}a, ${s}b) AS ${s}or1, ` +
            `bitmapOr(${s}c, ${s}d) AS ${s}or2, ` +
            `bitmapAnd(${s}a, ${s}b) AS ${s}and1, ` +
            `bitmapAnd(${s}c, ${s}d) AS ${s}and2, ` +
            `bitmapOr(${s}or1, ${s}or2) AS ${s}1, ` +
            `bitmapOr(bitmapOr(${s}and1, ${s}and2), ` +
            `bitmapAnd(${s}or1, ${s}or2)) AS ${s}2, ` +
            `bitmapOr(bitmapAnd(${s}and1, ${s}or2), ` +
            `bitmapAnd(${s}or1, ${s}and2)) AS ${s}3`;
    };
    return `WITH ${half('x', 0)}, ${half('y', 4)} ` +
        'SELECT bitmapOrCardinality(bitmapOr(x3, y3), ' +
        'bitmapOr(bitmapAnd(x2, y1), bitmapAnd(x1, y2)))';
}

// flags: bit 0 to 8 are a to i, 9 to 11 run1 to run3.
const QUESTIONS = {
    E1: { functions: `SELECT bitmapAndCardinality(${one('a')}, ${one('b')})`,
          aggregate: all(['a', 'b']),
          columns: users('bitAnd(flags, 3) = 3') },
    E2: { functions: 'SELECT bitmapOrCardinality(bitmapAndnot(' +
              `bitmapAnd(${one('a')}, ${one('b')}), ${one('c')}), ` +
              `bitmapAnd(${one('d')}, ${one('e')}))`,
          columns: users('bitAnd(flags, 7) = 3 OR bitAnd(flags, 24) = 24') },
    E3: { functions: 'SELECT bitmapAndCardinality(' +
              `${any(range('c', 5, 14))}, ${one('a')})`,
          columns: users('country BETWEEN 5 AND 14 AND bitAnd(flags, 1)') },
    E4: { functions: 'SELECT bitmapAndnotCardinality(' +
              `${any(E4_OLD)}, ${any(E4_NEW)})`,
          columns: users('visits != 0 AND bitAnd(visits, 127) = 0') },
    E5: { functions: 'SELECT bitmapAndnotCardinality(bitmapAnd(bitmapAnd(' +
              `${any(range('i', 20, 24))}, ${any(range('i', 10, 14))}), ` +
              `${one('a')}), ${one('d')})`,
          columns: users('bitAnd(interest0, 0x7c00) != 0 AND ' +
              'bitAnd(interest0, 0x1f00000) != 0 AND bitAnd(flags, 9) = 1') },
    E6: { functions: threeOfEight(range('i', 8, 15)),
          columns: users('bitCount(bitAnd(interest0, 0xff00)) >= 3') },
    E7: { functions: 'SELECT bitmapAndCardinality(bitmapAnd(' +
              `${one('g')}, ${one('f')}), ${one('a')})`,
          aggregate: all(['a', 'f', 'g']),
          columns: users('bitAnd(flags, 97) = 97') },
    E8: { functions: 'SELECT bitmapAndnotCardinality(bitmapAnd(' +
              `${one('run1')}, ${one('run2')}), ${one('run3')})`,
          columns: users('bitAnd(flags, 0xe00) = 0x600') },
};

// ---- work ----

function describe(session) {
    const [version, threads] = session.query(
        "SELECT version(), getSetting('max_threads')", 'TSV')
        .trim().split('\t');
    return { name: 'clickhouse', threads: Number(threads), version };
}

function evaluate(given, report, session) {
    const file = (name) => path.join(given.dir, name);
    const ours = readOurs(given.ours, 'eval/w');

    session.query(`CREATE TABLE planes (name String, rows ${STATE}) ` +
                  'ENGINE = MergeTree ORDER BY name ' +
                  'SETTINGS index_granularity = 1');
    session.query(`INSERT INTO planes SELECT * FROM file(` +
                  `'${file('planes.rowbinary')}', 'RowBinary', ` +
                  `'name String, rows ${STATE}')`);
    session.query('CREATE TABLE users ENGINE = MergeTree ORDER BY tuple() ' +
                  `AS SELECT * FROM file('${file('users.native')}', ` +
                  `'Native')`);
    session.query('OPTIMIZE TABLE planes FINAL');
    session.query('OPTIMIZE TABLE users FINAL');
    return evalW(describe(session), report, ours,
                 (name) => QUESTIONS[name],
                 (sql) => session.query(sql, 'TSV'));
}

async function ingest(given, report, session) {
    const ours = readOurs(given.ours, 'ingest/load').get('ndjson');
    const facts = readFacts(given.dir);
    const from = `file('${path.join(given.dir, 'facts.rowbinary')}', ` +
                 `'RowBinary', '${FACT}')`;
    const ask = (sql) => Number(session.query(sql, 'TSV'));

    session.query(`CREATE TABLE states (attribute UInt16, value UInt32, ` +
                  `provider UInt8, day UInt16, rows ${STATE}) ` +
                  'ENGINE = AggregatingMergeTree ' +
                  'ORDER BY (attribute, value, provider, day)');
    let took = await seconds(() => session.query(
        'INSERT INTO states SELECT attribute, value, provider, day, ' +
        `groupBitmapState(user) FROM ${from} ` +
        'GROUP BY attribute, value, provider, day'));
    const flagged = ask('SELECT groupBitmapMerge(rows) FROM states ' +
                        `WHERE attribute = ${facts.flag} AND value = 1`);
    ingestRow(report, ours, describe(session), 'states', facts, took,
              flagged === facts.flagged);

    session.query(`CREATE TABLE facts (${FACT}) ENGINE = MergeTree ` +
                  'ORDER BY (attribute, value, user)');
    took = await seconds(() => session.query(
        `INSERT INTO facts SELECT * FROM ${from}`));
    ingestRow(report, ours, describe(session), 'mergetree', facts, took,
              ask('SELECT count() FROM facts') === facts.facts &&
              ask('SELECT uniqExact(user) FROM facts') === facts.users);
}

main(async (given, report) => {
    const session = new Session(path.join(given.dir, 'chdb'));
    try {
        await (fs.existsSync(path.join(given.dir, 'facts.json'))
            ? ingest : evaluate)(given, report, session);
    } finally {
        session.close();
    }
});
