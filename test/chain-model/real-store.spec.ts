import { AuthError, type IssuedTokens } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { expect, it } from 'vitest';
import { KeyRing } from '../../src/auth/common/crypto/key-ring.js';
import { RefreshTokenCodec } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { type AuthContext, SECRET } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';
import { FAULTS } from './histories.js';
import type { Answer, Refresh, Row, Start } from './model.js';
import { Owner } from './owner.js';
import { THIEVES, Thief, type ThiefHabits } from './thieves.js';
import { type Faults, SIGN_IN_KEY, World } from './world.js';

const alice = { id: 'user-alice', roles: ['user'] };
const ring = new KeyRing(SECRET, undefined);
const client = { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };

/** What happens to the row, and the row that follows. */
interface Step {
  readonly at: number;
  readonly refresh?: Refresh;
  readonly answer?: Answer;
  readonly row: Row;
}

const USES = 15;
const SEEDS = [1, 2];

/** Without other requests between a read and its write: the steps are sent one after the other. */
const busy = { ...FAULTS.dense, race: 0 };
const CASES: [string, Faults, ThiefHabits | undefined][] = [
  ['an owner', busy, undefined],
  ['an owner whose database loses commits', { ...busy, rollback: 0.1 }, undefined],
  ['an owner whose ledger lags, and who hurries', { ...busy, lag: 0.2, hurry: 0.2 }, undefined],
  ['a thief just before the owner', busy, THIEVES['just before the owner']],
  ['a thief just after the owner', busy, THIEVES['just after the owner']],
  ['a thief at random', busy, THIEVES['at random, often']],
  ['a thief that looks back', busy, THIEVES['that looks back']],
  ['a thief that makes lists overflow', busy, { follows: 1_000, uses: 17 }],
];

onEveryDatabase({}, (host) => {
  it.each(CASES)('the rows of %s are those of the model, step by step', async (_, faults, thief) => {
    for (const seed of SEEDS) await compare(host(), seed, faults, thief);
  });
});

async function compare(context: AuthContext, seed: number, faults: Faults, thief: ThiefHabits | undefined) {
  const { module, service, clock, dataSource } = context;
  const first = await service.issue(alice, { transport: 'body' }, client, {}, { idempotencyKey: SIGN_IN_KEY });
  const { sessionId: id } = first;
  const { root } = module.get(RefreshTokenCodec).decode(first.refreshToken)!;
  const start = { id, root, ring };
  const rows = dataSource.getRepository(RefreshToken);
  /** The spelling of the token of each generation. */
  const tokens = new Map([[0, first.refreshToken]]);

  for (const [index, { at, refresh, answer, row }] of stepsOf(start, clock.now(), seed, faults, thief).entries()) {
    const where = `seed ${seed}, step ${index}`;
    clock.time = at;
    if (refresh) {
      const given = await answered(context, tokens.get(refresh.generation)!, refresh);
      expect(given instanceof AuthError ? codeOf(given) : 'token', where).toBe(expectedCode(answer!));
      if (!(given instanceof AuthError) && answer!.type === 'token') {
        expect(given.generation, where).toBe(answer!.token);
        // One generation has one token, however often it is given.
        expect(given.refreshToken, where).toBe(tokens.get(given.generation) ?? given.refreshToken);
        tokens.set(given.generation, given.refreshToken);
      }
    } else {
      await rows.update({ id }, columnsOf(row));
    }
    const stored = await rows.findOneByOrFail({ id });
    expect({ ...columnsOf({ ...stored, keys: { id: stored.keyId } }), reason: stored.revokedReason }, where).toEqual({
      ...columnsOf(row),
      reason: row.revokedReason,
    });
  }
}

/** The history in the model. */
function stepsOf(
  start: Partial<Start>,
  at: number,
  seed: number,
  faults: Faults,
  habits: ThiefHabits | undefined,
): Step[] {
  const steps: Step[] = [];
  const world: World = new World({
    seed,
    faults,
    at,
    start,
    instances: [{ ring, offset: 0 }],
    onAnswer: (refresh, answer) => void steps.push({ at: world.now, refresh, answer, row: world.store.row }),
    onRollback: (row) => void steps.push({ at: world.now, row }),
  });
  const owner = new Owner(world);
  owner.start();
  if (habits) world.in(USES * 60_000, () => new Thief(world, owner, habits, () => undefined).steal());
  world.run(() => owner.completed >= USES || steps.length >= 4 * USES || owner.loss !== undefined);
  return steps;
}

async function answered(
  { service }: AuthContext,
  token: string,
  { key, claim }: Refresh,
): Promise<IssuedTokens | AuthError> {
  try {
    return await service.refresh(token, client, {}, { idempotencyKey: key, receivedWith: claim });
  } catch (error) {
    if (error instanceof AuthError) return error;
    throw error;
  }
}

function codeOf({ code }: AuthError): string {
  return code;
}

function expectedCode(answer: Answer): string {
  return answer.type === 'refused' ? 'invalid_grant' : answer.type;
}

/** What the model and the table have in common. The version of the lists takes random steps. */
function columnsOf(
  row: Pick<Row, Exclude<keyof Row, 'keys' | 'root' | 'listsVersion' | 'revokedReason' | 'keyBound'>> & {
    keys: { id: string };
  },
) {
  const { generation, given, givenBefore, windowGeneration, windowStartedAt } = row;
  const { lateAnswersAt, repeatedGeneration, repeatedInARow, lastUsedAt, keys } = row;
  return {
    generation,
    given,
    givenBefore,
    windowGeneration,
    windowStartedAt,
    lateAnswersAt,
    repeatedGeneration,
    repeatedInARow,
    lastUsedAt,
    keyId: keys.id,
  };
}
