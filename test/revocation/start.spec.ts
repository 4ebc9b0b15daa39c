import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { expect, it, onTestFinished } from 'vitest';
import { type Instances, newUser, onServers, verdict } from '../support/instances.js';
import { lockSessionTable } from '../support/table-lock.js';

onServers('the start of an instance', (instances) => {
  it('waits for a table that cannot be read yet, and then knows what is revoked', async () => {
    const here = await instances.start();
    const { accessToken, sessionId } = await here.service.issue(newUser([here]));
    await here.service.revoke(sessionId, 'logout');

    const unlock = await lockSessionTable(instances.database);
    const starting = startWith(instances, '30s');
    // Several readings fail meanwhile.
    await sleep(4_000);
    await unlock();
    expect(verdict(await starting, accessToken)).toBe('token_revoked');
  });

  it('fails after its time limit', async () => {
    const unlock = await lockSessionTable(instances.database);
    onTestFinished(unlock);
    await expect(startWith(instances, '2s')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  });

  it.for([
    ['refresh_tokens', 'user_agent'],
    ['session_locks', 'claimed_until'],
    ['auth_events', 'ip'],
    ['used_dpop_proofs', 'expires_at'],
  ])('is refused at once if the table %s is missing, or lacks a column', async ([table, column]) => {
    // The first instance runs the migrations.
    await instances.start();
    const operator = await new DataSource(instances.database.options([], [])).initialize();
    onTestFinished(() => operator.destroy());
    const starting = () => instances.start({ options: { audit: { store: true } } });
    const refusal = {
      code: 'invalid_configuration',
      message: expect.stringMatching(new RegExp(`${table}.*run the migrations`, 's')),
    };

    await operator.query(`ALTER TABLE ${table} RENAME TO elsewhere`);
    await expect(starting()).rejects.toMatchObject(refusal);
    await operator.query(`ALTER TABLE elsewhere RENAME TO ${table}`);

    await operator.query(`ALTER TABLE ${table} RENAME COLUMN ${column} TO elsewhere`);
    await expect(starting()).rejects.toMatchObject({ ...refusal, message: expect.stringContaining(column) });
    await operator.query(`ALTER TABLE ${table} RENAME COLUMN elsewhere TO ${column}`);
  });
});

function startWith(instances: Instances, databaseStartTimeout: string) {
  return instances.start({ options: { databaseTimeout: '1s', databaseStartTimeout } });
}
