import type { Model, Specification } from './models.ts';

const graph = (name: string, about: string, specification: Specification = 'Mailbox'): Model => ({
  ...{ name, about, graph: specification, tiny: false },
  expected: { kind: 'holds' },
});

/** Models in which features meet that are in no other together (docs/conformance.md). Their graphs are on record, and those of the code. */
export const PAIR_MODELS: readonly Model[] = [
  graph('MCPairsPushed', 'push-out, one key twice: with a crash, delay, ttl, backoff, release'),
  graph('MCPairsTenant', 'a share of the line: with a crash, delay, ttl, backoff, release, retention'),
  graph('MCPairsAppend', 'facts that share an append: delay, ttl, backoff, reprocess, retentions', 'Durability'),
];
