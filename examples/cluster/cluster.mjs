// Three nodes over PostgreSQL with a synchronous standby, on one machine, with traffic on them. Lines on stdin break it:
//   primary   kill -9 of the primary; the standby takes its place, and gets a standby of its own
//   node      kill -9 of a node, the next one each time; it is started again
//   status    who has what
//   quit      what was accepted is received to the end, and everything is removed
import { execFileSync, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as later } from 'node:timers/promises';
import { Mailbox } from 'svc-mailbox';
import { freePort, isHere, Postgres, until } from './postgres.mjs';

if (!isHere) {
  console.error('PostgreSQL is not installed: initdb, postgres, pg_basebackup and psql are needed');
  process.exit(1);
}
const program = join(dirname(createRequire(import.meta.url).resolve('svc-mailbox/package.json')), 'dist/mailbox.js');
const folder = mkdtempSync(join(tmpdir(), 'mailbox-cluster-'));
// Whoever the databases run as has folders of its own in it.
chmodSync(folder, 0o711);
const password = 'for-an-afternoon';
const keyring = join(folder, 'keyring.json');
const TOPICS = Array.from({ length: 12 }, (_, i) => `demo.${i}`);

/** Nodes, standby, primary: all that is to be ended. */
let nodes = [];
const databases = [];
const env = { ...process.env, PGPASSWORD: password };
const mailbox = (...args) => execFileSync(process.execPath, [program, ...args], { env, encoding: 'utf8' }).trim();

class Node {
  constructor(name, http, console) {
    Object.assign(this, { name, url: `http://127.0.0.1:${http}`, console: `http://127.0.0.1:${console}` });
    const binds = ['--bind', `127.0.0.1:${http}`, '--console-bind', `127.0.0.1:${console}`];
    this.args = ['serve', '--node-name', name, '--keyring', keyring, ...binds, '--metrics-bind', '127.0.0.1:0'];
  }

  async start() {
    this.child = spawn(process.execPath, [program, ...this.args], { env, stdio: 'ignore' });
    await until(async () => {
      if (!(await fetch(`${this.url}/readyz`)).ok) throw new Error(`node ${this.name} is not ready`);
    });
  }

  async end(signal = 'SIGTERM') {
    if (this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await ended;
  }
}

/** `port`: where nodes look for it. */
async function database(name, port, primary = null) {
  const server = new Postgres(join(folder, name), port, password);
  databases.push(server);
  await (primary === null ? server.begin() : server.follow(primary));
  return server;
}

const told = (what) => console.log(`${new Date().toISOString().slice(11, 23)} ${what}`);

/** What was accepted, and what was handled of it; a message that comes again after its ack was missed is handled twice, never lost. */
const accepted = new Set();
const handled = new Set();
let isSending = true;

async function produce(client) {
  const producers = TOPICS.map((topic) => client.producer({ topic }));
  for (let i = 0; isSending; i++) {
    const topic = TOPICS[i % TOPICS.length];
    const producer = producers[i % TOPICS.length];
    const idemKey = `message-${i}`;
    // Sent again under its key for as long as nobody knows whether it was taken.
    for (let isSent = false; !isSent && isSending; ) {
      try {
        await producer.send({ payload: 'hello', idemKey });
        accepted.add(`${topic} ${idemKey}`);
        isSent = true;
      } catch {
        await later(100);
      }
    }
    await later(5);
  }
}

/** From one failure to the next. */
async function consume(client, topic, signal) {
  while (!signal.aborted) {
    try {
      const messages = client.consume(topic, { concurrency: 8, signal });
      for await (const message of messages) {
        handled.add(`${topic} ${message.key}`);
        await message.ack();
      }
    } catch {
      await later(200);
    }
  }
}

async function end(code) {
  for (const node of nodes) await node.end('SIGKILL');
  for (const one of databases) await one.end();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
process.once('SIGINT', () => end(130));
process.once('SIGTERM', () => end(143));

try {
  const ports = [await freePort(), await freePort()];
  let primary = await database('db1', ports[0]);
  let standby = await database('db2', ports[1], primary);
  env.MAILBOX_ENGINE = `postgres://mailbox@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/postgres`;
  told(mailbox('cluster', 'init', '--shards', '12'));
  mailbox('keyring', 'init', keyring);
  const names = ['a', 'b', 'c'];
  nodes = await Promise.all(names.map(async (name) => new Node(name, await freePort(), await freePort())));
  await Promise.all(nodes.map((node) => node.start()));
  const capFor = (op) =>
    mailbox(
      ...['cap', 'mint', '--keyring', keyring, '--topic-prefix', 'demo.', '--op', op],
      ...['--expires', '8h', '--quota-ops', '100000/1'],
    );
  const client = new Mailbox({ url: nodes.map(({ url }) => url), capability: capFor('send,recv,ack,nack,extend') });
  for (const node of nodes) told(`node ${node.name}: ${node.url}, console ${node.console}`);
  told(`to look at it in a console: ${capFor('view,stats')}`);

  const ending = new AbortController();
  setMaxListeners(TOPICS.length + 1, ending.signal);
  const producing = produce(client);
  const consuming = TOPICS.map((topic) => consume(client, topic, ending.signal));
  const count = () => `${accepted.size} accepted, ${handled.size} handled`;
  const ticking = setInterval(() => told(count()), 5000);
  told('ready: primary, node, status or quit');

  let next = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const command = line.trim();
    if (command === 'quit') break;
    if (command === 'status') console.log(mailbox('cluster', 'status'));
    else if (command === 'node') {
      const node = nodes[next++ % nodes.length];
      await node.end('SIGKILL');
      told(`node ${node.name} is killed`);
      await later(3000);
      await node.start();
      told(`node ${node.name} is there again`);
    } else if (command === 'primary') {
      await primary.end('SIGKILL');
      told('the primary is killed');
      standby.promote();
      told('its standby has taken its place; sends wait for a standby');
      const { port } = primary;
      primary = standby;
      standby = await database(`db${databases.length + 1}`, port, primary);
      told('there is a standby again');
    } else if (command !== '') told(`${command}: primary, node, status or quit`);
  }
  clearInterval(ticking);
  isSending = false;
  await producing;
  await until(() => {
    if (accepted.size > 0 && [...accepted].some((key) => !handled.has(key))) throw new Error(`missing: ${count()}`);
  });
  ending.abort();
  await Promise.allSettled(consuming);
  told(`${count()}, 0 lost`);
  await end(0);
} catch (error) {
  console.error(error.message);
  await end(1);
}
