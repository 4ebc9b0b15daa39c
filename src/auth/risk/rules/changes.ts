import { subnetOf } from '../../common/request/address.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';

/**
 * Applies if the IP address differs from the last use. For IPv6 the `/64` is compared, because devices change the rest
 * by themselves. The default verdict is `alert`; the reason code is `new_ip`.
 *
 * @example
 * new NewIp({ verdict: 'alert' });
 */
export class NewIp extends SimpleRule {
  readonly reason = 'new_ip';

  protected applies({ ip, last }: RiskSignals): boolean {
    return !!ip && !!last?.ip && subnetOf(ip) !== subnetOf(last.ip);
  }
}

/**
 * Applies if the country differs from the last use, and both are known. The default verdict is `alert`; the reason code
 * is `new_country`.
 *
 * @example
 * new NewCountry({ verdict: 'step_up' });
 */
export class NewCountry extends SimpleRule {
  readonly reason = 'new_country';

  protected applies({ geoIp, last }: RiskSignals): boolean {
    return differ(geoIp?.country, last?.geoIp.country);
  }
}

/**
 * Applies if the autonomous system differs from the last use, and both are known. The default verdict is `alert`; the
 * reason code is `new_asn`.
 *
 * @example
 * new NewAsn({ verdict: 'alert' });
 */
export class NewAsn extends SimpleRule {
  readonly reason = 'new_asn';

  protected applies({ geoIp, last }: RiskSignals): boolean {
    return differ(geoIp?.asn, last?.geoIp.asn);
  }
}

/**
 * Applies if the browser, the operating system or the kind of device differs from the last use. A version update of the
 * browser does not count. The default verdict is `alert`; the reason code is `changed_user_agent`.
 *
 * @example
 * new ChangedUserAgent({ verdict: 'step_up' });
 */
export class ChangedUserAgent extends SimpleRule {
  readonly reason = 'changed_user_agent';

  protected applies({ userAgent, last }: RiskSignals): boolean {
    return !!userAgent && !!last?.userAgent && !last.userAgent.mayHaveBecome(userAgent);
  }
}

/**
 * Applies if `binding.fingerprint` does not recognise the device. Its verdict comes in addition to
 * `binding.fingerprint.onMismatch`. The default verdict is `alert`; the reason code is `changed_fingerprint`.
 *
 * @example
 * new ChangedFingerprint({ verdict: 'deny' });
 */
export class ChangedFingerprint extends SimpleRule {
  readonly reason = 'changed_fingerprint';

  protected applies({ deviceChanged }: RiskSignals): boolean {
    return deviceChanged;
  }
}

/**
 * Applies if a predecessor is presented again from a different autonomous system than the refresh it repeats, or from a
 * different country. A retrying client does not move that fast, so this counts as reuse. A client that proves the
 * session's key is exempt: it may repeat a refresh a day later and from a different place. The default verdict is
 * `revoke`; the reason code is `repeat_from_elsewhere`.
 *
 * @example
 * new RepeatFromElsewhere({ verdict: 'step_up' });
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

/** An unknown value does not differ from any other. */
export function differ<T>(one: T | null | undefined, other: T | null | undefined): boolean {
  return one != null && other != null && one !== other;
}
