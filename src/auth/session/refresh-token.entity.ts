import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { asNumber } from '../common/database/bigint-column.js';
import { LONGEST_METADATA, LONGEST_TAGS } from './session-details.js';
import type { Transport } from './session-options.js';

/** Characters of the longest list of uses: 17 of 16 each. */
const LONGEST_USES = 272;

/** The columns of a table of sessions; see {@link RefreshToken}. */
export abstract class RefreshTokenColumns {
  /** The session id. */
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ name: 'user_id', type: 'varchar', length: 255 })
  userId: string;

  @Column({ name: 'client_id', type: 'varchar', length: 255 })
  clientId: string;

  /** The device name that the client sent at login, or that the user has given since. */
  @Column({ name: 'device_name', type: 'varchar', length: 255, nullable: true })
  deviceName: string | null;

  /** A JSON list of texts. */
  @Column({ type: 'varchar', length: LONGEST_TAGS, nullable: true })
  tags: string | null;

  /** A JSON object of texts. */
  @Column({ type: 'varchar', length: LONGEST_METADATA, nullable: true })
  metadata: string | null;

  /** The keyed hash of user and device, with `refreshToken.onNewDevice`; `null` until the sign-in is done. */
  @Column({ name: 'device_hash', type: 'varchar', length: 43, nullable: true })
  deviceHash: string | null;

  /** Space-separated (RFC 6749 §3.3). */
  @Column({ type: 'varchar', length: 1024 })
  scope: string;

  @Column({ type: 'varchar', length: 8 })
  transport: Transport;

  /** Whether the cookie survives the end of the browser; `null` counts as `true`. */
  @Column({ type: 'boolean', nullable: true })
  persistent: boolean | null;

  /** The number of refreshes of the session so far. */
  @Column({ type: 'bigint', transformer: asNumber })
  generation: number;

  /** The keyed hash of session id and root. The root is the same in all tokens of the session. */
  @Column({ name: 'token_hash', type: 'varchar', length: 255 })
  tokenHash: string;

  /** Which of the configured secrets issued the live token. */
  @Column({ name: 'key_id', type: 'varchar', length: 8 })
  keyId: string;

  /** 256 random bits, drawn at sign-in. Only seed, root and keys together make the voucher of a token. base64url. */
  @Column({ type: 'varchar', length: 43 })
  seed: string;

  /** The uses that were answered with the live token; `null` if they are not known. */
  @Column({ type: 'varchar', length: LONGEST_USES, nullable: true })
  given: string | null;

  /** The uses that were answered with its predecessor; `null` if they are not known. */
  @Column({ name: 'given_before', type: 'varchar', length: LONGEST_USES, nullable: true })
  givenBefore: string | null;

  /** How often the lists of uses have changed. */
  @Column({ name: 'lists_version', type: 'bigint', transformer: asNumber })
  listsVersion: number;

  /** The generation that was live when the current burst of refreshes began. */
  @Column({ name: 'window_generation', type: 'bigint', transformer: asNumber })
  windowGeneration: number;

  /** When the current burst of refreshes began; 0 before the first refresh. */
  @Column({ name: 'window_started_at', type: 'bigint', transformer: asNumber })
  windowStartedAt: number;

  /** The theoretical arrival time (GCRA) of the next late answer; 0 if there was none. */
  @Column({ name: 'late_answers_at', type: 'bigint', transformer: asNumber })
  lateAnswersAt: number;

  /** The last generation whose predecessor was presented again without a claim. */
  @Column({ name: 'repeated_generation', type: 'bigint', transformer: asNumber })
  repeatedGeneration: number;

  /** In how many successive generations that happened. */
  @Column({ name: 'repeated_in_a_row', type: 'bigint', transformer: asNumber })
  repeatedInARow: number;

  /** Access tokens that were minted at a lower generation are refused. */
  @Column({ name: 'access_floor', type: 'bigint', transformer: asNumber })
  accessFloor: number;

  /** When the floor was last raised, by the clock of the database; `null` if it never was. */
  @Column({ name: 'floor_raised_at', type: 'bigint', nullable: true, transformer: asNumber })
  floorRaisedAt: number | null;

  /** The key that the session is bound to: a JWK thumbprint (RFC 7638). */
  @Column({ name: 'dpop_thumbprint', type: 'varchar', length: 43, nullable: true })
  dpopThumbprint: string | null;

  /** The TLS client certificate that the session is bound to: `x5t#S256` (RFC 8705 §3.1). */
  @Column({ name: 'certificate_thumbprint', type: 'varchar', length: 43, nullable: true })
  certificateThumbprint: string | null;

  /** The keyed hash of the client nonce that the session is bound to. */
  @Column({ name: 'client_nonce_hash', type: 'varchar', length: 43, nullable: true })
  clientNonceHash: string | null;

  /**
   * The keyed hash of the user's `credentialsVersion`, as it was when the user last authenticated. `null` if it is not
   * known: the next refresh takes over the user's version. After a change that the session outlives it is a mark with
   * the time of the change.
   */
  @Column({ name: 'credentials_hash', type: 'varchar', length: 43, nullable: true })
  credentialsHash: string | null;

  /** Keyed hashes of the device signals. */
  @Column({ type: 'varchar', length: 512, nullable: true })
  fingerprint: string | null;

  @Column({ name: 'created_at', type: 'bigint', transformer: asNumber })
  createdAt: number;

  @Column({ name: 'last_used_at', type: 'bigint', transformer: asNumber })
  lastUsedAt: number;

  /** The absolute expiry, fixed at login. */
  @Column({ name: 'expires_at', type: 'bigint', transformer: asNumber })
  expiresAt: number;

  /** The idle time of this session, if it is shorter than `refreshToken.idleTtl`. */
  @Column({ name: 'idle_ttl', type: 'bigint', nullable: true, transformer: asNumber })
  idleTtl: number | null;

  /** The lifetime of its access tokens, if it is shorter than `accessToken.ttl`. */
  @Column({ name: 'access_token_ttl', type: 'bigint', nullable: true, transformer: asNumber })
  accessTokenTtl: number | null;

  @Column({ name: 'revoked_at', type: 'bigint', nullable: true, transformer: asNumber })
  revokedAt: number | null;

  @Column({ name: 'revoked_reason', type: 'varchar', length: 64, nullable: true })
  revokedReason: string | null;

  /** The address from which the session was last used. */
  @Column({ type: 'varchar', length: 45, nullable: true })
  ip: string | null;

  @Column({ name: 'user_agent', type: 'varchar', length: 512, nullable: true })
  userAgent: string | null;

  /** The country of that address: ISO 3166-1, two letters. */
  @Column({ type: 'varchar', length: 2, nullable: true })
  country: string | null;

  /** The number of the autonomous system. */
  @Column({ type: 'bigint', nullable: true, transformer: asNumber })
  asn: number | null;

  /** A geo URI (RFC 5870). */
  @Column({ type: 'varchar', length: 64, nullable: true })
  location: string | null;

  /** When the first of the counted refreshes was; 0 if none are counted. */
  @Column({ name: 'rate_started_at', type: 'bigint', transformer: asNumber })
  rateStartedAt: number;

  @Column({ name: 'rate_count', type: 'bigint', transformer: asNumber })
  rateCount: number;

  /** When the user last authenticated, at login or by step-up. */
  @Column({ name: 'auth_time', type: 'bigint', transformer: asNumber })
  authTime: number;

  /** How the user authenticated then (RFC 8176), space-separated; `null` if nobody said. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  amr: string | null;

  /** The class of that authentication (RFC 9470); `null` if nobody said. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  acr: string | null;

  /** The administrator who acts as the user; `null` if the user began the session. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  actor: string | null;

  /** Their name, for the user's list. */
  @Column({ name: 'actor_name', type: 'varchar', length: 255, nullable: true })
  actorName: string | null;

  /** Their own session. This one ends with it. */
  @Column({ name: 'actor_session_id', type: 'varchar', length: 36, nullable: true })
  actorSessionId: string | null;
}

/**
 * Declares a class as its own table of sessions, for an additional `AuthModule` in the same application.
 *
 * @param name the name of the table; the names of its indexes start with it
 * @example
 * @RefreshTokenTable('staff_refresh_tokens')
 * export class StaffRefreshToken extends RefreshTokenColumns {}
 */
export function RefreshTokenTable(name: string): ClassDecorator {
  return (target) => {
    Entity({ name })(target);
    Index(`${name}_user_id`, ['userId'])(target);
    Index(`${name}_floor_raised_at`, ['floorRaisedAt', 'id'])(target);
  };
}

/**
 * A session: one sign-in on one device, in one row for its whole life. The row always describes the live refresh token.
 * Its predecessors need no rows. Times are milliseconds since the Unix epoch.
 *
 * No column that a refresh changes is indexed, so PostgreSQL can update the row in place (HOT).
 */
@RefreshTokenTable('refresh_tokens')
export class RefreshToken extends RefreshTokenColumns {}
