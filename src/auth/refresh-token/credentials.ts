import { createHmac } from 'node:crypto';
import { equalInConstantTime } from '../common/crypto/equal-in-constant-time.js';
import type { Keys } from '../common/crypto/key-ring.js';
import { changedCredentials, endOf, markOf } from '../session/changed-credentials.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { credentialsVersionOf } from '../user/credentials-version.js';
import type { AuthUser } from '../user/user-provider.js';

/** Milliseconds after a change in which the user provider may still tell the version before, for example from a replica. */
const LONGEST_LAG = 60_000;

type Credentials = Pick<RefreshToken, 'id' | 'userId' | 'keyId' | 'credentialsHash'>;

/** What the row stores of the user's `credentialsVersion`: a keyed hash; `null` if the user provider does not tell it. */
export function credentialsHashOf(
  { id, userId }: Pick<RefreshToken, 'id' | 'userId'>,
  keys: Keys,
  user: AuthUser,
): string | null {
  const version = credentialsVersionOf(user);
  if (version === undefined) return null;
  return createHmac('sha256', keys.credentials)
    .update(JSON.stringify([id, userId, version]))
    .digest('base64url');
}

/**
 * Whether the user's credentials have changed since the session began. A session is not judged if one of the two versions
 * is not known.
 *
 * @param keys the keys that the row names
 */
export function haveCredentialsChanged(session: Credentials, keys: Keys, user: AuthUser): boolean {
  const hash = credentialsHashOf(session, keys, user);
  return hasHash(session) && hash !== null && !equalInConstantTime(session.credentialsHash, hash);
}

/** Whether the session has the version with which the user last authenticated. */
export function hasHash(session: Credentials): session is Credentials & { credentialsHash: string } {
  return session.credentialsHash !== null && !changedCredentials(session.credentialsHash);
}

/**
 * The hash under new keys. A session without a version takes over the user's. Soon after a change that the session
 * outlives, it waits for another version than the one before.
 *
 * @param keys the keys that the row names
 */
export function renewedCredentials(
  session: Credentials,
  keys: Keys,
  newKeys: Keys,
  user: AuthUser,
  now: number,
): string | null {
  const hash = credentialsHashOf(session, newKeys, user);
  // Without a version the hash stays. Under other keys it would be useless.
  if (hash === null) return session.keyId === newKeys.id ? session.credentialsHash : null;
  const changed = changedCredentials(session.credentialsHash);
  if (!changed || Math.abs(now - changed.at) >= LONGEST_LAG) return hash;
  const { at, endBefore } = changed;
  if (endBefore === '') return session.credentialsHash;
  const isBefore = endOf(credentialsHashOf(session, keys, user)!) === endBefore;
  return isBefore ? markOf({ at, endBefore: endOf(hash) }) : hash;
}
