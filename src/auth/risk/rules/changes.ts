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

  protected applies({ geoIp, last }: RiskSignals): boolean {
    return differ(geoIp?.country, last?.geoIp.country);
  }
}

/** Another autonomous system than at the last use, where both are known. */
export class NewAsn extends SimpleRule {
  readonly reason = 'new_asn';

  protected applies({ geoIp, last }: RiskSignals): boolean {
    return differ(geoIp?.asn, last?.geoIp.asn);
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
 * The predecessor is presented again, from a different autonomous system than the refresh it repeats (or a different country,
 * where no autonomous system is known). A client that retries does not move that fast, so this is treated as reuse. A client
 * that proves the session's key is exempt: it may ask again for a lost answer a day later, and from elsewhere.
 */
export class RepeatFromElsewhere extends SimpleRule {
  readonly reason = 'repeat_from_elsewhere';

  constructor({ verdict = 'revoke', ...options }: RuleOptions = {}) {
    super({ verdict, ...options });
  }

  protected applies({ occasion, keyProven, geoIp, last }: RiskSignals): boolean {
    if (occasion !== 'repeat' || keyProven) return false;
    return differ(geoIp?.asn, last?.geoIp.asn) || differ(geoIp?.country, last?.geoIp.country);
  }
}

/** What is not known differs from nothing. */
function differ<T>(one: T | null | undefined, other: T | null | undefined): boolean {
  return one != null && other != null && one !== other;
}
