import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { bundlePath, platformHost, storyPath, WELL } from '../support/platforms.js';
import { registryAnswers } from '../support/registry.js';

const run = promisify(execFile);
/** Milliseconds; packages with programs of a hundred megabytes are fetched. */
const TIMEOUT = 600_000;

const PROGRAM = `
  import { createAuthClient } from './client.min.mjs';
  import { liveThrough, memoryStore } from './story.mjs';
  const setting = JSON.parse(process.env.SETTING);
  console.log(JSON.stringify(await liveThrough(createAuthClient, { ...setting, store: memoryStore() })));
  process.exit(0);
`;

/** A Worker of Cloudflare. Its request is what starts the story. */
const WORKER = `
  import { createAuthClient } from 'client';
  import { liveThrough, memoryStore } from 'story';
  export default {
    async fetch(request, { SETTING }) {
      try {
        return Response.json(await liveThrough(createAuthClient, { ...SETTING, store: memoryStore() }));
      } catch (error) {
        return Response.json([String(error), String(error.cause)], { status: 500 });
      }
    },
  };
`;

describe.skipIf(!(await registryAnswers()))('the built client', { timeout: TIMEOUT }, () => {
  const { app, strangers, setting } = platformHost();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runtimes-'));
    await Promise.all([
      copyFile(bundlePath, join(folder, 'client.min.mjs')),
      copyFile(storyPath, join(folder, 'story.mjs')),
      writeFile(join(folder, 'program.mjs'), `import process from 'node:process';${PROGRAM}`),
      writeFile(join(folder, 'worker.mjs'), WORKER),
      writeFile(join(folder, 'package.json'), '{"private":true}'),
    ]);
    const packages = ['deno@2', 'bun@1', 'workerd@1'];
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, ...packages]);
  }, TIMEOUT);
  afterAll(() => rm(folder, { recursive: true, force: true }), TIMEOUT);

  const isWell = (told: unknown) => {
    expect(told).toEqual(WELL);
    expect(strangers.length).toBeGreaterThanOrEqual(1);
    for (const { authorization = '' } of strangers) expect(authorization).not.toMatch(/bearer|dpop/i);
    expect(app.events.filter(({ type }) => type === 'reuse_detected')).toEqual([]);
  };

  test.each([
    { runtime: 'deno', command: ['deno', 'run', '--allow-net', '--allow-env', 'program.mjs'] },
    { runtime: 'bun', command: ['bun', 'run', 'program.mjs'] },
  ])('works on $runtime', async ({ command: [name, ...rest] }) => {
    const env = { ...process.env, SETTING: JSON.stringify(setting()) };
    const { stdout } = await run(join(folder, 'node_modules/.bin', name), rest, { cwd: folder, env });
    isWell(JSON.parse(stdout));
  });

  test('works in a Worker of Cloudflare', async () => {
    const port = await freePort();
    await writeFile(
      join(folder, 'config.capnp'),
      `using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (
        services = [
          (name = "main", worker = .worker),
          (name = "internet", network = (allow = ["public", "private"])),
        ],
        sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
      );
      const worker :Workerd.Worker = (
        modules = [
          (name = "worker", esModule = embed "worker.mjs"),
          (name = "client", esModule = embed "client.min.mjs"),
          (name = "story", esModule = embed "story.mjs"),
        ],
        compatibilityDate = "2024-09-23",
        bindings = [(name = "SETTING", json = ${JSON.stringify(JSON.stringify(setting()))})],
      );`,
    );
    const workerd = createRequire(join(folder, 'package.json')).resolve('workerd/bin/workerd');
    const server = spawn(workerd, ['serve', 'config.capnp'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
    onTestFinished(() => ended(server));
    const answer = await eventually(() => fetch(`http://127.0.0.1:${port}/`));
    isWell(await answer.json());
  });
});

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    if (!child.kill()) resolve();
  });
}
