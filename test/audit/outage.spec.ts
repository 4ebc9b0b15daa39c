import { Logger } from '@nestjs/common';
import { AuthEventLog } from 'nestjs-refresh-token';
import { AuthEventRecord } from 'nestjs-refresh-token/typeorm';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

const ALICE = { id: 'user-alice', roles: ['user'] };

let errors: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  errors = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

async function hostWith(audit: object): Promise<AuthContext> {
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  return createAuthContext(database, { options: { audit: { store: true, flushInterval: '10ms', ...audit } } });
}

const hide = ({ dataSource }: AuthContext) => dataSource.query('ALTER TABLE auth_events RENAME TO away');
const show = ({ dataSource }: AuthContext) => dataSource.query('ALTER TABLE away RENAME TO auth_events');

it('a refresh neither waits nor fails while the table cannot be written; nothing is lost once it can', async () => {
  const host = await hostWith({});
  onTestFinished(() => host.close());
  await hide(host);
  let { refreshToken } = await host.service.issue(ALICE);
  for (let count = 0; count < 300; count++) refreshToken = (await host.service.refresh(refreshToken)).refreshToken;
  const { status } = host.module.get(AuthEventLog);
  expect(status).toEqual({ waiting: 301, lost: 0 });
  await eventually(() =>
    expect(errors.mock.calls.flat().join()).toContain('Events cannot be written and remain queued'),
  );

  await show(host);
  const records = host.dataSource.getRepository(AuthEventRecord);
  await eventually(async () => expect(await records.count()).toBe(301), { interval: 100 });
  expect(errors.mock.calls.filter(([line]: unknown[]) => String(line).includes('cannot be written'))).toHaveLength(1);
});

it('the queue is bounded: what does not fit is lost, counted and reported', async () => {
  const host = await hostWith({ queueSize: 100, stopTimeout: '100ms' });
  await hide(host);
  const log = host.module.get(AuthEventLog);
  let { refreshToken } = await host.service.issue(ALICE);
  for (let count = 0; count < 149; count++) refreshToken = (await host.service.refresh(refreshToken)).refreshToken;
  expect(log.status).toEqual({ waiting: 100, lost: 50 });

  // A stop waits no longer than it was told to, and says what is lost.
  const startedAt = performance.now();
  await host.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(log.status.lost).toBe(150);
  expect(errors.mock.calls.flat().join()).toContain('Events are lost');
});
