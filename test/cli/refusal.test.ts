import { describe, expect, it } from 'vitest';
import { KeyringError } from '../../src/auth/keyring.ts';
import { refusalOf } from '../../src/cli/refusal.ts';
import { ConfigError } from '../../src/config/values.ts';
import { ListenError } from '../../src/http/listen-error.ts';
import { JournalRefused } from '../../src/journal/embedded.ts';
import { FolderError } from '../../src/journal/folder.ts';

const failing = (code: string): Error => Object.assign(new Error(`${code}: secret words`), { code });

describe('refusals as a line of the log', () => {
  it('of ours: their text, and the setting where there is one (R1)', () => {
    const file = 'log-000000000000002';
    for (const [error, setting, reason] of [
      [new ConfigError('uds: x', 'uds'), 'uds', 'uds: x'],
      [new ConfigError('--trace t: exists'), undefined, '--trace t: exists'],
      [new KeyringError('keyring: not JSON'), 'keyring', 'keyring: not JSON'],
      [new FolderError('data: d: in use by another process'), 'data', 'data: d: in use by another process'],
      [new JournalRefused({ file, at: 512, why: 'bad' }), 'data', `journal: ${file} at 512: bad`],
      [new ListenError('bind', 'h:1', failing('EADDRINUSE')), 'bind', /^bind h:1: EADDRINUSE: another process/],
      [
        new ListenError('bind', 'h:1', failing('EACCES')),
        'bind',
        /^bind h:1: EACCES: not allowed; choose a port from 1024/,
      ],
      [new ListenError('bind', 'h:1', failing('EWHATEVER')), 'bind', /^bind h:1: EWHATEVER$/],
    ] as const) {
      const line = refusalOf(error);
      expect(line).toEqual({
        reason: reason instanceof RegExp ? expect.stringMatching(reason) : reason,
        ...(setting === undefined ? {} : { setting }),
      });
    }
  });

  it('of the system: code, call and path; of anything else its place, never its words (I2)', () => {
    const full = Object.assign(new Error('EMFILE: secret words'), { code: 'EMFILE', syscall: 'open', path: '/x' });
    expect(refusalOf(full)).toEqual({ reason: 'EMFILE open /x' });
    const bug = refusalOf(new TypeError('secret words'));
    expect(bug).toMatchObject({ reason: 'a defect of ours', error: 'TypeError' });
    for (const line of [bug, refusalOf('secret words'), refusalOf(failing('E_NO_CALL'))]) {
      expect(JSON.stringify(line)).not.toContain('secret');
    }
  });
});
