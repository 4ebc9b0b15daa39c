import { AuthConfigurationError } from '../../common/errors/auth-error.js';
import { complete } from '../../common/options/checks.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';
import { leastSpeed } from '../travel.js';
import type { Verdict } from '../verdict.js';

/** What {@link ImpossibleTravel} takes. */
export interface ImpossibleTravelOptions extends RuleOptions {
  /** Kilometres per hour; airliners fly at some 900. */
  fasterThan?: number;
}

/**
 * From the last place that is known to here, faster than anybody travels: along the great circle, from the nearest edge of
 * where it may have been to the nearest edge of where it may be.
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
        'ImpossibleTravel: fasterThan must be a number of kilometres per hour, such as 1000.',
      );
    }
    this.fasterThan = fasterThan;
  }

  protected applies({ at, geoIp, last }: RiskSignals): boolean {
    if (!geoIp?.location || !last?.geoIp.location) return false;
    return leastSpeed(last.geoIp.location, geoIp.location, at - last.locatedAt) > this.fasterThan;
  }
}
