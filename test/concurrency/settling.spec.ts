import type { AuthUser } from 'nestjs-refresh-token';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const INVALID_GRANT = { code: 'invalid_grant' };

describe('with grace 0, the answer of a refresh waits for others who ask at the same time', () => {
  it('a token that is presented once the answer has left is reuse, also in the same millisecond', async () => {
    const { service, events } = await contextWith('0s');
    const { refreshToken } = await service.issue(ALICE);
    await service.refresh(refreshToken);
    await expect(service.refresh(refreshToken)).rejects.toMatchObject(INVALID_GRANT);
    expect(events.at(-1)).toMatchObject({ type: 'reuse_detected' });
  });

  it('a client that goes on asking while it waits, and after that, is taken for a thief', async () => {
    const { service, events, clock } = await contextWith('0s');
    const { refreshToken } = await service.issue(ALICE);
    const askAgain = () => expect(service.refresh(refreshToken)).rejects.toMatchObject(INVALID_GRANT);
    clock.sleep = async (milliseconds) => {
      clock.advance(milliseconds - 1);
      await askAgain();
      clock.advance(1);
    };
    await service.refresh(refreshToken);

    for (let times = 0; times < 100 && events.at(-1)!.type !== 'reuse_detected'; times++) {
      clock.advance(100);
      await askAgain();
    }
    expect(events.at(-1)).toMatchObject({ type: 'reuse_detected' });
  });
});

it.for([
  ['a rotation in the middle of it', 5_000, 4_999],
  ['a slow request that is overtaken', 1, 9_998],
] as const)('the grace window is not lengthened by %s', async ([, second, third]) => {
  const { service, users, events, clock } = await contextWith('10s');
  const { refreshToken: first } = await service.issue(ALICE);
  let answer!: (user: AuthUser) => void;
  const asked = new Promise<void>((isAsked) => {
    users.loadUser = () => {
      isAsked();
      return new Promise((resolve) => (answer = resolve));
    };
  });
  const slow = service.refresh(first);
  await asked;

  users.loadUser = async () => ALICE;
  const { refreshToken: next } = await service.refresh(first);
  clock.advance(second);
  const { refreshToken: live } = await service.refresh(next);
  clock.advance(third);
  answer(ALICE);
  expect((await slow).refreshToken).toBe(live);

  // In its last millisecond the window answers each token of the burst with the live one.
  for (const token of [first, next]) expect((await service.refresh(token)).refreshToken).toBe(live);
  clock.advance(1);
  await expect(service.refresh(next)).rejects.toMatchObject(INVALID_GRANT);
  expect(events.at(-1)).toMatchObject({ type: 'reuse_detected' });
});

async function contextWith(grace: string): Promise<AuthContext> {
  const options = { refreshToken: { grace } };
  const context = await createAuthContext(await databaseNamed('sqljs').create(), { options });
  onTestFinished(() => context.close());
  return context;
}
