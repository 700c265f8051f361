import { createHash } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import type { ObjectPlace } from '../ports/payload-store.ts';

/** What a bucket said that is no answer to what was asked; nothing of it is ours to repeat but its status and code. */
export class BucketError extends Error {}

/** Answers that list keys or say what is wrong are this long at most. */
const TEXT_BYTES_MAX = 4 << 20;
const CODE = /<Code>([A-Za-z]{1,64})<\/Code>/;
const KEY = /<Key>([^<]{1,1024})<\/Key>/g;
const MORE = /<NextContinuationToken>([^<]{1,2048})<\/NextContinuationToken>/;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const plain = (xml: string): string =>
  xml.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] as string);

/**
 * The few requests to S3 that payloads need, signed with signature version 4, by path (`/bucket/key`). Each has its deadline, its answer
 * body included; a redirect is an error, for it would carry what was signed elsewhere. @throws BucketError, or what `fetch` throws
 */
export class Bucket {
  private readonly place: ObjectPlace;
  private readonly client: AwsClient;

  constructor(place: ObjectPlace) {
    this.place = place;
    const { region, accessKeyId, secretAccessKey } = place;
    // Whoever asks knows better when to try again.
    this.client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    // Signed with the body: what arrives damaged is refused there.
    const headers = { 'x-amz-content-sha256': createHash('sha256').update(bytes).digest('hex') };
    const response = await this.ask('PUT', key, { body: bytes as Uint8Array<ArrayBuffer>, headers });
    if (response.status !== 200) throw await refusal('PUT', response);
    await response.arrayBuffer();
  }

  /** Null where there is no such object; `too long` where it is more than so many bytes. */
  async get(key: string, bytesMax: number): Promise<Uint8Array | 'too long' | null> {
    const response = await this.ask('GET', key);
    if (response.status === 200) return bodyOf(response, bytesMax);
    const error = await refusal('GET', response);
    // A proxy, or a bucket that is not there, says 404 too: that says nothing of the object.
    if (response.status === 404 && error.message.endsWith(' NoSuchKey')) return null;
    throw error;
  }

  async remove(key: string): Promise<void> {
    const response = await this.ask('DELETE', key);
    if (response.status !== 204 && response.status !== 200) {
      const error = await refusal('DELETE', response);
      if (!error.message.endsWith(' NoSuchKey')) throw error;
    } else await response.arrayBuffer();
  }

  /** Keys that begin with this, a page at a time. */
  async *keys(prefix: string): AsyncGenerator<string[]> {
    const inside = this.inBucket(prefix);
    for (let token: string | undefined; ; ) {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: inside,
        ...(token && { 'continuation-token': token }),
      });
      const response = await this.ask('GET', null, { query: query.toString() });
      if (response.status !== 200) throw await refusal('LIST', response);
      const text = await textOf(response);
      const skipped = inside.length - prefix.length;
      yield [...text.matchAll(KEY)].map(([, key]) => plain(key as string).slice(skipped));
      token = MORE.exec(text)?.[1];
      if (token === undefined) return;
      token = plain(token);
    }
  }

  /** A key as the bucket knows it. */
  private inBucket(key: string): string {
    const [, , ...prefix] = new URL(this.place.url).pathname.split('/');
    return [...prefix, key].join('/');
  }

  private ask(
    method: string,
    key: string | null,
    {
      query = '',
      body,
      headers = {},
    }: { query?: string; body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { url, timeoutMs } = this.place;
    const { origin, pathname } = new URL(url);
    const path = key === null ? `/${pathname.split('/')[1]}?${query}` : `${pathname}/${key}`;
    const signal = AbortSignal.timeout(timeoutMs);
    return this.client.fetch(`${origin}${path}`, { method, headers, redirect: 'error', signal, ...(body && { body }) });
  }
}

async function bodyOf(response: Response, bytesMax: number): Promise<Uint8Array | 'too long'> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels what is still to come.
    if (length > bytesMax) return 'too long';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function textOf(response: Response): Promise<string> {
  const bytes = await bodyOf(response, TEXT_BYTES_MAX);
  if (bytes === 'too long') throw new BucketError(`an answer of more than ${TEXT_BYTES_MAX} bytes`);
  return Buffer.from(bytes).toString();
}

async function refusal(what: string, response: Response): Promise<BucketError> {
  const code = CODE.exec(await textOf(response))?.[1];
  return new BucketError(`${what} was answered ${response.status}${code === undefined ? '' : ` ${code}`}`);
}
