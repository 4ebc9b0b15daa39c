import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { compilePages } from '../support/doc-program.js';
import { LIMIT, SampleRunner } from '../support/doc-runs.js';
import {
  isTypeScript,
  type Page,
  placeOf,
  readPages,
  reasonNotToRun,
  type Sample,
  samplesOf,
} from '../support/doc-samples.js';
import { root } from '../support/root.js';

const run = promisify(execFile);

/** Of the application that the Nest CLI makes. */
const SCRIPTS_OF_NEST = ['build', 'format', 'lint', 'start', 'start:dev', 'start:prod', 'test', 'test:e2e'];

const BROKEN: Page = {
  path: 'broken.md',
  text: [
    '# Broken',
    '## Does not compile',
    '```ts',
    "import { AuthModule } from 'nestjs-refresh-token';",
    '',
    'AuthModule.forRoot({ ...authOptions, routePrefix: 7 });',
    '```',
    '## Throws',
    '```ts',
    'if (user.id !== sessionId) {',
    "  throw new Error('as it should');",
    '}',
    '```',
    '## Does not boot',
    '```ts',
    "import { AuthModule } from 'nestjs-refresh-token';",
    '',
    "AuthModule.forRoot({ ...authOptions, accessToken: { ttl: '15 parsecs' } });",
    '```',
    '## Runs',
    '```ts',
    'await refreshTokens.revoke(sessionId, "logout");',
    '```',
    '## Has no reason',
    '```ts',
    '// not run',
    'app.flushLogs();',
    '```',
    '## Names what does not exist',
    '```sh',
    'npm run nothing && npm run build',
    'node -e \'import("nestjs-refresh-token/nothing")\'',
    'if true',
    '```',
    '```json',
    '{ "a": }',
    '```',
  ].join('\n'),
};

/** Pages whose samples need packages that are not installed here: another spec compiles and runs them. */
const TESTED_BY: Record<string, string> = {
  'docs/guides/prisma.md': 'test/long/orms.spec.ts',
  'docs/guides/drizzle.md': 'test/long/orms.spec.ts',
  'docs/guides/kysely-mongoose.md': 'test/long/orms.spec.ts',
};

const all = await readPages();
const pages = [...all.filter(({ path }) => !(path in TESTED_BY)), BROKEN];
const isTested = ({ path }: Page) => path !== BROKEN.path;

/** All pages are compiled together, when the first test asks for it. */
const compiled = once(async () => compilePages(pages, await mkdtemp(join(inject('scratch'), 'samples-'))));

async function compiledPage(path: string) {
  return (await compiled()).pages.find((page) => page.path === path)!;
}

let stop = () => {};
afterAll(() => stop());
const runner = once(async () => {
  const { runner, located } = await compiled();
  const runs = new SampleRunner({ runner, located, scratch: inject('scratch'), redisUrl: inject('redisUrl') });
  stop = () => runs.stop();
  return runs;
});

/** What went wrong in each sample of the page that runs. */
const outcomesOf = byPath(async (path) => (await runner()).run(await compiledPage(path)));

for (const page of pages.filter(isTested)) {
  const samples = samplesOf(page);
  if (samples.length === 0) continue;
  const code = samples.filter(isTypeScript);
  const runs = code.filter((sample) => reasonNotToRun(sample) === undefined);

  describe.concurrent(page.path, { timeout: 2 * LIMIT }, () => {
    if (code.length > 0) {
      it('compiles', async ({ expect }) => {
        expect((await compiledPage(page.path)).errors).toEqual([]);
      });
    }

    for (const [index, { heading, line }] of runs.entries()) {
      it(`runs line ${line}, "${heading}"`, async () => {
        const error = (await outcomesOf(page.path))[index];
        // The stack is that of the sample, and part of the message.
        if (error !== undefined) throw Object.assign(new Error(error), { stack: '' });
      });
    }

    if (samples.length > code.length) {
      it('has right commands and files', async ({ expect }) => {
        expect((await Promise.all(samples.map(faultsOf))).flat()).toEqual([]);
      });
    }
  });
}

describe.each(Object.entries(TESTED_BY))('%s', (path, spec) => {
  const samples = samplesOf(all.find((page) => page.path === path)!);

  it('is tested by another spec', async () => {
    expect(await readFile(join(root, spec), 'utf8')).toContain(`'${basename(path, '.md')}'`);
    // That spec takes files, and no fragments.
    expect(samples.filter((sample) => isTypeScript(sample) && !/^\/\/ \S+\.ts\b/.test(sample.text))).toEqual([]);
  });

  it('has right commands and files', async () => {
    expect((await Promise.all(samples.map(faultsOf))).flat()).toEqual([]);
  });
});

describe('samples that are not run', () => {
  it('say why', () => {
    const skipped = pages.filter(isTested).flatMap(skippedOf);
    console.log(`${skipped.length} samples of the documentation are compiled and not run.`);
    expect(skipped.filter(({ reason }) => reason === '').map(({ place }) => place)).toEqual([]);
  });
});

describe.concurrent('a page with mistakes', () => {
  it('fails by the place of what does not compile', async ({ expect }) => {
    expect((await compiledPage(BROKEN.path)).errors).toEqual([
      expect.stringMatching(/^broken\.md:6 \("Does not compile"\): Type 'number' is not assignable/),
    ]);
  });

  it('fails by the place of what does not run', async ({ expect }) => {
    const [, thrown, notBooted, runs] = await outcomesOf(BROKEN.path);
    expect(thrown).toMatch(/^broken\.md:10 \("Throws"\) does not run: Error: as it should\n.*broken\.md:11/);
    expect(notBooted).toMatch(
      /^broken\.md:16 \("Does not boot"\) does not run: AuthConfigurationError.*accessToken\.ttl/,
    );
    expect(runs).toBeUndefined();
  });

  it('fails by what gives no reason, and by commands that are wrong', async ({ expect }) => {
    expect(skippedOf(BROKEN)).toEqual([{ place: 'broken.md:26 ("Has no reason")', reason: '' }]);
    const place = 'broken.md:31 ("Names what does not exist")';
    expect((await Promise.all(samplesOf(BROKEN).map(faultsOf))).flat()).toEqual([
      `${place}: there is no script "nothing"`,
      `${place}: there is no entry point "nestjs-refresh-token/nothing"`,
      expect.stringContaining(`${place}: bash`),
      expect.stringMatching(/^broken\.md:36 .*JSON/),
    ]);
  });
});

function skippedOf(page: Page): { place: string; reason: string }[] {
  return samplesOf(page)
    .filter(isTypeScript)
    .map((sample) => ({ place: placeOf(sample), reason: reasonNotToRun(sample) }))
    .filter((sample): sample is { place: string; reason: string } => sample.reason !== undefined);
}

/** What is wrong in a block of another language. */
async function faultsOf(sample: Sample): Promise<string[]> {
  const checks: Record<string, (text: string) => Promise<string[]>> = {
    sh: shellFaults,
    bash: shellFaults,
    json: async (text) => faultOf(() => void JSON.parse(text)),
    js: scriptFaults,
  };
  const faults = (await checks[sample.language]?.(sample.text)) ?? [];
  return faults.map((fault) => `${placeOf(sample)}: ${fault}`);
}

async function shellFaults(text: string): Promise<string[]> {
  const { scripts, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
    exports: Record<string, unknown>;
  };
  const known = [...Object.keys(scripts), ...SCRIPTS_OF_NEST];
  const named = [...text.matchAll(/\bnpm run (?:-\S+ )*([\w:-]+)/g)].map(([, name]) => name);
  const entries = [...text.matchAll(/(?<![\w./-])nestjs-refresh-token\/([\w.-]+)/g)].map(([, name]) => name);
  return [
    ...named.filter((name) => !known.includes(name)).map((name) => `there is no script "${name}"`),
    ...entries
      .filter((name) => !(`./${name}` in exports))
      .map((name) => `there is no entry point "nestjs-refresh-token/${name}"`),
    ...(await faultOf(() => run('bash', ['-n', '-c', text]))),
  ];
}

async function scriptFaults(text: string): Promise<string[]> {
  const file = join(await mkdtemp(join(inject('scratch'), 'script-')), 'sample.mjs');
  await writeFile(file, text);
  return faultOf(() => run(process.execPath, ['--check', file]));
}

async function faultOf(check: () => unknown): Promise<string[]> {
  try {
    await check();
    return [];
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return [stderr ?? message];
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function byPath<T>(make: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (path) => {
    if (!made.has(path)) made.set(path, make(path));
    return made.get(path)!;
  };
}
