import { Logger, type LoggerService } from '@nestjs/common';
import { AccessTokenService, Clock } from 'nestjs-refresh-token';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthContext, type AuthSetup, createAuthContext, ManualClock } from '../support/auth-app.js';
import { databaseWithClock } from '../support/database-clock.js';
import { databases, type TestDatabase } from '../support/databases.js';
import { caughtUp, feedOf } from '../support/instances.js';
import { HOUR, MINUTE, SECOND } from '../support/listening.js';

const USER = { id: 'user-alice', roles: ['user'] };
/** Milliseconds that a busy machine may take from one reading of a clock to the next. */
const BUSY = 2 * SECOND;

async function start(database: TestDatabase, setup: AuthSetup = {}): Promise<AuthContext> {
  const context = await createAuthContext(database, {
    clock: new Clock(),
    options: { revocation: { delay: '100ms' }, ...setup.options },
    ...setup,
  });
  onTestFinished(async () => {
    await context.close();
    await database.drop();
  });
  return context;
}

function expectAhead({ clock }: AuthContext, milliseconds: number): void {
  expect(Math.abs(clock.now() - Date.now() - milliseconds)).toBeLessThan(BUSY);
}

describe('the clock of an instance', () => {
  it.for([HOUR, -HOUR, 8 * 24 * HOUR])('is that of the database, which is %d ms ahead', async (ahead) => {
    const context = await start(await databaseWithClock(ahead));
    expectAhead(context, ahead);
    expect(Number.isInteger(context.clock.now())).toBe(true);

    const { sessionId, accessToken } = await context.service.issue(USER);
    const [{ created_at: createdAt }] = await context.dataSource.query(
      `SELECT created_at FROM refresh_tokens WHERE id = '${sessionId}'`,
    );
    expect(Math.abs(Number(createdAt) - Date.now() - ahead)).toBeLessThan(BUSY);
    expect(context.module.get(AccessTokenService).verify(accessToken)).toMatchObject({ sessionId });
  });

  it('follows the database when that is set', async () => {
    const database = await databaseWithClock(0);
    const context = await start(database);
    for (const ahead of [HOUR, -MINUTE, 0]) {
      await database.setClock(ahead);
      await caughtUp(context);
      expectAhead(context, ahead);
    }
  });

  it('does not jump from one reading to the next', async () => {
    const context = await start(await databaseWithClock(HOUR));
    const offsets: number[] = [];
    for (let reading = 0; reading < 10; reading++) {
      await caughtUp(context);
      offsets.push(context.clock.now() - (performance.timeOrigin + performance.now()));
    }
    expect(Math.max(...offsets) - Math.min(...offsets)).toBeLessThan(100);
  });

  it('does not follow the clock of the machine', async () => {
    const context = await start(await databaseWithClock(0));
    const before = context.clock.now();
    const wallClock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + HOUR);
    onTestFinished(() => wallClock.mockRestore());
    expect(context.clock.now() - before).toBeLessThan(BUSY);
    expect(Math.abs(feedOf(context).clockOffset - HOUR)).toBeLessThan(BUSY);
  });

  it.for(databases.filter(({ available }) => available))('agrees with the one of $name', async ({ create }) => {
    const context = await start(await create());
    await caughtUp(context);
    expectAhead(context, 0);
    expect(Math.abs(feedOf(context).clockOffset)).toBeLessThan(BUSY);
  });
});

describe('a clock of the host', () => {
  it('stays as it is', async () => {
    const clock = new ManualClock();
    const context = await start(await databaseWithClock(HOUR), { clock });
    await caughtUp(context);
    expect(context.clock.now()).toBe(clock.time);
    expect(Math.abs(feedOf(context).clockOffset + HOUR)).toBeLessThan(BUSY);
  });

  it('needs no more than the time', async () => {
    const clock = { now: () => Date.UTC(2026, 0, 1), sleep: async () => undefined } as unknown as Clock;
    const context = await start(await databaseWithClock(HOUR), { clock });
    await caughtUp(context);
    const { accessToken } = await context.service.issue(USER);
    expect(context.module.get(AccessTokenService).verify(accessToken).expiresAt).toBe(clock.now() / 1000 + 900);
  });
});

it('says once that the clock of the machine is off, and once that it is right again', async () => {
  const database = await databaseWithClock(0);
  const context = await start(database);
  const lines: string[] = [];
  const write = (line: unknown) => void (String(line).includes('clock of this machine') && lines.push(String(line)));
  Logger.overrideLogger({ log: write, warn: write, error: write } satisfies LoggerService);
  onTestFinished(() => Logger.overrideLogger(false));

  await database.setClock(4 * SECOND);
  for (let reading = 0; reading < 3; reading++) await caughtUp(context);
  expect(lines).toEqual([]);
  await database.setClock(12 * SECOND);
  for (let reading = 0; reading < 3; reading++) await caughtUp(context);
  await database.setClock(-12 * SECOND);
  for (let reading = 0; reading < 3; reading++) await caughtUp(context);
  expect(lines).toEqual([expect.stringMatching(/is 1[0-4]\.\d s behind the clock of the database/)]);
  await database.setClock(0);
  for (let reading = 0; reading < 3; reading++) await caughtUp(context);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain('agrees with the clock of the database again');
});
