import { ACTION_OF, STATES, type State } from '../../spec/vocabulary.ts';
import { Search } from './compare.ts';
import { explainTrail } from './explain.ts';
import { FairCycles, type Fairness } from './fair-cycles.ts';
import { type Graph, widthOfState } from './graph.ts';
import type { MailboxConstants } from './mailbox.ts';
import { NUMBER_MIN } from './values.ts';

const isLive = (state: State): boolean => state === 'queued' || state === 'leased' || state === 'redelivered';
const isDone = (state: State): boolean => state === 'acked' || state === 'dead_lettered';

/** One variable of one message, in all states of a graph. */
function column({ variables, width, rows }: Graph, name: string, m: number): (state: number) => number {
  const at = variables.findIndex(([variable]) => variable === name);
  const offset = widthOfState(variables.slice(0, at)) + m - 1;
  return (state) => rows[state * width + offset] as number;
}

const stateOf = (graph: Graph, m: number): ((state: number) => State) => {
  const of = column(graph, 'state', m);
  return (state) => STATES[of(state)] as State;
};

/** `Fairness` of `tla/Mailbox.tla`, as conditions on the edges of a graph, whose labels do not say which message they are about. */
export function fairnessOf(graph: Graph, { N, DlqRetention }: MailboxConstants): Fairness[] {
  const condition = (says: string, action: string, isStep: Fairness['isStep']): Fairness => {
    const isStrong = says.includes('SF_vars');
    return { says, isStrong, action: graph.actions.indexOf(action), isStep };
  };
  const ofEach = Array.from({ length: N }, (_, i): Fairness[] => {
    const is = stateOf(graph, i + 1);
    const keep = column(graph, 'keep', i + 1);
    const isDue = (state: number): boolean =>
      DlqRetention > 0 && is(state) === 'dead_lettered' && keep(state) + NUMBER_MIN === 0;
    return [
      // To make room for a dead letter it purges another: that one was not live.
      condition(
        '\\A m \\in Msgs : WF_vars(Expire(m))',
        ACTION_OF.expire,
        (from, to) => isLive(is(from)) && is(from) !== is(to),
      ),
      condition(
        '\\A m \\in Msgs : WF_vars(PurgeIsDue(m) /\\ Purge(m))',
        ACTION_OF.purge,
        (from, to) => isDue(from) && is(to) === 'purged',
      ),
      condition('\\A m \\in Msgs : SF_vars(Recv(m))', ACTION_OF.recv, (from, to) => is(from) !== is(to)),
    ];
  });
  return [
    condition('WF_vars(Tick)', 'Tick', () => true),
    condition('WF_vars(Recover)', 'Recover', () => true),
    ...ofEach.flat(),
  ];
}

/** Where it may go on for ever with a message that is neither acked nor dead-lettered. */
export interface Undelivered {
  readonly m: number;
  /** States of the graph. */
  readonly round: readonly number[];
}

/**
 * `DeliveredLive` of `tla/Mailbox.tla`, under these fairness conditions: null when it holds of this graph. Of a message that no recv of
 * the model has room for nothing is claimed: nobody asks for it.
 */
export function undelivered(graph: Graph, c: MailboxConstants, fairness: readonly Fairness[]): Undelivered | null {
  const cycles = new FairCycles(graph, fairness);
  for (let m = 1; m <= c.N; m++) {
    if (c.Budgets.every((bytes) => bytes < (c.SizeOf[m - 1] as number))) continue;
    const round = cycles.find(notDone(graph, m));
    if (round !== null) return { m, round };
  }
  return null;
}

/** The states that are reached with m accepted, while it is not done. */
function notDone(graph: Graph, m: number): Uint8Array {
  const is = stateOf(graph, m);
  const inside = new Uint8Array(graph.count);
  const waiting: number[] = [];
  const add = (state: number): void => {
    if (inside[state] === 1 || isDone(is(state))) return;
    inside[state] = 1;
    waiting.push(state);
  };
  for (let state = 0; state < graph.count; state++) if (isLive(is(state))) add(state);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop())
    for (let e = graph.offsets[state] as number; e < (graph.offsets[state + 1] as number); e++)
      add(graph.targetOf[e] as number);
  return inside;
}

/** The shortest way to where it stays undone, in words. */
export function explainUndelivered(graph: Graph, { m, round }: Undelivered): string {
  const search = new Search(graph);
  const among = new Set(round);
  let at = search.next();
  for (; at >= 0 && !among.has(at); at = search.next()) search.open(at);
  const where = round.length === 1 ? 'stay here' : `go round through ${round.length} states, this one among them`;
  return `${explainTrail(graph.variables, search.trailTo(at))}\nit may ${where} for ever, and message ${m} is neither acked nor dead-lettered`;
}
