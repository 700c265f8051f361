const TRIES = 3;

/**
 * How much more a piece of work costs when there is `times` as much of it, against what it would if it were linear: about 1 for what is,
 * about `times` for what is quadratic. By processor time, the least of a few tries: other processes do not count.
 */
export function growth(work: (size: number) => void, size: number, times: number): number {
  const cost = (n: number): number => {
    const tries = Array.from({ length: TRIES }, () => {
      const before = process.cpuUsage();
      work(n);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    return Math.max(Math.min(...tries), 1);
  };
  cost(size);
  return cost(size * times) / cost(size) / times;
}
