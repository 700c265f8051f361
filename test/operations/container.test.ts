import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { textOf } from '../support/operations.ts';
import { serve } from '../support/process.ts';

const RECIPE = 'examples/operations/container/Containerfile';
/** Instructions of the recipe, lines that go on joined. */
const instructions = textOf(RECIPE)
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => {
    const [word = ''] = line.split(' ');
    return { word, rest: line.slice(word.length + 1).trim() };
  });
const restsOf = (name: string): string[] => instructions.filter(({ word }) => word === name).map(({ rest }) => rest);
/** Those of the stage that runs. */
const last = instructions.slice(instructions.findLastIndex(({ word }) => word === 'FROM'));
const manifest = JSON.parse(textOf('package.json')) as { name: string; version: string; bin: { mailbox: string } };

describe('container', () => {
  it('recipe: a slim base, no root, one volume, signals, nothing fetched but packages of the lockfile (U4)', () => {
    expect(restsOf('ARG')).toEqual(['NODE=node:22-bookworm-slim']);
    expect(restsOf('FROM')).toHaveLength(2);
    for (const base of restsOf('FROM')) expect(base).toMatch(/^\$\{NODE\}( AS build)?$/);
    const of = (name: string) => last.filter(({ word }) => word === name).map(({ rest }) => rest);
    expect([of('USER'), of('VOLUME'), of('STOPSIGNAL'), restsOf('ADD')]).toEqual([
      ...[['1000:1000'], ['/var/lib/mailbox'], ['SIGTERM'], []],
    ]);
    expect(restsOf('RUN').filter((text) => /curl|wget|apt-get/.test(text))).toEqual([]);
    expect(restsOf('RUN')[0]).toBe('npm ci --ignore-scripts');
    const ignored = textOf(`${RECIPE}.dockerignore`).split('\n');
    for (const secret of ['keyring*.json', '*.pem', '.git', 'node_modules']) expect(ignored).toContain(secret);
  });

  it('recipe: starts the program where the package puts it, with settings that it takes (U4)', () => {
    const [entry = ''] = restsOf('ENTRYPOINT');
    const command = JSON.parse(entry) as string[];
    expect(command.at(-1)).toBe(`/opt/mailbox/lib/node_modules/${manifest.name}/${manifest.bin.mailbox}`);
    const pairs = (restsOf('ENV')[0] ?? '').split(/\s+/).map((pair) => pair.split('=') as [string, string]);
    const { settings } = loadConfig({}, Object.fromEntries(pairs.filter(([name]) => name.startsWith('MAILBOX_'))));
    expect(settings).toMatchObject({ data: '/var/lib/mailbox/data', bind: { host: '0.0.0.0', port: 9410 } });
    expect(restsOf('EXPOSE')).toEqual([`${settings.bind.port} ${settings.metrics_bind.port}`]);
  });

  it('health check: 0 while it is alive, 1 once it is gone (U4)', async () => {
    const [check = ''] = restsOf('HEALTHCHECK');
    const [, command = ''] = /CMD (\[.*\])$/.exec(check) ?? [];
    const [program, ...args] = JSON.parse(command) as [string, ...string[]];
    expect(program).toBe('node');
    const server = serve();
    const { metrics } = await server.logged('server.ready');
    const ask = (): number | null =>
      spawnSync(process.execPath, args, { env: { MAILBOX_METRICS_BIND: `${metrics}` }, timeout: 30_000 }).status;
    expect(ask()).toBe(0);
    server.child.kill('SIGTERM');
    await server.finished;
    expect(ask()).toBe(1);
  });
});

describe('Kubernetes', () => {
  const [service, set] = parseAllDocuments(textOf('examples/operations/kubernetes/mailbox.yaml')).map((one) =>
    one.toJS(),
  );
  const pod = set.spec.template.spec;
  const [container] = pod.containers;
  const env = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );

  it('settings: those that the server takes, on the ports that probes and service name (U4)', () => {
    const { settings } = loadConfig({}, env);
    const ports = Object.fromEntries(
      container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [name, containerPort]),
    );
    expect(ports).toEqual({ http: settings.bind.port, metrics: settings.metrics_bind.port });
    expect(service.spec.ports[0].targetPort).toBe('http');
    expect(set.spec.template.metadata.annotations['prometheus.io/port']).toBe(`${settings.metrics_bind.port}`);
    const mounts = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounts.filter((path: string) => settings.data.startsWith(`${path}/`))).toEqual(['/var/lib/mailbox']);
    expect(mounts.filter((path: string) => settings.keyring?.startsWith(`${path}/`))).toEqual(['/keys']);
    for (const image of [container.image, pod.initContainers[0].image])
      expect(image).toBe(`mailbox:${manifest.version}`);
  });

  it('the end: there is time for preStop, the drain, and the last lines; one process a volume (U4)', () => {
    const { settings } = loadConfig({}, env);
    const stopS = Number(container.lifecycle.preStop.exec.command[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(stopS + settings.drain_deadline / 1000 + 1);
    expect([set.spec.replicas, set.spec.volumeClaimTemplates[0].spec.accessModes]).toEqual([1, ['ReadWriteOncePod']]);
    expect(settings.memory * 2).toBeLessThanOrEqual(1024 ** 3 / 2);
  });

  it('no root, no root to write, no privilege; the same user as the recipe has (U4, E4)', () => {
    const { runAsUser, runAsGroup, fsGroup, runAsNonRoot, fsGroupChangePolicy } = pod.securityContext;
    expect([`${runAsUser}:${runAsGroup}`, fsGroup, runAsNonRoot, fsGroupChangePolicy]).toEqual([
      ...[last.find(({ word }) => word === 'USER')?.rest, runAsGroup, true, 'OnRootMismatch'],
    ]);
    for (const { securityContext } of [container, pod.initContainers[0]]) {
      expect(securityContext).toEqual({
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      });
    }
  });

  it('probes: each path says what it is asked for: alive from the first moment, ready when it serves (U4, B6)', async () => {
    const server = serve();
    const { http } = await server.logged('server.ready');
    for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
      const { path, port } = container[probe].httpGet;
      expect([probe, (await fetch(`http://${http}${path}`)).status, port]).toEqual([probe, 200, 'http']);
    }
    expect(container.startupProbe.httpGet.path).toBe('/readyz');
    server.child.kill('SIGTERM');
    await server.finished;
  });
});

describe('docs/deployment.md', () => {
  const page = readFileSync('docs/deployment.md', 'utf8');

  it('names what is there: exit codes, exposure, flags of docker for a read-only root', () => {
    for (const text of ['RestartPreventExitStatus=2', '--read-only', '--cap-drop ALL', `mailbox:${manifest.version}`]) {
      expect(page, text).toContain(text);
    }
  });
});
