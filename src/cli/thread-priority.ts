import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Low, but not so low that a machine that is always busy would never get to it: the log grows meanwhile. */
const BACKGROUND = 5;

/** The serving thread goes first. On Linux a priority is a thread's; elsewhere this one keeps the process's. */
export function yieldToOthers(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/')[2]);
    if (Number.isInteger(thread) && thread !== process.pid) setPriority(thread, BACKGROUND);
  } catch {}
}
