import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { copySession } from '../support/copied-sessions.js';
import { caughtUp, feedOf, newUser, onServers, verdict } from '../support/instances.js';
import { recordStatements } from '../support/recorded-statements.js';

/** So many that the sum of their times is beyond 2^53. */
const MANY = 6_000;
/** A statement of this module that reads floors, and not their number. */
const READS_FLOORS = /^SELECT .*floor_raised_at.*ORDER BY/;

/** Of drivers that read sums as numbers, which are inexact. */
const INEXACT: Record<string, object> = {
  mariadb: { decimalNumbers: true },
  postgres: {
    types: {
      getTypeParser: (oid: number, format?: 'text') =>
        oid === NUMERIC ? parseFloat : pg.types.getTypeParser(oid, format),
    },
  },
};
const NUMERIC = 1700;

onServers('many sessions that end at once', (instances) => {
  it('are read once by each other instance, and each is refused', async () => {
    const here = await instances.start();
    const user = newUser([here]);
    const issued = [];
    while (issued.length < 20) issued.push(await here.service.issue(user));
    await copySession(here, issued[0].sessionId, MANY - issued.length);
    const ordinary = await instances.start();
    const inexact = await instances.start({ dataSource: { extra: INEXACT[instances.kind.name] } as object });

    const recorders = [ordinary, inexact].map(({ dataSource }) => recordStatements([dataSource]));
    onTestFinished(() => recorders.forEach((recorder) => void recorder.stop()));
    expect(await here.service.revokeAllOfUser(user.id, 'logout_all')).toBe(MANY);
    expect(verdict(here, issued[0].accessToken)).toBe('token_revoked');
    await caughtUp(ordinary, inexact);
    for (const elsewhere of [ordinary, inexact]) {
      expect(feedOf(elsewhere).floors).toBeGreaterThanOrEqual(MANY);
      for (const { accessToken } of issued) expect(verdict(elsewhere, accessToken)).toBe('token_revoked');
    }

    for (let reading = 0; reading < 5; reading++) await caughtUp(ordinary, inexact);
    for (const recorder of recorders) {
      const read = recorder.stop().filter(({ sql }) => READS_FLOORS.test(sql));
      expect(read.reduce((sum, { rows }) => sum + rows, 0)).toBe(MANY);
      expect(Math.max(...read.map(({ rows }) => rows))).toBeLessThanOrEqual(500);
    }
  });

  it('are one event with their number, if they are more than a thousand', async () => {
    const here = await instances.start();
    const user = newUser([here]);
    const { sessionId } = await here.service.issue(user);
    await copySession(here, sessionId, 1_500);
    await here.service.revokeAllOfUser(user.id, 'logout_all');
    const counted = here.events.filter(({ type, userId }) => type === 'revoked' && userId === user.id);
    expect(counted.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(1_501);
    expect(counted.length).toBeLessThanOrEqual(1_001);
  });
});
