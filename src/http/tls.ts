import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, type SecureContext, TLSSocket, type TlsOptions } from 'node:tls';

/** A certificate (with its chain) and its private key, PEM. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}
/** The pair cannot be used: the message says why, and never a byte of the key. */
export class TlsError extends Error {
  readonly setting: 'tls_cert' | 'tls_key';

  constructor(setting: 'tls_cert' | 'tls_key', why: string) {
    super(`${setting}: ${why}`);
    this.setting = setting;
  }
}

export interface SecureOptions extends TlsOptions {
  readonly minVersion: 'TLSv1.3';
}

/** TLS 1.3 and HTTP/1.1, nothing else (S1). Every use needs all of them: what is left out falls back to Node's defaults. */
export const secureOptions = ({ cert, key }: TlsPair): SecureOptions => ({
  cert,
  key,
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ALPNProtocols: ['http/1.1'],
});

/** What a log may say of a certificate. */
export interface CertificateFacts {
  readonly subject: string;
  readonly fingerprint: string;
  readonly not_after: string;
  readonly expired: boolean;
}

/**
 * Tries everything that serving with this pair will need: each certificate of the chain, the key, the context that Node makes of them,
 * and a handshake with a client of TLS 1.3, in memory. @throws TlsError
 */
export async function tryPair(pair: TlsPair, wallMs: number): Promise<CertificateFacts> {
  const leaf = leafOf(pair.cert);
  const key = privateKeyOf(pair.key);
  if (!leaf.checkPrivateKey(key)) throw new TlsError('tls_key', 'does not belong to tls_cert');
  checkStrength(key);
  await shakeHands(contextOf(pair));
  return {
    subject: leaf.subject.replaceAll('\n', ', '),
    fingerprint: leaf.fingerprint256,
    not_after: leaf.validTo,
    expired: Date.parse(leaf.validTo) < wallMs,
  };
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** The server's own certificate, when those behind it can be read as well. */
function leafOf(cert: Buffer): X509Certificate {
  const [, ...rest] = cert.toString('latin1').split(BEGIN);
  if (rest.length === 0) throw new TlsError('tls_cert', 'no PEM certificate');
  const chain = rest.map((text, i) => {
    try {
      return new X509Certificate(`${BEGIN}${text.slice(0, text.indexOf(END) + END.length)}\n`);
    } catch {
      throw new TlsError('tls_cert', `certificate ${i + 1} of ${rest.length} is cut off or damaged`);
    }
  });
  return chain[0] as X509Certificate;
}

function privateKeyOf(key: Buffer): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    throw new TlsError('tls_key', 'no PEM private key, or one that needs a passphrase');
  }
}

const RSA_BITS_MIN = 2048;
const ALLOWED = `allowed are RSA of at least ${RSA_BITS_MIN} bits, ECDSA on P-256, P-384 or P-521, Ed25519 and Ed448`;

/** OpenSSL would serve with less, and many clients refuse it. */
function checkStrength({ asymmetricKeyDetails }: KeyObject): void {
  const bits = asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < RSA_BITS_MIN) throw new TlsError('tls_key', `RSA of ${bits} bits; ${ALLOWED}`);
}

function contextOf(pair: TlsPair): SecureContext {
  try {
    return createSecureContext(secureOptions(pair));
  } catch (error) {
    throw new TlsError('tls_cert', `cannot be used (${codeOf(error)})`);
  }
}

/** Signatures of TLS 1.3 (RFC 8446, 4.2.3) that a client may offer, whatever its library would add. */
const SIGNATURES = [
  ...['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512', 'ed25519', 'ed448'],
  ...['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  ...['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'],
].join(':');
/** Against a hang; it takes some milliseconds. */
const HANDSHAKE_MS = 10_000;

/** A key of a kind or on a curve that no client speaks is seen by no check but this one. */
async function shakeHands(secureContext: SecureContext): Promise<void> {
  const [near, far] = duplexPair();
  const { minVersion, maxVersion } = secureOptions({ cert: Buffer.alloc(0), key: Buffer.alloc(0) });
  const server = new TLSSocket(near, { isServer: true, secureContext });
  const client = connect({ socket: far, rejectUnauthorized: false, sigalgs: SIGNATURES, minVersion, maxVersion });
  const failed = await new Promise<unknown>((resolve) => {
    const deadline = setTimeout(() => resolve('timeout'), HANDSHAKE_MS);
    client.once('secureConnect', () => resolve(null));
    // The server knows why; the client is only told that it failed.
    server.once('error', resolve);
    client.on('error', () => setImmediate(resolve, 'handshake failed'));
    client.once('close', () => clearTimeout(deadline));
  });
  for (const socket of [client, server]) socket.on('error', () => {}).destroy();
  if (failed !== null) {
    throw new TlsError('tls_cert', `no client of TLS 1.3 can use its kind of key (${codeOf(failed)}); ${ALLOWED}`);
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'string' ? error : ((error as NodeJS.ErrnoException).code ?? 'unknown');
