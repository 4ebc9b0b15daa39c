/**
 * A process that owns one embedded PostgreSQL server: it sends its parent the URL once the server is ready, and stops it
 * when the parent disconnects, which a parent that is killed does too. Its arguments are
 * settings of the server, as in `postgresql.conf`.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEmbeddedPostgres } from './embedded-postgres.package.js';
import { freePort } from './free-port.js';

// A fresh folder each time: PostgreSQL refuses a second start in the folder of a server that still runs.
const folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
await chmod(folder, 0o755);
const port = await freePort();
const password = randomBytes(16).toString('hex');
const log: unknown[] = [];
// What is in it is thrown away, so nothing has to reach the disk; TCP alone, so no socket file can collide.
const settings = ['fsync=off', 'unix_socket_directories=', 'listen_addresses=127.0.0.1', ...process.argv.slice(2)];
const EmbeddedPostgres = await loadEmbeddedPostgres(folder);
const server = new EmbeddedPostgres({
  databaseDir: join(folder, 'data'),
  port,
  password,
  persistent: false,
  // PostgreSQL refuses to run as root. Anybody else runs it as themselves, and may not create users.
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--no-sync'],
  postgresFlags: settings.flatMap((setting) => ['-c', setting]),
  onLog: (line) => log.push(line),
  onError: (line) => log.push(line),
});

process.once('disconnect', () => {
  void server
    .stop()
    .finally(() => rm(folder, { recursive: true, force: true }))
    .finally(() => process.exit());
});

try {
  await server.initialise();
  await server.start();
  process.send!(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
} catch (error) {
  console.error(log.join(''), error);
  await rm(folder, { recursive: true, force: true });
  process.exit(1);
}
