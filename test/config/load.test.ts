import { describe, expect, it } from 'vitest';
import { loadConfig, shown } from '../../src/config/load.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { ConfigError, durationMs, durationText, nearest, sizeBytes, sizeText } from '../../src/config/values.ts';
import fc from '../support/properties.ts';

describe('config', () => {
  it('defaults: those of the documented table', () => {
    const { settings } = loadConfig({}, {});
    expect(settings).toMatchObject({
      bind: { host: '127.0.0.1', port: 9410 },
      metrics_bind: { host: '127.0.0.1', port: 9600 },
      ready_shards: 8,
      shard_capacity: 4096,
      global_inflight: 8192,
      dedup_capacity: 65_536,
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
    const environment = { MAILBOX_MAX_ATTEMPTS: '3', MAILBOX_MAX_REDRIVES: '4', MAILBOX_URL: 'http://x', OTHER: '1' };
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

  it.each([
    [{ max_attempts: '1001' }, '--max-attempts: must be a whole number 1..1000'],
    [{ max_attempts: '1.5' }, '--max-attempts'],
    [{ max_attempts: '' }, '--max-attempts'],
    [{ default_visibility: '5' }, '--default-visibility: must be a duration'],
    [{ default_visibility: '13h' }, '--default-visibility: must be a duration 250ms..12h'],
    [{ cap_cache_ttl: '4s' }, '--cap-cache-ttl: must be a duration 5s..2m'],
    [{ max_body: '2MiB' }, '--max-body: must be a size'],
    [{ log_level: 'loud' }, '--log-level: must be error or warn'],
    [{ bind: '127.0.0.1' }, '--bind: must be host:port'],
    [{ bind: 'x:70000' }, '--bind: must be host:port'],
    [{ t_replay: '9s' }, 't_replay: must be at least 2 x default_visibility'],
    [{ backoff_max: '100ms' }, 'backoff_max: must be at least backoff_base'],
    [{ max_atempts: '1' }, '--max-atempts: no such setting; did you mean --max-attempts?'],
    [{ zzzzzzzzzzzz: '1' }, '--zzzzzzzzzzzz: no such setting'],
  ])('refused: %o', (flags, message) => {
    expect(() => loadConfig(flags as Record<string, string>, {})).toThrow(ConfigError);
    expect(() => loadConfig(flags as Record<string, string>, {})).toThrow(message);
  });

  it('durations and sizes: text and value go round', () => {
    fc.assert(fc.property(fc.nat(1e12), (ms) => durationMs(durationText(ms)) === ms));
    fc.assert(fc.property(fc.nat(1e12), (bytes) => sizeBytes(sizeText(bytes)) === bytes));
    expect(['5', '5 s', '-5s', '1e3s', '5S', ''].map(durationMs)).toEqual([null, null, null, null, null, null]);
    expect(nearest('prot', ['port', 'profile'])).toBe('port');
    expect(nearest('unrelated', ['port'])).toBeNull();
  });
});
