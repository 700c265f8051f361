import type { AnswerOf } from '../../src/api/types.ts';
import type { NodeState } from '../../src/client/types.ts';
import { useLive } from './live.ts';
import { Fresh, Heading } from './parts.tsx';
import { askingWith, holders } from './session.ts';

const EVERY_MS = 2_000;

/** They are not full or empty: they are in order, or somebody has to look at them. */
const UNSIZED: readonly string[] = ['keyring', 'verifier', 'journal'];
/** Bounds by the name that `/readyz` gives them, and what is refused where one is full. */
const BOUNDS: readonly (readonly [name: string, about: string])[] = [
  ['shard_capacity', 'messages that wait or are out, of a shard: sends to it are refused next'],
  ['dedup_capacity', 'keys that are remembered, of a shard: sends to it are refused next'],
  ['global_inflight', 'leased messages of all shards: nothing more is given out next'],
  ['memory', 'bytes of messages that live: sends are refused next'],
  ['window_memory', 'bytes of what is remembered of ended messages: sends are refused next'],
  ['disk_space', 'room on the disk of the journal: nothing is accepted until there is some'],
  ['descriptors', 'open files that the system allows: nothing is accepted until there are some'],
  ['system_memory', 'memory that the system gives: nothing is accepted until there is some'],
  ['keyring', 'the age of the root key: rotate it'],
  ['verifier', 'the remote verifier of capabilities: it does not answer'],
  ['journal', 'the journal: it has failed, and the process ends'],
];

type Readiness = AnswerOf<'readiness'>;

interface Seen {
  readonly readiness: Readiness;
  /** Null where no capability in hand may see it. */
  readonly node: NodeState | null;
}

async function look(): Promise<Seen> {
  const readiness = await askReadiness();
  const [one] = holders(['stats', 'view', 'admin']).filter(({ refused }) => refused === null);
  // While it starts it answers nothing else.
  if (one === undefined || readiness.missing.includes('starting')) return { readiness, node: null };
  return { readiness, node: await askingWith(one, (client) => client.node()) };
}

async function askReadiness(): Promise<Readiness> {
  const response = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  const body: unknown = await response.json();
  if (typeof body !== 'object' || body === null || !('missing' in body))
    throw new Error(`/readyz: HTTP ${response.status}`);
  return body as Readiness;
}

/** Whether writers should come here, and what speaks against it. */
export function NodePage() {
  const live = useLive('readiness', EVERY_MS, look);
  return (
    <>
      <Heading>Node</Heading>
      <Fresh live={live} />
      {live.value !== null && <Ready {...live.value} />}
    </>
  );
}

function Ready({ readiness: { ready, missing, retry_after }, node }: Seen) {
  const others = missing.filter((name) => BOUNDS.every(([bound]) => bound !== name));
  return (
    <>
      <p class={`verdict ${ready ? 'holds' : 'wrong'}`} role="status">
        {ready ? 'Ready: writers may come here.' : `Not ready: writers should go elsewhere for ${retry_after} s.`}
      </p>
      {others.length > 0 && (
        <ul>
          {others.map((name) => (
            <li key={name}>
              <strong>{name}</strong> {sayingOf(name)}
            </li>
          ))}
        </ul>
      )}
      <h2>Bounds</h2>
      <p class="note">
        {node === null
          ? 'Without a capability in hand that may see it, the server says of a bound only whether it is nine tenths full, or wanting.'
          : 'The fullest first: it refuses next.'}
      </p>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">bound</th>
            <th scope="col">is</th>
            <th scope="col">of what, and what follows</th>
          </tr>
        </thead>
        <tbody>
          {inOrder(node).map(([name, about]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td data-label="is">
                <Gauge name={name} isShort={missing.includes(name)} bound={boundOf(node, name)} />
              </td>
              <td class="about">{about}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {node !== null && <Kept node={node} />}
    </>
  );
}

type Bound = NodeState['bounds'][number];
const boundOf = (node: NodeState | null, name: string): Bound | undefined =>
  node?.bounds.find((bound) => bound.name === name);

/** The fullest first; those of which nobody says how full they are stay where they are, at the end. */
function inOrder(node: NodeState | null): typeof BOUNDS {
  const fullOf = ([name]: (typeof BOUNDS)[number]): number => boundOf(node, name)?.percent ?? -1;
  return BOUNDS.toSorted((one, other) => fullOf(other) - fullOf(one));
}

/** How full it is, where that is known; else that there is room, or that there is little. */
function Gauge({ name, isShort, bound }: { name: string; isShort: boolean; bound: Bound | undefined }) {
  const [well, ill] = UNSIZED.includes(name) ? ['in order', 'needs somebody'] : ['has room', 'short'];
  const saying = isShort ? ill : well;
  if (bound === undefined) return <span class={isShort ? 'wrong' : 'holds'}>{saying}</span>;
  const of = bound.shard === null ? '' : `, shard ${bound.shard}`;
  return (
    <span class={isShort ? 'wrong' : 'holds'}>
      <meter aria-label={`${name}, percent in use`} min={0} max={100} high={90} value={bound.percent} />{' '}
      {`${bound.percent} %${of}: ${saying}`}
    </span>
  );
}

/** Where it keeps what it has, and which shards it serves. */
function Kept({ node: { journal, shards } }: { node: NodeState }) {
  return (
    <>
      <h2>Journal</h2>
      <p>
        {journal.durable ? `Durable, in its term ${journal.term}.` : 'In memory: it ends with the process.'}{' '}
        {journal.lacks === null ? 'It lacks nothing.' : <strong class="wrong">It lacks {journal.lacks}.</strong>}
      </p>
      <h2>Shards</h2>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">shard</th>
            <th scope="col">is</th>
            <th scope="col">term</th>
            <th scope="col">full</th>
          </tr>
        </thead>
        <tbody>
          {shards.map(({ shard, state, term, percent, node }) => (
            <tr key={shard}>
              <th scope="row" data-label="shard">
                {shard}
              </th>
              <td data-label="is" class={state === 'serving' || node !== undefined ? 'holds' : 'wrong'}>
                {node === undefined ? STATES[state] : `served by ${node}`}
              </td>
              <td data-label="term">{term ?? 'none'}</td>
              <td data-label="full">{percent} %</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const STATES: Readonly<Record<NodeState['shards'][number]['state'], string>> = {
  serving: 'served here',
  fallen: 'being made anew',
  unsure: 'its log is being read',
  not_owner: 'no node is known to have it',
  halted: 'halted: it needs somebody',
};

function sayingOf(name: string): string {
  if (name === 'starting') return 'the journal is read';
  if (name === 'draining') return 'it was told to end';
  const [, shard, halted] = /^shard_(\d+)(_halted)?$/.exec(name) ?? [];
  if (shard === undefined) return '';
  return halted === undefined ? `shard ${shard} does not serve` : `shard ${shard} was halted: it needs somebody`;
}
