import type { IssuedTokens } from 'nestjs-refresh-token';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onServers } from '../support/instances.js';
import {
  type Account,
  allSessionsEnd,
  type Change,
  expectNewRoles,
  expectNoSurvivor,
  passwordChanges,
  RacedHost,
  rolesChange,
  signInOn,
  userIsDisabled,
  type Yield,
} from '../support/raced-host.js';

interface Request {
  request: string;
  /** How many moments it has at which another request may come in between. */
  moments: number;
  /** What the account has before, and the request. */
  begin(here: AuthContext, host: RacedHost, account: Account): Promise<[IssuedTokens[], () => Promise<IssuedTokens>]>;
}

const aRefresh: Request = {
  request: 'a refresh',
  moments: 2,
  async begin({ service }, host, account) {
    const first = await service.issue(host.userOf(account));
    return [[first], () => service.refresh(first.refreshToken)];
  },
};
const aRetriedRefresh: Request = {
  request: 'a retried refresh',
  moments: 2,
  async begin({ service }, host, account) {
    const first = await service.issue(host.userOf(account));
    const second = await service.refresh(first.refreshToken);
    return [[first, second], () => service.refresh(first.refreshToken)];
  },
};
const aSignIn = (moments: number): Request => ({
  request: 'a sign-in',
  moments,
  begin: async (here, _, account) => [[], () => signInOn(here, account)],
});

/**
 * A host reads a user before and after a request could come in between; a change is two steps, and each of them may come in
 * at any of these moments, or after the request. All of these interleavings are tried.
 */
onServers('whatever comes in between', (instances) => {
  let here: AuthContext;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.start();
    elsewhere = await instances.start();
  });

  async function race(host: RacedHost, request: Request, change: Change, at: [number, number]): Promise<Yield> {
    const account = host.newAccount();
    const [before, run] = await request.begin(here, host, account);
    const steps = [async () => change.alter(account), () => change.tell(elsewhere, account)];
    let moment = 0;
    const comeUpTo = async (now: number) => {
      while (steps.length > 0 && at[2 - steps.length] <= now) await steps.shift()!();
    };
    account.moment = () => comeUpTo(++moment);
    const issued = await run().catch((error: { code: string }) => {
      expect(change.spares, error.code).toBe(false);
      expect(error.code).toMatch(/^invalid_(grant|credentials)$/);
    });
    expect(moment, 'the moments of this request').toBeGreaterThanOrEqual(issued ? request.moments : 1);
    account.moment = async () => undefined;
    await comeUpTo(Infinity);
    return { account, tokens: issued ? [...before, issued] : before };
  }

  async function raceEveryWay(host: RacedHost, request: Request, change: Change): Promise<void> {
    const after = request.moments + 1;
    const moments = Array.from({ length: after }, (_, index) => index + 1);
    const ways = moments.flatMap((altered) => moments.filter((told) => told >= altered).map((told) => [altered, told]));
    const yields = await Promise.all(ways.map(([altered, told]) => race(host, request, change, [altered, told])));
    const check = change.spares ? expectNewRoles : expectNoSurvivor;
    await check([here, elsewhere], yields);
  }

  describe.for([true, false])('where credentials have a version: %s', (versions) => {
    let host: RacedHost;
    beforeAll(() => {
      host = new RacedHost(versions, [here, elsewhere]);
    });

    const refreshes = [aRefresh, aRetriedRefresh].flatMap((request) =>
      [allSessionsEnd, passwordChanges, userIsDisabled, rolesChange].map((change) => ({ ...request, ...change })),
    );
    it.for(refreshes)('nothing survives $request while $change', (both) => raceEveryWay(host, both, both));

    // Without versions, the password is validated once more at the end.
    const signIns = [passwordChanges, userIsDisabled, rolesChange].map((change) => ({
      ...aSignIn(versions ? 4 : 6),
      ...change,
    }));
    it.for(signIns)('nothing survives $request while $change', (both) => raceEveryWay(host, both, both));
  });
});
