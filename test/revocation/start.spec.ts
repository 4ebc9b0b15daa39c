import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { type Instances, newUser, onServers, verdict } from '../support/instances.js';
import { lockSessionTable } from '../support/table-lock.js';

onServers('the start of an instance', (instances) => {
  it('waits for a table that cannot be read yet, and then knows what is revoked', { timeout: 60_000 }, async () => {
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

  it('fails after its time limit', { timeout: 60_000 }, async () => {
    const unlock = await lockSessionTable(instances.database);
    onTestFinished(unlock);
    await expect(startWith(instances, '2s')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  });
});

function startWith(instances: Instances, startTimeout: string) {
  return instances.start({ options: { databaseTimeout: '1s', revocation: { startTimeout } } });
}
