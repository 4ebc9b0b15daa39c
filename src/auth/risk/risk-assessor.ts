import { Inject, Injectable, Logger } from '@nestjs/common';
import { oneLine } from '../common/errors/escape-controls.js';
import { within } from '../common/time/with-timeout.js';
import { assertRules } from './risk-options.js';
import { ResolvedAuthOptions } from '../resolve-options.js';
import type { ClientContext } from '../common/request/client-context.js';
import { unmapped } from '../common/request/address.js';
import { type Place, soundPlace } from './geo-ip.js';
import { RISK_RULES, type RiskRule } from './risk-rule.js';
import type { RiskSignals } from './risk-signals.js';
import { type Assessment, type Finding, strictest, verdictOption } from './verdict.js';

/** A client, and where it is. */
export interface LocatedClient {
  /** With its country. */
  readonly client: ClientContext;
  readonly place: Place | null;
  /** The places could not be asked. */
  readonly placesFailed: boolean;
}

/** Locates clients and asks the rules. What fails here yields a verdict of the host's choice, and no error. */
@Injectable()
export class RiskAssessor {
  private readonly logger = new Logger(RiskAssessor.name);
  readonly rules: readonly RiskRule[];
  private placesFail = false;

  constructor(
    @Inject(RISK_RULES) hostRules: RiskRule[],
    private readonly options: ResolvedAuthOptions,
  ) {
    const rules: unknown = [...options.risk.rules, ...hostRules];
    assertRules('risk.rules and riskRules together', rules);
    this.rules = rules;
  }

  async locate(client: ClientContext): Promise<LocatedClient> {
    const { places } = this.options.risk;
    if (!places || !client.ip) return { client, place: null, placesFailed: false };
    const ip = unmapped(client.ip);
    try {
      const asked = places.locate(ip);
      const place = soundPlace(
        isPromise(asked) ? await within(this.options.risk.placesTimeout, 'locate', asked) : asked,
      );
      this.noteOutage(undefined);
      return { client: { ...client, ip, country: place?.country ?? null }, place, placesFailed: false };
    } catch (error) {
      this.noteOutage(error);
      return { client: { ...client, ip }, place: null, placesFailed: true };
    }
  }

  /** @param found beside what the rules find */
  async assess(signals: RiskSignals, found?: Finding): Promise<Assessment> {
    const findings: Finding[] = found ? [found] : [];
    for (const rule of this.rules) {
      const { reason } = rule;
      try {
        const asked = rule.judge(signals);
        const verdict = isPromise(asked) ? await within(this.options.risk.ruleTimeout, reason, asked) : asked;
        if (verdict != null) findings.push({ reason, verdict: verdictOption(reason, verdict) });
      } catch (error) {
        this.logger.error(oneLine(`The rule ${reason} failed: ${String(error)}`));
        findings.push({ reason: `${reason}_failed`, verdict: this.options.risk.whenRuleFails });
      }
    }
    if (signals.placesFailed && this.rules.length > 0)
      findings.push({ reason: 'places_unavailable', verdict: this.options.risk.whenPlacesFail });
    return strictest(findings);
  }

  /** One line at the beginning of an outage, one at its end. */
  private noteOutage(error: unknown): void {
    if (error !== undefined && !this.placesFail) this.logger.error(oneLine(`Places cannot be told: ${String(error)}`));
    if (error === undefined && this.placesFail) this.logger.log('Places can be told again.');
    this.placesFail = error !== undefined;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
