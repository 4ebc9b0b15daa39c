/** An event of the visitor's sessions, as the server sends it. */
export interface Happening {
  type: string;
  /** Milliseconds since the Unix epoch. */
  at: number;
  alert?: boolean;
  sessionId?: string | null;
  reason?: string | null;
  /** The reason codes of the risk rules. */
  reasons?: string[];
  generation?: number;
  count?: number;
  ip?: string | null;
  country?: string | null;
}

export type Mood = 'good' | 'warn' | 'alert';

export function moodOf({ type, alert }: Happening): Mood {
  if (alert || type === 'reuse_detected' || type === 'token_shared') return 'alert';
  return /denied|failed|required|revoked|changed|refresh_repeated/.test(type) ? 'warn' : 'good';
}

const SENTENCES: Record<string, string> = {
  signed_in: 'A session began.',
  sign_in_failed: 'A sign-in failed: the password was wrong, or a rule refused it.',
  mfa_required: 'The password was right. A second factor is asked for.',
  refreshed: 'The refresh token was succeeded by a new one.',
  refresh_repeated: 'A replaced token was presented again and given the live token: a retry or a second tab.',
  refresh_denied: 'A refresh was refused.',
  reuse_detected: 'An old token was used: two parties hold tokens of this session, so it has ended.',
  token_shared: 'A token had also been given to somebody else, so its session has ended.',
  row_rolled_back: 'The database has lost what it had committed. The sessions go on.',
  revoked: 'A session has ended.',
  permissions_changed: 'Permissions changed: existing access tokens are stale.',
  user_forgotten: 'An administrator erased a user.',
  step_up_required: 'The server asks for the password again. The token stays valid.',
  step_up_passed: 'The password was right. The session continues.',
  step_up_failed: 'The password was wrong.',
  binding_failed:
    'A token came without the proof that its session is bound to. It was refused, and the session is alive.',
  device_changed: 'The device looks different from before.',
};

/** The event as a sentence. */
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
