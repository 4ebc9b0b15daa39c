import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bundlePath, platformHost, storyPath, WELL } from '../support/platforms.js';
import { root } from '../support/root.js';

const run = promisify(execFile);
const program = join(root, 'test/support/platform.program.ts');

describe('the built client', () => {
  const { app, strangers, setting } = platformHost();

  test.each(['node', 'es2020', 'react-native-0.72', 'react-native-0.85', 'capacitor'])(
    'works on %s',
    async (platform) => {
      const given = JSON.stringify({ ...setting(), bundle: bundlePath, story: storyPath });
      const { stdout } = await run(process.execPath, ['--import', 'tsx', program, platform, given]).catch(
        ({ stderr }: { stderr: string }) => Promise.reject(new Error(stderr.slice(-1_000))),
      );
      expect(JSON.parse(stdout)).toEqual({ ...WELL, unhandled: [] });
      expect(strangers.length).toBeGreaterThanOrEqual(1);
      for (const { authorization = '' } of strangers) expect(authorization).not.toMatch(/bearer|dpop/i);
      expect(app.events.filter(({ type }) => type === 'reuse_detected')).toEqual([]);
    },
  );

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
