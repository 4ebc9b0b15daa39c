import type { AuthenticationScheme } from '../common/errors/auth-error.js';
import type { SessionSummary, IssuedTokens } from '../session/issued-tokens.js';

/** The response to a login or a refresh (RFC 6749 §5.1). */
export interface TokenResponse {
  access_token: string;
  token_type: AuthenticationScheme;
  /** Seconds. */
  expires_in: number;
  scope: string;
  session_id: string;
  /** The generation of the refresh token that was just issued. */
  generation: number;
  /** Only with `transport: body`. */
  refresh_token?: string;
  /** Only at login with `transport: body`, if the session is bound to a nonce. */
  client_nonce?: string;
}

/** @param withClientNonce `true` at login only: later the client already has the nonce */
export function tokenResponse(issued: IssuedTokens, withClientNonce: boolean): TokenResponse {
  return {
    access_token: issued.accessToken,
    token_type: issued.tokenType,
    expires_in: issued.expiresIn,
    scope: issued.scope,
    session_id: issued.sessionId,
    generation: issued.generation,
    ...(issued.transport === 'body' && { refresh_token: issued.refreshToken }),
    ...(issued.transport === 'body' && withClientNonce && { client_nonce: issued.clientNonce }),
  };
}

/** One session in the response of `GET /auth/sessions`. Times are ISO 8601 in UTC. */
export interface SessionResponse {
  id: string;
  current: boolean;
  client_id: string;
  device_name: string | null;
  /** Absent without tags. */
  tags?: readonly string[];
  /** Absent without metadata. */
  metadata?: Readonly<Record<string, string>>;
  /** The administrator who acts as the user. Absent in the user's own sessions. */
  actor?: { id: string; name?: string };
  user_agent: string | null;
  ip: string | null;
  country: string | null;
  created_at: string;
  /** Rounded down to five minutes. */
  last_used_at: string;
  expires_at: string;
}

export function sessionResponse(session: SessionSummary, currentId: string): SessionResponse {
  return {
    id: session.id,
    current: session.id === currentId,
    client_id: session.clientId,
    device_name: session.deviceName,
    ...(session.tags.length > 0 && { tags: session.tags }),
    ...(Object.keys(session.metadata).length > 0 && { metadata: session.metadata }),
    ...(session.actor && { actor: { id: session.actor.id, name: session.actor.name ?? undefined } }),
    user_agent: session.userAgent,
    ip: session.ip,
    country: session.country,
    created_at: isoTime(session.createdAt),
    last_used_at: isoTime(session.lastUsedAt),
    expires_at: isoTime(session.expiresAt),
  };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
