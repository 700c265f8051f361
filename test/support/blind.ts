import { createServer } from 'node:net';
import { type MailboxProcess, serveUnder } from './process.ts';
import { until } from './server.ts';
import { Caller } from './traffic.ts';

/** A server whose log the test may not be able to read. */
export interface Blind {
  readonly server: MailboxProcess;
  readonly caller: Caller;
  readonly metrics: () => Promise<string>;
}

/** A port that nobody has at the moment. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

export const health = async (caller: Caller): Promise<number> => (await caller.ask('GET', '/readyz', null)).status;

/** A server run by another command; it serves when this resolves. */
export async function blind(under: readonly string[], ...args: string[]): Promise<Blind> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const addresses = ['--bind', `127.0.0.1:${port}`, '--metrics-bind', `127.0.0.1:${metricsPort}`];
  const server = serveUnder(under, ...addresses, ...args);
  const caller = new Caller(`http://127.0.0.1:${port}`, { sockets: 32 });
  await until(async () => (await health(caller).catch(() => 0)) === 200, 60_000);
  const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return { server, caller, metrics };
}

/** What a shell does with the streams of a program. */
export const redirected = (how: string): string[] => ['sh', '-c', `exec "$@" ${how}`, 'sh'];
