import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, shown } from '../../src/config/load.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';
import { ConfigError, durationMs, durationText, nearest, sizeBytes, sizeText } from '../../src/config/values.ts';
import fc from '../support/properties.ts';

const folder = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('config', () => {
  it('defaults: those of the documented table', () => {
    const { settings } = loadConfig({}, {});
    expect(settings).toMatchObject({
      bind: { host: '127.0.0.1', port: 9410 },
      metrics_bind: { host: '127.0.0.1', port: 9600 },
      console_bind: { host: '127.0.0.1', port: 9411 },
      ready_shards: 8,
      shard_capacity: 4096,
      global_inflight: 8192,
      dedup_capacity: 1_048_576,
      default_visibility: 5_000,
      max_attempts: 5,
      max_redrives: 5,
      backoff_base: 200,
      backoff_max: 60_000,
      t_replay: 300_000,
      inflight_factor: 10,
      ready_retention: 7 * 86_400_000,
      dlq_retention: 14 * 86_400_000,
      dlq_max_per_topic: 10_000,
      cap_cache_ttl: 30_000,
      read_timeout: 5_000,
      write_timeout: 5_000,
      idle_timeout: 60_000,
      max_body: 1_048_576,
      max_connections: 1024,
      requests_per_socket: 10_000,
      drain_deadline: 5_000,
      log_level: 'info',
      log_format: 'json',
      enable_admin: false,
    });
  });

  it('precedence: flags over environment over defaults', () => {
    const environment = {
      MAILBOX_MAX_ATTEMPTS: '3',
      MAILBOX_MAX_REDRIVES: '4',
      MAILBOX_URL: 'http://x',
      MAILBOX_CAP: 'p',
      OTHER: '1',
    };
    const { settings, origins } = loadConfig({ max_attempts: '2' }, environment);
    expect([settings.max_attempts, settings.max_redrives, settings.ready_shards]).toEqual([2, 4, 8]);
    expect([origins.max_attempts, origins.max_redrives, origins.ready_shards]).toEqual([
      'flag',
      'environment',
      'default',
    ]);
  });

  it('shown: every setting reads back as itself', () => {
    const config = loadConfig({ bind: '[::1]:80', topic_classes: 'a.,b.' }, {});
    const flags = Object.fromEntries(shown(config).flatMap(({ name, value }) => (value === '' ? [] : [[name, value]])));
    expect(loadConfig(flags, {}).settings).toEqual(config.settings);
    expect(shown(config).map(({ name }) => name)).toEqual(SETTING_NAMES);
  });

  describe('with an engine', () => {
    const engine = 'postgres://me:swordfish@db:5432/mailbox';
    const least = { engine, node_name: 'a' };

    it('read from flags and from the variable that commands go by, too; its password is never shown', () => {
      const config = loadConfig({ node_name: 'a' }, { MAILBOX_ENGINE: engine });
      expect(config.settings).toMatchObject({ engine, node_name: 'a', engine_cluster: 'mailbox', node_url: null });
      expect(shown(config).find(({ name }) => name === 'engine')?.value).toBe('postgres://me:***@db:5432/mailbox');
      expect(loadConfig({ ...least, node_url: 'https://a.example:9410' }, {}).settings.node_url).toBe(
        'https://a.example:9410',
      );
    });

    it.each([
      [{ engine }, /^node_name: with an engine each node has one/],
      [
        { ...least, data: '/var/lib/mailbox' },
        /^data: the engine takes the place of a data directory; give one of the two$/,
      ],
      [{ ...least, ready_shards: '4' }, /^ready_shards: the engine/],
      [{ ...least, profile: 'micronode' }, /^profile: micronode keeps nothing/],
      [{ ...least, bind: '0.0.0.0:9410' }, /^node_url: other nodes cannot reach 0.0.0.0/],
      [{ ...least, node_name: 'A' }, /^--node-name "A": must be 1..63 of a-z/],
      [{ ...least, node_url: 'http://me:secret@a' }, /^--node-url: must be an http or https URL/],
      [{ ...least, node_url: 'http://a/path' }, /^--node-url: must be/],
      [{ engine: 'mysql://me:swordfish@db/x', node_name: 'a' }, /^--engine: must be postgres:\/\/user@host/],
      [{ node_name: 'a' }, /^node_name: says nothing without engine$/],
      [{ engine_cluster: 'two' }, /^engine_cluster: says nothing without engine$/],
    ])('refused in one line: %j', (flags, message) => {
      expect(() => loadConfig(flags, {})).toThrow(message);
      try {
        loadConfig(flags, {});
      } catch (error) {
        expect((error as Error).message).not.toMatch(/swordfish|secret|\n/);
      }
    });
  });

  it.each([
    [{ max_attempts: '1001' }, '--max-attempts "1001": must be a whole number 1..1000'],
    [{ max_attempts: '1.5' }, '--max-attempts'],
    [{ max_attempts: '' }, '--max-attempts'],
    [{ default_visibility: '5' }, '--default-visibility "5": must be a duration'],
    [{ default_visibility: '13h' }, '--default-visibility "13h": must be a duration 250ms..12h'],
    [{ cap_cache_ttl: '4s' }, '--cap-cache-ttl "4s": must be a duration 5s..2m'],
    [{ max_body: '2MiB' }, '--max-body "2MiB": must be a size'],
    [{ log_level: 'loud' }, '--log-level "loud": must be error or warn'],
    [{ bind: '127.0.0.1' }, '--bind "127.0.0.1": must be host:port'],
    [{ bind: 'x:70000' }, '--bind "x:70000": must be host:port'],
    [{ t_replay: '9s' }, 't_replay: must be at least 2 x default_visibility'],
    [{ backoff_max: '100ms' }, 'backoff_max: must be at least backoff_base'],
    [{ max_atempts: '1' }, '--max-atempts: no such setting; did you mean --max-attempts?'],
    [{ zzzzzzzzzzzz: '1' }, '--zzzzzzzzzzzz: no such setting; `mailbox config print` lists them'],
    [{ bnid: 'x' }, '--bnid: no such setting; did you mean --bind?'],
    [{ da: 'x' }, '--da: no such setting; `mailbox config print` lists them'],
    [{ 'a\x1b[31m': '1' }, '"--a\\u001b[31m": no such setting'],
    [{ log_level: '\x1b[2J\u202e' }, '--log-level "\\u001b[2J\\u202e": must be error or warn'],
    [{ allow_uids: '4294967295' }, '--allow-uids "4294967295": must be up to 32 user ids 0..4294967294'],
    [{ allow_uids: '4294967296' }, '--allow-uids "4294967296": must be up to 32 user ids 0..4294967294'],
    [{ allow_uids: '1000,' }, '--allow-uids'],
    [{ allow_uids: '01' }, '--allow-uids'],
    [
      { allow_uids: 'none,1' },
      '--allow-uids "none,1": must be up to 32 user ids 0..4294967294, separated by commas, or none',
    ],
    [{ uds: `/${'x'.repeat(107)}` }, ' characters): must be a path of 1..107 bytes'],
    [{ uds: '/run/a\0b' }, 'uds "/run/a\\u0000b": must be a path of 1..107 bytes'],
    [{ data: '\0' }, 'data "\\u0000": must be a path'],
    [{ uds: `/${'é'.repeat(54)}` }, ': must be a path of 1..107 bytes'],
  ])('refused: %o', (flags, message) => {
    expect(() => loadConfig(flags as Record<string, string>, {})).toThrow(ConfigError);
    expect(() => loadConfig(flags as Record<string, string>, {})).toThrow(message);
  });

  it('allow_uids: none, or every uid there is (S4)', () => {
    const uids = (text: string) => loadConfig({ allow_uids: text }, {}).settings.allow_uids;
    expect([uids('none'), uids('0'), uids('4294967294,65534')]).toEqual([[], [0], [4294967294, 65534]]);
    expect(shown(loadConfig({ allow_uids: 'none' }, {}))).toContainEqual(
      expect.objectContaining({ name: 'allow_uids', value: 'none' }),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 2 ** 32 - 2 }), { minLength: 1, maxLength: 32, size: 'max' }),
        (list) => {
          expect(uids(list.join(','))).toEqual(list);
        },
      ),
    );
  });

  it('texts: what they give as an example is taken', () => {
    let examples = 0;
    for (const name of SETTING_NAMES) {
      const { kind } = SETTINGS[name];
      const [, like = ''] = /like (.*)$/.exec(kind.says) ?? [];
      for (const text of like.split(' ').filter((word) => word !== '')) {
        examples++;
        expect(kind.read(text), `${name}: ${text}`).not.toBeNull();
      }
      const [, of] = /^(\w+(?: or \w+)+)$/.exec(kind.says) ?? [];
      for (const text of of?.split(' or ') ?? []) expect(kind.read(text), `${name}: ${text}`).not.toBeNull();
    }
    expect(examples).toBeGreaterThan(40);
  });

  it('a file: the key is named where it stands, the nearest one as a key; what is hostile is not echoed (T4)', () => {
    const path = join(folder, 'bad.toml');
    const refusal = (text: string): string => {
      writeFileSync(path, text);
      try {
        loadConfig({}, {}, path);
      } catch (error) {
        return (error as Error).message.replaceAll(path, 'bad.toml');
      }
      return '';
    };
    expect(refusal('shard_capacty = 1')).toBe('bad.toml: shard_capacty: no such setting; did you mean shard_capacity?');
    expect(refusal('shard_capacity = 0')).toBe('bad.toml: shard_capacity "0": must be a whole number 1..10000000');
    expect(refusal('"\\u001b[2J" = 1')).toMatch(/^bad\.toml: "\\u001b\[2J": no such setting/);
    expect(refusal('[bind]\na = 1')).toBe(
      'bad.toml: bind: must be a single value or a list of them, not a table or a date',
    );
    expect(refusal('x'.repeat(300_000))).toBe('bad.toml: larger than 262144 bytes');
    expect(() => loadConfig({}, {}, folder)).toThrow('not a regular file');
  });

  it('a verifier URL that is refused is not repeated: it may hold a password (I2)', () => {
    const message = (): unknown => loadConfig({ verifier_url: 'https://me:secret@x' }, {});
    expect(message).toThrow('--verifier-url: must be an https URL');
    expect(message).not.toThrow('secret');
  });

  it('durations and sizes: text and value go round', () => {
    fc.assert(fc.property(fc.nat(1e12), (ms) => durationMs(durationText(ms)) === ms));
    fc.assert(fc.property(fc.nat(1e12), (bytes) => sizeBytes(sizeText(bytes)) === bytes));
    expect(['5', '5 s', '-5s', '1e3s', '5S', ''].map(durationMs)).toEqual([null, null, null, null, null, null]);
    expect(nearest('prot', ['port', 'profile'])).toBe('port');
    expect(nearest('unrelated', ['port'])).toBeNull();
  });
});
