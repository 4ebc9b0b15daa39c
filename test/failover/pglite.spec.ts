import { chmodSync, chownSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DemoLocation, type DemoProcess, startDemo } from '../support/demo-process.js';
import { SECRET } from '../support/auth-app.js';
import { signIn } from '../support/demo-service.js';
import { temporaryFolder } from '../support/folders.js';
import { refresh, send } from '../support/http.js';
import { SECOND } from '../support/listening.js';
import { mountsAvailable } from '../support/mounts.js';
import { copyStartedPglite } from '../support/pglite-template.js';
import { expectNothingLost, Population, print } from '../support/population.js';
import { SmallDisk } from '../support/small-disk.js';

/** Mebibytes: a database takes 39, and another 18 must be free. */
const DISK = 100;
/** The system's user `nobody`. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

async function demoIn(folder: string, location: DemoLocation = {}): Promise<DemoProcess> {
  const demo = await startDemo({ DATABASE_URL: folder, AUTH_SECRET: SECRET, RISK_RULES: 'off' }, location);
  onTestFinished(async () => {
    demo.kill('SIGKILL');
    await demo.exited;
  });
  return demo;
}

/** While the fault lasts, the answer is 503 and consumes no token. */
async function expectUnavailable(demo: DemoProcess, token: string): Promise<void> {
  for (const answer of [
    await refresh(demo.url, token),
    await refresh(demo.url, token),
    await send('POST', `${demo.url}/auth/login`, {
      body: { username: 'alice', password: 'alice-password', transport: 'body' },
    }),
  ]) {
    expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(JSON.stringify(answer.body)).not.toMatch(/pglite|node_modules|at /);
  }
  expect((await send('GET', `${demo.url}/health`)).status).toBe(503);
}

async function expectServing(demo: DemoProcess, token: string): Promise<string> {
  const answer = await refresh(demo.url, token);
  expect(answer.status).toBe(200);
  expect((await send('GET', `${demo.url}/health`)).status).toBe(200);
  return answer.body.refresh_token;
}

describe('the demo on an embedded database', () => {
  it('loses no session if it is killed, again and again', async () => {
    const folder = join(temporaryFolder(), 'database');
    await copyStartedPglite(folder);
    let demo = await demoIn(folder);
    // Without keys, who is not answered until the window is over must sign in again. Nobody else could answer.
    const population = await Population.signIn([demo.url], { careful: 60, keyless: 0, robbed: 3, robbedKeyless: 0 });
    population.start();
    population.faultBegins();
    for (let round = 0; round < 3; round++) {
      await sleep(4 * SECOND);
      demo.kill('SIGKILL');
      await demo.exited;
      demo = await demoIn(folder);
      population.urls[0] = demo.url;
    }
    population.faultEnds();
    // The rows are read when all is over, because only one process can open the folder.
    const report = await population.finish({ query: (sql: string) => queryAfter(demo, folder, sql) } as DataSource);
    print('An embedded database, killed three times', report);
    expectNothingLost(report);
  }, 400_000);

  it.skipIf(!mountsAvailable)(
    'answers 503 while its disk is full, and goes on by itself',
    async () => {
      const disk = new SmallDisk(DISK);
      const folder = join(disk.folder, 'database');
      await copyStartedPglite(folder);
      const demo = await demoIn(folder);
      let token = (await signIn(demo, 'alice')).refreshToken;
      for (let round = 0; round < 2; round++) {
        token = await expectServing(demo, token);
        disk.fill();
        await expectUnavailable(demo, token);
        disk.free();
        token = await expectServing(demo, token);
      }
      expect(demo.output()).toContain('The disk of the embedded database is full');
      disk.fill();
      expect(await demo.stop()).toMatchObject({ signal: 'SIGTERM' });
      disk.free();
      await expectServing(await demoIn(folder), token);
    },
    240_000,
  );

  it('answers 503 while its folder is away, and leaves a new one alone', async () => {
    const folder = join(temporaryFolder(), 'database');
    await copyStartedPglite(folder);
    const demo = await demoIn(folder);
    let { refreshToken: token } = await signIn(demo, 'alice');
    renameSync(folder, `${folder}-away`);
    await expectUnavailable(demo, token);
    renameSync(`${folder}-away`, folder);
    token = await expectServing(demo, token);

    renameSync(folder, `${folder}-away`);
    mkdirSync(folder);
    await expectUnavailable(demo, token);
    expect(demo.output()).toContain('was removed or replaced while it was open');
    expect(await demo.stop()).toMatchObject({ signal: 'SIGTERM' });
    rmSync(folder, { recursive: true });
    renameSync(`${folder}-away`, folder);
    await expectServing(await demoIn(folder), token);
  }, 240_000);

  it.skipIf(!isRoot)(
    'answers 503 while it may not write to its folder, and goes on by itself',
    async () => {
      const parent = temporaryFolder();
      const folder = join(parent, 'database');
      chmodSync(parent, 0o755);
      mkdirSync(folder, { mode: 0o700 });
      chownSync(folder, NOBODY, NOBODY);
      const demo = await demoIn(folder, { uid: NOBODY });
      const { refreshToken: token } = await signIn(demo, 'alice');
      chmodSync(folder, 0o500);
      await expectUnavailable(demo, token);
      chmodSync(folder, 0o700);
      await expectServing(demo, token);
    },
    240_000,
  );
});

async function queryAfter(demo: DemoProcess, folder: string, sql: string): Promise<unknown> {
  await demo.stop();
  const dataSource = await new DataSource(pgliteDataSourceOptions({ dataDir: folder })).initialize();
  try {
    return await dataSource.query(sql);
  } finally {
    await dataSource.destroy();
  }
}
