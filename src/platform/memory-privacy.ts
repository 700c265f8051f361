/** struct rlimit has 64-bit fields on the systems named here. */
const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;
/**
 * One byte: too little for a dump in a file, and the one value at which Linux starts no program that takes dumps either;
 * a limit of 0 would not stop that (core(5), `core_pattern`).
 */
const ONE_BYTE = 1n;
const ARCHITECTURES = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x'];

/**
 * What this process holds in memory is for nobody else (I1, I2): no core dump, and no other process of the same user may
 * trace it or read its memory. Gives null when that is so, else what could not be done.
 */
export async function keepMemoryPrivate(): Promise<string | null> {
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch)) {
    return `core dumps are not turned off on ${process.platform} ${process.arch}`;
  }
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    const setrlimit = libc.func('int setrlimit(int resource, const uint64_t *limits)');
    const prctl = libc.func(
      'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
    );
    if (setrlimit(RLIMIT_CORE, new BigUint64Array([ONE_BYTE, ONE_BYTE])) !== 0) return 'setrlimit of core dumps failed';
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0 ? null : 'prctl of PR_SET_DUMPABLE failed';
  } catch {
    return 'core dumps are turned off with the package koffi, which does not load here';
  }
}
