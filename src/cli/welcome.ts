import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Keyring } from '../auth/keyring.ts';
import { mint } from '../auth/mint.ts';
import type { Settings } from '../config/settings.ts';
import { shellWord, visible } from '../platform/visible.ts';

const DEV_TOPIC = 'demo';
const DEV_HOURS = 24;

/** For people at a terminal, on standard error: a capability must not get into a log (I2). */
export function welcome(settings: Settings, keyring: Keyring, address: string): string {
  const expires = `expires = ${Math.floor(Date.now() / 1000) + DEV_HOURS * 3600}`;
  const { token } = mint(keyring, [
    `topic = ${DEV_TOPIC}`,
    'op = send,recv,ack,nack,extend,stats',
    expires,
    'quota_ops = 100000/1',
  ]);
  const lines = [
    '',
    `No keyring: made a development key in memory. It goes with this process; ${
      settings.profile === 'micronode' ? 'so does every message' : `messages stay, in ${visible(settings.data)}`
    }.`,
    `A capability for the topic "${DEV_TOPIC}", good for ${DEV_HOURS} hours. Paste:`,
    '',
    `export ${variablesOf(settings, address)} MAILBOX_CAP=${token}`,
    ...curlLines(settings.tls_cert !== null),
  ];
  if (settings.enable_admin) {
    const admin = (topic: string): string =>
      mint(keyring, [`topic = ${topic}`, 'op = admin', expires, 'quota_ops = 100/1']).token;
    lines.push('', `Admin of "${DEV_TOPIC}":`, `export MAILBOX_CAP=${admin(DEV_TOPIC)}`);
    lines.push('', 'Admin that may revoke:', `export MAILBOX_CAP=${admin('mailbox.admin')}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** Where clients find it, and what they trust. */
function variablesOf({ tls_cert }: Settings, address: string): string {
  const at = address.lastIndexOf(':');
  const [host, port] = [reachable(address.slice(0, at)), address.slice(at + 1)];
  if (tls_cert === null) return `MAILBOX_URL=http://${host}:${port}`;
  const certificate = resolve(tls_cert);
  return `MAILBOX_URL=https://${certified(certificate, host)}:${port} MAILBOX_CA=${shellWord(certificate)}`;
}

/** An address to connect to: where it listens everywhere, this machine. */
const reachable = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host);

/** The name of this machine that the certificate is for; the address itself when it is for none that is known here. */
function certified(path: string, host: string): string {
  const certificate = new X509Certificate(readFileSync(path));
  const isFor = (name: string): boolean => {
    const plain = name.replace(/^\[|\]$/g, '');
    return (isIP(plain) > 0 ? certificate.checkIP(plain) : certificate.checkHost(plain)) !== undefined;
  };
  return [host, 'localhost', '127.0.0.1'].find(isFor) ?? host;
}

/** A first session: send, the same again, receive, give back, ack with the receipt of the old lease, receive, ack. */
function curlLines(isTls: boolean): string[] {
  const curl = isTls ? 'curl -sS --cacert "$MAILBOX_CA"' : 'curl -sS';
  const post = (path: string, body: string): string =>
    `${curl} $MAILBOX_URL/v1/${path} -H "Authorization: Bearer $MAILBOX_CAP" -H 'Content-Type: application/json' -d ${body}`;
  const field = (name: string): string => `$(echo "$M" | grep -o '"${name}":"[^"]*' | cut -d'"' -f4)`;
  const send = post('send', `'{"topic":"${DEV_TOPIC}","idem_key":"hello-1","payload_b64":"aGVsbG8="}'; echo`);
  const recv = `M=$(${post('recv', `'{"topic":"${DEV_TOPIC}","max_messages":1,"visibility_ms":60000}'`)}); echo "$M"`;
  const ack = `${post(`ack/${field('msg_id')}`, `"{\\"receipt\\":\\"${field('receipt')}\\"}"`)}; echo`;
  const giveBack = post(
    `nack/${field('msg_id')}`,
    `"{\\"receipt\\":\\"${field('receipt')}\\",\\"retry_after_ms\\":0}"; echo`,
  );
  return [
    '# send, and the same again: 409 with the msg_id of the first',
    send,
    send,
    '# receive, give back, then ack with the receipt of the lease that is over: 409 E_LEASE_LOST',
    recv,
    giveBack,
    ack,
    '# receive it again, and ack',
    recv,
    ack,
  ];
}
