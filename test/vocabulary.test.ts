import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ASKED, INVARIANT_TEXT } from '../sim/checkers/asked.ts';
import * as invariants from '../spec/invariants.ts';
import { messageMachine } from '../spec/message.machine.ts';
import {
  ACTION_OF,
  DEAD_REASONS,
  EVENTS,
  FACT_OF,
  INVARIANTS,
  OUTCOMES,
  PURGE_REASONS,
  RECOVERED,
  REFUSAL_OF,
  ROUTE_OF,
  SAID_AGAIN,
  STATES,
  WORLD_ACTIONS,
} from '../spec/vocabulary.ts';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { ShardState } from '../src/core/state.ts';
import { match, ROUTES } from '../src/http/routes.ts';
import { RULE_NAMES } from '../src/model/rules.ts';
import { Metrics } from '../src/observe/metrics.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');
const spec = read('tla/Mailbox.tla');
const code = ['src/core/commands.ts', 'src/core/facts.ts'].map(read).join('\n');

/** Names and labels of the requirements (Observability); those that they put in words, as they are spelled here. */
const REQUIRED_METRICS: Readonly<Record<string, string>> = {
  rejected_total: 'reason',
  auth_failures_total: 'scope',
  tls_handshake_failures_total: '',
  dlq_total: 'topic_class,reason',
  dlq_reprocess_total: 'topic_class',
  integrity_fail_total: 'reason',
  busy_rejections_total: 'endpoint',
  queue_depth: 'queue,shard',
  saturation: 'queue,shard',
  http_requests_total: 'route,method,status',
  request_latency_seconds: '',
  inflight: 'shard',
  enqueue_latency_seconds: '',
  dequeue_latency_seconds: '',
  ack_commit_latency_seconds: '',
  enqueued_total: '',
  delivered_total: '',
  redelivered_total: '',
  visibility_timeout_total: '',
  delivery_attempts: '',
  oldest_ready_message_age_seconds: '',
  cap_cache_size: '',
  cap_cache_evictions: '',
  reorder_depth_max: 'shard',
  journal_append_latency_seconds: '',
  journal_sync_latency_seconds: '',
};
/** Ours besides: a new metric is to be written down here. */
const OWN_METRICS: Readonly<Record<string, string>> = {
  dlq_purged_total: 'topic_class,reason',
  tenant_rejections_total: '',
  internal_errors_total: '',
  journal_bytes_total: '',
  journal_snapshots_total: '',
  journal_torn_tails_total: '',
  shard_failures_total: 'shard',
  shard_restarts_total: 'shard',
  shards_down: '',
  memory_bytes: 'kind',
  cap_cache_purges: '',
  revocations: '',
  root_key_age_seconds: '',
  server_state: 'state',
  long_polls: '',
  streams: '',
  connections: '',
  connections_max: '',
  body_memory_bytes: '',
  not_ready: 'missing',
  log_lines_dropped_total: 'kind',
  process_open_fds: '',
  process_max_fds: '',
  process_resident_memory_bytes: '',
  process_start_time_seconds: '',
};

/** Of a scrape: the labels of each metric, in the order in which they are written; a histogram is one metric. */
function labelsByName(text: string): Record<string, string> {
  const histograms = new Set([...text.matchAll(/^# TYPE (\w+) histogram$/gm)].map(([, name]) => name));
  const found: Record<string, string> = {};
  for (const [, series = '', all = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const whole = series.replace(/_(?:bucket|sum|count)$/, '');
    const name = histograms.has(whole) ? whole : series;
    const labels = [...all.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
    if ((found[name] ?? labels.join()) !== labels.join()) throw new Error(`${name}: series with other labels`);
    found[name] = labels.join();
  }
  return found;
}

describe('vocabulary', () => {
  it('states: the same in the machine and in TLA+', () => {
    expect(Object.keys(messageMachine.config.states ?? {})).toEqual([...STATES]);
    const states = /^States == \{([^}]*)\}/m.exec(spec)?.[1]?.match(/\w+/g);
    expect(states?.sort()).toEqual([...STATES].sort());
  });

  it('events: the same in the machine, the commands, the facts and the TLA+ actions', () => {
    const used = Object.values(messageMachine.config.states ?? {}).flatMap((state) => Object.keys(state.on ?? {}));
    expect([...new Set(used)].sort()).toEqual([...EVENTS].sort());
    for (const event of EVENTS) {
      expect(code, event).toContain(`readonly name: '${event}';`);
      expect(code, event).toContain(`readonly name: '${FACT_OF[event]}';`);
      expect(spec, event).toMatch(new RegExp(`^${ACTION_OF[event]}\\(m\\) ==`, 'm'));
    }
    const commands = [...code.matchAll(/readonly name: '(\w+)';/g)].map((found) => found[1] as string);
    expect(commands.sort()).toEqual([...EVENTS, RECOVERED, ...Object.values(FACT_OF)].sort());
  });

  it('TLA+ actions: those of Next and no others', () => {
    for (const action of WORLD_ACTIONS) expect(spec).toMatch(new RegExp(`^${action} ==`, 'm'));
    const next = /^Next ==([\s\S]*?)\n\n/m.exec(spec)?.[1]?.match(/\b[A-Z]\w+/g) ?? [];
    const actions = next.filter((name) => name !== 'Msgs');
    const answers = [...new Set(Object.values(REFUSAL_OF)), ...Object.values(SAID_AGAIN)];
    expect(actions.sort()).toEqual([...Object.values(ACTION_OF), ...WORLD_ACTIONS, ...answers].sort());
  });

  it('routes: one for each command that a client may give, named by the command', () => {
    for (const event of EVENTS) {
      const route = ROUTE_OF[event];
      if (route === null) continue;
      const [method, path] = route.split(' ') as [string, string];
      const found = match(method, path.replace('{msg_id}', '01J8ZC4V2N6Q9R0S3T5W7X8Y1A'));
      expect(found).toMatchObject({ route: { path, method } });
      expect(path).toContain(`/${event}`);
    }
    const named = Object.values(ROUTE_OF).filter((route) => route !== null);
    expect(ROUTES.filter(({ method, path }) => (named as string[]).includes(`${method} ${path}`))).toHaveLength(
      named.length,
    );
  });

  it('metrics: exactly the names of the requirements and our own, each with exactly its labels (O1, I4)', async () => {
    const routes = ROUTES.map((route) => route.path);
    const metrics = new Metrics(routes, ['orders.'], 1);
    expect(metrics.registry).toBeInstanceOf(Registry);
    metrics.watchLog(() => ({ decisions: 0, others: 0 }));
    metrics.watchProcess(() => ({
      ...{ openDescriptors: 0, descriptorsMax: 0, residentBytes: 0, startedS: 0, connectionsMax: 0 },
    }));
    metrics.watch({
      shards: [new ShardState(0, DEFAULT_LIMITS)],
      inflight: () => 0,
      shardsDown: () => 0,
      memory: { payloadBytes: 0, liveBytes: 0, endedBytes: 0 },
      pollCount: () => 0,
      streamCount: () => 0,
      authority: {
        cache: { size: 0, evictions: 0 },
        purges: 0,
        revocations: { size: 0 },
        keyring: null,
        clock: { wallMs: () => 0 },
      },
      state: () => 'ready',
      connections: () => 0,
      bodyBytes: () => 0,
      nowMs: () => 0,
    });
    // Tables of many series show what moved.
    metrics.request('/v1/send', 'POST', 200);
    const text = await metrics.registry.metrics();
    expect(labelsByName(text)).toEqual({ ...REQUIRED_METRICS, ...OWN_METRICS });
    for (const reason of DEAD_REASONS) expect(text).toContain(`topic_class="orders.",reason="${reason}"`);
    for (const reason of PURGE_REASONS)
      expect(text).toMatch(new RegExp(`dlq_purged_total\\{topic_class="[^"]*",reason="${reason}"`));
    for (const reason of ['unauth', 'oversize', 'ratio_cap', 'saturated', 'schema', 'integrity'])
      expect(text).toContain(`rejected_total{reason="${reason}"}`);
    expect(text.match(/rejected_total\{/g)).toHaveLength(6);
  });

  it('invariants: the same names in TLA+, in spec/invariants.ts, in the simulator and in the documents', () => {
    const definedIn = (module: string): string[] =>
      [...read(`tla/${module}.tla`).matchAll(/^(\w+(?:Inv|Prop|Live)) ==/gm)]
        .map((found) => found[1] as string)
        .filter((name) => !name.startsWith('Debug'));
    for (const name of definedIn('Mailbox')) expect(INVARIANTS as readonly string[]).toContain(name);
    const inTla = new Set(['Mailbox', 'Durability', 'Capability', 'Ownership'].flatMap(definedIn));
    expect(INVARIANTS.filter((name) => !inTla.has(name))).toEqual([]);
    // These two speak of a whole run: sim/checkers/node.ts, sim/settle.ts.
    const ofRuns = ['RevokedProp', 'DeliveredLive'];
    const predicates = Object.keys(invariants).filter((name) => /^[A-Z]/.test(name));
    expect([...predicates, ...ofRuns].sort()).toEqual([...INVARIANTS].sort());
    expect(Object.keys(INVARIANT_TEXT).sort()).toEqual([...INVARIANTS].sort());
    const asked = new Set<string>(Object.values(ASKED).flat());
    expect(INVARIANTS.filter((name) => !asked.has(name))).toEqual([]);
    const documents = ['README.md', 'docs/conformance.md', 'docs/simulator.md', 'docs/lifecycle.md'].map(read).join();
    for (const [name] of documents.matchAll(/\b(?!MC|Without)[A-Z][A-Za-z]+(?:Inv|Prop|Live)\b/g))
      expect([
        ...INVARIANTS,
        ...inTla,
        ...definedIn('Rules'),
        ...definedIn('Inductive'),
        ...definedIn('History'),
        ...RULE_NAMES,
      ] as string[]).toContain(name);
  });

  it('outcomes: each refusal has a code, and each code one status (R4); their order: http/precedence.test.ts', () => {
    const statusOf = new Map<string, number>();
    for (const { code, status, family } of Object.values(OUTCOMES)) {
      expect(code === null).toBe(family === 'done');
      if (code === null) continue;
      expect(statusOf.get(code) ?? status).toBe(status);
      statusOf.set(code, status);
    }
    expect(Object.fromEntries(statusOf)).toEqual({
      E_SCHEMA: 400,
      E_CAP_AUTH: 401,
      E_CURSOR_GONE: 410,
      E_CAP_SCOPE: 403,
      E_NOT_FOUND: 404,
      E_METHOD: 405,
      E_TIMEOUT: 408,
      E_DUPLICATE: 409,
      E_IDEM_MISMATCH: 409,
      E_LEASE_LOST: 409,
      E_FRAME_TOO_LARGE: 413,
      E_MEDIA_TYPE: 415,
      E_INTEGRITY: 422,
      E_SATURATED: 429,
      E_INTERNAL: 500,
      E_UNAVAILABLE: 503,
    });
  });

  it('words: no source file writes a state or an event in another spelling', () => {
    const files = readdirSync(resolve(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((f) =>
      f.endsWith('.ts'),
    );
    const wrong = /\b(inFlight|in_flight|deadLettered'|dead-lettered'|redrived|requeued|nak'|enqueue'|dequeue')\b/;
    expect(files.filter((file) => wrong.test(read(`src/${file}`)))).toEqual([]);
  });
});
