/** Of late: a fact tells of its time and of when its lease ends, in turns. */
const SECONDS = 8;
const seconds = new Float64Array(SECONDS).fill(Number.NaN);
const prefixes = new Array<string>(SECONDS).fill('');

/** What a batch is sent at is told of each of its messages. */
let lastMs = Number.NaN;
let lastText = '';

/** `ms` since the epoch as RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.999Z`; whole, 0 .. 8.64e15. */
export function timestampOf(ms: number): string {
  if (ms === lastMs) return lastText;
  const inSecond = Math.floor(ms / 1000);
  const slot = inSecond % SECONDS;
  if (seconds[slot] !== inSecond) {
    prefixes[slot] = new Date(inSecond * 1000).toISOString().slice(0, -4);
    seconds[slot] = inSecond;
  }
  const rest = ms - inSecond * 1000;
  lastText = `${prefixes[slot]}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
  lastMs = ms;
  return lastText;
}
