import type { Delivery, Request } from '../../src/service/messages.ts';
import { type Ask, type BatchAsk, type Call, type Copy, type LeaseRef, REDRIVE_KEY, type Reply } from '../call.ts';
import type { Capability, Group } from '../capabilities.ts';
import { FORGED_RECEIPT } from '../clients/consumer.ts';
import type { Fault } from '../faults/index.ts';
import type { Setup } from '../setup.ts';

/** A request as a script has it: ids and receipts are named by what they belong to, payloads are hex. */
export type ScriptAsk = { readonly verb: Ask['verb'] } & Readonly<Record<string, unknown>>;

export interface ScriptCall {
  readonly id: number;
  readonly by: string;
  readonly group: Group;
  readonly node: number;
  /** Number of the capability in the script. */
  readonly capability: number;
  readonly ask: ScriptAsk;
  readonly refs: readonly LeaseRef[];
  readonly timeoutMs: number;
  readonly copies: readonly Copy[];
}

/** One thing that happens to the world from outside. */
export type Element = { readonly atMs: number } & ({ readonly call: ScriptCall } | { readonly fault: Fault });

/** Workload and faults with nothing left to chance: a run of it is always the same. */
export interface Script {
  readonly setup: Setup;
  readonly clocksAreTrue: boolean;
  readonly capabilities: readonly Capability[];
  /** What the nodes draw: receipts, bits of ids, jitter, the time of syncs. Past its end a tape gives 1, 2, 3 .. */
  readonly tapes: readonly (readonly number[])[];
  readonly elements: readonly Element[];
}

/** A request without its ids, which `refs` stand for. */
export function written(ask: Ask): ScriptAsk {
  switch (ask.verb) {
    case 'send': {
      const { payload, ttlMs, ...rest } = ask;
      const hex = Buffer.from(payload).toString('hex');
      return { ...rest, payload: hex, ...(ttlMs === Number.POSITIVE_INFINITY ? {} : { ttlMs }) };
    }
    case 'recv':
    case 'stream': {
      const { acks: _, ...rest } = ask;
      return unbounded(rest);
    }
    case 'feed':
      return unbounded({ ...ask });
    case 'batch':
      return { verb: 'batch', items: ask.items.map(written) };
    case 'ack':
    case 'nack':
    case 'extend': {
      const { msgId: _id, receipt: _receipt, ...rest } = ask;
      return rest;
    }
    case 'show':
      return { verb: 'show' };
    case 'reprocess':
    case 'redrive':
    case 'purge': {
      const { msgIds, ...rest } = ask;
      return { ...unbounded(rest), named: msgIds !== null };
    }
    case 'redrive_show':
    case 'redrive_cancel':
      return { verb: ask.verb };
    default:
      return { ...ask };
  }
}

/** Without what is Infinity, which JSON has not. */
const unbounded = (ask: ScriptAsk): ScriptAsk =>
  Object.fromEntries(Object.entries(ask).filter(([, value]) => value !== Number.POSITIVE_INFINITY)) as ScriptAsk;

interface Acquainted {
  readonly msgId: string;
  readonly epoch: number;
  readonly receipt: string;
}

/** What the clients of a run have come to know: the ids and receipts behind the references of a script. */
export class Acquaintance {
  private readonly leases = new Map<string, Acquainted[]>();
  private readonly ids = new Map<string, string[]>();

  learn(ask: Ask, reply: Reply | null): void {
    if (reply === null) return;
    if (ask.verb === 'batch')
      for (const [i, one] of (reply.replies ?? []).entries()) this.learn(ask.items[i] as Ask, one);
    if (ask.verb === 'send' && reply.msgId !== undefined) this.meet(keyOf(ask), reply.msgId);
    for (const letter of reply.deadLetters ?? []) this.meet(keyOf(letter), letter.msgId);
    const { redrive } = reply;
    if (redrive !== undefined) this.meet(keyOf({ topic: redrive.topic, idemKey: REDRIVE_KEY }), redrive.id);
    this.given(reply.deliveries ?? []);
  }

  /** Leases, in the order in which clients came to know of them. */
  given(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const { msgId, epoch, receipt } = delivery;
      const key = keyOf(delivery);
      this.meet(key, msgId);
      const leases = this.leases.get(key);
      if (leases === undefined) this.leases.set(key, [{ msgId, epoch, receipt }]);
      else leases.push({ msgId, epoch, receipt });
    }
  }

  private meet(key: string, msgId: string): void {
    const ids = this.ids.get(key);
    if (ids === undefined) this.ids.set(key, [msgId]);
    else if (!ids.includes(msgId)) ids.push(msgId);
  }

  /** The reference, and which of the messages of its key is meant. */
  precise(ref: LeaseRef, msgId: string | undefined): LeaseRef {
    const nth = msgId === undefined ? -1 : (this.ids.get(keyOf(ref))?.indexOf(msgId) ?? -1);
    return nth <= 0 ? ref : { ...ref, nth };
  }

  private idOf(ref: LeaseRef): string | undefined {
    const ids = this.ids.get(keyOf(ref)) ?? [];
    return ids[ref.nth ?? 0] ?? ids.at(-1);
  }

  /** The lease a reference names, or the nearest before it; so a script stays good when earlier leases are taken out of it. */
  lease(ref: LeaseRef): { readonly msgId: string; readonly receipt: string } | null {
    const msgId = this.idOf(ref);
    if (ref.epoch === 0) return msgId === undefined ? null : { msgId, receipt: FORGED_RECEIPT };
    const all = this.leases.get(keyOf(ref)) ?? [];
    const own = all.filter((lease) => lease.msgId === msgId);
    const leases = own.length > 0 ? own : all;
    return leases.findLast(({ epoch }) => epoch <= ref.epoch) ?? leases[0] ?? null;
  }

  /** The request behind what was written, or null when it names what nobody knows yet. */
  read(ask: ScriptAsk, refs: readonly LeaseRef[]): Ask | null {
    const { verb } = ask;
    switch (verb) {
      case 'send':
        return {
          ttlMs: Number.POSITIVE_INFINITY,
          ...ask,
          payload: new Uint8Array(Buffer.from(String(ask['payload']), 'hex')),
        } as unknown as Request;
      case 'recv':
      case 'stream': {
        const acks = refs.map((ref) => this.lease(ref)).filter((item) => item !== null);
        const without = Number.POSITIVE_INFINITY;
        return {
          ...(verb === 'stream' ? { waitMs: without, messagesMax: without } : {}),
          ...ask,
          acks,
        } as unknown as Ask;
      }
      case 'feed':
        return { waitMs: Number.POSITIVE_INFINITY, ...ask } as unknown as Ask;
      case 'batch': {
        const items = ask['items'] as readonly ScriptAsk[];
        // Each has a reference of its own, or none has.
        const read = items.map((item, i) => this.read(item, refs.slice(i, i + 1))).filter((item) => item !== null);
        return read.length === 0 ? null : { verb, items: read as BatchAsk[] };
      }
      case 'ack':
      case 'nack':
      case 'extend': {
        const item = refs[0] === undefined ? null : this.lease(refs[0]);
        return item === null ? null : ({ ...ask, msgId: item.msgId, receipt: item.receipt } as unknown as Request);
      }
      case 'show': {
        const msgId = refs[0] === undefined ? undefined : this.idOf(refs[0]);
        return msgId === undefined ? null : { verb, msgId };
      }
      case 'redrive_show':
      case 'redrive_cancel': {
        const id = refs[0] === undefined ? undefined : this.idOf(refs[0]);
        return id === undefined ? null : { verb, id };
      }
      case 'reprocess':
      case 'redrive':
      case 'purge': {
        const { named, ...rest } = ask;
        const ids = refs.map((ref) => this.idOf(ref)).filter((id) => id !== undefined);
        const without = verb === 'redrive' ? { limit: Number.POSITIVE_INFINITY } : {};
        return { ...without, ...rest, msgIds: named === true ? ids : null } as unknown as Request;
      }
      default:
        return ask as unknown as Ask;
    }
  }
}

const keyOf = ({ topic, idemKey }: { readonly topic: string; readonly idemKey: string }): string =>
  `${topic} ${idemKey}`;

/** What a call was, apart from its ids. */
export function scriptCall(call: Call, capability: number): ScriptCall {
  const { id, by, node, ask, refs, timeoutMs, copies } = call;
  return { id, by: by.name, group: by.group, node, capability, ask: written(ask), refs, timeoutMs, copies };
}

/** The msg_ids in a request, in the order of its references. */
export function idsIn(ask: Ask): readonly string[] {
  if ('msgId' in ask) return [ask.msgId];
  if ('id' in ask) return [ask.id];
  if (ask.verb === 'batch') return ask.items.flatMap(idsIn);
  if ('acks' in ask) return ask.acks.map(({ msgId }) => msgId);
  return 'msgIds' in ask ? (ask.msgIds ?? []) : [];
}
