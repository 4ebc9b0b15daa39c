import {
  Geofence,
  ImpossibleTravel,
  NewCountry,
  NewAsn,
  RepeatWithin,
  type RiskRule,
  TooFrequent,
  RepeatFromElsewhere,
} from 'nestjs-refresh-token/risk';
import type { DemoConfig } from './demo-config.js';

/** The demo's risk rules. A configured geofence stays active even if the other rules are off. */
export function riskRulesOf({ riskRules, geofenceAllow: allow, geofenceDeny: deny }: DemoConfig): RiskRule[] {
  const fence = allow || deny ? [new Geofence({ allow, deny })] : [];
  if (!riskRules) return fence;
  return [
    ...fence,
    new RepeatFromElsewhere(),
    new ImpossibleTravel({ verdict: 'step_up' }),
    new TooFrequent({ moreThan: 300, per: '10m', verdict: 'step_up' }),
    new NewCountry({ verdict: 'alert' }),
    new NewAsn({ verdict: 'alert' }),
    new RepeatWithin({ time: '1s', verdict: 'alert' }),
  ];
}
