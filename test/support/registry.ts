import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether npm gets packages from its registry, through whatever proxy it is configured for. Says so where it does not. */
export async function registryAnswers(): Promise<boolean> {
  // What npm has fetched before, it would answer from its cache.
  const cache = await mkdtemp(join(tmpdir(), 'registry-'));
  try {
    const impatient = ['--fetch-retries=0', '--fetch-timeout=15000', '--cache', cache];
    await run('npm', ['view', 'passport-jwt', 'version', ...impatient]);
    return true;
  } catch (error) {
    if (process.env.REQUIRE_SERVICES === '1') {
      throw new Error('npm gets nothing from its registry; REQUIRE_SERVICES=1 asks for every service to be tested.', {
        cause: error,
      });
    }
    console.warn('npm gets nothing from its registry: the tests that install packages are skipped');
    return false;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}
