import { randomInt } from 'node:crypto';
import { Clock, type IssuedTokens } from 'nestjs-refresh-token';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
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

const ROUNDS = 3;
/** The number of accounts that have their race at the same time, in each round. */
const ACCOUNTS = 10;

/** Sometimes not even a turn of the event loop, sometimes as long as a statement takes. */
async function aWhile(): Promise<void> {
  const length = randomInt(4);
  if (length === 1) await turn();
  if (length > 1) await sleep(randomInt(5 * length));
}

onServers('two instances, with everything at the same time', (instances) => {
  let both: AuthContext[];
  beforeAll(async () => {
    both = [await instances.start({ clock: new Clock() }), await instances.start({ clock: new Clock() })];
  });

  async function race(host: RacedHost, change: Change): Promise<Yield> {
    const account = host.newAccount();
    const [phone, laptop] = await Promise.all(both.map(({ service }) => service.issue(host.userOf(account))));
    const tokens = [phone, laptop];
    account.moment = aWhile;
    const collect = async (request: () => Promise<IssuedTokens>) => {
      await aWhile();
      const issued = await request().catch((error: { code: string }) => {
        expect(error.code).toMatch(/^invalid_(grant|credentials)$/);
        expect(change.spares, error.code).toBe(false);
      });
      if (issued) tokens.push(issued);
    };
    const requests = [
      // The laptop asks twice, as it does where an answer was lost.
      () => both[0].service.refresh(phone.refreshToken),
      () => both[0].service.refresh(laptop.refreshToken),
      () => both[1].service.refresh(laptop.refreshToken),
      ...(change === allSessionsEnd ? [] : both.map((instance) => () => signInOn(instance, account))),
    ];
    await Promise.all([...requests.map(collect), makeIt(change, account)]);
    account.moment = async () => undefined;
    return { account, tokens };
  }

  async function makeIt(change: Change, account: Account): Promise<void> {
    await aWhile();
    change.alter(account);
    await aWhile();
    await change.tell(both[randomInt(2)], account);
  }

  describe.for([true, false])('where credentials have a version: %s', (versions) => {
    let host: RacedHost;
    beforeAll(() => {
      host = new RacedHost(versions, both);
    });

    const changes = [allSessionsEnd, passwordChanges, userIsDisabled, rolesChange];
    it.for(changes)('nothing survives where $change', async (change) => {
      for (let round = 0; round < ROUNDS; round++) {
        const yields = await Promise.all(Array.from({ length: ACCOUNTS }, () => race(host, change)));
        await (change.spares ? expectNewRoles : expectNoSurvivor)(both, yields);
      }
    });
  });
});
