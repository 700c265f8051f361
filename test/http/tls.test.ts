import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCertificate } from '../support/certificates.ts';
import { TestServer, until } from '../support/server.ts';

let certificate: TestCertificate;
let server: TestServer;
beforeAll(async () => {
  certificate = await TestCertificate.make();
  server = await TestServer.start({ ...certificate.settings, read_timeout: '500ms' });
});
afterAll(async () => {
  await server.stop();
  certificate.remove();
});

/** A handshake: the socket, or the code of what failed. */
const handshake = (options: ConnectionOptions = {}): Promise<TLSSocket | string> =>
  new Promise((resolve) => {
    const socket = connect({ ...server.where, ca: certificate.cert, ...options } as ConnectionOptions, () =>
      resolve(socket),
    );
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  });

async function connected(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = await handshake(options);
  if (typeof socket === 'string') throw new Error(socket);
  return socket;
}

/** One request on a connection that stays. */
const ask = (socket: TLSSocket): Promise<string> =>
  new Promise((resolve, reject) => {
    socket.once('data', (chunk) => resolve(chunk.toString()));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  });
const nameOf = (socket: TLSSocket): string => socket.getPeerCertificate().subject.CN as string;

describe('tls', () => {
  it('1.3 only, HTTP/1.1 only, before and after a reload; the counter counts the others (S1, K1)', async () => {
    for (const name of ['one', 'two']) {
      if (name === 'two') {
        await certificate.renew('two');
        await server.reload(certificate.settings);
      }
      const socket = await connected({ ALPNProtocols: ['h2', 'http/1.1'] });
      expect([socket.getProtocol(), socket.alpnProtocol, nameOf(socket)]).toEqual(['TLSv1.3', 'http/1.1', name]);
      expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200 /);
      socket.destroy();
      const before = await server.metric('tls_handshake_failures_total');
      expect(await handshake({ maxVersion: 'TLSv1.2' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
      expect(await handshake({ ALPNProtocols: ['h2'] })).toMatch(/ALPN|NO_APPLICATION_PROTOCOL/i);
      expect(await server.metric('tls_handshake_failures_total')).toBe(before + 2);
    }
    const lines = server.lines.filter(({ event }) => event === 'tls.handshake_failed');
    expect(lines[0]).toMatchObject({
      decision: 'denied',
      peer_addr: '127.0.0.1',
      reason: expect.stringMatching(/^ERR_SSL/),
    });
  });

  it('a reload drops nobody: connections that stand go on under the certificate they began with (K1)', async () => {
    const socket = await connected();
    expect(await ask(socket)).toMatch(/ 200 /);
    const old = nameOf(socket);
    await certificate.renew('three');
    await server.reload(certificate.settings);
    expect(await ask(socket)).toMatch(/ 200 /);
    expect(nameOf(socket)).toBe(old);
    const fresh = await connected();
    expect(nameOf(fresh)).toBe('three');
    for (const each of [socket, fresh]) each.destroy();
  });

  it('a pair that cannot be used refuses the reload, whole, and the old one goes on serving (K1, I3)', async () => {
    const other = await TestCertificate.make('other');
    const settings = (cert: string, key: string) => ({ tls_cert: cert, tls_key: key, read_timeout: '700ms' });
    const { certFile, keyFile } = certificate;
    const refused = (text: string, with_: Record<string, string>) => expect(server.reload(with_)).rejects.toThrow(text);
    await refused('tls_key: does not belong to tls_cert', settings(certFile, other.keyFile));
    writeFileSync(other.certFile, 'no certificate');
    await refused('tls_cert: no PEM certificate', settings(other.certFile, keyFile));
    writeFileSync(other.keyFile, 'no key');
    await refused('tls_key: no PEM private key', settings(certFile, other.keyFile));
    chmodSync(other.keyFile, 0o640);
    await refused('must be 0600', settings(certFile, other.keyFile));
    chmodSync(other.certFile, 0o666);
    await refused('must not be writable by others', settings(other.certFile, keyFile));
    await refused('ENOENT', settings(certFile, `${keyFile}.none`));
    await refused('not turned on or off', {});
    const socket = await connected();
    expect(nameOf(socket)).toBe('three');
    socket.destroy();
    other.remove();
  });

  it('a pair that looks right and cannot serve refuses the reload as well: nothing of it is in force (K1, S1)', async () => {
    const other = await TestCertificate.make('other');
    const [good, whole] = [other.cert, other.cert.trimEnd()];
    const der = Buffer.from(good.replace(/-----.*-----|\s/g, ''), 'base64');
    const refused = async (text: RegExp): Promise<void> => {
      // Harmless settings come with it; they must not get in.
      const next = { ...other.settings, read_timeout: '800ms', log_level: 'error', max_body: '1KiB' };
      await expect(server.reload(next)).rejects.toThrow(text);
    };
    const certificates: [string | Buffer, RegExp][] = [
      [der, /^tls_cert: no PEM certificate/],
      [good + good.replace(/[A-Za-z0-9+/]{40}/, 'A'.repeat(40)), /^tls_cert: certificate 2 of 2 is cut off or damaged/],
      [`${good}${whole.slice(0, -40)}`, /^tls_cert: certificate 2 of 2 is cut off/],
      [`${good}${good}-----BEGIN CERTIFICATE-----\n`, /^tls_cert: certificate 3 of 3 is cut off/],
    ];
    for (const [cert, text] of certificates) {
      other.writeCert(cert);
      await refused(text);
    }
    other.useOdd('secp256k1');
    await refused(/^tls_cert: no client of TLS 1\.3 can use its kind of key .*allowed are RSA of at least 2048 bits/);
    other.useOdd('rsa512');
    await refused(/^tls_key: RSA of 512 bits; allowed are/);
    for (const make of ['rm "$1"; mkfifo "$1"', 'rm "$1"; mkdir "$1"'].map((script) => [
      '-c',
      script,
      'sh',
      other.certFile,
    ])) {
      expect(spawnSync('sh', make).status).toBe(0);
      await refused(/^tls_cert .*: not a regular file, but a (FIFO|directory)$/);
    }
    const socket = await connected();
    expect(nameOf(socket)).toBe('three');
    socket.destroy();
    const before = server.lines.length;
    const answer = await server.raw('GET /healthz HTTP/1.1\r\n\r\n').catch(() => '');
    expect(answer).not.toContain('200');
    await until(() => server.lines.slice(before).some(({ level }) => level === 'warn'));
    other.remove();
  });

  it('a chain, with words between its certificates, is taken (K1)', async () => {
    const other = await TestCertificate.make('chain');
    const issuer = await TestCertificate.make('issuer');
    other.writeCert(`# the server\n${other.cert}\n# who vouches for it\n${issuer.cert}`);
    await server.reload({ ...other.settings, read_timeout: '500ms' });
    const socket = await connected({ ca: [other.cert, issuer.cert] });
    expect(nameOf(socket)).toBe('chain');
    socket.destroy();
    await server.reload({ ...certificate.settings, read_timeout: '500ms' });
    for (const each of [other, issuer]) each.remove();
  });

  it('start: refused without both files, with a foreign key, or with a key others may read (K1, I3)', async () => {
    const other = await TestCertificate.make('other');
    const { certFile, keyFile } = certificate;
    await expect(TestServer.start({ tls_cert: certFile })).rejects.toThrow('both or neither');
    await expect(TestServer.start({ tls_cert: certFile, tls_key: other.keyFile })).rejects.toThrow('does not belong');
    chmodSync(other.keyFile, 0o604);
    await expect(TestServer.start(other.settings)).rejects.toThrow('mode is 0604, must be 0600');
    chmodSync(other.keyFile, 0o600);
    await other.renew('old', new Date(Date.now() - 1000));
    const expired = await TestServer.start(other.settings);
    expect(expired.lines).toContainEqual(
      expect.objectContaining({ event: 'tls.certificate', level: 'warn', reason: 'expired' }),
    );
    await expired.stop();
    expect(JSON.stringify(server.lines)).not.toContain(certificate.key.split('\n')[1]);
    expect(keyFile).toMatch(/key\.pem$/);
    other.remove();
  });

  it('plaintext on the port is refused without an answer from the service (S1)', async () => {
    const before = await server.metric('tls_handshake_failures_total');
    const answer = await server.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n').catch((error: Error) => error.message);
    expect(answer).not.toMatch(/200|"ok"/);
    await until(async () => (await server.metric('tls_handshake_failures_total')) === before + 1);
  });

  it('a handshake that does not go on is cut (D1)', async () => {
    const { host, port } = server.where;
    const socket = connectPlain(port, host);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write(Buffer.from([0x16, 0x03, 0x01]));
    await closed;
    expect(server.lines.some(({ reason }) => reason === 'ERR_TLS_HANDSHAKE_TIMEOUT')).toBe(true);
  });
});
