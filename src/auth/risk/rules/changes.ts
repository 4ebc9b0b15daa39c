import { subnetOf } from '../../common/request/address.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';

/** Another address than at the last use; of IPv6, another `/64`, for devices change the rest by themselves. */
export class NewIp extends SimpleRule {
  readonly reason = 'new_ip';

  protected applies({ ip, last }: RiskSignals): boolean {
    return !!ip && !!last?.ip && subnetOf(ip) !== subnetOf(last.ip);
  }
}

/** Another country than at the last use, where both are known. */
export class NewCountry extends SimpleRule {
  readonly reason = 'new_country';

  protected applies({ place, last }: RiskSignals): boolean {
    return differ(place?.country, last?.place.country);
  }
}

/** Another autonomous system than at the last use, where both are known. */
export class NewNetwork extends SimpleRule {
  readonly reason = 'new_network';

  protected applies({ place, last }: RiskSignals): boolean {
    return differ(place?.network, last?.place.network);
  }
}

/** Another browser, system or kind of device than at the last use; an update of the browser is none. */
export class ChangedUserAgent extends SimpleRule {
  readonly reason = 'changed_user_agent';

  protected applies({ userAgent, last }: RiskSignals): boolean {
    return !!userAgent && !!last?.userAgent && !last.userAgent.mayHaveBecome(userAgent);
  }
}

/** A device that `binding.fingerprint` does not recognise, beyond what that option does about it. */
export class ChangedFingerprint extends SimpleRule {
  readonly reason = 'changed_fingerprint';

  protected applies({ deviceChanged }: RiskSignals): boolean {
    return deviceChanged;
  }
}

/**
 * A replay of the predecessor from another network, or where no networks are known another country, than the refresh it
 * repeats: a twin, and no retry. It is dealt with as reuse. Whoever has proven the session's key is the client itself, which
 * may ask again for a lost answer a day later, and from elsewhere.
 */
export class TwinElsewhere extends SimpleRule {
  readonly reason = 'twin_elsewhere';

  constructor({ verdict = 'revoke', ...options }: RuleOptions = {}) {
    super({ verdict, ...options });
  }

  protected applies({ occasion, keyProven, place, last }: RiskSignals): boolean {
    if (occasion !== 'replay' || keyProven) return false;
    return differ(place?.network, last?.place.network) || differ(place?.country, last?.place.country);
  }
}

/** What is not known differs from nothing. */
function differ<T>(one: T | null | undefined, other: T | null | undefined): boolean {
  return one != null && other != null && one !== other;
}
