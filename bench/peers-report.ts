/** `docs/benchmarks.md`, from what was measured. */
import { cpus, type } from 'node:os';
import { memoryNs } from './peers/machine.ts';
import type { Compared, PeersResult, Side } from './peers.ts';

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const tenths = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });
const ratio = (value: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Where the server did not use its core up, something else was measured too. */
const BOUND = 0.9;

function bound({ busy, loadBusy }: Side): string {
  if (busy >= BOUND) return '';
  return loadBusy >= BOUND ? ' (load)' : ' (waits)';
}

const cellsOf = (side: Side): string =>
  `${whole(side.messagesPerSecond)}${bound(side)} | ${tenths(side.cpuUs)} | ${tenths(side.p50Ms)}; ${tenths(side.p99Ms)}`;

function rowOf({ ours, peer, batch, trusted, rounds, figures }: Compared): string {
  const head = `| ${peer.name} | ${ours.name} | ${batch}`;
  if (figures === null) return `${head} | not to be trusted: ${trusted} of ${rounds} rounds | | | | | | | |`;
  const { ourSide, theirSide, rate, cpu, memoryNs: ns } = figures;
  return `${head} | ${ratio(rate)} | ${ratio(cpu)} | ${cellsOf(ourSide)} | ${cellsOf(theirSide)} | ${trusted} of ${rounds}; ${tenths(ns)} |`;
}

const HEAD = [
  '| peer | ours | messages a request | our rate : theirs | our CPU a message : theirs | ours /s | ours CPU us | ours p50; p99 ms | theirs /s | theirs CPU us | theirs p50; p99 ms | rounds; memory ns |',
  `|${' --- |'.repeat(12)}`,
];

export function reportOf({ compared, unavailable }: PeersResult, { lanes = 64, payloadBytes = 1024 } = {}): string {
  const table = (isDurable: boolean): readonly string[] => [
    ...HEAD,
    ...compared.filter(({ peer }) => (peer.durable !== null) === isDurable).map(rowOf),
  ];
  const peers = new Map(
    [...compared.flatMap(({ ours, peer }) => [ours, peer])].map((peer) => [`${peer.name}${peer.durable}`, peer]),
  );
  return [
    '# Beside others',
    '',
    'Written by `npm run bench -- peers --write`. Do not edit it: run it again.',
    '',
    `${lanes} clients, each with a queue of its own, send, receive and acknowledge messages of ${payloadBytes} bytes, one at a time or many a request.`,
    'A server of ours and one of theirs run side by side and take turns, on one core; the load has another. Ratios are medians over',
    'neighbouring rounds. *(load)*: the load was the bottleneck, and the server could have done more. *(waits)*: neither core was used up:',
    'the server waits for its disk. Processor time is that of the server with all its processes, a message, for the whole round of three.',
    'Two rounds side by side are left out where memory was 1.6 times slower in one than in the other (a step through 4 MiB, in ns, tells how good the',
    'machine was meanwhile), or the host gave over 2 % of the machine to others.',
    'Differences under 20 % from one run are not findings.',
    '',
    `Machine: ${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${type()}, Node ${process.versions.node}, a step through 4 MiB of memory ${tenths(memoryNs())} ns.`,
    '',
    '## Durable',
    '',
    ...table(true),
    '',
    '## In memory',
    '',
    ...table(false),
    '',
    '## What is compared',
    '',
    '| what | durable by | note |',
    '| --- | --- | --- |',
    ...[...peers.values()].map(({ name, durable, note }) => `| ${name} | ${durable ?? 'not durable'} | ${note} |`),
    ...(unavailable.length === 0
      ? []
      : ['', `Unavailable here: ${unavailable.map(({ peer, why }) => `${peer.name} (${why})`).join(', ')}.`]),
    '',
  ].join('\n');
}
