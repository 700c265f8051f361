import { describe, expect, it } from 'vitest';
import { addressesOf } from '../../src/postgres/address.ts';

describe('address of a server', () => {
  it('hosts in turn, sockets, escapes; what is wrong is named, and no password is', () => {
    const [first, second] = addressesOf('postgres://me:s%40fe@one:5433,two/db');
    expect(first?.config).toEqual({ host: 'one', port: 5433, database: 'db', user: 'me', password: 's@fe' });
    expect([first?.text, second?.text]).toEqual(['one:5433/db', 'two:5432/db']);
    expect(addressesOf('postgresql://[::1]:9/db')[0]?.config).toEqual({ host: '::1', port: 9, database: 'db' });
    expect(addressesOf('postgres:///db?host=/run/pg')[0]?.text).toBe('/run/pg:5432/db');
    for (const wrong of [
      'http://a/b',
      'postgres://a',
      'postgres://me:secret@/db',
      'postgres://me:secret@a:99999/db',
      'postgres://me:%@a/db',
      'postgres://me:secret/db',
      'postgres://a/db?password=secret',
    ])
      expect(() => addressesOf(wrong), wrong).toThrow(/^engine: (?!.*secret)/);
    expect(addressesOf('postgres://me:a:b:c@one/db')[0]?.config.password).toBe('a:b:c');
    for (const [parameters, says] of [
      ['target=x', 'target is none of its parameters: host, sslmode, sslrootcert'],
      ['sslmode=require', 'sslmode: must be disable or verify-full'],
      ['sslrootcert=/x', 'sslrootcert: only with sslmode=verify-full'],
      ['sslmode=verify-full&sslrootcert=/none', 'sslrootcert: no such file (ENOENT)'],
    ])
      expect(() => addressesOf(`postgres://a/db?${parameters}`)).toThrow(`engine: ${says}`);
    expect(() => addressesOf(`postgres://${Array(9).fill('a').join(',')}/b`)).toThrow('at most 8 hosts');
    expect(() => addressesOf(`postgres://a/${'b'.repeat(3_000)}`)).toThrow('at most 2048 bytes');
  });
});
