// redis.js: Redis as a peer: planes are strings of bits, questions are BITOP
// and BITCOUNT, pipelined; unions in groups of at most 15 keys.
//
// A server of our own on a free port of 127.0.0.1 with nothing kept on disk; it
// ends when this program ends, however that may be.
// A question is written REPEATS times in one piece, so the way through the
// socket is shared by all of them.
//
// SPDX-License-Identifier: Apache-2.0

'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { main, readOurs, evalW, ingestRow, seconds, readFacts } =
    require('./common.js');

const REPEATS = 10;
const GROUP = 15;

// ---- server and connection ----

function freePort() {
    return new Promise((resolve) => {
        const probe = net.createServer();
        probe.listen(0, '127.0.0.1', () => {
            const { port } = probe.address();
            probe.close(() => resolve(port));
        });
    });
}

async function connect(port) {
    for (let tries = 0; tries < 100; tries++) {
        const socket = await new Promise((resolve) => {
            const s = net.connect(port, '127.0.0.1', () => resolve(s));
            s.on('error', () => resolve(null));
        });
        if (socket) return socket;
        await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    throw new Error('the Redis server does not answer');
}

// Replies are one line each here: status, error or number.
class Client {
    constructor(socket) {
        this.socket = socket;
        socket.setNoDelay(true);
        socket.on('data', (data) => this.take(data));
        this.reset();
    }

    reset() {
        this.lines = 0;
        this.wanted = Infinity;
        this.last = null;
        this.text = '';
    }

    take(data) {
        let lines = 0;
        for (const byte of data) lines += byte === 10;
        this.lines += lines;
        if (data.includes('-ERR')) this.reject(new Error(String(data)));
        this.text = (this.text + data.toString('latin1')).slice(-4096);
        if (this.lines >= this.wanted ||
            (this.last && this.text.endsWith(this.last))) {
            this.resolve(this.text);
        }
    }

    // The last replies to commands that come as bytes.
    send(bytes, replies) {
        this.reset();
        this.wanted = replies;
        return new Promise((resolve, reject) => {
            this.resolve = resolve;
            this.reject = reject;
            this.socket.write(bytes);
        });
    }

    // A file of commands; resolves when the last one is answered.
    file(name) {
        this.reset();
        return new Promise((resolve, reject) => {
            this.resolve = resolve;
            this.reject = reject;
            const input = fs.createReadStream(name,
                                              { highWaterMark: 1 << 20 });
            input.pipe(this.socket, { end: false });
            input.on('end', () => {
                this.last = '+PONG\r\n';
                this.socket.write('PING\r\n');
            });
        });
    }
}

async function withServer(dir, work) {
    const port = await freePort();
    const server = spawn('setpriv',
        ['--pdeathsig', 'TERM', 'redis-server', '--port', String(port),
         '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
         '--dir', dir],
        { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise((resolve) => { server.on('exit', resolve); });
    try {
        const socket = await connect(port);
        await work(new Client(socket));
        socket.destroy();
    } finally {
        server.kill();
        await ended;
    }
}

// ---- questions ----

// Collects commands; temporary keys are numbered. `counts` are keys with the
// sign that their BITCOUNT has in the answer.
class Question {
    constructor() {
        this.commands = [];
        this.signs = [];
        this.keys = 0;
    }

    op(name, ...keys) {
        const to = `t${this.keys++}`;
        this.commands.push(`BITOP ${name} ${to} ${keys.join(' ')}\r\n`);
        return to;
    }

    or(keys) {
        let rest = keys;
        while (rest.length > GROUP) {
            rest = [this.op('OR', ...rest.slice(0, GROUP)),
                    ...rest.slice(GROUP)];
        }
        return this.op('OR', ...rest);
    }

    count(key, sign = 1) {
        this.commands.push(`BITCOUNT ${key}\r\n`);
        this.signs.push(sign);
        return this;
    }
}

function range(letter, from, to) {
    const names = [];
    for (let i = from; i <= to; i++) names.push(letter + i);
    return names;
}

// x and not y: |x| - |x and y|
function countAndNot(q, x, y) {
    return q.count(x).count(q.op('AND', x, y), -1);
}

// Rows in one, two, three or more of four.
function half(q, [a, b, c, d]) {
    const or1 = q.op('OR', a, b);
    const or2 = q.op('OR', c, d);
    const and1 = q.op('AND', a, b);
    const and2 = q.op('AND', c, d);
    return [q.op('OR', or1, or2),
            q.op('OR', and1, and2, q.op('AND', or1, or2)),
            q.op('OR', q.op('AND', and1, or2), q.op('AND', or1, and2))];
}

function byHalves(keys) {
    const q = new Question();
    const a = half(q, keys.slice(0, 4));
    const b = half(q, keys.slice(4));
    return q.count(q.op('OR', a[2], b[2], q.op('AND', a[1], b[0]),
                        q.op('AND', a[0], b[1])));
}

// Sum and carry of three.
function add(q, a, b, c) {
    const ab = q.op('XOR', a, b);
    return [q.op('XOR', ab, c),
            q.op('OR', q.op('AND', a, b), q.op('AND', ab, c))];
}

function byAdder(keys) {
    const q = new Question();
    const [s1, c1] = add(q, keys[0], keys[1], keys[2]);
    const [s2, c2] = add(q, s1, keys[3], keys[4]);
    const [s3, c3] = add(q, s2, keys[5], keys[6]);
    const one = q.op('XOR', s3, keys[7]);
    const c4 = q.op('AND', s3, keys[7]);
    const [t, f1] = add(q, c1, c2, c3);
    const two = q.op('XOR', t, c4);
    const f2 = q.op('AND', t, c4);
    return q.count(q.op('OR', f1, f2, q.op('AND', one, two)));
}

function forms(name) {
    const q = new Question();
    switch (name) {
    case 'E1':
        return { bitop: q.count(q.op('AND', 'a', 'b')) };
    case 'E2': {
        const left = q.op('AND', 'a', 'b', q.op('NOT', 'c'));
        return { bitop: q.count(q.op('OR', left, q.op('AND', 'd', 'e'))) };
    }
    case 'E3':
        return { bitop: q.count(q.op('AND', q.or(range('c', 5, 14)), 'a')) };
    case 'E4': {
        const week = q.or(range('v', 0, 6));
        const month = q.or([week, ...range('v', 7, 29)]);
        return { bitop: q.count(month).count(week, -1) };
    }
    case 'E5': {
        const x = q.op('AND', q.or(range('i', 10, 14)),
                       q.or(range('i', 20, 24)), 'a');
        return { bitop: countAndNot(q, x, 'd') };
    }
    case 'E6':
        return { halves: byHalves(range('i', 8, 15)),
                 adder: byAdder(range('i', 8, 15)) };
    case 'E7':
        return { bitop: q.count(q.op('AND', 'f', 'g', 'a')) };
    case 'E8':
        return { bitop: countAndNot(q, q.op('AND', 'run1', 'run2'), 'run3') };
    default:
        throw new Error(`no question for ${name}`);
    }
}

// The replies of the last repetition hold the counts, in order.
async function ask(client, question) {
    const replies = REPEATS * question.commands.length;
    const text = await client.send(
        question.commands.join('').repeat(REPEATS), replies);
    const lines = text.trimEnd().split('\r\n')
        .slice(-question.commands.length);
    let at = 0;
    let sum = 0;
    question.commands.forEach((command, i) => {
        if (command.startsWith('BITCOUNT')) {
            sum += question.signs[at++] * Number(lines[i].slice(1));
        }
    });
    return sum;
}

// ---- work ----

// The answer to INFO is one string of many lines.
async function describe(client) {
    const text = await client.send('INFO server\r\n', 3);
    return { name: 'redis', threads: 1,
             version: /redis_version:(\S+)/.exec(text)[1] };
}

async function evaluate(given, report, client) {
    const ours = readOurs(given.ours, 'eval/w');
    await client.file(path.join(given.dir, 'planes.resp'));
    await evalW(await describe(client), report, ours, forms,
                (question) => ask(client, question), REPEATS);
}

async function ingest(given, report, client) {
    const ours = readOurs(given.ours, 'ingest/load').get('ndjson');
    const facts = readFacts(given.dir);
    const took = await seconds(() =>
        client.file(path.join(given.dir, 'facts.resp')));
    const text = await client.send(`BITCOUNT ${facts.flag}:1\r\n`, 1);
    const flagged = Number(text.trim().slice(1));
    ingestRow(report, ours, await describe(client), 'setbit', facts, took,
              flagged === facts.flagged);
}

main((given, report) => withServer(given.dir, (client) =>
    fs.existsSync(path.join(given.dir, 'facts.json'))
        ? ingest(given, report, client)
        : evaluate(given, report, client)));
