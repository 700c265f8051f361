/**
 * What does a capability cost? Cached (the same connection, another one) and uncached, beside what hostile ones cost: forged,
 * malformed, oversize, missing. Medians of alternating rounds of CPU time, us per request.
 */
import { Authority } from '../src/auth/authorize.ts';
import { freshKey, Keyring } from '../src/auth/keyring.ts';
import { attenuateToken } from '../src/auth/macaroon.ts';
import { mint } from '../src/auth/mint.ts';
import { systemTime } from '../src/platform/system.ts';
import { ServiceClock } from '../src/service/service-clock.ts';
import { median } from './measure.ts';

const TOKENS = 5_000;

export interface AuthResult {
  readonly name: string;
  readonly us: number;
  /** The most it may cost, where that is laid down. */
  readonly aimUs: number | null;
}

export function benchAuth(rounds = 7): AuthResult[] {
  const clock = new ServiceClock(systemTime, null);
  const keyring = new Keyring([freshKey('k1', Date.now())]);
  const authority = new Authority(keyring, clock, 30_000);
  const expires = `expires = ${Math.floor(Date.now() / 1000) + 3600}`;
  const caveats = ['topic prefix orders.', 'op = send,recv,ack,nack', expires, 'quota_ops = 100000000/1'];
  const headers = Array.from({ length: TOKENS }, () => `Bearer ${mint(keyring, caveats).token}`);
  const attenuated = headers.map(
    (header) => `Bearer ${attenuateToken(header.slice(7), ['op = send', 'topic = orders.1'])}`,
  );
  const forged = headers.map((header) => {
    const bytes = Buffer.from(header.slice(7), 'base64url');
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] as number) ^ 1;
    return `Bearer ${bytes.toString('base64url')}`;
  });
  const malformed = `${headers[0]}x`;
  const oversize = Buffer.from(`Bearer ${'A'.repeat(8_000)}`).toString();
  const header = headers[0] as string;
  const session = authority.newSession();

  /** What the gateway and the service ask of a capability on the way of one send. */
  const use = (presented: string, on: typeof session | null): void => {
    const capability = authority.authenticate(presented, on);
    if (typeof capability === 'string') return;
    capability.allowsOp('send');
    capability.failure();
    capability.allowsTopic('orders.1');
    capability.charge(256, clock.nowMs());
  };
  const cases: Readonly<Record<string, readonly [number | null, number, (i: number) => void, (() => void)?]>> = {
    'cached, same connection': [1.5, 200_000, () => use(header, session)],
    'cached, other connection': [1.5, 50_000, (i) => use(headers[i % 64] as string, null)],
    uncached: [40, TOKENS, (i) => use(headers[i] as string, null), () => authority.cache.clear()],
    'uncached, attenuated': [40, TOKENS, (i) => use(attenuated[i] as string, null), () => authority.cache.clear()],
    forged: [null, TOKENS, (i) => use(forged[i] as string, null)],
    'forged, repeated': [null, 50_000, () => use(forged[0] as string, null)],
    malformed: [null, 50_000, () => use(malformed, null)],
    oversize: [null, 50_000, () => use(oversize, null)],
    missing: [null, 200_000, () => authority.authenticate(undefined)],
  };
  const seen = new Map<string, number[]>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, [, count, run, prepare]] of Object.entries(cases)) {
      prepare?.();
      // CPU time: what others do on the machine is not what this costs.
      const before = process.cpuUsage();
      for (let i = 0; i < count; i++) run(i);
      const { user, system } = process.cpuUsage(before);
      const us = (user + system) / count;
      if (round >= 0) seen.set(name, [...(seen.get(name) ?? []), us]);
    }
  }
  return Object.entries(cases).map(([name, [aimUs]]) => ({ name, us: median(seen.get(name) ?? []), aimUs }));
}
