import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/** A certificate (with its chain) and its private key, PEM. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}
/** The pair cannot be used: the message says why, and never a byte of the key. */
export class TlsError extends Error {}

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

/** Checks that these are a certificate and its key. @throws TlsError */
export function checkPair({ cert, key }: TlsPair, wallMs: number): CertificateFacts {
  const leaf = certificateOf(cert);
  if (!leaf.checkPrivateKey(privateKeyOf(key))) throw new TlsError('tls_key: does not belong to tls_cert');
  return {
    subject: leaf.subject.replaceAll('\n', ', '),
    fingerprint: leaf.fingerprint256,
    not_after: leaf.validTo,
    expired: Date.parse(leaf.validTo) < wallMs,
  };
}

function certificateOf(cert: Buffer): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch {
    throw new TlsError('tls_cert: no PEM certificate');
  }
}

function privateKeyOf(key: Buffer): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(key);
  } catch {
    throw new TlsError('tls_key: no PEM private key, or one that needs a passphrase');
  }
}
