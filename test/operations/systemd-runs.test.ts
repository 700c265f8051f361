import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../support/operations.ts';
import { BootedSystemd } from '../support/systemd.ts';
import { until } from '../support/until.ts';

let machine: BootedSystemd | null = null;
beforeAll(async () => {
  machine = await BootedSystemd.boot();
}, 300_000);
afterAll(() => machine?.end());

/** What docs/deployment.md has people type, but for npm: the package is there. */
function installation(): string[] {
  const [, block = ''] = /## systemd\n\n```sh\n([\s\S]*?)```/.exec(textOf('docs/deployment.md')) ?? [];
  const [npm = '', ...lines] = block.trim().split('\n');
  expect(npm).toBe('npm install --global svc-mailbox');
  expect(lines.at(-1)).toContain('systemctl enable --now mailbox');
  return lines;
}

describe('a systemd that runs', () => {
  it('installs, starts, restarts, reloads and stops the mailbox as docs/deployment.md says (U4; unavailable without namespaces of its own)', async ({
    skip,
  }) => {
    if (machine === null) return skip();
    const { run, show } = { run: machine.run.bind(machine), show: machine.show.bind(machine, 'mailbox') };
    for (const line of installation())
      expect([line, run(`cd /root/unit && ${line}`)]).toMatchObject([line, { status: 0 }]);
    const readiness = (): string => run('curl -s http://127.0.0.1:9410/readyz').text;
    // Type=exec and ExecStartPost=: what was started serves.
    expect(readiness()).toContain('"ready":true');
    const { MainPID: first = '' } = show('MainPID');
    const status = run(`cat /proc/${first}/status`).text;
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(run('stat -c "%U %a" /var/lib/mailbox /run/mailbox').text).toBe('mailbox 700\nmailbox 700\n');

    expect(run('systemctl reload mailbox').status).toBe(0);
    expect(show('MainPID')).toEqual({ MainPID: first });

    run(`kill -9 ${first}`);
    await until(() => show('NRestarts')['NRestarts'] === '1', 60_000);
    await until(() => readiness().includes('"ready":true'), 60_000);
    expect(show('MainPID')['MainPID']).not.toBe(first);

    expect(run('systemctl stop mailbox').status).toBe(0);
    expect(show('ActiveState', 'Result', 'ExecMainStatus')).toEqual({
      ...{ ActiveState: 'inactive', Result: 'success', ExecMainStatus: '0' },
    });

    // What it was given is wrong: it is told once, and not tried again.
    run('echo "max_attempts = 0" >> /etc/mailbox/mailbox.toml');
    expect(run('systemctl start mailbox').status).not.toBe(0);
    expect(show('ActiveState', 'ExecMainStatus', 'NRestarts')).toEqual({
      ...{ ActiveState: 'failed', ExecMainStatus: '2', NRestarts: '0' },
    });
  }, 300_000);
});
