import { expect, it, onTestFinished } from 'vitest';
import { caughtUp, feedOf, newUser, onServers, verdict } from '../support/instances.js';
import { recordStatements } from '../support/recorded-statements.js';

const MANY = 3_000;
/** A statement of this module that reads floors, and not their number. */
const READS_FLOORS = /^SELECT .*floor_raised_at.*ORDER BY/;

onServers('many sessions that end at once', (instances) => {
  it('are read once by another instance, page by page, and each is refused there', { timeout: 120_000 }, async () => {
    const here = await instances.start();
    const user = newUser([here]);
    const issued = [];
    while (issued.length < 20) issued.push(await here.service.issue(user));
    await multiply(here.dataSource, MANY - issued.length);
    const elsewhere = await instances.start();

    const recorder = recordStatements([elsewhere.dataSource]);
    onTestFinished(() => void recorder.stop());
    expect(await here.service.revokeAllOfUser(user.id, 'logout_all')).toBe(MANY);
    expect(verdict(here, issued[0].accessToken)).toBe('token_revoked');
    await caughtUp(elsewhere);
    expect(feedOf(elsewhere).floors).toBe(MANY);
    for (const { accessToken } of issued) expect(verdict(elsewhere, accessToken)).toBe('token_revoked');

    for (let reading = 0; reading < 5; reading++) await caughtUp(elsewhere);
    const read = recorder.stop().filter(({ sql }) => READS_FLOORS.test(sql));
    expect(read.reduce((sum, { rows }) => sum + rows, 0)).toBe(MANY);
    expect(Math.max(...read.map(({ rows }) => rows))).toBeLessThanOrEqual(500);
  });

  it('are one event with their number, if they are more than a thousand', { timeout: 120_000 }, async () => {
    const here = await instances.start();
    const user = newUser([here]);
    await here.service.issue(user);
    await multiply(here.dataSource, 1_500);
    await here.service.revokeAllOfUser(user.id, 'logout_all');
    const counted = here.events.filter(({ type, userId }) => type === 'revoked' && userId === user.id);
    expect(counted.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(1_501);
    expect(counted.length).toBeLessThanOrEqual(1_001);
  });
});

/** More sessions like the latest one of the table. */
async function multiply(dataSource: import('typeorm').DataSource, count: number): Promise<void> {
  const [row] = (await dataSource.query('SELECT * FROM refresh_tokens WHERE revoked_at IS NULL LIMIT 1')) as [
    Record<string, unknown>,
  ];
  const names = Object.keys(row);
  const columns = names.map((name) => dataSource.driver.escape(name)).join(', ');
  const id = dataSource.options.type === 'postgres' ? 'gen_random_uuid()' : 'UUID()';
  const values = names.map((name) => (name === 'id' ? id : dataSource.driver.escape(name))).join(', ');
  const numbers =
    dataSource.options.type === 'postgres'
      ? `generate_series(1, ${count})`
      : `(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n)`;
  if (dataSource.options.type !== 'postgres') await dataSource.query('SET SESSION max_recursive_iterations = 100000');
  await dataSource.query(
    `INSERT INTO refresh_tokens (${columns}) SELECT ${values} FROM ` +
      `(SELECT * FROM refresh_tokens WHERE id = '${String(row.id)}') one CROSS JOIN ${numbers} numbers`,
  );
}
