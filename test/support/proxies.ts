import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from './server.ts';

/** @throws Error where the program is missing: a test that needs it fails, it never passes unseen */
export function needProgram(name: string, ...args: readonly string[]): void {
  const { error, status } = spawnSync(name, args);
  if (error !== undefined || status !== 0) {
    throw new Error(`this test needs ${name}: ${error?.message ?? `exit ${status}`}`);
  }
}

/** A real proxy before a server, listening on a socket of its own in a folder. */
export class RealProxy {
  readonly socketPath: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;
  private told = '';

  private constructor(socketPath: string, command: string, args: readonly string[]) {
    this.socketPath = socketPath;
    this.child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.on('data', (chunk) => {
      this.told += chunk;
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  private async started(): Promise<this> {
    const isUp = (): Promise<boolean> =>
      new Promise((resolve) => {
        if (this.child.exitCode !== null) throw new Error(`the proxy ended: ${this.told}`);
        if (!existsSync(this.socketPath)) return resolve(false);
        const probe = connect(this.socketPath, () => resolve(true));
        probe.on('connect', () => probe.destroy()).on('error', () => resolve(false));
      });
    await until(isUp, 20_000);
    return this;
  }

  /** nginx in `folder`; `lines` go into its location. */
  static nginx(folder: string, upstreamPort: number, lines: readonly string[]): Promise<RealProxy> {
    const server = `upstream mailbox { server 127.0.0.1:9410; keepalive 4; }
server { listen 8080; client_max_body_size 8m; location / { proxy_pass http://mailbox; ${lines.join(' ')} } }`;
    return RealProxy.nginxOf(folder, upstreamPort, server);
  }

  /** nginx as a page shows it: what goes into `http`, on port 8080, before a server on 9410. Its address becomes a socket in `folder`. */
  static nginxOf(folder: string, upstreamPort: number, shown: string): Promise<RealProxy> {
    mkdirSync(folder);
    const at = (name: string): string => join(folder, name);
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${at(kind)};`);
    const conf = `daemon off; pid ${at('pid')}; error_log stderr crit; worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off; ${kept.join(' ')}
  ${moved(shown, upstreamPort, 'listen 8080', `listen unix:${at('socket')}`)}
}`;
    writeFileSync(at('nginx.conf'), conf);
    return new RealProxy(at('socket'), 'nginx', ['-e', 'stderr', '-c', at('nginx.conf')]).started();
  }

  static haproxy(folder: string, upstreamPort: number, lines: readonly string[]): Promise<RealProxy> {
    const conf = `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  ${lines.join('\n  ')}
frontend in
  bind :8080
  default_backend mailbox
backend mailbox
  server one 127.0.0.1:9410
`;
    return RealProxy.haproxyOf(folder, upstreamPort, conf);
  }

  /** haproxy as a page shows it, with the same two addresses. */
  static haproxyOf(folder: string, upstreamPort: number, shown: string): Promise<RealProxy> {
    mkdirSync(folder);
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('haproxy.cfg'), moved(shown, upstreamPort, 'bind :8080', `bind unix@${at('socket')}`));
    return new RealProxy(at('socket'), 'haproxy', ['-db', '-f', at('haproxy.cfg')]).started();
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

/** @throws Error where the page has other addresses: then it would not be tried as it is shown */
function moved(shown: string, upstreamPort: number, front: string, socket: string): string {
  const parts = [front, '127.0.0.1:9410'];
  const missing = parts.find((part) => shown.split(part).length !== 2);
  if (missing !== undefined) throw new Error(`${missing} is to be there once: ${shown}`);
  return shown.replace(front, socket).replace('127.0.0.1:9410', `127.0.0.1:${upstreamPort}`);
}
