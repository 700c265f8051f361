import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RETRY_AFTER_MS_MAX } from '../../spec/vocabulary.ts';
import { TLA } from '../model/models.ts';
import { spawnTlc } from '../model/run-tlc.ts';
import { FOUND, type TraceConstants, type TraceStep, VARIABLES, type VariableName } from './format.ts';

/** TLC's integers have 32 bits. */
const TLC_INT_MAX = 2 ** 31 - 1;

/** The trace cannot be given to TLC; what it says is for the caller. */
export class TlcTraceError extends Error {}

interface SpecStep {
  readonly action: string;
  /** Its number in the order of sends, 0 for one that was never sent. */
  readonly m: number;
  readonly wait: number;
  readonly changes: Readonly<Record<string, unknown>>;
}

/** What the messages of a trace are, by number. */
interface Messages {
  readonly topics: readonly number[];
  readonly keys: readonly number[];
}

interface SpecTrace {
  readonly steps: readonly SpecStep[];
  readonly messages: Messages;
}

/** Steps of one shard as the specification counts: messages by number, times by what passes. */
function specTraceOf(steps: readonly TraceStep[]): SpecTrace {
  if (steps.some(({ action }) => action === FOUND))
    throw new TlcTraceError('a trace that begins with messages found: TLC begins with none');
  const numberOf = new Map<string, number>();
  const [topicOf, keyOf] = [new Map<string, number>(), new Map<string, number>()];
  const [topics, keys]: [number[], number[]] = [[], []];
  const indexOf = (map: Map<string, number>, name: string): number => {
    if (!map.has(name)) map.set(name, map.size + 1);
    return map.get(name) as number;
  };
  let nowMs = 0;
  const spec = steps.map(({ action, at_ms, msg_id = '', topic = '', idem_key = '', changes = {} }, i) => {
    if (action === 'Send' && !numberOf.has(msg_id)) {
      numberOf.set(msg_id, numberOf.size + 1);
      topics.push(indexOf(topicOf, topic));
      keys.push(indexOf(keyOf, idem_key));
    }
    const wait = i === 0 ? 0 : at_ms - nowMs;
    nowMs = at_ms;
    return { action, m: numberOf.get(msg_id) ?? 0, wait, changes };
  });
  return { steps: spec, messages: { topics, keys } };
}

const stepText = ({ action, m, wait, changes }: SpecStep): string => {
  const fields = Object.entries(changes).map(([name, value]) => {
    const text =
      typeof VARIABLES[name as VariableName] === 'number' ? fitting(value as number, name) : `"${String(value)}"`;
    return `${name} |-> ${text}`;
  });
  const record = fields.length === 0 ? '<<>>' : `[${fields.join(', ')}]`;
  return `[action |-> "${action}", m |-> ${m}, wait |-> ${fitting(wait, 'at_ms')}, changes |-> ${record}]`;
};

function fitting(value: number, name: string): number {
  if (Math.abs(value) > TLC_INT_MAX)
    throw new TlcTraceError(`${name}: ${value} does not fit the 32 bits of TLC's integers`);
  return value;
}

const setOf = (values: Iterable<number>): string => `{${[...new Set(values)].sort((a, b) => a - b).join(', ')}}`;

/** Module and config with these traces in them. */
function traceModule({ traces: all, messages: longest }: Group, c: TraceConstants): { tla: string; cfg: string } {
  const steps = all.flatMap((one) => one.steps);
  const values = (action: string, name: VariableName, otherwise: number): number[] =>
    steps
      .filter((step) => step.action === action)
      .map(({ changes }) => (changes[name] as number | undefined) ?? otherwise);
  const lists = {
    MCTopicOf: `<<${longest.topics.join(', ')}>>`,
    // A trace does not say whose its topics are: tenants are not told apart in it.
    MCTenantOf: `<<${longest.topics.map(() => 1).join(', ')}>>`,
    MCKeyOf: `<<${longest.keys.join(', ')}>>`,
    MCSizeOf: `<<${longest.topics.map(() => 1).join(', ')}>>`,
    MCTtls: setOf(values('Send', 'ttl', -1)),
    Traces: `<<\n${all.map((one) => `  <<\n    ${one.steps.map(stepText).join(',\n    ')}\n  >>`).join(',\n')}\n>>`,
  };
  const visibilities = [...values('Recv', 'visibility', 1), ...values('Extend', 'timer', 1)].filter((ms) => ms > 0);
  const sets = {
    N: longest.topics.length,
    TopicOf: '<- MCTopicOf',
    TenantOf: '<- MCTenantOf',
    KeyOf: '<- MCKeyOf',
    SizeOf: '<- MCSizeOf',
    Ttls: '<- MCTtls',
    Delays: setOf(values('Send', 'timer', 0)),
    Visibilities: setOf(visibilities),
    Budgets: '{1}',
    RetryAfters: setOf([RETRY_AFTER_MS_MAX]),
    Asked: '{"rejected", "integrity"}',
    ...{ Elsewhere: 0, ElsewhereOfTenant: 0, TenantShare: 0, TenantReserve: 0, TopicShare: 0 },
    Elapsed: '{0}',
    Errors: 'TRUE',
    CrashesMax: 0,
  };
  // Which verbs may be said again is no step: the memory of them need not be carried.
  const bounds = Object.entries({ ...c, SettledCapacity: 0 }).map(
    ([name, value]) => [name, fitting(value, name)] as const,
  );
  const constants = [...Object.entries(sets), ...bounds].map(
    ([name, value]) => `    ${name} ${String(value).startsWith('<-') ? '' : '= '}${value}`,
  );
  const definitions = Object.entries(lists).map(([name, text]) => `${name} == ${text}`);
  return {
    tla: ['---- MODULE TraceData ----', 'EXTENDS Integers', ...definitions, '====', ''].join('\n'),
    cfg: [
      'SPECIFICATION TraceSpec',
      'CONSTANTS',
      ...constants,
      '    Backoffs <- HintedBackoffs',
      '    NackBackoffs <- HintedNackBackoffs',
      'CHECK_DEADLOCK FALSE',
      '',
    ].join('\n'),
  };
}

/** Traces that can share the constants of a module: what the messages are is the same as far as each goes. */
interface Group {
  readonly messages: Messages;
  readonly traces: SpecTrace[];
}

function groupsOf(traces: readonly SpecTrace[]): Group[] {
  const groups: Group[] = [];
  const fits = ({ topics, keys }: Messages, { messages }: Group): boolean =>
    topics.every((topic, i) => topic === messages.topics[i]) && keys.every((key, i) => key === messages.keys[i]);
  for (const trace of [...traces].sort((a, b) => b.messages.topics.length - a.messages.topics.length)) {
    const group = groups.find((one) => fits(trace.messages, one));
    if (group === undefined) groups.push({ messages: trace.messages, traces: [trace] });
    else group.traces.push(trace);
  }
  return groups;
}

/**
 * Which of these traces, each of one shard, are behaviours of the specification, as TLC finds. The bound on leases over all
 * shards is that of one here. @throws TlcTraceError, or Error with TLC's words when it does not come to its end
 */
export async function acceptedByTlc(
  jar: string,
  traces: readonly (readonly TraceStep[])[],
  constants: TraceConstants,
): Promise<readonly boolean[]> {
  const specs = traces.map(specTraceOf);
  const accepted = new Set<SpecTrace>(specs.filter(({ steps }) => steps.length === 0));
  for (const group of groupsOf(specs.filter(({ steps }) => steps.length > 0)))
    for (const trace of await runGroup(jar, group, constants)) accepted.add(trace);
  return specs.map((spec) => accepted.has(spec));
}

async function runGroup(jar: string, group: Group, constants: TraceConstants): Promise<SpecTrace[]> {
  // A trace whose first step is no send has no messages at all.
  if (group.messages.topics.length === 0)
    return group.traces.filter(({ steps }) => steps.every((s) => s.action === 'Recover'));
  const folder = mkdtempSync(join(tmpdir(), 'trace-'));
  try {
    for (const module of ['Mailbox', 'TraceMailbox'])
      copyFileSync(join(TLA, `${module}.tla`), join(folder, `${module}.tla`));
    const { tla, cfg } = traceModule(group, constants);
    writeFileSync(join(folder, 'TraceData.tla'), tla);
    writeFileSync(join(folder, 'TraceMailbox.cfg'), cfg);
    const output = await spawnTlc(jar, folder, ['-config', 'TraceMailbox.cfg', '-workers', '1'], 'TraceMailbox');
    if (!output.includes('Model checking completed. No error has been found.'))
      throw new Error(`TLC did not come to its end:\n${output.split('\n').slice(0, 60).join('\n')}`);
    return [...output.matchAll(/^<<"accepted", (\d+)>>$/gm)].map(
      ([, number]) => group.traces[Number(number) - 1] as SpecTrace,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
