import { randomUUID } from 'node:crypto';
import type { RevocationChannel } from 'nestjs-refresh-token';
import { redisRevocationChannel } from 'nestjs-refresh-token/redis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { feedOf, Instances, newUser, verdict } from '../support/instances.js';
import { eventually } from '../support/eventually.js';

const url = inject('redisUrl');

describe.skipIf(url === undefined)('the channel by Redis, between instances that hardly ever read the table', () => {
  const instances = new Instances(databaseNamed('postgres'));
  const name = `test:${randomUUID()}`;
  let here: AuthContext;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    await instances.open();
    here = await start(redisRevocationChannel({ url: url!, name }));
    elsewhere = await start(redisRevocationChannel({ url: url!, name }));
    await areConnected(here, elsewhere);
  });
  afterAll(() => instances.close());

  const start = (channel: RevocationChannel) => instances.start({ options: { revocation: { delay: '10m', channel } } });

  async function areConnected(...contexts: AuthContext[]): Promise<void> {
    for (const context of contexts) await eventually(() => expect(feedOf(context).channel).toBe('connected'));
  }

  async function expectArrival(from: AuthContext, at: AuthContext): Promise<void> {
    const [user, changed] = [newUser([from]), newUser([from])];
    const [ended, spared, stale] = await Promise.all(
      [user, newUser([from]), changed].map((one) => from.service.issue(one)),
    );
    await from.service.revokeAllOfUser(user.id, 'logout_all');
    await from.service.permissionsChanged(changed.id);
    await eventually(() => expect(verdict(at, ended.accessToken)).toBe('token_revoked'));
    await eventually(() => expect(verdict(at, stale.accessToken)).toBe('token_stale'));
    expect(verdict(at, spared.accessToken)).toBe('accepted');
  }

  it('carries what has changed, both ways', async () => {
    await expectArrival(here, elsewhere);
    await expectArrival(elsewhere, here);
  });

  it('passes over what is not of its making', async () => {
    const { accessToken, sessionId } = await here.service.issue(newUser([here]));
    const stranger = await createClient({ url }).connect();
    const nonsense = [
      '',
      'x',
      '{}',
      'null',
      '[null]',
      '[[]]',
      `[["${sessionId}"]]`,
      `[["${sessionId}","9"]]`,
      '[[1,2]]',
    ];
    for (const message of nonsense) await stranger.publish(name, message);
    stranger.destroy();
    // What comes after it, on the same connection, has been heard after it.
    await expectArrival(here, elsewhere);
    for (const instance of [here, elsewhere]) expect(verdict(instance, accessToken)).toBe('accepted');
  });

  it('serves one application after another, as a module that is imported once has one for all of them', async () => {
    const channel = redisRevocationChannel({ url: url!, name });
    const first = await start(channel);
    await areConnected(first);
    await first.close();
    const second = await start(channel);
    await areConnected(second);
    await expectArrival(here, second);
  });
});
