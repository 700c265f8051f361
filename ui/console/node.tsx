import type { AnswerOf } from '../../src/api/types.ts';
import { useLive } from './live.ts';
import { Fresh, Heading } from './parts.tsx';

const EVERY_MS = 2_000;

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

async function look(): Promise<Readiness> {
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
      {live.value !== null && <Ready readiness={live.value} />}
    </>
  );
}

function Ready({ readiness: { ready, missing, retry_after } }: { readiness: Readiness }) {
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
        The server says of a bound whether it is nine tenths full, or wanting. How full each one is, the metrics say.
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
          {BOUNDS.map(([name, about]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td data-label="is">
                <Gauge isShort={missing.includes(name)} />
              </td>
              <td data-label="of what">{about}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** No more than it says: that there is room, or that there is little. */
const Gauge = ({ isShort }: { isShort: boolean }) => (
  <span class={isShort ? 'wrong' : 'holds'}>
    <span class={`gauge ${isShort ? 'short' : ''}`} aria-hidden="true" /> {isShort ? 'short' : 'has room'}
  </span>
);

function sayingOf(name: string): string {
  if (name === 'starting') return 'the journal is read';
  if (name === 'draining') return 'it was told to end';
  const [, shard, halted] = /^shard_(\d+)(_halted)?$/.exec(name) ?? [];
  if (shard === undefined) return '';
  return halted === undefined ? `shard ${shard} does not serve` : `shard ${shard} was halted: it needs somebody`;
}
