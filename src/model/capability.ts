import { freshKey, Keyring, type RootKey } from '../auth/keyring.ts';
import type { Revocation } from '../auth/revocation.ts';
import { auditNode } from './capability-audit.ts';
import {
  CAPABILITY_ACTIONS,
  type CapabilityAction,
  type CapabilityConstants,
  capabilityVariables,
} from './capability-constants.ts';
import { CapabilityNode, type Held, type Question } from './capability-node.ts';
import {
  type CapabilityWorld,
  keyIdOf,
  nonceOf,
  numberOf,
  projectCapabilities,
  TICK_MS,
} from './capability-project.ts';
import { type Token, Tokens } from './capability-tokens.ts';
import { Waiting } from './capability-waiting.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Driver } from './explore.ts';
import type { Variables } from './graph.ts';

/** When a model begins. */
const START_MS = 1_800_000_000_000;
const ACTION = Object.fromEntries(CAPABILITY_ACTIONS.map((name, index) => [name, index])) as Record<
  CapabilityAction,
  number
>;

interface Saved {
  readonly nowMs: number;
  readonly tokens: readonly (Token | undefined)[];
  readonly retiredMs: readonly (number | undefined)[];
  readonly nodes: readonly Checkpoint[];
}

/**
 * Capabilities in a bounded model: the shipped `Authority` of every node with its cache, its revocations, its keyring or its
 * line at the node that has one, and the shipped `Service` for what waits under a capability. What a step is called is what
 * the code did; the driver only says what may happen.
 */
export class CapabilityDriver implements Driver<Saved> {
  readonly variables: Variables;
  readonly actions = CAPABILITY_ACTIONS;
  private readonly c: CapabilityConstants;
  private readonly keys: readonly RootKey[];
  private readonly nodes: readonly CapabilityNode[];
  private readonly made = new Tokens();
  private readonly waiting = new Waiting();
  private nowMs = START_MS;
  private tokens: readonly (Token | undefined)[] = [];
  /** When each key left the keyring. */
  private retiredMs: readonly (number | undefined)[] = [];

  constructor(c: CapabilityConstants) {
    this.c = c;
    this.variables = capabilityVariables(c);
    this.keys = Array.from({ length: c.Keys }, (_, i) => freshKey(keyIdOf(i + 1), START_MS - 1000 + i));
    const clock = { nowMs: () => this.nowMs, wallMs: () => this.nowMs };
    const ring = new Keyring(this.keys.slice(0, 1));
    this.nodes = Array.from(
      { length: c.N },
      (_, i) => new CapabilityNode(i + 1, i === 0 ? ring : null, clock, c.Ttl * TICK_MS),
    );
  }

  initial(found: () => void): void {
    found();
  }

  encode(into: Uint8Array): void {
    projectCapabilities(this.world(), this.c, into);
  }

  private world(): CapabilityWorld {
    const { nowMs, tokens, retiredMs, nodes } = this;
    return { nowMs, tokens, retiredMs, nodes };
  }

  save(): Saved {
    const { nowMs, tokens, retiredMs } = this;
    return { nowMs, tokens, retiredMs, nodes: this.nodes.map((node) => node.save()) };
  }

  restore({ nowMs, tokens, retiredMs, nodes }: Saved): void {
    this.nowMs = nowMs;
    this.tokens = tokens;
    this.retiredMs = retiredMs;
    for (let i = 0; i < nodes.length; i++) (this.nodes[i] as CapabilityNode).restore(nodes[i] as Checkpoint);
  }

  check(): string | null {
    for (const node of this.nodes) {
      const wrong = auditNode(node);
      if (wrong !== null) return `node ${node.name}: ${wrong}`;
    }
    return null;
  }

  expand(saved: Saved, _bytes: Uint8Array, step: (action: number) => void): void {
    /** Lets something happen; what it is called says the code, null when this is none of the things looked at. */
    const attempt = (happen: () => CapabilityAction | null): void => {
      const action = happen();
      if (action !== null) step(ACTION[action]);
      this.restore(saved);
    };
    for (let t = 1; t <= this.c.T; t++) attempt(() => this.appear(t));
    attempt(() => this.rotate());
    attempt(() => this.retire());
    attempt(() => this.tick());
    for (const node of this.nodes) this.expandNode(node, attempt);
  }

  private expandNode(node: CapabilityNode, attempt: (happen: () => CapabilityAction | null) => void): void {
    const touched = (happen: () => CapabilityAction | null) => (): CapabilityAction | null => {
      node.touch();
      return happen();
    };
    for (let r = 1; r <= this.c.Nonces + this.c.Keys; r++) attempt(() => this.revoke(node, r));
    for (let t = 1; t <= this.c.T; t++) attempt(touched(() => this.request(node, t)));
    if (node.question?.stage === 'asked') for (const ttl of this.c.VerdictTtls) attempt(() => this.judge(node, ttl));
    else if (node.question !== null) attempt(touched(() => this.answer(node)));
    if (node.question !== null) attempt(touched(() => this.lose(node)));
    if (node.held !== null) {
      attempt(touched(() => this.serve(node)));
      attempt(touched(() => this.end(node)));
    }
    attempt(touched(() => this.purge(node)));
    attempt(touched(() => this.restart(node)));
  }

  private get verifier(): CapabilityNode {
    return this.nodes[0] as CapabilityNode;
  }
  private get ring(): Keyring {
    return this.verifier.authority.keyring as Keyring;
  }

  // ---- capabilities and keys

  /** Somebody mints capability t, or makes it of another. */
  private appear(t: number): CapabilityAction | null {
    if (this.tokens[t] !== undefined) return null;
    const { c, nowMs, made } = this;
    const parent = c.ParentOf[t - 1] as number;
    const from = this.tokens[parent];
    if (parent !== 0 && (from === undefined || from.endMs <= nowMs)) return null;
    const tokens = this.tokens.slice();
    tokens[t] =
      from === undefined
        ? made.mint(this.ring.newest, nonceOf(c.NonceOf[t - 1] as number), nowMs + c.Life * TICK_MS)
        : made.attenuate(from, Math.min(from.endMs, nowMs + c.Narrowed * TICK_MS));
    this.tokens = tokens;
    return from === undefined ? 'Mint' : 'Attenuate';
  }

  private rotate(): CapabilityAction | null {
    const next = this.keys[this.keys.findIndex(({ id }) => id === this.ring.newest.id) + 1];
    if (next === undefined) return null;
    this.useRing([...this.ring.keys, next]);
    return 'Rotate';
  }

  private retire(): CapabilityAction | null {
    const { keys, newest } = this.ring;
    if (keys.length === 1) return null;
    const retiredMs = this.retiredMs.slice();
    for (const key of keys) if (key !== newest) retiredMs[numberOf(key.id)] = this.nowMs;
    this.useRing([newest]);
    this.retiredMs = retiredMs;
    return 'Retire';
  }

  private useRing(keys: readonly RootKey[]): void {
    this.verifier.touch();
    this.verifier.authority.useKeyring(new Keyring(keys));
    this.endInvalid(this.verifier);
  }

  private revoke(node: CapabilityNode, r: number): CapabilityAction | null {
    const revocation = this.revocationOf(r);
    const { authority } = node;
    if (revocation === null || this.revocations >= this.c.RevocationsMax) return null;
    if ([...authority.revocations.list()].some((one) => isOf(one, revocation))) return null;
    node.touch();
    if (!authority.revoke(revocation.kind, revocation.value)) throw new Error('the list is full');
    this.endInvalid(node);
    return 'Revoke';
  }

  private get revocations(): number {
    return this.nodes.reduce((sum, node) => sum + node.authority.revocations.size, 0);
  }

  /** Thing r of the specification, if there is such a nonce or key. */
  private revocationOf(r: number): Pick<Revocation, 'kind' | 'value'> | null {
    const { Nonces, NonceOf } = this.c;
    if (r > Nonces) {
      const id = keyIdOf(r - Nonces);
      return numberOf(this.ring.newest.id) >= r - Nonces ? { kind: 'key_id', value: id } : null;
    }
    const exists = this.tokens.some((token, t) => token !== undefined && NonceOf[t - 1] === r);
    return exists ? { kind: 'nonce', value: nonceOf(r) } : null;
  }

  /** What the server does once a revocation or a keyring is in force (AU3). */
  private endInvalid(node: CapabilityNode): void {
    if (node.held === null) return;
    const came = this.waiting.capabilitiesEnd(node.held.by);
    if (came === 'given') throw new Error('a payload where there is none');
    if (came === 'ended') node.held = null;
  }

  // ---- requests

  private request(node: CapabilityNode, t: number): CapabilityAction | null {
    const { header } = this.tokens[t] ?? {};
    if (header === undefined) return null;
    const verdict = node.request(header);
    if (verdict === null) return this.ask(node, t, header);
    if (typeof verdict === 'string') return 'Deny';
    node.hold(t, verdict);
    return 'Admit';
  }

  /** Bounds: one question of a node at a time, two requests that wait for it. */
  private ask(node: CapabilityNode, t: number, header: string): CapabilityAction | null {
    const { question } = node;
    if (question === null) {
      node.ask(t, header);
      return 'Ask';
    }
    if (!this.c.Joins || question.capability !== t || question.joinedMs !== null) return null;
    node.ask(t, header);
    return 'Join';
  }

  /** The node with the keys decides, and vouches for so many ticks at most. */
  private judge(node: CapabilityNode, ttl: number): CapabilityAction {
    const question = node.question as Question;
    this.verifier.touch();
    node.touch();
    const isGood = typeof this.verifier.authority.authenticate(`Bearer ${question.token}`) !== 'string';
    question.stage = isGood ? 'valid' : 'refused';
    question.ttl = isGood ? ttl : 0;
    return 'Judge';
  }

  private answer(node: CapabilityNode): CapabilityAction {
    const { capability, stage, ttl } = node.question as Question;
    const came = node.answered(stage === 'valid' ? { valid: true, ttlMs: ttl * TICK_MS } : { valid: false });
    if (typeof came === 'string') return 'Dismiss';
    node.hold(capability, came);
    return 'Vouch';
  }

  private lose(node: CapabilityNode): CapabilityAction | null {
    if (node.misses >= this.c.MissesMax) return null;
    const came = node.answered(null);
    if (came !== 'unavailable') throw new Error('no answer lets someone in');
    return 'Lose';
  }

  private serve(node: CapabilityNode): CapabilityAction {
    const came = this.waiting.message((node.held as Held).by);
    if (came === 'waits') throw new Error('a message, and what waits for it still waits');
    if (came === 'given') return 'Serve';
    node.held = null;
    return 'Cut';
  }

  private end(node: CapabilityNode): CapabilityAction {
    node.held = null;
    return 'End';
  }

  // ---- nodes and time

  private purge(node: CapabilityNode): CapabilityAction {
    node.authority.cache.clear();
    return 'Purge';
  }

  private restart(node: CapabilityNode): CapabilityAction {
    node.restart();
    return 'Restart';
  }

  private tick(): CapabilityAction | null {
    const lateMs = this.nowMs - this.c.AskMax * TICK_MS;
    if (this.nodes.some(({ question }) => question !== null && question.askedMs <= lateMs)) return null;
    this.nowMs += TICK_MS;
    return 'Tick';
  }
}

const isOf = (one: Revocation, other: Pick<Revocation, 'kind' | 'value'>): boolean =>
  one.kind === other.kind && one.value === other.value;
