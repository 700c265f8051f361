import { OUTCOMES } from '../../spec/vocabulary.ts';
import { REDRIVE_STATES, REDRIVE_WHYS, type RedriveBegun, type RedriveWent } from '../ports/process-facts.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';
import { anyOf, FLAG } from './field-types.ts';
import { FIELDS as F } from './fields.ts';
import { REASON } from './record-parts.ts';

const STATE = anyOf('state', REDRIVE_STATES);
const WHY = anyOf('why', REDRIVE_WHYS);

export function writeBegun(w: Writer, fact: RedriveBegun): void {
  F.id.write(w, fact.id);
  F.atMs.write(w, fact.atMs);
  F.topic.write(w, fact.topic);
  F.limit.write(w, fact.limit);
  REASON.write(w, fact.reason);
  F.ratePerS.write(w, fact.ratePerS ?? 0);
  FLAG.write(w, fact.dryRun);
  F.lastNumber.write(w, fact.lastNumber);
  F.nonce.write(w, fact.grant.nonce);
  F.keyId.write(w, fact.grant.keyId);
  F.keyCreatedMs.write(w, fact.grant.keyCreatedMs);
  F.expiresS.write(w, fact.grant.expiresS);
  F.notBeforeS.write(w, fact.grant.notBeforeS);
  F.listed.write(w, fact.msgIds?.length ?? 0);
  for (const msgId of fact.msgIds ?? []) F.listedId.write(w, msgId);
}

export function readBegun(r: Reader): RedriveBegun {
  const fact = {
    name: 'redrive_begun',
    id: F.id.read(r),
    atMs: F.atMs.read(r),
    topic: F.topic.read(r),
    limit: F.limit.read(r),
    reason: REASON.read(r),
    ratePerS: F.ratePerS.read(r) || null,
    dryRun: FLAG.read(r),
    lastNumber: F.lastNumber.read(r),
    grant: {
      nonce: F.nonce.read(r),
      keyId: F.keyId.read(r),
      keyCreatedMs: F.keyCreatedMs.read(r),
      expiresS: F.expiresS.read(r),
      notBeforeS: F.notBeforeS.read(r),
    },
  } as const;
  const listed = F.listed.read(r);
  return { ...fact, msgIds: listed === 0 ? null : Array.from({ length: listed }, () => F.listedId.read(r)) };
}

export function writeWent(w: Writer, fact: RedriveWent): void {
  F.id.write(w, fact.id);
  STATE.write(w, fact.state);
  F.endedBy.writeOptional(w, fact.endedBy);
  F.endedMs.write(w, fact.endedMs ?? 0);
  F.place.write(w, fact.place);
  F.moved.write(w, fact.moved);
  for (const [i] of REDRIVE_WHYS.entries()) F.reasons.write(w, fact.reasons[i] ?? 0);
  F.failures.write(w, fact.failures.length);
  for (const { msgId, why } of fact.failures) {
    F.msgId.write(w, msgId);
    WHY.write(w, why);
  }
}

export function readWent(r: Reader): RedriveWent {
  const fact = {
    name: 'redrive_went',
    id: F.id.read(r),
    state: STATE.read(r),
    endedBy: outcomeOf(F.endedBy.readOptional(r)),
    endedMs: F.endedMs.read(r) || null,
    place: F.place.read(r),
    moved: F.moved.read(r),
    reasons: REDRIVE_WHYS.map(() => F.reasons.read(r)),
  } as const;
  const failures = Array.from({ length: F.failures.read(r) }, () => ({ msgId: F.msgId.read(r), why: WHY.read(r) }));
  return { ...fact, failures };
}

function outcomeOf(word: string | null): RedriveWent['endedBy'] {
  // By name, for outcomes stand in no order that lasts.
  if (word !== null && !Object.hasOwn(OUTCOMES, word)) throw new BytesError('ended_by is no outcome');
  return word as RedriveWent['endedBy'];
}
