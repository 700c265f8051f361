import { REFUSAL_OF, SAID_AGAIN } from '../../spec/vocabulary.ts';
import { type Graph, rowOf, valuesOf } from '../../src/model/graph.ts';
import type { MailboxConstants } from '../../src/model/mailbox.ts';
import { MailboxView } from '../../src/model/mailbox-view.ts';
import type { Value } from '../../src/model/values.ts';

/** A step of a recorded graph, as far as features look at it. */
export interface Taken {
  readonly action: string;
  readonly before: MailboxView;
  readonly after: MailboxView;
  readonly messages: readonly number[];
  /** A variable of the state before that is not of a message. */
  value(name: string): Value;
}

/** Something that may happen to a mailbox, and the steps in which it does. `is` null: no specification has it. */
export interface Feature {
  readonly name: string;
  readonly is: ((step: Taken, c: MailboxConstants) => boolean) | null;
}

const named =
  (...actions: readonly string[]) =>
  ({ action }: Taken): boolean =>
    actions.includes(action);
const some = ({ messages }: Taken, is: (m: number) => boolean): boolean => messages.some(is);
const becomes = ({ before, after }: Taken, m: number, state: string): boolean =>
  after.state(m) === state && before.state(m) !== state;
/** What gives a message back, or up. */
const ENDS: readonly string[] = ['Expire', 'Nack', 'Release'];
const diesOf =
  (...reasons: readonly string[]) =>
  (step: Taken): boolean =>
    ENDS.includes(step.action) &&
    some(step, (m) => becomes(step, m, 'dead_lettered') && reasons.includes(step.after.reason(m)));

/** Facts among the first entries of the tail, those under way. */
function factsUnderWay({ value }: Taken): number {
  const [tail, flight] = [value('tail') as readonly (readonly Value[])[], value('flight') as number];
  return tail.slice(0, flight).filter(([action]) => action !== 'Tick').length;
}

export const FEATURES: readonly Feature[] = [
  { name: 'crash', is: named('Crash') },
  { name: 'time passes while down', is: (step) => step.action === 'Recover' && some(step, (m) => isLess(step, m)) },
  { name: 'several messages live', is: (step) => step.action === 'Send' && live(step) > 1 },
  {
    name: 'delay',
    is: (step) => step.action === 'Send' && some(step, (m) => becomes(step, m, 'queued') && step.after.timer(m) > 0),
  },
  { name: 'ttl over', is: diesOf('ttl') },
  { name: 'ready retention over', is: diesOf('retention') },
  {
    name: 'backoff',
    is: (step) =>
      ENDS.includes(step.action) && some(step, (m) => becomes(step, m, 'redelivered') && step.after.timer(m) > 0),
  },
  { name: 'attempts spent', is: diesOf('max_attempts') },
  { name: 'dead letter asked for', is: diesOf('rejected', 'integrity') },
  { name: 'extension', is: named('Extend') },
  {
    name: 'uncounted release',
    is: (step) => step.action === 'Release' && some(step, (m) => step.after.releases(m) > step.before.releases(m)),
  },
  { name: 'push-out', is: (step) => ENDS.includes(step.action) && some(step, (m) => becomes(step, m, 'purged')) },
  {
    name: 'retention of dead letters over',
    is: (step, c) =>
      step.action === 'Purge' &&
      c.DlqRetention > 0 &&
      some(step, (m) => becomes(step, m, 'purged') && step.before.keep(m) === 0),
  },
  { name: 'reprocess', is: named('Reprocess') },
  { name: 'verb said again', is: named(...Object.values(SAID_AGAIN)) },
  { name: 'receipt that settles nothing', is: named(REFUSAL_OF.lease_lost) },
  { name: 'duplicate or conflict of a key', is: named(REFUSAL_OF.duplicate, REFUSAL_OF.idem_mismatch) },
  {
    name: 'key used again',
    is: (step, c) => step.action === 'Send' && some(step, (m) => becomes(step, m, 'queued') && isReused(step, m, c)),
  },
  {
    name: 'bound full',
    is: named(REFUSAL_OF.saturated_shard, REFUSAL_OF.saturated_inflight, REFUSAL_OF.saturated_dedup),
  },
  { name: 'tenant beyond its share', is: named(REFUSAL_OF.saturated_tenant) },
  { name: 'several facts in an append', is: (step) => step.action === 'Synced' && factsUnderWay(step) > 1 },
  {
    name: 'facts lost in a crash',
    is: (step) => step.action === 'Crash' && isJournaled(step) && (step.value('tail') as readonly Value[]).length > 0,
  },
  { name: 'failed append', is: named('SyncFailed') },
  { name: 'snapshot', is: null },
  { name: 'two shards in a frame', is: null },
];

const live = ({ after, messages }: Taken): number => messages.filter((m) => after.isLive(m)).length;
const isLess = ({ before, after }: Taken, m: number): boolean =>
  after.timer(m) < before.timer(m) || after.window(m) < before.window(m) || after.keep(m) < before.keep(m);
const isReused = ({ before, messages }: Taken, m: number, c: MailboxConstants): boolean =>
  messages.some(
    (o) =>
      o < m &&
      before.state(o) !== 'absent' &&
      c.KeyOf[o - 1] === c.KeyOf[m - 1] &&
      c.TopicOf[o - 1] === c.TopicOf[m - 1],
  );
const isJournaled = ({ value }: Taken): boolean => value('tail') !== undefined;

/** Of a graph with a journal, memory is the mailbox that is looked at. */
const asMailbox = (graph: Graph): Pick<Graph, 'rows' | 'width' | 'variables'> => ({
  ...graph,
  variables: graph.variables.map(([name, type]) =>
    /^m[A-Z]/.test(name) ? [`${name[1]?.toLowerCase()}${name.slice(2)}`, type] : [name, type],
  ),
});

/** Leads from step to step of a graph, and copies nothing. */
export class Steps implements Taken {
  readonly before: MailboxView;
  readonly after: MailboxView;
  readonly messages: readonly number[];
  private readonly graph: Graph;
  private from = 0;
  action = '';

  constructor(graph: Graph, { N }: MailboxConstants) {
    this.graph = graph;
    this.before = new MailboxView(asMailbox(graph));
    this.after = new MailboxView(asMailbox(graph));
    this.messages = Array.from({ length: N }, (_, i) => i + 1);
    this.value = this.value.bind(this);
  }

  to(from: number, edge: number): this {
    const { actions, actionOf, targetOf } = this.graph;
    this.from = from;
    this.action = actions[actionOf[edge] as number] as string;
    this.before.to(from);
    this.after.to(targetOf[edge] as number);
    return this;
  }

  value(name: string): Value {
    return valuesOf(this.graph.variables, rowOf(this.graph, this.from))[name] as Value;
  }
}
