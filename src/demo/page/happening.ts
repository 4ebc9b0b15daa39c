/** Something that happened to a session of the visitor, as the server tells it. */
export interface Happening {
  type: string;
  /** Milliseconds since the Unix epoch. */
  at: number;
  alert?: boolean;
  sessionId?: string | null;
  reason?: string | null;
  /** What the rules found. */
  reasons?: string[];
  generation?: number;
  count?: number;
  ip?: string | null;
  country?: string | null;
}

export type Mood = 'good' | 'warn' | 'alert';

export function moodOf({ type, alert }: Happening): Mood {
  if (alert || type === 'reuse_detected') return 'alert';
  return /denied|failed|required|revoked|changed|refresh_repeated/.test(type) ? 'warn' : 'good';
}

const SENTENCES: Record<string, string> = {
  signed_in: 'A session began.',
  sign_in_failed: 'Somebody gave a wrong password.',
  refreshed: 'The refresh token was succeeded by a new one.',
  refresh_repeated: 'The predecessor came again, and was given the same successor: a retry, a second tab.',
  refresh_denied: 'A refresh was refused.',
  reuse_detected: 'A token came out of turn: two parties hold tokens of this session, so it has ended.',
  revoked: 'A session has ended.',
  permissions_changed: 'Permissions changed: access tokens that are out became stale.',
  step_up_required: 'The server wants to see the password again; the token was not consumed.',
  step_up_passed: 'The password was right; the session goes on.',
  step_up_failed: 'The password was wrong.',
  binding_failed: 'A token came without what its session is bound to; it was refused, and the session lives.',
  device_changed: 'The device looks different from before.',
};

/** The event in words. */
export function sentenceOf({ type, reason, reasons, generation, ip, country, count }: Happening): string {
  const details = [
    (reasons || reason) && `why: ${reasons?.join(', ') ?? reason}`,
    generation !== undefined && `generation ${generation}`,
    count !== undefined && `${count} sessions`,
    country ? `${countryName(country)} (${ip})` : ip && `from ${ip}`,
  ].filter(Boolean);
  return `${SENTENCES[type] ?? type}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
}

const names = new Intl.DisplayNames(['en'], { type: 'region' });

export function countryName(code: string): string {
  return names.of(code) ?? code;
}
