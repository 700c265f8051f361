import type { DeadLetter } from '../../src/service/messages.ts';
import type { LeaseRef } from '../call.ts';
import { FORGED_RECEIPT, refOf } from './consumer.ts';
import type { Port } from './port.ts';

const TIMEOUT_MS = 5_000;
const LOOKED_AT = 20;

export interface AdminRules {
  readonly everyMs: number;
  /** Share of turns in which it purges, 0..1; it reprocesses in the others. */
  readonly purge: number;
  /** Dead letters a second that a reprocess puts back; 0 for all at once. */
  readonly ratePerS: number;
}

/** Looks through the dead letters of its topic now and then, and puts them back or purges them. */
export class Admin {
  private readonly port: Port;
  private readonly rules: AdminRules;
  private after = 0;

  constructor(port: Port, rules: AdminRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    port.later(rules.everyMs, () => {
      this.list();
      this.run();
    });
  }

  private list(): void {
    const { port } = this;
    const { topic, random } = port;
    const look = { reason: null, limit: LOOKED_AT, after: this.after, withPayload: random.chance(0.5) };
    port.ask({ verb: 'dlq_list', topic, ...look }, [], TIMEOUT_MS, (reply) => {
      this.after = reply?.next ?? 0;
      this.act(reply?.deadLetters ?? []);
    });
  }

  private act(dead: readonly DeadLetter[]): void {
    const { port, rules } = this;
    const { topic, random } = port;
    const some = dead.filter(() => random.chance(0.5));
    const named = random.chance(0.5) && some.length > 0;
    const msgIds = named ? some.map(({ msgId }) => msgId) : null;
    const refs: LeaseRef[] = named ? some.map(({ topic, idemKey }) => ({ topic, idemKey, epoch: 0 })) : [];
    if (random.chance(rules.purge)) {
      return port.ask(
        { verb: 'purge', topic, msgIds, olderThanMs: named ? null : random.below(60_000) },
        refs,
        TIMEOUT_MS,
        () => {},
      );
    }
    const ratePerS = rules.ratePerS === 0 ? null : rules.ratePerS;
    port.ask({ verb: 'reprocess', topic, limit: 100, msgIds, reason: null, ratePerS }, refs, TIMEOUT_MS, () => {});
  }
}

/**
 * Tries what it may not, with a capability that is good for something else, or that is no good at all; and what it may, with one that
 * it has attenuated again for every call.
 */
export class Stranger {
  private readonly port: Port;

  constructor(port: Port) {
    this.port = port;
  }

  /** So many calls at once: shares of them attenuated and, of the others, forged (0..1). */
  storm(calls: number, forged: number, attenuated: number): void {
    const { port } = this;
    const call = (): void => {
      if (attenuated > 0 && port.random.chance(attenuated)) this.look();
      else this.call(port.random.chance(forged));
    };
    for (let i = 0; i < calls; i++) port.later(1 + port.random.below(500), call);
  }

  private look(): void {
    const { port } = this;
    const capability = port.traffic.issuer.attenuated();
    port.traffic.call(port, port.topic, { verb: 'stats', topic: port.topic }, [], TIMEOUT_MS, () => {}, capability);
  }

  private call(forged: boolean): void {
    const { port } = this;
    const { traffic, random, topic } = port;
    const capability = traffic.strange(forged);
    const heard = traffic.heard(random);
    const call = (ask: Parameters<Port['ask']>[0], refs: readonly LeaseRef[]): void =>
      traffic.call(port, topic, ask, refs, TIMEOUT_MS, () => {}, capability);
    if (heard === undefined || random.chance(0.3)) {
      const most = { visibilityMs: null, messagesMax: 1, bytesMax: 1024, waitMs: 0, acks: [] };
      return call({ verb: 'recv', topic, ...most }, []);
    }
    const { msgId } = heard;
    const receipt = random.chance(0.8) ? heard.receipt : FORGED_RECEIPT;
    const ref = receipt === heard.receipt ? refOf(heard) : { ...refOf(heard), epoch: 0 };
    call({ verb: 'ack', msgId, receipt }, [ref]);
  }
}
