import { createHmac, type KeyObject } from 'node:crypto';

/** A packet of macaroon v1: its own length as four hex digits, a word, a space, a value, a line feed. */
export function packet(word: string, value: Buffer | string): Buffer {
  const body = Buffer.concat([Buffer.from(`${word} `), Buffer.from(value), Buffer.from('\n')]);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body]);
}

export interface Crafted {
  readonly location?: string;
  readonly identifier: string;
  /** Lines that the signature covers. */
  readonly caveats: readonly (string | Buffer)[];
  /** Changes the packets between identifier and signature. */
  readonly arrange?: (caveats: Buffer[]) => Buffer[];
  readonly sign?: (signature: Buffer) => Buffer;
  readonly after?: string;
}

/** A token that says and is signed as it likes, made without the library: for what the library would not write. */
export function craft(root: KeyObject, crafted: Crafted): string {
  const {
    location = 'svc-mailbox',
    identifier,
    caveats,
    arrange = (all) => all,
    sign = (it) => it,
    after = '',
  } = crafted;
  let signature = createHmac('sha256', root).update(identifier).digest();
  for (const caveat of caveats) signature = createHmac('sha256', signature).update(caveat).digest();
  const packets = [
    packet('location', location),
    packet('identifier', identifier),
    ...arrange(caveats.map((caveat) => packet('cid', caveat))),
    packet('signature', sign(signature)),
    Buffer.from(after),
  ];
  return Buffer.concat(packets).toString('base64url');
}

/** The same token with a signature that is not its own, another for each number. Its last byte is a line feed, and stays one. */
export function forged(token: string, n: number): string {
  const bytes = Buffer.from(token, 'base64url');
  bytes.writeUInt32BE(n, bytes.length - 10);
  return bytes.toString('base64url');
}
