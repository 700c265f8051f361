import {
  type GuardName,
  guards,
  type Lifecycle,
  type LifecycleEvent,
  type LifecycleLimits,
  type UpdateName,
  updates,
} from './lifecycle.ts';
import { messageMachine } from './message.machine.ts';
import { type DeadReason, EVENTS, type EventName, STATES, type State } from './vocabulary.ts';

/** One transition of the machine. */
export interface Row {
  readonly from: State;
  readonly event: EventName;
  readonly guards: readonly GuardName[];
  readonly target: State;
  readonly update: UpdateName;
  readonly run: (typeof updates)[UpdateName];
  /** Set where the target is `dead_lettered`. */
  readonly reason: DeadReason | 'asked' | null;
}

/** All transitions of one (state, event): which row each valuation of its guards selects. */
interface Cell {
  readonly guards: readonly GuardName[];
  readonly predicates: readonly ((m: Lifecycle, e: LifecycleEvent, l: LifecycleLimits) => boolean)[];
  /** Indexed by the valuation, bit i for guards[i]. */
  readonly rows: readonly (Row | null)[];
}

interface RawTransition {
  readonly target: readonly { readonly key: string }[] | undefined;
  readonly guard: unknown;
  readonly actions: readonly unknown[];
  readonly meta?: { readonly reason?: string };
}

/** The machine's rows in its own order; throws when the machine says something the table cannot hold. */
export function rowsOf(machine: typeof messageMachine = messageMachine): Row[] {
  const rows: Row[] = [];
  for (const from of STATES) {
    const node = machine.root.states[from];
    if (node === undefined) throw new Error(`table: the machine has no state ${from}`);
    for (const [event, transitions] of node.transitions) {
      if (!(EVENTS as readonly string[]).includes(event)) throw new Error(`table: unknown event ${event}`);
      for (const transition of transitions as unknown as RawTransition[]) {
        const target = transition.target?.[0]?.key ?? from;
        const action = transition.actions[0];
        if (transition.actions.length !== 1 || typeof action !== 'string' || !(action in updates)) {
          throw new Error(`table: ${from}.${event} needs exactly one named update`);
        }
        rows.push({
          from,
          event: event as EventName,
          guards: guardNames(transition.guard),
          target: target as State,
          update: action as UpdateName,
          run: updates[action as UpdateName],
          reason: (transition.meta?.reason ?? null) as Row['reason'],
        });
      }
    }
  }
  return rows;
}

function guardNames(guard: unknown): GuardName[] {
  if (guard === undefined) return [];
  if (typeof guard === 'string' && guard in guards) return [guard as GuardName];
  const conjuncts = (guard as { readonly guards?: unknown }).guards;
  if (Array.isArray(conjuncts)) return conjuncts.flatMap(guardNames);
  throw new Error(`table: a guard is neither a name nor a conjunction of names: ${String(guard)}`);
}

function cellOf(rows: readonly Row[]): Cell {
  const names = [...new Set(rows.flatMap((row) => row.guards))];
  const selected = Array.from(
    { length: 2 ** names.length },
    (_, valuation) => rows.find((row) => row.guards.every((name) => valuation & (1 << names.indexOf(name)))) ?? null,
  );
  return { guards: names, predicates: names.map((name) => guards[name]), rows: selected };
}

/** A fact says where a message went and not by which of several ways (`rowTo`): they must do the same. Throws when they do not. */
function mustAgree(rows: readonly Row[]): readonly Row[] {
  const wayOf = ({ from, event, target, update }: Row): string =>
    `${from}.${event} to ${target}${update === 'takeBack' ? ', uncounted,' : ''}`;
  const updateOf = new Map(rows.map((row) => [wayOf(row), row.update]));
  for (const row of rows)
    if (updateOf.get(wayOf(row)) !== row.update) throw new Error(`table: ${wayOf(row)} has two updates`);
  return rows;
}

const rows = mustAgree(rowsOf());
const NONE: readonly Row[] = [];
const ROWS: Readonly<Record<State, Readonly<Record<EventName, readonly Row[]>>>> = Object.fromEntries(
  STATES.map((state) => [
    state,
    Object.fromEntries(
      EVENTS.map((event) => {
        const own = rows.filter((row) => row.from === state && row.event === event);
        return [event, own.length === 0 ? NONE : own];
      }),
    ),
  ]),
) as Record<State, Record<EventName, readonly Row[]>>;
const EMPTY: Cell = { guards: [], predicates: [], rows: [null] };

function cellsOf(state: State): Readonly<Record<EventName, Cell>> {
  return Object.fromEntries(
    EVENTS.map((event) => {
      const own = rows.filter((row) => row.from === state && row.event === event);
      return [event, own.length === 0 ? EMPTY : cellOf(own)];
    }),
  ) as Record<EventName, Cell>;
}

/** The dense transition table, derived from the machine when this module loads. */
export const TABLE: Readonly<Record<State, Readonly<Record<EventName, Cell>>>> = Object.fromEntries(
  STATES.map((state) => [state, cellsOf(state)]),
) as Record<State, Record<EventName, Cell>>;

/** What stands under a state, an event: `table[name]` of a name that may be any of them is a look-up by text, and these are none. */
function of<T>(states: Readonly<Record<State, T>>, state: State): T {
  switch (state) {
    case 'absent':
      return states.absent;
    case 'queued':
      return states.queued;
    case 'leased':
      return states.leased;
    case 'redelivered':
      return states.redelivered;
    case 'acked':
      return states.acked;
    case 'dead_lettered':
      return states.dead_lettered;
    case 'purged':
      return states.purged;
  }
}
function on<T>(events: Readonly<Record<EventName, T>>, event: EventName): T {
  switch (event) {
    case 'send':
      return events.send;
    case 'recv':
      return events.recv;
    case 'ack':
      return events.ack;
    case 'nack':
      return events.nack;
    case 'extend':
      return events.extend;
    case 'release':
      return events.release;
    case 'expire':
      return events.expire;
    case 'reprocess':
      return events.reprocess;
    case 'purge':
      return events.purge;
  }
}

/** The transition that `event` takes a message in `state` through, or null when no guard lets it. */
export function step(
  state: State,
  event: EventName,
  message: Lifecycle,
  data: LifecycleEvent,
  limits: LifecycleLimits,
): Row | null {
  const cell = on(of(TABLE, state), event);
  const predicates = cell.predicates;
  let valuation = 0;
  for (let i = 0; i < predicates.length; i++) {
    if (predicates[i]!(message, data, limits)) valuation |= 1 << i;
  }
  return cell.rows[valuation]!;
}

/**
 * The transition a fact claims to have gone through. `counted` tells the two ways of a release apart (LE7).
 * Throws when the machine has none: the fact is not one of this lifecycle.
 */
export function rowTo(state: State, event: EventName, target: State, counted = true): Row {
  for (const row of on(of(ROWS, state), event)) {
    if (row.target === target && (row.update !== 'takeBack') === counted) return row;
  }
  throw new Error(`table: no ${event} from ${state} to ${target}`);
}
