import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The program stays the child; strace watches from beside, every thread, only the calls it is asked for. */
const WATCHED = ['strace', '-D', '-f', '--seccomp-bpf', '-y', '-s', '0'];

/** The command to put before a program so that what it asks of the system is written to `file`. */
export const watching = (file: string, calls: readonly string[], ...more: string[]): string[] => [
  ...WATCHED,
  ...['-o', file, '-e', `trace=${calls.join(',')}`],
  ...more,
];

/** @throws Error where strace is missing or may not trace: a test that needs it fails, it never passes unseen */
export function needStrace(): void {
  const { error, status, stderr } = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true']);
  if (status === 0) return;
  throw new Error(`this test needs strace (and leave to ptrace): ${error?.message ?? stderr.toString()}`);
}

/** Calls by which a process could leave something on a disk. */
export const FILE_CALLS: readonly string[] = [
  ...['%file', 'write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendfile', 'copy_file_range', 'splice'],
  ...['ftruncate', 'fallocate', 'fchmod', 'fchown', 'fsetxattr', 'memfd_create', 'io_uring_setup'],
];

const OPENS = /^(?:open|openat|openat2|creat)\(/;
const FOR_WRITING = /^creat|O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND/;
/** Calls that change what is there by its name or its descriptor. */
const CHANGES =
  /^(?:rename|unlink|mkdir|rmdir|link|symlink|mknod|truncate|chmod|chown|lchown|fchmod|fchown|utime|futime|setxattr|lsetxattr|fsetxattr|removexattr|mount|ftruncate|fallocate|io_uring_setup|memfd_create)/;
const WRITES = /^(?:write|writev|pwrite64|pwritev|pwritev2|sendfile|copy_file_range|splice)\((\d+<[^>]*>)/;
/** What is no file on a disk: sockets, pipes, events, and the device that forgets. */
const NO_DISK = /^\d+<(?:(?:socket|pipe|anon_inode):|\/dev\/null$)/;

/** The calls in a trace, without the threads that made them. */
export const callsIn = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.replace(/^\d+ +/, ''))
    .filter((line) => /^\w+\(/.test(line));

/** Those by which something may have come to a disk, tried or done. */
export function leavingTraces(calls: readonly string[]): string[] {
  return calls.filter((call) => {
    if (OPENS.test(call)) return FOR_WRITING.test(call) && !call.includes('"/dev/null"');
    if (CHANGES.test(call)) return true;
    const written = WRITES.exec(call)?.[1];
    return written !== undefined && !NO_DISK.test(written.replace(/>$/, ''));
  });
}
