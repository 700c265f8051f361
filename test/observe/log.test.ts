import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/observe/log.ts';

describe('log', () => {
  it('writes one JSON object a line, whatever is in the fields (R1, O2)', () => {
    const lines: string[] = [];
    const log = createLog('debug', 'json', (line) => lines.push(line));
    log.warn('message.dead_lettered', {
      ...{ corr_id: 'c', reason: 'line\nbreak "quoted" \u2028', decision: 'denied', shard: 3 },
    });
    log.info('server.ready');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(lines[0] as string)).toEqual({
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: 'warn',
      service: 'svc-mailbox',
      event: 'message.dead_lettered',
      corr_id: 'c',
      reason: 'line\nbreak "quoted" \u2028',
      decision: 'denied',
      shard: 3,
    });
  });

  it('writes no line below its level, and every repeat of one above it', () => {
    const lines: string[] = [];
    const log = createLog('warn', 'json', (line) => lines.push(line));
    log.debug('request');
    log.info('server.ready');
    for (let i = 0; i < 20; i++) log.warn('auth.spike');
    log.error('journal.failed');
    expect(lines).toHaveLength(21);
    expect(log.debugOn).toBe(false);
  });

  it('what others wrote does nothing to a terminal, as text and as JSON, which stays the same JSON', () => {
    const hostile = '\x1b[2J\x9b31m\x7f\u202e\u200b\u2028\ud800';
    for (const format of ['text', 'json'] as const) {
      const lines: string[] = [];
      createLog('info', format, (line) => lines.push(line)).error('config.reload_failed', { reason: hostile });
      expect(lines[0]).toMatch(/^[ -~]+\n$/);
      if (format === 'json') expect(JSON.parse(lines[0] as string).reason).toBe(hostile);
    }
  });

  it('text: the same fields on one line, line breaks escaped', () => {
    const lines: string[] = [];
    createLog('info', 'text', (line) => lines.push(line)).info('server.ready', { http: 'a:1', uds: 'x\ny' });
    expect(lines).toEqual([expect.stringMatching(/^\S+Z info server\.ready http="a:1" uds="x\\ny"\n$/)]);
  });
});
