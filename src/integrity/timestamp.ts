let second = Number.NaN;
let prefix = '';

/** `ms` since the epoch as RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.999Z`; whole, 0 .. 8.64e15. */
export function timestampOf(ms: number): string {
  const inSecond = Math.floor(ms / 1000);
  if (inSecond !== second) {
    prefix = new Date(inSecond * 1000).toISOString().slice(0, -4);
    second = inSecond;
  }
  const rest = ms - inSecond * 1000;
  return `${prefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}
