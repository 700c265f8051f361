/**
 * What does a hostile request cost? CPU time of the server per request, against an accepted send made in the same way: on a
 * connection that stays, or on one of its own where the refusal closes it. And what honest clients notice of a flood of them.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Ready } from './http-server.ts';
import { median, quantile } from './measure.ts';

const LANES = 16;
const HONEST_EVERY_MS = 4;
const FLOOD_TIMES = 5;

interface Hostile {
  readonly name: string;
  readonly bytes: (i: number) => string;
  /** The refusal closes the connection. */
  readonly closes: boolean;
  /** That of the answer. */
  readonly status: number;
}

export interface HostileResult {
  readonly name: string;
  readonly us: number;
  /** Of what an accepted send costs on such a connection. */
  readonly ofSend: number;
}
export interface FloodResult {
  readonly quietP99Ms: number;
  readonly floodP99Ms: number;
  readonly refusedPerHonest: number;
}

const post = (path: string, cap: string, body: string, length = body.length): string =>
  `POST ${path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer ${cap}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

const PAYLOAD = Buffer.alloc(192, 'payload').toString('base64');
let sent = 0;
const send = (cap: string): string =>
  post('/v1/send', cap, JSON.stringify({ topic: 'bench.h', idem_key: `h${++sent}`, payload_b64: PAYLOAD }));

/** The same length, another signature each time. */
const forged = (cap: string, i: number): string =>
  `${cap.slice(0, -40)}${String(i).padStart(30, 'A')}${cap.slice(-10)}`;

const hostile = (cap: string): Hostile[] => [
  { name: 'forged capability', bytes: (i) => post('/v1/send', forged(cap, i), '{}'), closes: true, status: 401 },
  { name: 'forged, without a body', bytes: (i) => post('/v1/send', forged(cap, i), ''), closes: false, status: 401 },
  { name: 'no capability', bytes: () => 'POST /v1/send HTTP/1.1\r\nHost: b\r\n\r\n', closes: false, status: 401 },
  { name: 'malformed JSON', bytes: () => post('/v1/send', cap, '{"topic":'.padEnd(300)), closes: false, status: 400 },
  {
    name: 'against the schema',
    bytes: () => post('/v1/send', cap, '{"topic":"A"}'.padEnd(300)),
    closes: false,
    status: 400,
  },
  { name: 'oversize', bytes: () => post('/v1/send', cap, '', 2 ** 21), closes: true, status: 413 },
  { name: 'two hosts', bytes: () => 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', closes: true, status: 400 },
  { name: 'no HTTP', bytes: () => 'HELLO\r\n\r\n', closes: true, status: 400 },
];

/** One request, whose answer must have this status: else something else is measured. */
function exchange(socket: Socket, bytes: string, status: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (data?: unknown): void => {
      socket.off('data', done);
      socket.off('close', done);
      const line = Buffer.isBuffer(data) ? data.toString('latin1', 0, 100) : 'nothing';
      if (line.startsWith(`HTTP/1.1 ${status}`)) resolve();
      else reject(new Error(`bench: answered with ${line}, not ${status}`));
    };
    socket.on('data', done);
    socket.on('close', done);
    socket.write(bytes, 'latin1');
  });
}

const opened = (port: number): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.setNoDelay(true);
    socket.on('error', () => {});
  });

async function once(port: number, bytes: string, status: number): Promise<void> {
  const socket = await opened(port);
  await exchange(socket, bytes, status);
  socket.destroy();
}

/** So many requests over all lanes, each on a connection of its own or all of a lane on one. */
async function volley(port: number, count: number, { bytes, closes, status }: Hostile): Promise<void> {
  let i = 0;
  const lane = async (): Promise<void> => {
    const socket = closes ? null : await opened(port);
    while (i < count) {
      if (socket === null) await once(port, bytes(i++), status);
      else await exchange(socket, bytes(i++), status);
    }
    socket?.destroy();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const ask = (child: ChildProcess, message: string): Promise<{ cpuMs: number }> =>
  new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as { cpuMs: number }));
    child.send(message);
  });

async function withServer<T>(use: (child: ChildProcess, ready: Ready) => Promise<T>): Promise<T> {
  const child = fork(new URL('./http-server.js', import.meta.url).pathname, ['direct']);
  try {
    return await use(
      child,
      await new Promise<Ready>((resolve) => child.once('message', (ready) => resolve(ready as Ready))),
    );
  } finally {
    child.kill();
  }
}

export const benchHostile = (rounds = 5, count = 1_500): Promise<HostileResult[]> =>
  withServer(async (child, { port, capability }) => {
    const kinds: Hostile[] = [
      { name: 'accepted send', bytes: () => send(capability), closes: false, status: 200 },
      { name: 'accepted send, own connection', bytes: () => send(capability), closes: true, status: 200 },
      ...hostile(capability),
    ];
    const seen = new Map<string, number[]>(kinds.map(({ name }) => [name, []]));
    for (let round = -1; round < rounds; round++) {
      for (const kind of kinds) {
        await ask(child, 'begin');
        await volley(port, count, kind);
        const { cpuMs } = await ask(child, 'end');
        if (round >= 0) seen.get(kind.name)?.push((1000 * cpuMs) / count);
      }
    }
    const usOf = (name: string): number => median(seen.get(name) ?? []);
    const base = (closes: boolean): number => usOf(closes ? 'accepted send, own connection' : 'accepted send');
    return kinds.map(({ name, closes }) => ({ name, us: usOf(name), ofSend: usOf(name) / base(closes) }));
  });

/** Honest sends at a steady rate, alone and beside five times as many that are refused. */
export const benchFlood = (seconds = 4): Promise<FloodResult> =>
  withServer(async (_child, { port, capability }) => {
    await honest(port, capability, 1, () => {});
    const quiet = await honest(port, capability, seconds, () => {});
    let refused = 0;
    const flood = await honest(port, capability, seconds, () => {
      for (let i = 0; i < FLOOD_TIMES; i++) void once(port, post('/v1/send', forged(capability, refused++), '{}'), 401);
    });
    return {
      quietP99Ms: quantile(quiet, 0.99),
      floodP99Ms: quantile(flood, 0.99),
      refusedPerHonest: refused / flood.length,
    };
  });

/** ms that each of the sends took; `beside` is done with each. */
async function honest(port: number, cap: string, seconds: number, beside: () => void): Promise<number[]> {
  const socket = await opened(port);
  const took: number[] = [];
  const endMs = performance.now() + 1000 * seconds;
  for (
    let nextMs = performance.now();
    performance.now() < endMs;
    nextMs = Math.max(nextMs + HONEST_EVERY_MS, performance.now())
  ) {
    beside();
    while (performance.now() < nextMs) await new Promise((resolve) => setTimeout(resolve, nextMs - performance.now()));
    const startMs = performance.now();
    await exchange(socket, send(cap), 200);
    took.push(performance.now() - startMs);
  }
  socket.destroy();
  return took;
}
