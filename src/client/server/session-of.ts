import { parsed } from '../responses.js';

/** The session of an access token (its claim `sid`); `undefined` if the token is not a JWT. Its signature is not checked. */
export function sessionOf(accessToken: string): unknown {
  const [, payload = ''] = accessToken.split('.');
  try {
    const text = atob(payload.replace(/-/g, '+').replace(/_/g, '/'));
    return (Object(parsed(text)) as { sid?: unknown }).sid;
  } catch {
    return undefined;
  }
}
