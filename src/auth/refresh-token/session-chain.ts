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

/** The claim, if it is about the token that is presented. A claim about another token is ignored. */
export function claimAbout(generation: number, receivedWith: ReceivedWith | undefined): ReceivedWith | undefined {
  return receivedWith?.generation === generation ? receivedWith : undefined;
}

/** What the rule needs to know of a use and of a claim. */
export function judgedUse(
  session: RootedSession,
  use: Use,
  receivedWith: ReceivedWith | undefined,
): Pick<PresentedToken, 'lateRetries' | 'finished' | 'claims' | 'shared'> {
  const behind = session.generation - use.generation;
  const [given, givenBefore] = [givenOf(session), givenBeforeOf(session)];
  // The uses of clients without keys cannot be told apart, so none of them is recognised.
  const keyed = use.key !== undefined;
  const claim = claimAbout(use.generation, receivedWith);
  const givenTo = [given, givenBefore][behind];
  return {
    lateRetries: keyed && behind > 0 ? given?.lateRetriesOf(use) : undefined,
    finished: keyed && behind > 1 && givenBefore?.lateRetriesOf(use) !== undefined,
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
 * The chain after a rotation, also of a token that is newer than the row.
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
): SessionChain {
  const adopted = use.generation > session.generation;
  const generation = use.generation + 1;
  // A rotation within the window of a burst does not move it. So the window ends, however often a client refreshes.
  const goesOn = !adopted && isWindowOpen(session, arrivedAt, now, limits);
  return {
    ...chainOf(session),
    generation,
    given: String(GivenUses.to({ generation, root: session.root }, use)),
    // After lost commits, nobody knows to whom the predecessor was given.
    givenBefore: adopted ? null : session.given,
    listsVersion: session.listsVersion + 1,
    ...(!goesOn && { windowGeneration: session.generation, windowStartedAt: now + settlingTime }),
  };
}

/** The chain after a repeated answer. The live token stays the same. `undefined` if nothing changes. */
export function repeatedChain(
  session: RootedSession,
  repeat: Repeat,
  use: Use,
  now: number,
  { per }: Pick<RefreshLimits['lateAnswers'], 'per'>,
  claims: boolean,
): SessionChain | undefined {
  const known = givenOf(session);
  const list = repeat.action !== 'retry' ? known?.with(use) : repeat.late ? known?.withLateRetry(use) : known;
  const changes: Partial<SessionChain> = {
    ...(list !== known && { given: String(list) }),
    // A late answer opens a window for the other requests of its burst, which present the predecessor.
    ...(isLate(repeat) && { windowGeneration: session.generation - 1, windowStartedAt: now }),
    ...(repeat.action === 'late' && { lateAnswersAt: Math.max(session.lateAnswersAt, now) + per }),
    // A retry is known by its key, so it is no sign of a second holder.
    ...(!claims && repeat.action !== 'retry' && repeatedInARow(session)),
  };
  if (Object.keys(changes).length === 0) return undefined;
  return { ...chainOf(session), ...changes, listsVersion: session.listsVersion + 1 };
}

/** Counts the successive generations whose predecessor was presented again without a claim. */
function repeatedInARow({ generation, repeatedGeneration, repeatedInARow }: SessionChain): Partial<SessionChain> {
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

function chainOf(session: SessionChain): SessionChain {
  const { generation, given, givenBefore, listsVersion, windowGeneration, windowStartedAt } = session;
  const { lateAnswersAt, repeatedGeneration, repeatedInARow } = session;
  return {
    generation,
    given,
    givenBefore,
    listsVersion,
    windowGeneration,
    windowStartedAt,
    lateAnswersAt,
    repeatedGeneration,
    repeatedInARow,
  };
}
