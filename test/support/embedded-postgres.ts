import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface RunningPostgres {
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL server from the binaries in `node_modules`.
 *
 * In a process of its own, because the package ends the process that imports it with code 0 as soon as nothing is left
 * to do, which would turn every failed test run into a success.
 *
 * @param settings as in `postgresql.conf`
 */
export async function startEmbeddedPostgres(...settings: string[]): Promise<RunningPostgres> {
  const script = fileURLToPath(new URL('./embedded-postgres.process.ts', import.meta.url));
  const owner = fork(script, settings, {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => owner.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    owner.once('message', resolve);
    void ended.then(() => reject(new Error('The embedded PostgreSQL did not start. TEST_POSTGRES_URL names another.')));
  });
  return {
    url,
    async stop() {
      if (owner.connected) owner.disconnect();
      await ended;
    },
  };
}
