import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { bundlePath, platformHost, storyPath, WELL } from '../support/platforms.js';
import { root } from '../support/root.js';

const run = promisify(execFile);

describe('the built client', () => {
  const { app, strangers, setting } = platformHost();
  const program = join(inject('scratch'), 'platform.program.mjs');
  // In one file: a loader of TypeScript would need what the program takes away.
  beforeAll(async () => {
    await build({
      entryPoints: [join(root, 'test/support/platform.program.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
  });

  test.each(['node', 'react-native-0.72', 'react-native-0.85', 'capacitor'])('works on %s', async (platform) => {
    const given = JSON.stringify({ ...setting(), bundle: bundlePath, story: storyPath });
    const { stdout } = await run(process.execPath, [program, platform, given]).catch(
      // Not as an error, whose stack would be taken for one of this process.
      ({ stderr }: { stderr: string }) => ({ stdout: JSON.stringify(stderr.slice(-1_000)) }),
    );
    expect(JSON.parse(stdout)).toEqual({ ...WELL, unhandled: [] });
    expect(strangers.length).toBeGreaterThanOrEqual(1);
    for (const { authorization = '' } of strangers) expect(authorization).not.toMatch(/bearer|dpop/i);
    expect(app.events.filter(({ type }) => type === 'reuse_detected')).toEqual([]);
  });

  test('works in a worker thread of Node.js', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { bundle, story, setting } = workerData;
      Promise.all([import(bundle), import(story)]).then(async ([{ createAuthClient }, { liveThrough, memoryStore }]) => {
        parentPort.postMessage(await liveThrough(createAuthClient, { ...setting, store: memoryStore() }));
      });
    `;
    const [bundle, story] = [bundlePath, storyPath].map((path) => pathToFileURL(path).href);
    const worker = new Worker(source, { eval: true, workerData: { bundle, story, setting: setting() } });
    const told = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    await worker.terminate();
    expect(told).toEqual(WELL);
  });
});
