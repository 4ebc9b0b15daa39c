import { StepUpService } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const alice = { id: 'user-alice', roles: ['user'] };

/** The parts of a token that its text has, as a stranger would fill them. */
const PARTS = { root: Buffer.alloc(32), voucher: Buffer.alloc(24), keys: {} };

/** What a host may hand on from a body that it has not checked. */
const unchecked: [string, (sessionId: string, generation: number) => unknown][] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['a number', () => 5],
  ['an array', (sessionId) => [sessionId]],
  ['an empty object', () => ({})],
  ['a session id', (sessionId) => ({ sessionId })],
  ['all but the tag', (sessionId, generation) => ({ sessionId, generation, ...PARTS })],
  ['an older generation', (sessionId, generation) => ({ sessionId, generation: generation - 2, ...PARTS })],
];

describe('what is no string, and was not decoded here', () => {
  let context: AuthContext;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create());
  });
  afterAll(() => context.close());

  test.each(unchecked)('is no refresh token: %s', async (_, make) => {
    const { service } = context;
    const { sessionId, ...first } = await service.issue(alice);
    let { refreshToken } = first;
    for (let generation = 1; generation <= 3; generation++) ({ refreshToken } = await service.refresh(refreshToken));
    const given = make(sessionId, 3) as string;

    await expect(service.refresh(given)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(context.events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'not_issued_here' });
    await expect(context.module.get(StepUpService).stepUp(given, 'alice-password')).rejects.toMatchObject({
      code: 'invalid_grant',
    });
    expect(await service.revokeByToken(given, 'logout')).toBe(false);
    expect(() => service.assertIssued(given)).toThrow('invalid_grant');
    await service.refresh(refreshToken);
  });

  test('what was decoded here is as good as its text', async () => {
    const { service } = context;
    const { refreshToken, sessionId } = await service.issue(alice);
    const decoded = service.assertIssued(refreshToken);
    expect(await service.refresh(decoded)).toMatchObject({ sessionId });
    await expect(service.refresh({ ...decoded })).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await service.revokeByToken(decoded, 'logout')).toBe(true);
  });
});
