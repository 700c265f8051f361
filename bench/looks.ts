/** What a look costs, and what being ready for looks costs everybody else: the service alone, nothing of HTTP. */
import { DEFAULT_LIMITS, type Limits } from '../src/core/limits.ts';
import type { Caller, Reply, Request } from '../src/service/messages.ts';
import { Service } from '../src/service/service.ts';
import { median } from './measure.ts';

const CALLER: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true, reach: '' };
const MESSAGES = 1_000_000;
const TOPICS = 100_000;
const PAGE = 100;
const ROUNDS = 200;
const LIMITS: Limits = { ...DEFAULT_LIMITS, shardCapacity: 10_000_000, dedupCapacity: 10_000_000 };

interface LookResult {
  readonly name: string;
  readonly p50Ms: number;
  readonly worstMs: number;
  readonly aimMs: number;
}

/** A service whose appends are durable at once. */
function serviceOf(): { ask: (request: Request) => Reply } {
  let drawn = 0;
  const service: Service = new Service({
    shards: Service.empty(8, LIMITS),
    random: { below: () => 0, token: () => `receipt-${++drawn}` },
    integrity: { payloadHashOf: () => 'b3:p', hashChainOf: () => 'b3:c' },
    observer: { fact: () => {} },
    effects: { append: (_batches, log) => service.durable(log) },
  });
  const ask = (request: Request): Reply => {
    let found: Reply = { outcome: 'internal' };
    service.request(request, CALLER, 1_000, (reply) => {
      found = reply;
    });
    return found;
  };
  return { ask };
}

const PAYLOAD = new Uint8Array(64);
const send = (topic: string, idemKey: string): Request => ({
  ...{ verb: 'send', topic, idemKey, payload: PAYLOAD, payloadHash: null, attrs: {}, corrId: 'c', delayMs: 0 },
  ttlMs: Number.POSITIVE_INFINITY,
});

function timed(name: string, aimMs: number, look: (round: number) => void): LookResult {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const startMs = performance.now();
    look(i);
    times.push(performance.now() - startMs);
  }
  return { name, p50Ms: median(times), worstMs: Math.max(...times), aimMs };
}

export function benchLooks(): LookResult[] {
  const { ask } = serviceOf();
  for (let i = 0; i < MESSAGES; i++) ask(send('deep', `k${i}`));
  const last = ask(send('deep', 'last')).msgId as string;
  const peek = { verb: 'peek', topic: 'deep', state: null, limit: PAGE, cursor: null, withPayload: false } as const;
  const results = [timed(`peek of ${PAGE} of ${MESSAGES}`, 5, () => ask(peek))];
  let cursor: string | null = null;
  results.push(
    timed('the pages after it', 5, () => {
      cursor = ask({ ...peek, cursor }).peeked?.next ?? null;
    }),
  );
  results.push(timed('a page that finds none of a state', 5, () => ask({ ...peek, state: 'dead_lettered' })));
  results.push(timed('one message', 5, () => ask({ verb: 'show', msgId: last })));
  const wide = serviceOf();
  for (let i = 0; i < TOPICS; i++) wide.ask(send(`t.${(i * 7919) % TOPICS}`, 'k'));
  const topics = { verb: 'topics', prefix: '', limit: PAGE, cursor: null } as const;
  results.push(timed(`page of ${PAGE} of ${TOPICS} topics`, 10, () => wide.ask(topics)));
  results.push(timed('the same of a prefix in the middle', 10, (i) => wide.ask({ ...topics, prefix: `t.${i + 100}` })));
  return results;
}
