import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsV4Signer } from 'aws4fetch';

/** What the bucket does instead of answering. */
export type Trouble = 'silent' | 'reset' | 'error' | 'no bucket' | 'redirect' | null;

export const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-that-no-log-may-show' };
const PAGE = 3;

/** A bucket as S3 has it, as far as it is asked for: signatures and the hash of each body are verified, lists come in short pages. */
export class FakeBucket {
  readonly objects = new Map<string, Buffer>();
  trouble: Trouble = null;
  /** Requests that were answered as they should be. */
  served = 0;
  private readonly server = createServer((req, res) => void this.take(req, res));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** With a prefix, as several may share a bucket. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/bucket/some/prefix`;
  }

  get names(): string[] {
    return [...this.objects.keys()].map((key) => key.split('/').at(-1) as string);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { trouble } = this;
    if (trouble === 'silent') return;
    if (trouble === 'reset') return void req.socket.resetAndDestroy();
    if (trouble === 'error') return void res.writeHead(500).end('<Error><Code>InternalError</Code></Error>');
    if (trouble === 'no bucket') return void res.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>');
    if (trouble === 'redirect') return void res.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    if (!(await isSigned(req, body)))
      return void res.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
    this.served++;
    this.answer(req, res, body);
  }

  private answer(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
    const url = new URL(req.url as string, 'http://h');
    if (url.pathname === '/bucket') return void res.end(this.list(url.searchParams));
    const key = url.pathname.slice('/bucket/'.length);
    if (req.method === 'PUT') this.objects.set(key, body);
    else if (req.method === 'DELETE') this.objects.delete(key);
    else {
      const found = this.objects.get(key);
      return void (found === undefined
        ? res.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
        : res.end(found));
    }
    res.writeHead(req.method === 'PUT' ? 200 : 204).end();
  }

  private list(query: URLSearchParams): string {
    const from = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()]
      .sort()
      .filter((key) => key.startsWith(query.get('prefix') as string) && key > from);
    const page = keys.slice(0, PAGE);
    const more = keys.length > PAGE ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    return `<ListBucketResult>${page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')}${more}</ListBucketResult>`;
  }
}

async function isSigned(req: IncomingMessage, body: Buffer): Promise<boolean> {
  const given = req.headers.authorization ?? '';
  const said = req.headers['x-amz-content-sha256'] as string;
  if (said !== 'UNSIGNED-PAYLOAD' && said !== createHash('sha256').update(body).digest('hex')) return false;
  if (req.method === 'PUT' && said === 'UNSIGNED-PAYLOAD') return false;
  const signer = new AwsV4Signer({
    ...KEYS,
    ...{
      url: `http://${req.headers.host}${req.url}`,
      method: req.method as string,
      service: 's3',
      region: 'us-east-1',
    },
    datetime: req.headers['x-amz-date'] as string,
    headers: { 'x-amz-content-sha256': said },
  });
  return (await signer.sign()).headers.get('authorization') === given;
}
