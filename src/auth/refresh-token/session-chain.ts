import type { RefreshToken } from '../session/refresh-token.entity.js';
import { GivenUses, SIGN_IN, type Use } from './given-uses.js';
import { isWindowOpen, type PresentedToken, type RefreshLimits } from './refresh-rule.js';
import type { ReceivedWith, TokenUse } from './token-use.js';

/** The columns of a session that say which token is live, to whom it was given, and which window is open. */
export type SessionChain = Pick<
  RefreshToken,
  | 'generation'
  | 'given'
  | 'givenBefore'
  | 'listsVersion'
  | 'windowGeneration'
  | 'windowStartedAt'
  | 'lateAnswersAt'
  | 'repeatedGeneration'
  | 'repeatedInARow'
>;

/** The columns that a request changes. The version of the lists is counted by the statement that writes them. */
type ChainChanges = Partial<Omit<SessionChain, 'listsVersion'>>;

/** A session, and the root of its tokens. */
type RootedSession = SessionChain & { readonly root: Buffer };

/** How an answer is repeated. */
export type Repeat = { readonly action: 'repeat' | 'late' } | { readonly action: 'retry'; readonly late: boolean };

export function isLate(repeat: Repeat): boolean {
  return repeat.action === 'late' || (repeat.action === 'retry' && repeat.late);
}

/** The use of a presented token. */
export function useOf(generation: number, { idempotencyKey: key }: TokenUse): Use {
  return { generation, key };
}

/** What the rule needs to know of a use and of a claim. */
export type JudgedUse = Pick<PresentedToken, 'lateRetries' | 'finished' | 'claims' | 'shared'>;

/** Reads a list only if it matters: most refreshes are of the live token, without a claim. */
export function judgedUse(session: RootedSession, use: Use, receivedWith: ReceivedWith | undefined): JudgedUse {
  const behind = session.generation - use.generation;
  // The uses of clients without keys cannot be told apart, so none of them is recognised.
  const keyed = use.key !== undefined;
  // A claim about another token is ignored.
  const claim = receivedWith?.generation === use.generation ? receivedWith : undefined;
  const givenTo = claim && [givenOf, givenBeforeOf][behind]?.(session);
  return {
    lateRetries: keyed && behind > 0 ? givenOf(session)?.lateRetriesOf(use) : undefined,
    finished: keyed && behind > 1 && givenBeforeOf(session)?.lateRetriesOf(use) !== undefined,
    claims: claim !== undefined,
    shared: claim !== undefined && givenTo !== undefined && givenTo.hasOthersThan(claim),
  };
}

/** The chain of a new session. */
export function firstChain(root: Buffer, key: string | undefined): SessionChain {
  return {
    generation: 0,
    given: String(GivenUses.to({ generation: 0, root }, { generation: SIGN_IN, key })),
    givenBefore: null,
    listsVersion: 0,
    windowGeneration: 0,
    windowStartedAt: 0,
    lateAnswersAt: 0,
    repeatedGeneration: 0,
    repeatedInARow: 0,
  };
}

/**
 * What a rotation changes, also of a token that is newer than the row.
 *
 * @param arrivedAt when the request arrived; by default now
 * @param settlingTime milliseconds from now until the rotation counts
 */
export function rotatedChain(
  session: RootedSession,
  use: Use,
  now: number,
  limits: Pick<RefreshLimits, 'grace' | 'outage'>,
  { arrivedAt = now, settlingTime = 0 } = {},
): ChainChanges & Pick<SessionChain, 'generation'> {
  const adopted = use.generation > session.generation;
  const generation = use.generation + 1;
  const goesOn = !adopted && isWindowOpen(session, arrivedAt, now, limits);
  const startsAt = now + settlingTime;
  return {
    generation,
    given: String(GivenUses.to({ generation, root: session.root }, use)),
    // After lost commits, nobody knows to whom the predecessor was given.
    givenBefore: adopted ? null : session.given,
    ...(goesOn
      ? prolonged(session, now, limits, startsAt)
      : { windowGeneration: session.generation, windowStartedAt: startsAt }),
  };
}

/**
 * What a request within the window of a burst changes of it: nothing. So the window ends, however often a client
 * refreshes. But if it is open only because the server could answer nobody for a while, it starts again. Otherwise the
 * answer of this request could not be asked for again: the window ends soon, and on other instances it may be over. It
 * then serves the predecessor and the tokens after it, so that no old token lives from outage to outage.
 */
function prolonged(
  { generation, windowGeneration, windowStartedAt }: SessionChain,
  now: number,
  { grace }: Pick<RefreshLimits, 'grace'>,
  startsAt = now,
): ChainChanges {
  if (now - windowStartedAt < grace) return {};
  return { windowGeneration: Math.max(windowGeneration, generation - 1), windowStartedAt: startsAt };
}

/** What a repeated answer changes. The live token stays the same. `undefined` if nothing changes. */
export function repeatedChain(
  session: RootedSession,
  repeat: Repeat,
  use: Use,
  now: number,
  limits: Pick<RefreshLimits, 'grace' | 'outage' | 'lateAnswers'>,
  { claims, arrivedAt }: Pick<PresentedToken, 'claims' | 'arrivedAt'>,
): ChainChanges | undefined {
  const known = givenOf(session);
  const list = repeat.action !== 'retry' ? known?.with(use) : repeat.late ? known?.withLateRetry(use) : known;
  const changes: ChainChanges = {
    ...(list !== known && { given: String(list) }),
    ...(repeat.action === 'repeat' &&
      use.generation === session.generation - 1 &&
      isWindowOpen(session, arrivedAt, now, limits) &&
      prolonged(session, now, limits)),
    // A late answer opens a window for the other requests of its burst, which present the predecessor.
    ...(isLate(repeat) && { windowGeneration: session.generation - 1, windowStartedAt: now }),
    ...(repeat.action === 'late' && { lateAnswersAt: Math.max(session.lateAnswersAt, now) + limits.lateAnswers.per }),
    // A retry is known by its key, so it is no sign of a second holder.
    ...(!claims && repeat.action !== 'retry' && repeatedInARow(session)),
  };
  return Object.keys(changes).length === 0 ? undefined : changes;
}

/** Counts the successive generations whose predecessor was presented again without a claim. */
function repeatedInARow({ generation, repeatedGeneration, repeatedInARow }: SessionChain): ChainChanges {
  if (repeatedGeneration === generation) return {};
  const goesOn = repeatedGeneration === generation - 1;
  return { repeatedGeneration: generation, repeatedInARow: goesOn ? repeatedInARow + 1 : 1 };
}

function givenOf(session: RootedSession): GivenUses | undefined {
  return GivenUses.read(session, session.given);
}

function givenBeforeOf(session: RootedSession): GivenUses | undefined {
  return GivenUses.read({ ...session, generation: session.generation - 1 }, session.givenBefore);
}
