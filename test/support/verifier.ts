import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Authority } from '../../src/auth/authorize.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { systemTime } from '../../src/platform/system.ts';
import { ServiceClock } from '../../src/service/service-clock.ts';

/** A capability authority as docs/protocol.md describes it, on a port that it keeps when it goes and comes back. */
export class TestVerifier {
  readonly keyring = new Keyring([freshKey('a1', Date.now())]);
  readonly authority = new Authority(this.keyring, new ServiceClock(systemTime, null), 5_000);
  asked = 0;
  /** What becomes of a question about a token that is not valid. */
  refusal: 'no' | 'error' | 'silence' | { readonly noAfterMs: number } = 'no';
  private server: Server | null = null;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}/verify`;
  }

  async start(): Promise<void> {
    const server = createServer((req, res) => {
      let text = '';
      req.on('data', (chunk) => {
        text += chunk;
      });
      req.on('end', () => {
        this.asked++;
        const { capability } = JSON.parse(text) as { capability: string };
        const valid = typeof this.authority.authenticate(`Bearer ${capability}`) !== 'string';
        const { refusal } = this;
        if (valid || refusal === 'no') res.end(JSON.stringify({ valid }));
        else if (refusal === 'error') res.writeHead(500).end();
        else if (refusal !== 'silence') setTimeout(() => res.end('{"valid":false}'), refusal.noAfterMs);
      });
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    this.server = null;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
