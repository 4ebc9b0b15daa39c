import { Inject, Injectable, Logger } from '@nestjs/common';
import { escapeControls } from '../common/logging/escape-controls.js';
import { unmapped } from '../common/request/address.js';
import type { ClientContext } from '../common/request/client-context.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { traced } from '../common/tracing/traced.js';
import { type GeoIpRecord, checkedGeoIpRecord } from './geo-ip-provider.js';
import { checkedRules, RiskConfig } from './risk-options.js';
import { RISK_RULES, type RiskRule } from './risk-rule.js';
import type { RiskSignals } from './risk-signals.js';
import { type Assessment, type Finding, strictest, verdictOption } from './verdict.js';

/** A client and the GeoIP record of its address. */
export interface LocatedClient {
  /** Includes the country, if GeoIP has answered. */
  readonly client: ClientContext;
  readonly geoIp: GeoIpRecord | null;
  /** Whether the GeoIP provider threw or took too long. */
  readonly geoIpFailed: boolean;
}

/** Locates clients and asks the rules. A failure is not an error: it yields the verdict that the options set for it. */
@Injectable()
export class RiskAssessor {
  private readonly logger = new Logger(RiskAssessor.name);
  readonly rules: readonly RiskRule[];
  private geoIpFailing = false;

  constructor(
    @Inject(RISK_RULES) hostRules: RiskRule[],
    private readonly config: RiskConfig,
  ) {
    this.rules = checkedRules('risk.rules and riskRules together', [...config.rules, ...hostRules]);
  }

  async locate(client: ClientContext): Promise<LocatedClient> {
    const { geoIp: provider } = this.config;
    if (!provider || !client.ip) return { client, geoIp: null, geoIpFailed: false };
    const ip = unmapped(client.ip);
    try {
      const asked = provider.locate(ip);
      const geoIp = checkedGeoIpRecord(
        isPromise(asked) ? await withTimeout(this.config.geoIpTimeout, 'locate', asked) : asked,
      );
      this.noteOutage(undefined);
      return { client: { ...client, ip, country: geoIp?.country ?? null }, geoIp, geoIpFailed: false };
    } catch (error) {
      this.noteOutage(error);
      return { client: { ...client, ip }, geoIp: null, geoIpFailed: true };
    }
  }

  /** @param found findings to combine with those of the rules */
  async assess(signals: RiskSignals, found: readonly Finding[] = []): Promise<Assessment> {
    const findings = [...found];
    for (const rule of this.rules) {
      const { reason } = rule;
      try {
        const verdict = await traced('nrt.rule', async () => this.bounded(rule, signals), { 'nrt.rule': reason });
        if (verdict != null) findings.push({ reason, verdict: verdictOption(reason, verdict) });
      } catch (error) {
        this.logger.error(escapeControls(`The rule ${reason} failed: ${String(error)}`));
        findings.push({ reason: `${reason}_failed`, verdict: this.config.onRuleFailure });
      }
    }
    if (signals.geoIpFailed && this.rules.length > 0)
      findings.push({ reason: 'geo_ip_unavailable', verdict: this.config.onGeoIpFailure });
    return strictest(findings);
  }

  private bounded(rule: RiskRule, signals: RiskSignals): ReturnType<RiskRule['judge']> {
    const asked = rule.judge(signals);
    return isPromise(asked) ? withTimeout(this.config.ruleTimeout, rule.reason, asked) : asked;
  }

  /** Logs one line when an outage begins and one when it ends. */
  private noteOutage(error: unknown): void {
    if (error !== undefined && !this.geoIpFailing) this.logger.error(escapeControls(`GeoIP fails: ${String(error)}`));
    if (error === undefined && this.geoIpFailing) this.logger.log('GeoIP answers again.');
    this.geoIpFailing = error !== undefined;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
