import type { EnginePromise } from '../ports/engine.ts';
import { Unreadable } from '../ports/journal.ts';

export const isSamePromise = (one: EnginePromise | null, other: EnginePromise | null): boolean =>
  one?.system === other?.system && one?.timeline === other?.timeline && one?.isReplicated === other?.isReplicated;

const said = ({ system, timeline, isReplicated }: EnginePromise): string =>
  `system ${system}, timeline ${timeline}, ${isReplicated ? 'with' : 'without'} a standby`;

/** What was answered may be gone: nobody goes on with that unasked. */
export class LossSuspected extends Unreadable {}

/**
 * Why what a log says cannot be all that was answered; null where nothing speaks against it. A new owner sees no loss: only what the one
 * before was promised tells that there may be one.
 */
export function lossIn(number: number, before: EnginePromise | null, now: EnginePromise): string | null {
  if (before === null) return null;
  const isOther = before.system !== now.system;
  const isOlder = now.timeline < before.timeline;
  const mayBeCut = now.timeline > before.timeline && !before.isReplicated;
  if (!isOther && !isOlder && !mayBeCut) return null;
  const why = isOther
    ? 'another database'
    : isOlder
      ? 'a primary of before a failover'
      : 'what was answered before the failover may be gone';
  return `log ${number}: ${why}: written with ${said(before)}, found with ${said(now)}. To go on all the same: mailbox cluster accept-loss ${number}`;
}
