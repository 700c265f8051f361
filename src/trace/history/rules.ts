import { type Delivery, endOf, type HistoryHeader, type Op } from './format.ts';

/** A message in the hands of a client: of which call, and when. */
export interface Handed extends Delivery {
  readonly op: Op;
}

/** A history by what it is about; each list in the order in which calls began. */
export interface History {
  readonly header: HistoryHeader;
  readonly ops: readonly Op[];
  /** Sends by topic and key; calls and deliveries by message. */
  readonly sends: ReadonlyMap<string, readonly Op[]>;
  readonly accepted: ReadonlyMap<string, Op>;
  readonly handed: ReadonlyMap<string, readonly Handed[]>;
  readonly settling: ReadonlyMap<string, readonly Op[]>;
  readonly topics: ReadonlyMap<string, TopicOps>;
  readonly restarts: readonly Op[];
  readonly revoked: readonly Op[];
}
export interface TopicOps {
  readonly recvs: readonly Op[];
  readonly sends: readonly Op[];
  readonly drained: readonly Op[];
  /** When the first call on it began that might have handed out anything and did not tell: a recv without an answer, a redrive. */
  readonly unknownFromMs: number;
}

/** The calls that show it, and what is wrong with them. */
export interface Violation {
  readonly rule: string;
  readonly ops: readonly Op[];
  readonly why: string;
}

/**
 * A rule of what clients may see, by the name that it has in tla/History.tla. None of them knows the state of the mailbox: what is said
 * follows from calls and answers alone, in real time, where something that got no answer may have happened at any time since.
 */
export interface HistoryRule {
  readonly name: string;
  /** Of docs/lifecycle.md. */
  readonly rules: string;
  readonly says: string;
  find(history: History): Iterable<Omit<Violation, 'rule'>>;
}

export const keyOf = (topic: string, key: string): string => `${topic} ${key}`;

/** Nothing of the mailbox ended or began anew between these times. */
const isSteady = ({ restarts }: History, fromMs: number, toMs: number): boolean =>
  restarts.every((restart) => endOf(restart) < fromMs || restart.begin_ms > toMs);

function* pairs<T>(all: readonly T[]): Generator<readonly [T, T]> {
  for (let i = 0; i < all.length; i++) for (let j = i + 1; j < all.length; j++) yield [all[i] as T, all[j] as T];
}

const SentProp: HistoryRule = {
  name: 'SentProp',
  rules: 'AC1, R3, IN1',
  says: 'what is handed out is what was sent under that key, and a msg_id stands for one message',
  *find({ handed, sends }) {
    for (const all of handed.values()) {
      const [first] = all as [Handed];
      for (const one of all) {
        if (
          one.idem_key !== first.idem_key ||
          one.payload_hash !== first.payload_hash ||
          one.op.topic !== first.op.topic
        )
          yield { ops: [first.op, one.op], why: `${one.msg_id} is two messages` };
        const sent = sends.get(keyOf(one.op.topic as string, one.idem_key)) ?? [];
        const isSent = sent.some(
          ({ begin_ms, payload_hash, msg_id, result }) =>
            begin_ms <= endOf(one.op) &&
            payload_hash === one.payload_hash &&
            (msg_id === one.msg_id || result === 'unknown'),
        );
        if (!isSent) yield { ops: [one.op], why: `${one.msg_id} was never sent so` };
      }
    }
  },
};

const IdempotentInv: HistoryRule = {
  name: 'IdempotentInv',
  rules: 'ID1, ID4',
  says: 'a key is accepted once in t_replay',
  *find({ header, sends }) {
    if (!header.true_clocks) return;
    for (const all of sends.values())
      for (const [one, other] of pairs(all.filter(({ result }) => result === 'accepted')))
        if (
          one.msg_id !== other.msg_id &&
          Math.max(endOf(one), endOf(other)) - Math.min(one.begin_ms, other.begin_ms) < header.constants.TReplay
        )
          yield { ops: [one, other], why: `accepted as ${one.msg_id} and as ${other.msg_id}` };
  },
};

const DuplicateProp: HistoryRule = {
  name: 'DuplicateProp',
  rules: 'ID2, ID3, ID5',
  says: 'a duplicate names the message that was accepted; a mismatch has another payload before it',
  *find({ header, sends }) {
    for (const all of sends.values())
      for (const one of all) {
        if (one.result === 'mismatch') {
          const isOther = all.some(
            (other) =>
              other.payload_hash !== one.payload_hash && other.begin_ms <= endOf(one) && other.result !== 'refused',
          );
          if (!isOther) yield { ops: [one], why: 'no other payload was ever sent under the key' };
        }
        if (one.result !== 'duplicate' || !header.true_clocks) continue;
        for (const other of all)
          if (
            other.result === 'accepted' &&
            other.msg_id !== one.msg_id &&
            one.begin_ms > endOf(other) &&
            endOf(one) - other.begin_ms < header.constants.TReplay
          )
            yield { ops: [other, one], why: `a duplicate of ${one.msg_id}, and accepted was ${other.msg_id}` };
      }
  },
};

const AckFinalProp: HistoryRule = {
  name: 'AckFinalProp',
  rules: 'AC1, LE3',
  says: 'after an ack was answered nobody asks for the message and gets it',
  *find({ handed, settling }) {
    for (const [msgId, calls] of settling) {
      const acks = calls.filter(({ verb, result }) => verb === 'ack' && result === 'ok');
      const [first] = acks.sort((a, b) => endOf(a) - endOf(b));
      if (first === undefined) continue;
      for (const { op } of handed.get(msgId) ?? [])
        if (op.begin_ms > endOf(first)) yield { ops: [first, op], why: `${msgId} was acked` };
    }
  },
};

const EpochMonotoneProp: HistoryRule = {
  name: 'EpochMonotoneProp',
  rules: 'LE2',
  says: 'each lease has an epoch and a receipt of its own, and a later one a higher epoch',
  *find({ handed }) {
    for (const [msgId, all] of handed)
      for (const [one, other] of pairs(all)) {
        if (one.receipt === other.receipt || one.epoch === other.epoch)
          yield { ops: [one.op, other.op], why: `${msgId}: two leases of one receipt or epoch` };
        else if (other.op.begin_ms > endOf(one.op) && other.epoch < one.epoch)
          yield { ops: [one.op, other.op], why: `${msgId}: epoch ${other.epoch} after ${one.epoch}` };
      }
  },
};

const SingleLeaseProp: HistoryRule = {
  name: 'SingleLeaseProp',
  rules: 'LE1, LE3',
  says: 'nobody gets a message while another has it whose lease is sure to go on',
  *find(history) {
    if (!history.header.true_clocks) return;
    for (const [msgId, all] of history.handed) {
      if (all.length < 2) continue;
      const calls = history.settling.get(msgId) ?? [];
      for (const one of all)
        for (const other of all) {
          const [fromMs, toMs] = [one.op.begin_ms, endOf(other.op)];
          if (other.epoch <= one.epoch || toMs < fromMs || toMs >= fromMs + one.deadline_in_ms) continue;
          const isTouched = calls.some(({ receipt, begin_ms }) => receipt === one.receipt && begin_ms <= toMs);
          if (!isTouched && isSteady(history, fromMs, toMs))
            yield { ops: [one.op, other.op], why: `${msgId}: leased until ${fromMs + one.deadline_in_ms} at least` };
        }
    }
  },
};

const AttemptsBoundedInv: HistoryRule = {
  name: 'AttemptsBoundedInv',
  rules: 'RT1, RT4',
  says: 'no message is handed out more often than it may be, and each time counts an epoch',
  *find({ header, handed }) {
    for (const all of handed.values())
      for (const { op, msg_id, attempt, epoch } of all)
        if (attempt < 1 || attempt > header.constants.MaxAttempts || attempt > epoch)
          yield { ops: [op], why: `${msg_id}: attempt ${attempt} of ${header.constants.MaxAttempts}, epoch ${epoch}` };
  },
};

/** Calls with this receipt, and the leases that it is of. */
function* byReceipt({ handed, settling }: History): Generator<{ calls: readonly Op[]; leases: readonly Handed[] }> {
  for (const [msgId, all] of settling) {
    const receipts = new Map<string, Op[]>();
    for (const op of all) {
      const known = receipts.get(op.receipt as string);
      if (known === undefined) receipts.set(op.receipt as string, [op]);
      else known.push(op);
    }
    const leases = handed.get(msgId) ?? [];
    for (const [receipt, calls] of receipts)
      yield { calls, leases: leases.filter((lease) => lease.receipt === receipt) };
  }
}
const isOk = ({ result }: Op): boolean => result === 'ok';
const mayHold = ({ result }: Op): boolean => result === 'ok' || result === 'unknown';
const isEnd = ({ verb }: Op): boolean => verb !== 'extend';

const LateProp: HistoryRule = {
  name: 'LateProp',
  rules: 'LE3, LE5',
  says: 'a lease is settled or extended by who was given it, and not after its deadline',
  *find(history) {
    for (const { calls, leases } of byReceipt(history)) {
      const oks = calls.filter(isOk);
      for (const one of oks) {
        // A client may be gone before it has what it was given, and another one cannot know the receipt.
        const given = leases.filter(({ op }) => op.begin_ms <= endOf(one));
        if (given.length === 0) yield { ops: [one], why: 'nobody was given that receipt' };
        if (given.length === 0 || !history.header.true_clocks) continue;
        const before = calls.filter((other) => other !== one && other.begin_ms <= one.begin_ms && mayHold(other));
        // What was settled in time has its answer again; what was extended without an answer may go on for longer.
        if (
          before.some(
            ({ verb, result }) => (isEnd(one) && verb === one.verb) || (verb === 'extend' && result === 'unknown'),
          )
        )
          continue;
        const untilMs = Math.max(
          ...given.map(({ op, deadline_in_ms }) => endOf(op) + deadline_in_ms),
          ...oks
            .filter((op) => op !== one && op.verb === 'extend')
            .map((op) => endOf(op) + (op.deadline_in_ms as number)),
        );
        const [first] = given as [Handed];
        if (one.begin_ms > untilMs && isSteady(history, first.op.begin_ms, endOf(one)))
          yield { ops: [first.op, one], why: `asked at ${one.begin_ms}, and the lease was over at ${untilMs}` };
      }
    }
  },
};

const RepeatProp: HistoryRule = {
  name: 'RepeatProp',
  rules: 'LE4',
  says: 'a lease is settled once; said again it has the same answer, and another verb never has that',
  *find(history) {
    const { TReplay, SettledCapacity } = history.header.constants;
    const settled = [...history.settling.values()].flat().filter((op) => isEnd(op) && isOk(op)).length;
    const mayForget = settled > SettledCapacity || !history.header.true_clocks;
    for (const { calls } of byReceipt(history)) {
      const ends = calls.filter(isEnd);
      const oks = ends.filter(isOk);
      const firstMs = Math.min(...oks.map(endOf));
      // Several may have been answered at once.
      for (const first of oks.filter((op) => endOf(op) === firstMs))
        for (const one of ends) {
          if (isOk(one) && one.verb !== first.verb) yield { ops: [first, one], why: 'settled by two verbs' };
          // To others it is a message that is not there.
          const isRepeat = one.verb === first.verb && one.by === first.by && one.begin_ms > endOf(first);
          const isLost = one.result === 'lease_lost' || one.result === 'not_found';
          if (isRepeat && isLost && !mayForget && endOf(one) - first.begin_ms < TReplay)
            yield { ops: [first, one], why: `said again, and answered ${one.result}` };
        }
    }
  },
};

/**
 * Of a topic, each recv that was answered with the sends that are sure to wait all the while, by when they were answered: accepted before
 * it began, and handed out to nobody who had asked before it ended. Recvs in the order in which they began.
 */
function* answeredRecvs({ handed }: History, { recvs, sends, unknownFromMs }: TopicOps) {
  const handedFromMs = (send: Op): number =>
    Math.min(Number.POSITIVE_INFINITY, ...(handed.get(send.msg_id as string) ?? []).map(({ op }) => op.begin_ms));
  const coming = sends
    .filter(({ result, timed }) => result === 'accepted' && timed !== true)
    .map((send) => ({ send, handedMs: handedFromMs(send) }))
    .sort((one, other) => endOf(one.send) - endOf(other.send));
  let waiting: typeof coming = [];
  let next = 0;
  for (const recv of recvs) {
    if (recv.result !== 'ok') continue;
    const [fromMs, toMs] = [recv.begin_ms, endOf(recv)];
    if (unknownFromMs <= toMs) continue;
    const isLeft = waiting.filter(({ handedMs }) => handedMs > fromMs);
    waiting = isLeft;
    for (; next < coming.length && endOf((coming[next] as { send: Op }).send) < fromMs; next++)
      waiting.push(coming[next] as (typeof coming)[number]);
    yield { recv, sure: waiting.find(({ handedMs }) => handedMs > toMs)?.send };
  }
}

const OrderProp: HistoryRule = {
  name: 'OrderProp',
  rules: 'LE1',
  says: 'nobody gets a message before one that was sent earlier and waits',
  *find(history) {
    for (const topic of history.topics.values())
      for (const { recv, sure } of answeredRecvs(history, topic)) {
        if (sure === undefined) continue;
        for (const { msg_id: msgId } of recv.got ?? []) {
          const sent = history.accepted.get(msgId);
          if (sent === undefined || sent.begin_ms <= endOf(sure)) continue;
          yield { ops: [sure, recv], why: `${sure.msg_id} was sent before ${msgId}, and waits` };
          break;
        }
      }
  },
};

const GivenProp: HistoryRule = {
  name: 'GivenProp',
  rules: 'LE1, LE6',
  says: 'nobody is told that there is nothing while something waits',
  *find(history) {
    for (const topic of history.topics.values())
      for (const { recv, sure } of answeredRecvs(history, topic))
        if (sure !== undefined && recv.got?.length === 0) yield { ops: [sure, recv], why: `${sure.msg_id} waits` };
  },
};

const RevokedProp: HistoryRule = {
  name: 'RevokedProp',
  rules: 'AU3, S3',
  says: 'nothing is done under a capability whose revocation was answered',
  *find({ header, revoked, ops }) {
    for (const revoke of revoked) {
      const overMs = endOf(revoke) + header.constants.RevokedWithin;
      for (const op of ops)
        if (op.by === revoke.nonce && op.begin_ms > overMs && op.result !== 'refused' && op.result !== 'unknown')
          yield { ops: [revoke, op], why: `revoked at ${endOf(revoke)}` };
    }
  },
};

const NoLossInv: HistoryRule = {
  name: 'NoLossInv',
  rules: 'AC1, RT2',
  says: 'of a topic that is drained every accepted message was handed out, or is dead',
  *find({ topics, handed }) {
    for (const { drained, sends, unknownFromMs } of topics.values())
      for (const end of drained) {
        if (unknownFromMs <= endOf(end)) continue;
        for (const send of sends) {
          const { msg_id: msgId = '', result } = send;
          if (result !== 'accepted' || endOf(send) >= end.begin_ms) continue;
          if (!handed.has(msgId) && !end.dead?.includes(msgId)) yield { ops: [send, end], why: `${msgId} is nowhere` };
        }
      }
  },
};

export const HISTORY_RULES: readonly HistoryRule[] = [
  ...[SentProp, IdempotentInv, DuplicateProp, AckFinalProp, EpochMonotoneProp, SingleLeaseProp, AttemptsBoundedInv],
  ...[LateProp, RepeatProp, OrderProp, GivenProp, RevokedProp, NoLossInv],
];
