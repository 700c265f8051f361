import { OWNERSHIP_STATES } from '../../spec/ownership.ts';
import { type EngineContents, EngineLogs } from '../cluster/engine-logs.ts';
import type { EngineFrame } from '../ports/engine.ts';
import type { Driver } from './explore.ts';
import type { Variables } from './graph.ts';
import {
  OWNERSHIP_ACTIONS,
  type OwnershipAction,
  type OwnershipConstants,
  ownershipVariables,
  PLACES,
} from './ownership-constants.ts';
import { LINK_BYTES, OwnershipNode, type SavedNode, type Statement } from './ownership-node.ts';

const ACTION = Object.fromEntries(OWNERSHIP_ACTIONS.map((name, index) => [name, index])) as Record<
  OwnershipAction,
  number
>;
const NO_CHAIN = new Uint8Array(0);

interface Saved {
  readonly engine: EngineContents;
  readonly nodes: readonly SavedNode[];
  readonly failovers: number;
  readonly told: Uint8Array;
}

/**
 * One shard that nodes share in a bounded model: the shipped `ShardLog` of every node, over the logs of an engine. What an answer made
 * durable, where a shard is after it and what is sent again says the code; the driver only says what may happen.
 */
export class OwnershipDriver implements Driver<Saved> {
  readonly variables: Variables;
  readonly actions = OWNERSHIP_ACTIONS;
  private readonly c: OwnershipConstants;
  private readonly engine = new EngineLogs(1);
  private readonly nodes: readonly OwnershipNode[];
  private failovers = 0;
  /** The longest chain that somebody was told is durable. */
  private told: Uint8Array = NO_CHAIN;

  constructor(c: OwnershipConstants) {
    this.c = c;
    this.variables = ownershipVariables(c);
    this.nodes = Array.from({ length: c.N }, (_, i) => new OwnershipNode(i + 1, c.FlightMax));
  }

  initial(found: () => void): void {
    found();
  }

  save(): Saved {
    const { engine, nodes, failovers, told } = this;
    return { engine: engine.save(), nodes: nodes.map((node) => node.save()), failovers, told };
  }

  restore({ engine, nodes, failovers, told }: Saved): void {
    this.engine.restore(engine);
    for (const [i, node] of nodes.entries()) (this.nodes[i] as OwnershipNode).restore(node);
    this.failovers = failovers;
    this.told = told;
  }

  /** What a shard says of itself fits together. */
  check(): string | null {
    for (const { number, state, mayAppend, mustLook, underWay } of this.nodes) {
      if (mayAppend && state !== 'serving') return `node ${number} may append while ${state}`;
      if (mustLook && state !== 'unsure') return `node ${number} must look while ${state}`;
      const isIdle = state === 'absent' || state === 'claiming' || state === 'reading' || state === 'halted';
      if (isIdle && underWay.length > 0) return `node ${number} has appends under way while ${state}`;
    }
    return null;
  }

  // ---- projection

  encode(into: Uint8Array): void {
    const { engine, nodes, c } = this;
    const log = engine.logOf(0);
    into.fill(0);
    into[0] = log.length;
    for (const [i, { hash }] of log.entries()) this.chain(hash, into, 1 + i * this.width);
    let at = 1 + c.LogMax * this.width;
    into[at++] = engine.replicatedOf(0) + 1;
    into[at++] = this.failovers + 1;
    for (const { state } of nodes) into[at++] = OWNERSHIP_STATES.indexOf(state);
    for (const { place } of nodes) at = this.chain(place.sequence === 0 ? NO_CHAIN : place.hash, into, at);
    for (const node of nodes) at = this.flight(node, into, at);
    for (const { late } of nodes) at = this.chain(late?.hash ?? NO_CHAIN, into, at);
    this.chain(this.told, into, at);
  }

  private get width(): number {
    return 1 + this.c.LogMax * LINK_BYTES;
  }

  private chain(hash: Uint8Array, into: Uint8Array, at: number): number {
    into[at] = hash.length / LINK_BYTES;
    for (let i = 0; i < hash.length; i += LINK_BYTES) {
      into[at + i + 1] = (hash[i] as number) + 1;
      into[at + i + 2] = (hash[i + 1] as number) + 1;
      into[at + i + 3] = hash[i + 2] as number;
    }
    return at + this.width;
  }

  private flight(node: OwnershipNode, into: Uint8Array, start: number): number {
    let at = start;
    into[at++] = node.underWay.length;
    for (const { frame, isAwaited } of node.underWay) {
      const place = node.placeOf(frame);
      if (isAwaited !== (place !== 'none')) throw new Error('a statement that nobody waits for, or is not there');
      at = this.chain(frame.hash, into, at);
      into[at++] = PLACES.indexOf(place);
    }
    return start + 1 + this.c.LogMax * (this.width + 1);
  }

  // ---- steps

  expand(saved: Saved, _bytes: Uint8Array, step: (action: number) => void): void {
    /** Lets something happen; what it is called says the code, null where it is beyond the bounds. */
    const attempt = (happen: () => OwnershipAction | null): void => {
      const action = happen();
      if (action !== null) step(ACTION[action]);
      this.restore(saved);
    };
    for (const node of this.nodes) {
      this.expandStatements(node, attempt);
      this.expandOwner(node, attempt);
    }
    if (this.engine.replicatedOf(0) < this.engine.logOf(0).length) attempt(() => this.replicate());
    if (this.failovers < this.c.FailoversMax) attempt(() => this.failOver());
  }

  private expandStatements(node: OwnershipNode, attempt: (happen: () => OwnershipAction | null) => void): void {
    const { statements, late } = node;
    for (const statement of statements) attempt(() => this.proceed(node, statement));
    if (late !== null) attempt(() => this.arrive(node, late));
    if (statements.length > 0)
      this.withLate(node, (frame) => attempt(() => this.loses(node, frame, 'Cut', () => node.disconnect())));
    if (node.state !== 'absent' && node.state !== 'halted')
      this.withLate(node, (frame) => attempt(() => this.loses(node, frame, 'Lapse', () => node.leave())));
  }

  private expandOwner(node: OwnershipNode, attempt: (happen: () => OwnershipAction | null) => void): void {
    const { state } = node;
    const simply = (action: OwnershipAction, act: () => void): void =>
      attempt(() => {
        act();
        return action;
      });
    if (state === 'absent') simply('Claim', () => node.claim());
    if (state === 'claiming') simply('Granted', () => node.granted());
    if (state === 'claiming') simply('Denied', () => node.denied());
    if (state === 'reading') attempt(() => this.read(node));
    if (node.mayAppend) attempt(() => this.send(node));
    if (state === 'serving') simply('HandOver', () => node.handOver());
    if (node.mustLook) attempt(() => this.look(node));
  }

  // ---- the engine

  /** A statement is executed, or its answer comes. */
  private proceed(node: OwnershipNode, statement: Statement): OwnershipAction | null {
    const { frame, place } = statement;
    if (place === 'way') {
      node.move(statement, this.engine.insert(frame) ? 'done' : 'refused');
      return 'Execute';
    }
    if (place === 'refused') {
      if (node.hear(statement, 'refused') !== null) throw new Error('what was refused is durable');
      return 'Refuse';
    }
    if (this.c.Synchronous && frame.sequence > this.engine.replicatedOf(0)) return null;
    const durable = node.hear(statement, 'durable');
    if (durable !== null && !isPrefix(durable.hash, this.told)) this.told = durable.hash;
    return 'Answer';
  }

  private arrive(node: OwnershipNode, frame: EngineFrame): OwnershipAction {
    this.engine.insert(frame);
    node.late = null;
    return 'Arrive';
  }

  /** Of what was on its way nothing comes, or one statement after all. */
  private withLate(node: OwnershipNode, each: (frame: EngineFrame | null) => void): void {
    each(null);
    if (!this.c.Late || node.late !== null) return;
    for (const { frame, place } of node.statements) if (place === 'way') each(frame);
  }

  private loses(
    node: OwnershipNode,
    frame: EngineFrame | null,
    action: OwnershipAction,
    act: () => void,
  ): OwnershipAction {
    if (frame !== null) node.late = frame;
    act();
    return action;
  }

  private replicate(): OwnershipAction {
    this.engine.replicate(0);
    return 'Replicate';
  }

  private failOver(): OwnershipAction {
    this.failovers++;
    this.engine.failOver();
    for (const node of this.nodes) node.disconnect();
    return 'Failover';
  }

  // ---- owners

  private read(node: OwnershipNode): OwnershipAction | null {
    if (node.read(this.engine.from(0, node.readsFrom)) === null) return 'Misread';
    if (this.engine.logOf(0).length >= this.c.LogMax) return null;
    node.put(node.announce({ node: node.number, kind: 'started' }));
    return 'Read';
  }

  private send(node: OwnershipNode): OwnershipAction | null {
    if (node.tip >= this.c.LogMax) return null;
    node.put(node.append({ node: node.number, kind: 'data' }));
    return 'Send';
  }

  private look(node: OwnershipNode): OwnershipAction | null {
    const { send } = node.look(this.engine.from(0, node.readsFrom));
    if (send.some(({ sequence }) => sequence > this.c.LogMax)) return null;
    for (const frame of send) node.put(frame);
    return 'Look';
  }
}

const isPrefix = (chain: Uint8Array, of: Uint8Array): boolean =>
  chain.length <= of.length && chain.every((byte, i) => byte === of[i]);
