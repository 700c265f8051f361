import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { MailboxProcess } from './process.ts';

const UNSHARE = ['unshare', '--user', '--map-root-user', '--mount'];

/** In a mount namespace of its own: a small disk, the program on it, and somebody who fills it up and frees it when told. */
const SCRIPT = `
size=$1 disk=$2
shift 2
mount -t tmpfs -o "size=$size,mode=0700" none "$disk" || exit 97
exec 3<&0
while read -r word; do
  case $word in
    fill) head -c 1G /dev/zero >"$disk/filler" 2>/dev/null; echo disk filled >&2 ;;
    free) rm "$disk/filler"; echo disk freed >&2 ;;
  esac
done <&3 3<&- &
exec "$@" 3<&- </dev/null`;

/** @throws Error where no disk can be mounted: a test that needs one fails, it never passes unseen */
export function needTinyDisk(): void {
  const { error, status, stderr } = spawnSync(UNSHARE[0] as string, [
    ...UNSHARE.slice(1),
    ...['mount', '-t', 'tmpfs', 'none', '/mnt'],
  ]);
  if (status === 0) return;
  throw new Error(`this test needs unshare and leave to mount: ${error?.message ?? stderr.toString()}`);
}

/** The command that runs a program with a disk of so many bytes mounted at `disk`. */
export function onTinyDisk(bytes: number, disk: string): string[] {
  mkdirSync(disk, { mode: 0o700 });
  return [...UNSHARE, 'sh', '-c', SCRIPT, 'sh', String(bytes), disk];
}

/** Fills up what is left of the disk, or frees it again. */
export async function tellDisk(process: MailboxProcess, word: 'fill' | 'free'): Promise<void> {
  process.child.stdin?.write(`${word}\n`);
  await process.until(() => process.err.includes(word === 'fill' ? 'disk filled' : 'disk freed'));
}
