import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generate } from 'selfsigned';

const VECTORS = resolve(import.meta.dirname, '../vectors/tls');

/** A certificate for 127.0.0.1 and its key, in files of a directory of their own. */
export class TestCertificate {
  readonly directory = mkdtempSync(join(tmpdir(), 'mailbox-tls-'));
  readonly certFile = join(this.directory, 'cert.pem');
  readonly keyFile = join(this.directory, 'key.pem');
  cert = '';
  key = '';

  static async make(name = 'one'): Promise<TestCertificate> {
    const made = new TestCertificate();
    await made.renew(name);
    return made;
  }

  /** Replaces both files by a new pair. */
  async renew(name: string, notAfterDate = new Date(Date.now() + 3_600_000)): Promise<void> {
    const pair = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      notAfterDate,
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    });
    this.cert = pair.cert;
    this.key = pair.private;
    writeFileSync(this.certFile, this.cert, { mode: 0o644 });
    writeFileSync(this.keyFile, this.key, { mode: 0o600 });
  }

  /** Replaces the certificate by these bytes. */
  writeCert(cert: string | Buffer): void {
    writeFileSync(this.certFile, cert, { mode: 0o644 });
  }

  /** A pair of a kind that no client takes (openssl made it: `test/vectors/tls`). */
  useOdd(name: 'secp256k1' | 'rsa512'): void {
    const read = (ending: string): Buffer => readFileSync(join(VECTORS, `${name}.${ending}`));
    this.writeCert(read('crt'));
    writeFileSync(this.keyFile, read('key'), { mode: 0o600 });
  }

  get settings(): { tls_cert: string; tls_key: string } {
    return { tls_cert: this.certFile, tls_key: this.keyFile };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
