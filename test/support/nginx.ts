import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';
import type { Identity } from './tls.js';

const PROGRAM = '/usr/sbin/nginx';

/** Whether this machine has nginx. If it has none, its tests are skipped. */
export const nginxAvailable = existsSync(PROGRAM);

export interface RunningNginx {
  httpUrl: string;
  httpsUrl: string;
  stop(): Promise<void>;
}

/**
 * Runs nginx with the servers of a configuration, on free ports and with this certificate.
 *
 * @param configuration its servers listen on 80 and 443, and its upstream has 127.0.0.1:3000 and 127.0.0.1:3001
 * @param upstreams the ports of the instances
 */
export async function startNginx(
  configuration: string,
  upstreams: readonly [string, string],
  identity: Identity,
): Promise<RunningNginx> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const [http, https] = [await freePort(), await freePort()];
  await writeFile(join(folder, 'tls.crt'), identity.cert);
  await writeFile(join(folder, 'tls.key'), identity.key);
  const servers = configuration
    .replace('127.0.0.1:3000', `127.0.0.1:${upstreams[0]}`)
    .replace('127.0.0.1:3001', `127.0.0.1:${upstreams[1]}`)
    .replace('listen 80;', `listen 127.0.0.1:${http};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${https} ssl;`)
    .replace(/ssl_certificate +\S+;/, `ssl_certificate ${folder}/tls.crt;`)
    .replace(/ssl_certificate_key +\S+;/, `ssl_certificate_key ${folder}/tls.key;`);
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error;
     events {}
     http {
       access_log off;
       ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
       ${servers}
     }`,
  );
  const nginx = spawn(PROGRAM, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  nginx.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<void>((resolve) => nginx.once('close', () => resolve()));
  await listening(nginx, http, () => output);
  return {
    httpUrl: `http://127.0.0.1:${http}`,
    httpsUrl: `https://127.0.0.1:${https}`,
    async stop() {
      nginx.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listening(nginx: ChildProcess, port: number, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (nginx.exitCode !== null) break;
    const answered = await fetch(`http://127.0.0.1:${port}`, { redirect: 'manual' }).catch(() => undefined);
    if (answered) return void (await answered.arrayBuffer());
    await sleep(50);
  }
  nginx.kill('SIGKILL');
  throw new Error(`nginx does not answer. Its output:\n${output()}`);
}
