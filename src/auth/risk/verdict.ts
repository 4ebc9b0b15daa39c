import { AuthConfigurationError } from '../common/errors/auth-error.js';

/** All verdicts, from the mildest to the strictest. */
export const VERDICTS = ['allow', 'alert', 'step_up', 'deny', 'revoke'] as const;

/**
 * What a risk rule decides.
 *
 * - `allow`: the request passes.
 * - `alert`: the request succeeds, and its event has `alert: true`.
 * - `step_up`: 401 `step_up_required` until the user has authenticated again. The refresh token is not consumed. At a
 *   sign-in it counts as `alert`.
 * - `deny`: 403. The refresh token is not consumed.
 * - `revoke`: the session ends. At a sign-in it counts as `deny`.
 *
 * @example
 * const verdict: Verdict = 'step_up';
 */
export type Verdict = (typeof VERDICTS)[number];

/**
 * The result of one rule that applies.
 *
 * @example
 * const finding: Finding = { reason: 'new_country', verdict: 'alert' };
 */
export interface Finding {
  /** The rule's reason code. */
  readonly reason: string;
  readonly verdict: Verdict;
}

/**
 * The combined result of all rules. {@link strictest} computes it.
 *
 * @example
 * const { verdict, reasons }: Assessment = strictest(findings);
 */
export interface Assessment {
  readonly verdict: Verdict;
  /** The reason codes of all rules that did not say `allow`, the strictest first. Empty for `allow`. */
  readonly reasons: readonly string[];
}

export const NOTHING_FOUND: Assessment = { verdict: 'allow', reasons: [] };

/**
 * Combines findings: the strictest verdict wins. Among equals, the finding that comes first in the list is named first.
 *
 * @example
 * strictest([
 *   { reason: 'new_ip', verdict: 'alert' },
 *   { reason: 'new_country', verdict: 'step_up' },
 * ]); // { verdict: 'step_up', reasons: ['new_country', 'new_ip'] }
 */
export function strictest(findings: readonly Finding[]): Assessment {
  const severity = ({ verdict }: Finding) => VERDICTS.indexOf(verdict);
  const found = findings.filter(({ verdict }) => verdict !== 'allow').sort((a, b) => severity(b) - severity(a));
  return found.length === 0 ? NOTHING_FOUND : { verdict: found[0].verdict, reasons: found.map(({ reason }) => reason) };
}

export function verdictOption(name: string, value: unknown): Verdict {
  if (VERDICTS.includes(value as Verdict)) return value as Verdict;
  throw new AuthConfigurationError(`${name} is ${JSON.stringify(value)}. Write one of: ${VERDICTS.join(', ')}.`);
}
