import type { ConceptProviders } from '../common/options/concept-providers.js';
import { AuthModuleRegistry } from './auth-module-registry.js';

export const moduleProviders: ConceptProviders = {
  exported: [],
  internal: [AuthModuleRegistry],
};
