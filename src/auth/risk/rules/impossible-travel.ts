import { AuthConfigurationError } from '../../common/errors/auth-error.js';
import { complete } from '../../common/options/checks.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';
import { leastSpeed } from '../travel.js';
import type { Verdict } from '../verdict.js';

/** The options of {@link ImpossibleTravel}. */
export interface ImpossibleTravelOptions extends RuleOptions {
  /** The highest plausible speed in kilometres per hour. Airliners fly at about 900. */
  fasterThan?: number;
}

/**
 * Applies if the user would have travelled faster than allowed since the last known place. The distance runs along the
 * great circle, between the nearest edges of the two radii of uncertainty. The default is faster than 1000 km/h, with
 * the verdict `step_up`. Its reason code is `impossible_travel`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * new ImpossibleTravel({ fasterThan: 1200, verdict: 'alert' });
 */
export class ImpossibleTravel extends SimpleRule {
  readonly reason = 'impossible_travel';
  readonly fasterThan: number;

  constructor(given: ImpossibleTravelOptions = {}) {
    const defaults = { verdict: 'step_up' as Verdict, fasterThan: 1000 };
    const { verdict, fasterThan } = complete('ImpossibleTravel', defaults, given);
    super({ verdict });
    if (!Number.isFinite(fasterThan) || fasterThan <= 0) {
      throw new AuthConfigurationError(
        'ImpossibleTravel: fasterThan must be a number of kilometres per hour, for example 1000.',
      );
    }
    this.fasterThan = fasterThan;
  }

  protected applies({ at, geoIp, last }: RiskSignals): boolean {
    if (!geoIp?.location || !last?.geoIp.location) return false;
    return leastSpeed(last.geoIp.location, geoIp.location, at - last.locatedAt) > this.fasterThan;
  }
}
