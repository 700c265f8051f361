import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { told } from './programs.ts';
import { until } from './until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'];
const ENV = { ...process.env, SYSTEMD_UNIT_PATH: '/etc/systemd/system' };

/** A systemd that runs, as process 1 of namespaces of its own (`systemd.sh`), with the unit in `/root/unit` and the program installed. */
export class BootedSystemd {
  private readonly folder = mkdtempSync(join(tmpdir(), 'booted-'));
  private readonly group = `mailbox-test-${process.pid}`;
  private readonly child: ChildProcess;
  private said = '';
  /** As this machine knows it. */
  private pid = 0;

  private constructor() {
    const script = resolve(import.meta.dirname, 'systemd.sh');
    this.child = spawn('sh', [script, this.group, this.folder, ROOT], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.said += chunk;
      });
    }
  }

  /** Null where this machine lets nobody make such namespaces, or has no systemd: then there is nothing to try. */
  static async boot(): Promise<BootedSystemd | null> {
    const namespaces = ['--mount', '--pid', '--fork', '--uts', '--ipc', '--net', '--cgroup'];
    const layered =
      'mount -t tmpfs t /mnt && cd /mnt && mkdir u w r && mount -t overlay o -o lowerdir=/,upperdir=u,workdir=w r';
    const canBe =
      spawnSync('unshare', [...namespaces, 'sh', '-c', `mount --make-rprivate / && ${layered}`]).status === 0;
    if (!canBe || !existsSync('/lib/systemd/systemd') || !existsSync('/usr/bin/node')) return null;
    const one = new BootedSystemd();
    try {
      await until(() => one.find(), 120_000);
      await until(() => one.run('systemctl is-active basic.target').text.trim() === 'active', 120_000);
    } catch (error) {
      await one.end();
      throw new Error(`systemd did not come up: ${one.said}`, { cause: error });
    }
    return one;
  }

  private find(): boolean {
    if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}`);
    const first = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').trim();
    if (first === '' || !readFileSync(`/proc/${first}/cmdline`, 'utf8').includes('/systemd\0--system')) return false;
    this.pid = Number(first);
    return true;
  }

  /** Runs a line of a shell in there, as root. */
  run(line: string): { status: number | null; text: string } {
    return told('nsenter', ['-t', `${this.pid}`, '-a', '-r', '-w', 'sh', '-c', line], undefined, ENV);
  }

  /** Some of what `systemctl show` says of the unit. */
  show(unit: string, ...names: readonly string[]): Record<string, string> {
    const lines = this.run(`systemctl show ${unit} ${names.map((name) => `-p ${name}`).join(' ')}`).text.trim();
    return Object.fromEntries(lines.split('\n').map((line) => line.split('=', 2) as [string, string]));
  }

  async end(): Promise<void> {
    if (this.pid !== 0) process.kill(this.pid, 'SIGKILL');
    this.child.kill('SIGKILL');
    await until(() => this.child.exitCode !== null || this.child.signalCode !== null);
    for (const hierarchy of HIERARCHIES) await this.remove(join(hierarchy, this.group));
    rmdirSync(this.folder);
  }

  /** A control group goes when nobody is in it any more. */
  private async remove(group: string): Promise<void> {
    if (!existsSync(group)) return;
    for (const name of readdirSync(group)) {
      if (statSync(join(group, name)).isDirectory()) await this.remove(join(group, name));
    }
    await until(() => {
      try {
        rmdirSync(group);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
        return false;
      }
    });
  }
}
