import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = 'faketime/libfaketimeMT.so.1';

/** Where Debian puts it: in the folder of the machine's architecture. */
function libraryPath(): string | undefined {
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name)), '/usr/local/lib'];
  return folders.map((folder) => join(folder, LIBRARY)).find((path) => existsSync(path));
}

/** The wall clock of a process that another sets while it runs; its monotonic clock is the machine's. */
export class WallClock {
  private readonly file: string;
  private readonly preload: string;

  /** @throws Error where libfaketime is missing: a test that needs it fails, it never passes unseen */
  constructor(folder: string) {
    const preload = libraryPath();
    if (preload === undefined) throw new Error(`this test needs libfaketime: no ${LIBRARY} under /usr/lib`);
    this.preload = preload;
    this.file = join(folder, 'wall-clock');
    this.set(0);
  }

  /** The command that runs a process under this clock. */
  get under(): readonly string[] {
    const { preload, file } = this;
    return ['env', `LD_PRELOAD=${preload}`, `FAKETIME_TIMESTAMP_FILE=${file}`, ...OPTIONS];
  }

  /** It shows so many seconds more than the machine's from now on. */
  set(aheadS: number): void {
    writeFileSync(`${this.file}.new`, `${aheadS < 0 ? '' : '+'}${aheadS}\n`);
    renameSync(`${this.file}.new`, this.file);
  }
}
const OPTIONS = ['FAKETIME_NO_CACHE=1', 'DONT_FAKE_MONOTONIC=1'];
