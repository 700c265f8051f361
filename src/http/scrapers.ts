import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Connections to the metrics: at most so many, and one that has no request under way makes room for whoever comes, the one that
 * has been so for longest first. Nobody keeps scrapers out by holding connections (D4, B5).
 */
export class Scrapers {
  private readonly idle = new Set<Socket>();
  private readonly busy = new Set<Socket>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.admit(socket));
    server.on('request', ({ socket }, res) => {
      this.idle.delete(socket);
      this.busy.add(socket);
      res.once('close', () => {
        if (this.busy.delete(socket) && !socket.destroyed) this.idle.add(socket);
      });
    });
  }

  private admit(socket: Socket): void {
    if (this.idle.size + this.busy.size >= this.most) {
      const [oldest] = this.idle.size > 0 ? this.idle : this.busy;
      oldest?.destroy();
      this.leave(oldest as Socket);
    }
    this.idle.add(socket);
    socket.once('close', () => this.leave(socket));
  }

  private leave(socket: Socket): void {
    this.idle.delete(socket);
    this.busy.delete(socket);
  }
}

const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
const LOOPBACK = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/;

/** A host as browsers write it, without its port: lower case, addresses in their one form. Null for what is none. */
export function hostName(text: string): string | null {
  return HOST.test(text) && URL.canParse(`http://${text}`) ? new URL(`http://${text}`).hostname : null;
}

const literal = (address: string): string => {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain.includes(':') ? `[${plain}]` : plain;
};

/**
 * Why a request is not for us, or null. A page that a browser was lured to may have its own name resolved to our address, and would
 * read what is answered to it: only names are answered to that are ours. Loopback is, the address that the connection came in
 * on, and those of `hosts`.
 */
export function misdirected({ headers, socket }: IncomingMessage, hosts: readonly string[]): string | null {
  // Browsers always send one.
  if (headers.host === undefined) return null;
  const name = hostName(headers.host);
  const own = [literal(socket.localAddress ?? ''), ...hosts].map(hostName);
  if (name !== null && (LOOPBACK.test(name) || own.includes(name))) return null;
  const found = name ?? 'none that can be read';
  return `host: ${found}; localhost, loopback addresses, the address connected to and those of metrics_hosts are answered\n`;
}
