import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FairCycles } from '../../src/model/fair-cycles.ts';
import type { Graph } from '../../src/model/graph.ts';
import { explainUndelivered, fairnessOf, stateOf, undelivered } from '../../src/model/liveness.ts';
import { type MailboxConstants, readMailboxConstants } from '../../src/model/mailbox.ts';
import { graphFile, MODELS, subjectOf, TLA } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';

/** TLC's graph as recorded: conformance/graphs.test.ts holds it to be the code's, and asks the same of all the others. */
function recorded(name: string): { readonly graph: Graph; readonly c: MailboxConstants } {
  const model = MODELS.find((one) => one.name === name)!;
  const { variables, actions } = subjectOf(model);
  return { graph: decodeGraph(readFileSync(graphFile(model)), variables, actions), c: readMailboxConstants(TLA, name) };
}

const TICK = 'WF_vars(Tick)';
const RECOVER = 'WF_vars(Recover)';
const EXPIRE = '\\A m \\in Msgs : WF_vars(Expire(m))';
const PURGE = '\\A m \\in Msgs : WF_vars(PurgeIsDue(m) /\\ Purge(m))';
const RECV = '\\A m \\in Msgs : SF_vars(Recv(m))';

describe('liveness, on the recorded graphs', () => {
  it('fairness: the conditions are those of the specification, strong where it says so', () => {
    const { graph, c } = recorded('MCTinyOne');
    const written = /^Fairness ==\n((?: {4}.*\n)+)/m.exec(
      readFileSync(join(TLA, 'Mailbox.tla'), 'utf8'),
    )?.[1] as string;
    const says = written
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ {4}\/\\ /, ''));
    expect([...new Set(fairnessOf(graph, c).map((one) => one.says))]).toEqual(says);
    expect(says).toEqual([TICK, RECOVER, EXPIRE, PURGE, RECV]);
    for (const { says, isStrong } of fairnessOf(graph, c)) expect(isStrong).toBe(says === RECV);
  });

  it.each([
    ['MCLiveForever', [TICK, RECOVER, EXPIRE, PURGE, RECV]],
    // What waits too long is dead-lettered by time: nobody has to ask for it.
    ['MCLive', [TICK, RECOVER, EXPIRE, PURGE]],
  ])('%s: each fairness condition that is left out lets a message be forgotten (DeliveredLive)', (name, needed) => {
    const { graph, c } = recorded(name);
    const all = fairnessOf(graph, c);
    expect(undelivered(graph, c, all)).toBeNull();
    for (const leftOut of new Set(all.map(({ says }) => says))) {
      const found = undelivered(
        graph,
        c,
        all.filter(({ says }) => says !== leftOut),
      );
      expect(found === null, leftOut).toBe(!needed.includes(leftOut));
    }
  });

  it('without fair purges time waits for one, and with it everything else: the way there is told', () => {
    const { graph, c } = recorded('MCLiveForever');
    const found = undelivered(
      graph,
      c,
      fairnessOf(graph, c).filter(({ says }) => says !== PURGE),
    );
    const text = explainUndelivered(graph, found!);
    expect(text).toMatch(/^Send\n/);
    expect(text).toMatch(
      /state = <<"(leased|queued|redelivered)", "dead_lettered">>|state = <<"dead_lettered", "\w+">>/,
    );
    expect(text).toMatch(/it may stay here for ever, and message \d is neither acked nor dead-lettered$/);
  });

  it('fair purges are those that are due: where dead letters are kept for ever one may stay, elsewhere none does (DL3)', () => {
    const kept = new Map<string, boolean>();
    for (const name of ['MCTinyOne', 'MCTinyLease', 'MCTinyTimes', 'MCTinyAgain']) {
      const { graph, c } = recorded(name);
      const is = stateOf(graph, 1);
      const dead = Uint8Array.from({ length: graph.count }, (_, state) => (is(state) === 'dead_lettered' ? 1 : 0));
      expect(dead).toContain(1);
      kept.set(name, new FairCycles(graph, fairnessOf(graph, c)).find(dead) !== null);
      expect(kept.get(name), name).toBe(c.DlqRetention === 0);
    }
    expect([...new Set(kept.values())]).toEqual([true, false]);
  });

  it('a consumer that extends without end is found by it (LE5)', () => {
    // MCTinyLease with one more edge: the extension that the cap refuses.
    const { graph, c } = recorded('MCTinyLease');
    const extend = graph.actions.indexOf('Extend');
    const back = withRoundsOf(graph, extend);
    expect(undelivered(graph, c, fairnessOf(graph, c))).toBeNull();
    expect(undelivered(back, c, fairnessOf(back, c))?.round.length).toBeGreaterThan(1);
  });
});

/** The graph with each step of time out of a lease answered by one that takes it back, as an extension without a cap would. */
function withRoundsOf(graph: Graph, action: number): Graph {
  const tick = graph.actions.indexOf('Tick');
  const edges: [from: number, action: number, to: number][] = [];
  for (let from = 0; from < graph.count; from++)
    for (let e = graph.offsets[from] as number; e < (graph.offsets[from + 1] as number); e++) {
      const to = graph.targetOf[e] as number;
      edges.push([from, graph.actionOf[e] as number, to]);
      if (graph.actionOf[e] === tick) edges.push([to, action, from]);
    }
  edges.sort(([one], [other]) => one - other);
  const offsets = new Uint32Array(graph.count + 1);
  for (const [from] of edges) offsets[from + 1] = (offsets[from + 1] as number) + 1;
  for (let i = 0; i < graph.count; i++) offsets[i + 1] = (offsets[i + 1] as number) + (offsets[i] as number);
  return {
    ...graph,
    offsets,
    actionOf: Uint8Array.from(edges, ([, action]) => action),
    targetOf: Uint32Array.from(edges, ([, , to]) => to),
  };
}
