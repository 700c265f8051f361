import { createHash } from 'node:crypto';
import type { Framing } from '../../src/cluster/shard-log.ts';

interface Text {
  readonly sequence: number;
  readonly term: number;
  readonly previous: string;
  readonly content: unknown;
}

/** Frames as JSON, for whatever content. */
export const jsonFraming = <Content>(): Framing<Content> => {
  const hashOf = (body: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(body).digest());
  return {
    seal({ sequence, term, previous }, content) {
      const text: Text = { sequence, term, previous: Buffer.from(previous).toString('hex'), content };
      const body = new TextEncoder().encode(JSON.stringify(text));
      return { body, hash: hashOf(body) };
    },
    open(body) {
      try {
        const { sequence, term, previous, content } = JSON.parse(new TextDecoder().decode(body)) as Text;
        return {
          sequence,
          term,
          previous: new Uint8Array(Buffer.from(previous, 'hex')),
          content: content as Content,
          hash: hashOf(body),
        };
      } catch {
        return null;
      }
    },
  };
};
