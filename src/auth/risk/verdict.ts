import { AuthConfigurationError } from '../common/errors/auth-error.js';

/** What a rule can say, from the mildest to the strictest. */
export const VERDICTS = ['allow', 'alert', 'step_up', 'deny', 'revoke'] as const;

/**
 * - `allow`: nothing to say.
 * - `alert`: the request succeeds, and somebody should look at it.
 * - `step_up`: 401 `step_up_required` until the user has authenticated again; the token is not consumed.
 * - `deny`: 403; the token is not consumed.
 * - `revoke`: the session ends.
 */
export type Verdict = (typeof VERDICTS)[number];

/** What one rule found. */
export interface Finding {
  /** The rule's reason code. */
  readonly reason: string;
  readonly verdict: Verdict;
}

/** What all rules together say. */
export interface Assessment {
  readonly verdict: Verdict;
  /** The reason codes of the rules that said so, and of the milder ones after them; none with `allow`. */
  readonly reasons: readonly string[];
}

export const NOTHING_FOUND: Assessment = { verdict: 'allow', reasons: [] };

/** The strictest wins; of equals, the rule that was configured first is named first. */
export function strictest(findings: readonly Finding[]): Assessment {
  const severity = ({ verdict }: Finding) => VERDICTS.indexOf(verdict);
  const found = findings.filter(({ verdict }) => verdict !== 'allow').sort((a, b) => severity(b) - severity(a));
  return found.length === 0 ? NOTHING_FOUND : { verdict: found[0].verdict, reasons: found.map(({ reason }) => reason) };
}

export function verdictOption(name: string, value: unknown): Verdict {
  if (VERDICTS.includes(value as Verdict)) return value as Verdict;
  throw new AuthConfigurationError(`${name} is ${JSON.stringify(value)}. Write one of: ${VERDICTS.join(', ')}.`);
}
