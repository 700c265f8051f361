import type { Call } from '../call.ts';
import { type Capability, GROUPS, type Group, nonceOf, PLENTY } from '../capabilities.ts';
import type { Draws } from '../random.ts';
import { Port, type Traffic } from './port.ts';

const TIMEOUT_MS = 2_000;
const RETRY_MS = 500;
const LOAD_MS_MAX = 500;
const SWITCH_MS = 1_000;
/** Some get their new capability so much after the old key is gone. */
const LATE_MS = 2_000;
/** What an expiry is judged with (TM2). */
const TOLERANCE_S = 120;
/** With the one that it has, as many as a capability may have. */
const QUOTAS_ADDED = 7;

export interface CapabilityRules {
  /** 0 for ever. */
  readonly lifetimeMs: number;
  /** Operations a second of each capability. */
  readonly quotaOps: number;
}

/** The capability authority: hands capabilities out, renews, revokes, and rolls the root key over. It may be down. */
export class Issuer {
  private readonly traffic: Traffic;
  private readonly rules: CapabilityRules;
  private readonly random: Draws;
  private readonly port: Port;
  private readonly current = new Map<string, Capability>();
  private issued = 0;
  private made = 0;
  private newestKey = 1;
  private isDown = false;
  private waiting: (() => void)[] = [];

  constructor(traffic: Traffic, rules: CapabilityRules, random: Draws) {
    this.traffic = traffic;
    this.rules = rules;
    this.random = random;
    this.port = new Port(traffic, { name: 'authority 0', group: 'authority' }, random, '');
  }

  /** The capability that this group holds now; an admin has one for each topic (K8). */
  of(group: Group, topic: string): Capability {
    const name = group === 'admins' ? `admins ${topic}` : group;
    return this.current.get(name) ?? this.issue(group, topic);
  }

  private issue(group: Group, topic: string): Capability {
    const holder = group === 'admins' ? `admins ${topic}` : group;
    const name = `${holder}#${++this.issued}`;
    const scope = group === 'admins' ? { topic, ops: ['admin'] as const } : GROUPS[group];
    const { lifetimeMs } = this.rules;
    const quotaOps = group === 'streamers' || group === 'listeners' ? PLENTY : this.rules.quotaOps;
    const nowMs = this.traffic.world.loop.nowMs;
    const expiresS = lifetimeMs === 0 ? Number.POSITIVE_INFINITY : Math.ceil((nowMs + lifetimeMs) / 1000);
    const capability = {
      ...{ name, nonce: nonceOf(`${this.issued}X${holder}`), key: this.newestKey },
      ...{ ops: scope.ops, topic: scope.topic, expiresS, quotaOps, forged: false },
    };
    this.current.set(holder, capability);
    if (lifetimeMs > 0) {
      this.port.later(lifetimeMs >> 1, () => this.whenUp(() => this.renew(group, topic, capability)));
    }
    return capability;
  }

  private renew(group: Group, topic: string, old: Capability): void {
    if (this.of(group, topic) !== old) return;
    this.traffic.world.tally.count('renewed');
    this.issue(group, topic);
  }

  /** One that is good for nothing: for other topics, or signed by nobody. */
  strange(forged: boolean): Capability {
    const own = this.of('strangers', '');
    const forgery = 'forged strangers';
    const known = this.current.get(forgery);
    if (!forged) return own;
    if (known !== undefined) return known;
    const capability = { ...this.of('consumers', ''), name: `${forgery}#0`, forged: true };
    this.current.set(forgery, capability);
    return capability;
  }

  /** What a consumer has made of its own: the same, with quotas of 115 days that no other has. */
  attenuated(): Capability {
    const own = this.of('consumers', '');
    const first = 1 + QUOTAS_ADDED * ++this.made;
    const added = Array.from({ length: QUOTAS_ADDED }, (_, i) => `quota_ops = ${first + i}/9999999`);
    return { ...own, name: `${own.name}/${this.made}`, added };
  }

  /** What somebody of a group has made of its own: the same, with a quota of so many operations a second. */
  paced(group: Group, quotaOps: number): Capability {
    const own = this.of(group, '');
    return { ...own, name: `${own.name}/paced`, added: [`quota_ops = ${quotaOps}/1`] };
  }

  /** What somebody of a group has made of its own: the same, for this topic alone. */
  narrowed(group: Group, topic: string): Capability {
    const own = this.of(group, '');
    return { ...own, name: `${own.name}/${topic}`, topic };
  }

  /** The one that a group holds, as if it had been given it so long ago that it counts for so many seconds more (TM2). */
  brief(group: Group, topic: string, forS: number): Capability {
    const own = this.of(group, topic);
    const expiresS = Math.floor(this.traffic.world.loop.nowMs / 1000) + forS - TOLERANCE_S;
    return { ...own, name: `${own.name}/brief`, expiresS: Math.min(own.expiresS, expiresS) };
  }

  // ---- what happens to it, and what it does

  goDown(forMs: number): void {
    this.isDown = true;
    this.port.later(forMs, () => {
      this.isDown = false;
      for (const run of this.waiting.splice(0)) run();
    });
  }

  private whenUp(run: () => void): void {
    if (this.isDown) this.waiting.push(run);
    else run();
  }

  /** Takes a group's capability back at every node; hands out another `reissueMs` later, or with 0 none. */
  revoke(group: Group, reissueMs: number, topic = ''): void {
    this.whenUp(() => {
      const capability = this.of(group, topic);
      for (let node = 0; node < this.traffic.world.setup.nodes; node++) this.revokeAt(node, capability.nonce);
      if (reissueMs > 0) this.port.later(reissueMs, () => this.whenUp(() => this.issue(group, topic)));
      else this.traffic.dismissed.add(group);
    });
  }

  private revokeAt(node: number, nonce: string): void {
    const ask: Call['ask'] = { verb: 'revoke', nonce };
    this.traffic.callNode(this.port, node, ask, [], TIMEOUT_MS, (reply) => {
      if (reply?.outcome !== 'ok') this.port.later(RETRY_MS, () => this.revokeAt(node, nonce));
    });
  }

  /**
   * A new root key everywhere, new capabilities under it, and after `overlapMs` the old key goes (P3): not everybody has a
   * new one by then.
   */
  rollOver(overlapMs: number): void {
    this.whenUp(() => {
      const { world } = this.traffic;
      const key = Math.max(...world.keys) + 1;
      this.load([...world.keys, key]);
      this.port.later(LOAD_MS_MAX + SWITCH_MS, () => {
        this.newestKey = Math.max(this.newestKey, key);
        for (const [holder, capability] of this.current) {
          this.port.later(this.random.below(overlapMs + LATE_MS), () => {
            if (this.current.get(holder) === capability) this.reissue(holder);
          });
        }
      });
      this.port.later(LOAD_MS_MAX + SWITCH_MS + overlapMs, () => {
        this.load(world.keys.filter((other) => other >= key));
      });
    });
  }

  private reissue(holder: string): void {
    const [group, topic] = holder.split(' ') as [Group, string | undefined];
    if (group in GROUPS || group === 'admins') this.issue(group, topic ?? '');
    else this.current.delete(holder);
  }

  /** Every node loads the keyring as it is by then. */
  private load(keys: readonly number[]): void {
    const { world } = this.traffic;
    world.keys = keys;
    for (let node = 0; node < world.setup.nodes; node++) {
      this.traffic.plan(1 + this.random.below(LOAD_MS_MAX), () => {
        world.injector.inject({ kind: 'keyring', node, keys: world.keys });
      });
    }
  }
}
