import type { Graph } from './graph.ts';
import { fairnessOf, undelivered } from './liveness.ts';
import type { MailboxConstants } from './mailbox.ts';
import { MailboxView } from './mailbox-view.ts';
import type { Step } from './rule-step.ts';
import { LIFECYCLE_RULES } from './rules-lifecycle.ts';
import { NAMED_RULES } from './rules-named.ts';
import { RETURN_RULES } from './rules-return.ts';
import { type Situation, STATE_RULES } from './rules-states.ts';

export const STEP_RULES = [...NAMED_RULES, ...LIFECYCLE_RULES, ...RETURN_RULES];
/** Every rule that a graph of the lifecycle is held to, by its name in TLA+. */
export const RULE_NAMES: readonly string[] = [...STATE_RULES, ...STEP_RULES].map(({ name }) => name);

/** A rule that does not hold, and where: a state of the graph, and for a rule of steps the one after it. */
export interface Broken {
  readonly name: string;
  readonly state: number;
  readonly after: number | null;
}

/**
 * The first rule that a graph of `tla/Mailbox.tla` breaks, whoever made it; null for none. Nothing is asked of what its actions do.
 * `isWhole`: all of it was explored; of a part nobody can say what may happen in a state.
 */
export function brokenRule(graph: Graph, c: MailboxConstants, isWhole = true): Broken | null {
  const messages = Array.from({ length: c.N }, (_, i) => i + 1);
  const step: Step = { before: new MailboxView(graph), after: new MailboxView(graph), messages };
  const situation = new At(graph, step, messages);
  const ofStates = STATE_RULES.filter(({ asksWhatMay = false }) => isWhole || !asksWhatMay);
  for (let state = 0; state < graph.count; state++) {
    situation.to(state);
    for (const { name, holds } of ofStates) if (!holds(situation, c)) return { name, state, after: null };
    for (let e = graph.offsets[state] as number; e < (graph.offsets[state + 1] as number); e++) {
      const after = graph.targetOf[e] as number;
      if (after === state) continue;
      step.after.to(after);
      for (const { name, holds } of STEP_RULES) if (!holds(step, c)) return { name, state, after };
    }
  }
  return null;
}

/** `DeliveredLive` as well, where the unchanged code keeps it: a model whose recvs find no room delivers nothing. */
export const isUndelivered = (graph: Graph, c: MailboxConstants): boolean =>
  undelivered(graph, c, fairnessOf(graph, c)) !== null;

class At implements Situation {
  readonly view: MailboxView;
  readonly messages: readonly number[];
  private readonly graph: Graph;
  private readonly next: MailboxView;
  private state = 0;

  constructor(graph: Graph, { before, after }: Step, messages: readonly number[]) {
    this.graph = graph;
    this.view = before;
    this.next = after;
    this.messages = messages;
  }

  to(state: number): void {
    this.state = state;
    this.view.to(state);
  }

  may(action: string, m?: number): boolean {
    const { actions, offsets, actionOf, targetOf } = this.graph;
    const label = actions.indexOf(action);
    for (let e = offsets[this.state] as number; e < (offsets[this.state + 1] as number); e++) {
      if (actionOf[e] !== label) continue;
      if (m === undefined || this.changes(m, targetOf[e] as number)) return true;
    }
    return false;
  }

  leads(action: string, to: (after: MailboxView) => boolean): boolean {
    const { actions, offsets, actionOf, targetOf } = this.graph;
    const label = actions.indexOf(action);
    for (let e = offsets[this.state] as number; e < (offsets[this.state + 1] as number); e++)
      if (actionOf[e] === label && to(this.next.to(targetOf[e] as number))) return true;
    return false;
  }

  private changes(m: number, target: number): boolean {
    const next = this.next.to(target);
    return (
      next.state(m) !== this.view.state(m) ||
      next.timer(m) !== this.view.timer(m) ||
      next.attempt(m) !== this.view.attempt(m)
    );
  }
}
