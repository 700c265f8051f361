import { TestServer } from './server.ts';

/** A server with a console, and something of everything that can be seen in one. */
export interface Scene {
  readonly server: TestServer;
  readonly viewer: string;
  readonly admin: string;
  readonly sender: string;
  /** May revoke. */
  readonly revoker: string;
  /** Messages by what they are there for. */
  readonly ids: Readonly<Record<'order' | 'dead' | 'acked' | 'hostile' | 'binary' | 'huge', string>>;
}

export const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');
export const HOSTILE =
  '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202eevil\u2066\u200b\u0007&amp;';
const ORDER =
  '{"order":12345678901234567890,"lines":[{"sku":"A-1","count":2},{"sku":"B-7","count":1}],"note":"läuft","paid":true}';

const ALL = 'op = send,recv,ack,nack,extend,stats';

export async function scene(settings: Record<string, string> = {}): Promise<Scene> {
  const server = await TestServer.start({ console_bind: '127.0.0.1:0', max_attempts: '2', ...settings });
  const cap = server.cap('topic prefix t', ALL);
  const send = async (topic: string, key: string, payload: string | Uint8Array, more: object = {}): Promise<string> =>
    (await server.post('/v1/send', { topic, idem_key: key, payload_b64: base64(payload), ...more }, { cap })).body
      .msg_id;
  const dead = await send('t.orders', 'order-0', ORDER, { attrs: { tenant: 'acme' } });
  await rejected(server, cap, 't.orders', 'ValueError: no such customer');
  for (let i = 1; i < 4; i++) {
    await send('t.orders', `order-${i}`, ORDER);
    await rejected(server, cap, 't.orders', `TimeoutError: billing did not answer in ${i} s`);
  }
  const acked = await send('t.orders', 'order-4', ORDER);
  const [given] = (await server.post('/v1/recv', { topic: 't.orders', max_messages: 1 }, { cap })).body.messages;
  await server.post(`/v1/ack/${given.msg_id}`, { receipt: given.receipt }, { cap });
  const order = await send('t.orders', 'order-5', ORDER, { attrs: { tenant: 'acme', trace: 'a1b2c3' } });
  for (let i = 6; i < 20; i++) await send('t.orders', `order-${i}`, ORDER);
  await server.post('/v1/recv', { topic: 't.orders', max_messages: 3, visibility_ms: 600_000 }, { cap });
  for (let i = 0; i < 8; i++) await send('t.mail', `mail-${i}`, `Dear customer ${i},\n\nyour parcel is on its way.\n`);
  await send('t.later', 'reminder', 'wake up', { delay_ms: 3_600_000 });
  const hostile = await send('t.hostile', `${'<b>'.repeat(20)}&quot;`, HOSTILE, {
    attrs: { html: '<i>x</i>\u202eabc' },
  });
  const binary = await send(
    't.hostile',
    'binary',
    Uint8Array.from({ length: 600 }, (_, i) => i & 255),
  );
  const huge = await send('t.hostile', 'huge', `{"a":"${'x'.repeat(600_000)}"}`);
  return {
    ...{ server, viewer: server.cap('topic prefix t', 'op = view,stats') },
    ...{ admin: server.cap('topic = t.orders', 'op = admin'), sender: server.cap('topic prefix t', 'op = send') },
    revoker: server.cap('topic = mailbox.admin', 'op = admin'),
    ids: { order, dead, acked, hostile, binary, huge },
  };
}

/** Leases the next message, and sends it to the dead letters. */
export async function rejected(server: TestServer, cap: string, topic: string, reason: string): Promise<void> {
  const [given] = (await server.post('/v1/recv', { topic, max_messages: 1 }, { cap })).body.messages;
  await server.post(`/v1/nack/${given.msg_id}`, { receipt: given.receipt, reason, dead_letter: true }, { cap });
}
