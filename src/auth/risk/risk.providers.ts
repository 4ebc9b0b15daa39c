import type { ConceptProviders } from '../common/concept-providers.js';
import { RiskAssessor } from './risk-assessor.js';
import { RiskStage } from './risk-stage.js';

export const riskProviders: ConceptProviders = {
  exported: [],
  internal: [RiskAssessor, RiskStage],
};
