import type { Charged, ProcessFact } from '../ports/process-facts.ts';
import type { Reader, Writer } from './bytes.ts';
import { anyOf } from './field-types.ts';
import { FIELDS as F } from './fields.ts';
import { readLimits, writeLimits } from './record-parts.ts';
import { readBegun, readWent, writeBegun, writeWent } from './record-redrive.ts';

const REVOKED_KIND = anyOf('kind', ['nonce', 'key_id'] as const);

/** A fact of the process. */
export function writeProcessFact(w: Writer, item: ProcessFact): void {
  switch (item.name) {
    case 'started':
      F.atMs.write(w, item.atMs);
      F.term.write(w, item.term);
      F.shards.write(w, item.shards);
      return writeLimits(w, item.limits);
    case 'limited':
      return writeLimits(w, item.limits);
    case 'revoked':
      REVOKED_KIND.write(w, item.kind);
      F.value.write(w, item.value);
      F.atMs.write(w, item.atMs);
      return;
    case 'charged':
      if (item.chain !== undefined) F.chain.write(w, item.chain);
      F.nonce.write(w, item.nonce);
      F.line.write(w, item.line);
      F.used.write(w, item.used);
      F.endMs.write(w, item.endMs);
      F.windowMs.write(w, item.windowMs);
      return;
    case 'clocks':
      F.serviceMs.write(w, item.serviceMs);
      F.wallMs.write(w, item.wallMs);
      return;
    case 'barred':
      F.chain.write(w, item.chain);
      F.nonce.write(w, item.nonce);
      F.endMs.write(w, item.endMs);
      F.windowMs.write(w, item.windowMs);
      return;
    case 'told':
      F.facts.write(w, item.facts);
      F.startedMs.write(w, item.startedMs);
      return;
    case 'redrive_begun':
      return writeBegun(w, item);
    case 'redrive_went':
      return writeWent(w, item);
  }
}

export function readProcessFact(r: Reader, name: ProcessFact['name'] | 'charged_link'): ProcessFact {
  switch (name) {
    case 'started':
      return {
        name,
        atMs: F.atMs.read(r),
        term: F.term.read(r),
        shards: F.shards.read(r),
        limits: readLimits(r),
      };
    case 'limited':
      return { name, limits: readLimits(r) };
    case 'revoked':
      return { name, kind: REVOKED_KIND.read(r), value: F.value.read(r), atMs: F.atMs.read(r) };
    case 'charged':
      return readCharged(r);
    case 'clocks':
      return { name, serviceMs: F.serviceMs.read(r), wallMs: F.wallMs.read(r) };
    case 'barred':
      return {
        name,
        chain: F.chain.read(r),
        nonce: F.nonce.read(r),
        endMs: F.endMs.read(r),
        windowMs: F.windowMs.read(r),
      };
    case 'told':
      return { name, facts: F.facts.read(r), startedMs: F.startedMs.read(r) };
    case 'redrive_begun':
      return readBegun(r);
    case 'redrive_went':
      return readWent(r);
    case 'charged_link':
      return { chain: F.chain.read(r), ...readCharged(r) };
  }
}

const readCharged = (r: Reader): Charged => ({
  name: 'charged',
  nonce: F.nonce.read(r),
  line: F.line.read(r),
  used: F.used.read(r),
  endMs: F.endMs.read(r),
  windowMs: F.windowMs.read(r),
});
