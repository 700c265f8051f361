import { atNode } from './definition.ts';
import { span, who } from './parameters.ts';
import { range } from './usual.ts';

const BY_MS = [range(1, 100), range(100, 3_000), range(5_000, 6_000)];

/** Links that are slow: the two differ in which way, and in what the server does about it, which the network knows. */
const slowness = <const K extends 'delay' | 'slow_reader'>(kind: K, text: string) =>
  atNode({
    kind,
    family: 'network',
    text,
    parameters: { who: who(), byMs: span(), forMs: span() },
    draw: (random, common) => ({ ...common, byMs: random.pick(BY_MS) }),
    inject: ({ network, end }, fault) => end(fault.forMs, network.trouble(fault)),
  });

export const delay = slowness('delay', 'everything takes longer, both ways');
export const slowReader = slowness(
  'slow_reader',
  'answers are read slowly; slower than five seconds, and the connection is cut',
);
